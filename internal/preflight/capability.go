package preflight

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// checkCapability checks whether the programs of nodes have permission to capture.
func checkCapability(checks []Check) []mgmt.Finding {
	nodes := map[string][]mgmt.NodeName{} // by program
	var programs []string
	for _, c := range checks {
		if !needsPermission(c.Interface) || len(c.Argv) == 0 {
			continue
		}
		if nodes[c.Argv[0]] == nil {
			programs = append(programs, c.Argv[0])
		}
		nodes[c.Argv[0]] = append(nodes[c.Argv[0]], c.Node)
	}
	if len(programs) == 0 {
		return nil
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return []mgmt.Finding{{Problem: fmt.Sprintf("the capabilities of this process cannot be read: %v", err)}}
	}
	own := parseCapabilities(string(status))
	var found []mgmt.Finding
	for _, p := range programs {
		if !own.grants(readFileCaps(p)) {
			found = append(found, mgmt.Finding{Problem: fmt.Sprintf(
				"no permission to capture for %s: run the agent as root, or set its capability (setcap cap_net_raw=eip %s)",
				nodeList(nodes[p]), p)})
		}
	}
	return found
}

// netRaw is the bit of CAP_NET_RAW in a set of capabilities.
const netRaw = 1 << unix.CAP_NET_RAW

// capabilities are the capabilities of a process, from /proc/self/status.
type capabilities struct {
	root                                      bool
	noNewPrivs                                bool
	bounding, permitted, ambient, inheritable uint64
}

func parseCapabilities(status string) capabilities {
	var c capabilities
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		if len(fields) == 0 {
			continue
		}
		set, _ := strconv.ParseUint(fields[0], 16, 64) // 0 if the value is not a set
		switch name {
		case "Uid":
			c.root = len(fields) > 1 && fields[1] == "0" // the effective user
		case "NoNewPrivs":
			c.noNewPrivs = fields[0] == "1"
		case "CapBnd":
			c.bounding = set
		case "CapPrm":
			c.permitted = set
		case "CapAmb":
			c.ambient = set
		case "CapInh":
			c.inheritable = set
		}
	}
	return c
}

// fileCaps are the capabilities in the extended attributes of a program's file.
type fileCaps struct {
	permitted, inheritable uint64
	effective              bool
}

// grants tells whether a program with f may capture if a process with c executes it
// (capabilities(7), "Transformation of capabilities during execve").
func (c capabilities) grants(f fileCaps) bool {
	switch {
	case c.root:
		return (c.bounding|c.inheritable)&netRaw != 0
	case f == fileCaps{}:
		return c.ambient&netRaw != 0
	case !f.effective:
		return false
	}
	granted := f.permitted&c.bounding | f.inheritable&c.inheritable
	if c.noNewPrivs {
		granted &= c.permitted
	}
	return granted&netRaw != 0
}

// readFileCaps returns the capabilities of a program. They are empty if they cannot be
// read.
func readFileCaps(program string) fileCaps {
	buf := make([]byte, 64)
	n, err := unix.Getxattr(program, "security.capability", buf)
	if err != nil {
		return fileCaps{}
	}
	return parseFileCaps(buf[:n])
}

// parseFileCaps reads the attribute (linux/capability.h, struct vfs_cap_data). It reads
// only the first word of each set, which has the bit of CAP_NET_RAW.
func parseFileCaps(data []byte) fileCaps {
	const effective = 1
	if len(data) < 12 {
		return fileCaps{}
	}
	return fileCaps{
		effective:   binary.LittleEndian.Uint32(data)&effective != 0,
		permitted:   uint64(binary.LittleEndian.Uint32(data[4:])),
		inheritable: uint64(binary.LittleEndian.Uint32(data[8:])),
	}
}
