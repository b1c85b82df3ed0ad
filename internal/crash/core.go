package crash

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// corePattern says where the kernel writes core files (man 5 core).
type corePattern struct {
	text    string // the content of /proc/sys/kernel/core_pattern
	usesPID bool   // core_uses_pid: the kernel appends the PID to a name without it
}

func readCorePattern() (corePattern, error) {
	text, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	if err != nil {
		return corePattern{}, err
	}
	uses, err := os.ReadFile("/proc/sys/kernel/core_uses_pid")
	if err != nil {
		return corePattern{}, err
	}
	return corePattern{
		text:    strings.TrimSuffix(string(text), "\n"),
		usesPID: strings.TrimSpace(string(uses)) != "0",
	}, nil
}

// handler returns the program to which the kernel pipes core files. It is false if
// the kernel writes files.
func (p corePattern) handler() (string, bool) {
	command, piped := strings.CutPrefix(p.text, "|")
	if !piped {
		return "", false
	}
	program, _, _ := strings.Cut(strings.TrimSpace(command), " ")
	return program, true
}

// glob returns a pattern for filepath.Glob that the core file of r matches. It has a
// "*" for each part of the name that is not known.
func (p corePattern) glob(r Record) string {
	var b strings.Builder
	text, hasPID := p.text, false
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b.WriteString(literal(text[i : i+1]))
			continue
		}
		if i++; i == len(text) {
			break // the kernel drops a single % at the end
		}
		switch text[i] {
		case '%':
			b.WriteByte('%')
		case 'p':
			hasPID = true
			b.WriteString(strconv.Itoa(r.PID))
		case 's':
			b.WriteString(signalGlob(r.Exit))
		case 'E':
			b.WriteString(literal(strings.ReplaceAll(r.Program, "/", "!")) + "*")
		case 'h', 'e', 'f', 't', 'i', 'I', 'P', 'u', 'g', 'd', 'c', 'C', 'F':
			// Such as the thread's name or number, or the PID in another namespace.
			b.WriteByte('*')
		}
	}
	if p.usesPID && !hasPID {
		b.WriteString("." + strconv.Itoa(r.PID))
	}
	if path := b.String(); filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(literal(r.Dir), b.String())
}

func signalGlob(e Exit) string {
	if !e.Known {
		return "*"
	}
	return strconv.Itoa(e.Signal)
}

// literal escapes text for filepath.Glob.
func literal(text string) string { return globEscaper.Replace(text) }

var globEscaper = strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`)

// clockSlack is how far the time of a file may lie outside the lifetime of its
// process.
const clockSlack = time.Second

// lived reports whether the process of r can have written a file with this time.
func (r *Record) lived(at time.Time) bool {
	return !at.Before(r.When.Add(-r.Uptime-clockSlack)) && !at.After(r.When.Add(clockSlack))
}

// find returns the core file of r: the newest file that matches the pattern and was
// written in the lifetime of the process.
func (p corePattern) find(r Record) (string, bool) {
	pattern := p.glob(r)
	if !filepath.IsAbs(pattern) {
		return "", false // r has no working directory
	}
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return "", false
	}
	type candidate struct {
		path string
		at   time.Time
	}
	var found []candidate
	for _, path := range paths {
		info, err := os.Lstat(path)
		if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
			continue
		}
		if at := info.ModTime(); r.lived(at) {
			found = append(found, candidate{path, at})
		}
	}
	if len(found) == 0 {
		return "", false
	}
	return slices.MaxFunc(found, func(a, b candidate) int { return a.at.Compare(b.at) }).path, true
}

// needsExamination reports whether there may be a core file. If there is none although
// the signal should cause one, note says why.
func needsExamination(e Exit) (pending bool, note string) {
	switch {
	case !e.Known || e.CoreDumped:
		return true, ""
	case slices.Contains(dumping, unix.Signal(e.Signal)):
		return false, "the kernel wrote no core file: too large for its limit, its directory is not writable, " +
			"or its program has capabilities (setcap) and fs.suid_dumpable is 0"
	}
	return false, ""
}

// dumping are the signals whose default action is to dump core (man 7 signal).
var dumping = []unix.Signal{
	unix.SIGQUIT, unix.SIGILL, unix.SIGABRT, unix.SIGFPE, unix.SIGSEGV,
	unix.SIGBUS, unix.SIGSYS, unix.SIGTRAP, unix.SIGXCPU, unix.SIGXFSZ,
}

// handled returns the note of a record whose core file the kernel piped to program.
func handled(program string, r Record) string {
	note := fmt.Sprintf("core file handled by %s", program)
	if filepath.Base(program) == "systemd-coredump" {
		note += fmt.Sprintf("; see coredumpctl info %d", r.PID)
	}
	return note
}
