package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// openTerminal returns both ends of a new terminal. What is written to user is what a
// person types, and what is read from it is what is on the screen.
func openTerminal(size unix.Winsize) (user, program *os.File, err error) {
	user, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			user.Close()
		}
	}()
	n, err := unix.IoctlGetInt(int(user.Fd()), unix.TIOCGPTN)
	if err != nil {
		return nil, nil, err
	}
	if err := unix.IoctlSetPointerInt(int(user.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, err
	}
	if err := unix.IoctlSetWinsize(int(user.Fd()), unix.TIOCSWINSZ, &size); err != nil {
		return nil, nil, err
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	return user, program, err
}

func sizeOf(ts *testscript.TestScript, text string) unix.Winsize {
	var size unix.Winsize
	if _, err := fmt.Sscanf(text, "%dx%d", &size.Col, &size.Row); err != nil {
		ts.Fatalf("%q is no size such as 80x24", text)
	}
	return size
}

func cmdTerminal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: terminal NAME COLUMNSxLINES PROGRAM [ARG…]")
	}
	s, name := scriptOf(ts), args[0]
	if s.started[name] != nil {
		ts.Fatalf("%s was started and has not ended", name)
	}
	user, program, err := openTerminal(sizeOf(ts, args[1]))
	ts.Check(err)
	b := &scriptProcess{
		cmd:      exec.Command(findProgram(ts, args[2]), args[3:]...),
		out:      &output{grown: make(chan struct{}, 1)},
		done:     make(chan struct{}),
		terminal: user,
	}
	b.cmd.Dir, b.cmd.Env = ts.MkAbs("."), append(scriptEnv(ts), "TERM=xterm-256color")
	b.cmd.Stdin, b.cmd.Stdout, b.cmd.Stderr = program, program, program
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err = b.cmd.Start()
	program.Close()
	if err != nil {
		user.Close()
		ts.Fatalf("start %s: %v", args[2], err)
	}
	s.started[name] = b
	go func() {
		defer close(b.done)
		defer user.Close()
		io.Copy(b.out, user) // ends when no process has the terminal any more
		b.cmd.Wait()         // the ProcessState holds the exit status
	}()
}

func cmdType(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: type NAME KEYS")
	}
	b := onTerminal(ts, args[0])
	_, err := io.WriteString(b.terminal, strings.NewReplacer("^C", "\x03", "^M", "\r", "<down>", "\x1b[B", "<tab>", "\t").Replace(args[1]))
	ts.Check(err)
}

func cmdResize(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: resize NAME COLUMNSxLINES")
	}
	size := sizeOf(ts, args[1])
	ts.Check(unix.IoctlSetWinsize(int(onTerminal(ts, args[0]).terminal.Fd()), unix.TIOCSWINSZ, &size))
}

// onTerminal returns a process that was started on a terminal.
func onTerminal(ts *testscript.TestScript, name string) *scriptProcess {
	b := running(ts, name)
	if b.terminal == nil {
		ts.Fatalf("%s has no terminal", name)
	}
	return b
}

// cmdTidy checks that a process leaves its terminal as it was: with the cursor, and in the
// mode in which the terminal edits lines.
func cmdTidy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: tidy NAME")
	}
	b := onTerminal(ts, args[0])
	select {
	case <-b.done:
	case <-time.After(patience):
		ts.Fatalf("%s did not end within %v; it printed:\n%v", args[0], patience, b.out)
	}
	text := b.out.String()
	if hidden, shown := strings.LastIndex(text, "\x1b[?25l"), strings.LastIndex(text, "\x1b[?25h"); hidden > shown {
		ts.Fatalf("%s leaves the cursor hidden: %q", args[0], text)
	}
	if strings.Contains(text, "\x1b[?1049h") && !strings.Contains(text, "\x1b[?1049l") {
		ts.Fatalf("%s leaves the other screen shown: %q", args[0], text)
	}
}
