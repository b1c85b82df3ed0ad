package fakezeek

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Main runs the process and exits. It does not return.
func Main() {
	z := zeek{args: os.Args, env: os.Getenv, out: os.Stdout, err: os.Stderr}
	os.Exit(z.main())
}

// MainIfCalled calls Main if the name of this program is zeek. Call it in the
// TestMain of tests that use Install.
func MainIfCalled() {
	if filepath.Base(os.Args[0]) == "zeek" {
		Main()
	}
}

// Install makes this test binary callable as zeek in dir and returns the path of
// zeek. It makes a hard link or, on another file system, a copy.
func Install(dir string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	zeek := filepath.Join(dir, "zeek")
	if os.Link(self, zeek) == nil {
		return zeek, nil
	}
	text, err := os.ReadFile(self)
	if err != nil {
		return "", err
	}
	return zeek, os.WriteFile(zeek, text, 0o755)
}

// zeek is the process before it loads scripts.
type zeek struct {
	args     []string
	env      func(string) string
	out, err io.Writer

	commandLine
	behaviour
	version version
	flush   func() error // writes the buffered part of stdout; nil if there is none
}

// fatal is an error that ends Zeek.
type fatal struct{ text string }

func (f fatal) Error() string { return f.text }

// fatalf makes an error that Zeek prints as "fatal error: …".
func fatalf(format string, args ...any) error {
	return fatal{"fatal error: " + fmt.Sprintf(format, args...)}
}

func (z *zeek) main() int {
	// Zeek blocks these signals while it starts. They take effect afterwards.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	var err error
	if z.behaviour, err = parseBehaviour(z.env); err == nil {
		z.version, err = parseVersion(z.versionText)
	}
	if err != nil {
		fmt.Fprintln(z.err, err)
		return 2
	}
	if z.commandLine, err = parseCommandLine(z.args[1:]); err != nil {
		fmt.Fprintf(z.err, "%s: %v\n", z.args[0], err)
		z.usage(z.err)
		return 1
	}
	switch {
	case z.help:
		z.usage(z.err)
		return 0
	case z.plugins:
		z.listPlugins()
		return 0
	case z.code != "":
		return z.runProbe()
	case z.showVersion:
		fmt.Fprintf(z.out, "%s version %s\n", z.args[0], z.version)
		return 0
	}
	return z.node(signals)
}

// node runs as a node, or only checks the scripts if -a was given. It returns the
// exit code.
func (z *zeek) node(signals <-chan os.Signal) int {
	z.status("INITIALIZING", "main")
	if z.parseOnly {
		if err := z.noteCheck(z.env("CLUSTER_NODE")); err != nil {
			fmt.Fprintln(z.err, err)
			return 2
		}
	}
	z.take(z.parseTime)
	s, err := z.load()
	if err == nil && z.parseOnly {
		err = z.checkOptions(s)
	}
	if err == nil && z.parseOnly {
		z.status("TERMINATED", "atexit")
		return 0
	}
	if err == nil {
		err = z.runNode(s, signals)
		if z.flush != nil {
			err = errors.Join(err, z.flush())
		}
	}
	if err == nil {
		z.status("TERMINATED", "atexit")
		return 0
	}
	if code, ok := errors.AsType[exitCode](err); ok {
		return int(code)
	}
	fmt.Fprintln(z.err, err)
	z.status("TERMINATED", "fatal_error")
	return 1
}

// status writes the status file, if the command line names one.
func (z *zeek) status(state, where string) {
	if z.statusFile == "" {
		return
	}
	if err := os.WriteFile(z.statusFile, fmt.Appendf(nil, "%s [%s]\n", state, where), 0o644); err != nil {
		fmt.Fprintf(z.err, "error: can't write process status to %s: %v\n", z.statusFile, err)
	}
}

// version is a version of Zeek.
type version struct {
	major, minor int
	text         string
}

func parseVersion(text string) (version, error) {
	v := version{text: text}
	major, rest, _ := strings.Cut(text, ".")
	minor, _, _ := strings.Cut(rest, ".")
	var err, minorErr error
	v.major, err = strconv.Atoi(major)
	v.minor, minorErr = strconv.Atoi(minor)
	if err != nil || minorErr != nil {
		return v, fmt.Errorf("FAKEZEEK_VERSION %q is no version", text)
	}
	return v, nil
}

func (v version) String() string { return v.text }

func (v version) atLeast(major, minor int) bool {
	return v.major > major || v.major == major && v.minor >= minor
}
