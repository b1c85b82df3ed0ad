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

// corePattern is where the kernel puts core files (man 5 core).
type corePattern struct {
	text    string // of /proc/sys/kernel/core_pattern
	usesPID bool   // core_uses_pid: a name without the PID gets it appended
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

// handler returns the program to which the kernel pipes core files, if it does.
func (p corePattern) handler() (string, bool) {
	command, piped := strings.CutPrefix(p.text, "|")
	if !piped {
		return "", false
	}
	program, _, _ := strings.Cut(strings.TrimSpace(command), " ")
	return program, true
}

// glob returns the pattern that the core file of r matches, for filepath.Glob. What
// of its name cannot be known is left open.
func (p corePattern) glob(r Record) string {
	var b strings.Builder
	text, hasPID := p.text, false
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b.WriteString(literal(text[i : i+1]))
			continue
		}
		if i++; i == len(text) {
			break // a single % at the end is dropped
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
			// The thread's name, its number, the PID of another namespace, …
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

// clockSlack is by how much the time of a file and that of a record may be apart.
const clockSlack = time.Second

// lived reports whether the process of r wrote a file of that time, or could
// have.
func (r *Record) lived(at time.Time) bool {
	return !at.Before(r.When.Add(-r.Uptime-clockSlack)) && !at.After(r.When.Add(clockSlack))
}

// find returns the core file of r: the newest of those that could be it and were
// written in its lifetime.
func (p corePattern) find(r Record) (string, bool) {
	pattern := p.glob(r)
	if !filepath.IsAbs(pattern) {
		return "", false // its working directory is not known
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

// needsExamination reports whether there may be a core file, and if not, why not
// where one would be expected.
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

// dumping are the signals whose default is to dump core (man 7 signal).
var dumping = []unix.Signal{
	unix.SIGQUIT, unix.SIGILL, unix.SIGABRT, unix.SIGFPE, unix.SIGSEGV,
	unix.SIGBUS, unix.SIGSYS, unix.SIGTRAP, unix.SIGXCPU, unix.SIGXFSZ,
}

// handled says where the core of r went that was given to program.
func handled(program string, r Record) string {
	note := fmt.Sprintf("core file handled by %s", program)
	if filepath.Base(program) == "systemd-coredump" {
		note += fmt.Sprintf("; see coredumpctl info %d", r.PID)
	}
	return note
}
