package resident

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// A mapping is a part of the memory of this process.
type mapping struct {
	from, to uintptr
	resident int // in bytes
}

// GiveBack takes the pages of the program's code and constants out of the memory of this process, and
// returns how many bytes these were. They stay in the page cache of the system, and each that is needed
// again comes back from there. What the process has written is not touched.
//
// The start of a daemon initializes hundreds of packages, and each page that it needs brings 15 others
// with it: 28 MB of pages of the program are resident then, and 3 MB after GiveBack. With four nodes, and
// after 5,000 requests, they are 18 to 20 MB in a controller and 15 to 19 MB in an agent. GiveBack takes 0.5 ms, and
// what comes back costs some hundred page faults of some microseconds each.
func GiveBack() (bytes int, err error) {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return 0, fmt.Errorf("find the program of this process: %w", err)
	}
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return 0, fmt.Errorf("find the pages of this process: %w", err)
	}
	list, err := unwritten(smaps, program)
	if err != nil {
		return 0, fmt.Errorf("read /proc/self/smaps: %w", err)
	}
	for _, m := range list {
		if _, _, no := syscall.Syscall(syscall.SYS_MADVISE, m.from, m.to-m.from, syscall.MADV_DONTNEED); no != 0 {
			return bytes, fmt.Errorf("give %d pages back: %w", (m.to-m.from)/uintptr(os.Getpagesize()), no)
		}
		bytes += m.resident
	}
	return bytes, nil
}

// unwritten returns the mappings of a program's file that this process cannot write, and of which no
// page differs from the file: a page that does would be lost. A debugger makes some, and so does
// the loader of a program that is not static.
func unwritten(smaps []byte, program string) (list []mapping, err error) {
	lines := bufio.NewScanner(bytes.NewReader(smaps))
	for lines.Scan() {
		m, ours, err := parseMapping(lines.Text(), program)
		if err != nil {
			return nil, err
		}
		differs := true
		// The last line of each mapping has its flags.
		for lines.Scan() && !strings.HasPrefix(lines.Text(), "VmFlags:") {
			switch fields := strings.Fields(lines.Text()); {
			case len(fields) < 2:
				return nil, fmt.Errorf("the line %q has no value", lines.Text())
			case fields[0] == "Rss:":
				kilobytes, err := strconv.Atoi(fields[1])
				if err != nil {
					return nil, fmt.Errorf("the line %q: %w", lines.Text(), err)
				}
				m.resident = kilobytes << 10
			case fields[0] == "Anonymous:":
				differs = fields[1] != "0"
			}
		}
		if ours && !differs {
			list = append(list, m)
		}
	}
	return list, lines.Err()
}

// parseMapping parses the first line of a mapping. It returns false if the mapping is not of the program,
// or can be written, or is shared.
func parseMapping(line, program string) (m mapping, ours bool, err error) {
	// from-to permissions offset device inode path
	fields := strings.Fields(line)
	if len(fields) < 5 {
		return m, false, fmt.Errorf("the line %q is not the beginning of a mapping", line)
	}
	from, to, _ := strings.Cut(fields[0], "-")
	var first, end uint64
	if first, err = strconv.ParseUint(from, 16, 64); err == nil {
		end, err = strconv.ParseUint(to, 16, 64)
	}
	if err != nil {
		return m, false, fmt.Errorf("the line %q: %w", line, err)
	}
	ours = slices.Contains([]string{"r-xp", "r--p"}, fields[1]) && strings.HasSuffix(line, " "+program)
	return mapping{from: uintptr(first), to: uintptr(end)}, ours, nil
}
