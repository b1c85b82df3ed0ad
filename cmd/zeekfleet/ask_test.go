package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal returns both ends of a new terminal: what a person types into, and what a
// program reads.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

func TestPersonAtATerminalIsAsked(t *testing.T) {
	person, program := terminal(t)
	var shown bytes.Buffer
	ask := asker(streams{program, nil, &shown})
	if ask == nil {
		t.Fatal("the terminal is not taken for one")
	}
	if _, err := person.WriteString("yes\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := ask(t.Context(), "Sure? ")
	if err != nil || strings.TrimSpace(answer) != "yes" || shown.String() != "Sure? " {
		t.Errorf("got %q, %v, shown %q", answer, err, shown.String())
	}
	ctx, interrupt := context.WithCancelCause(t.Context())
	interrupt(errors.New("interrupted"))
	if _, err := ask(ctx, ""); err == nil || err.Error() != "interrupted" {
		t.Errorf("an interrupt: got %v", err)
	}
}

func TestNobodyIsAskedWithoutATerminal(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if asker(streams{in: r}) != nil || asker(streams{in: strings.NewReader("yes\n")}) != nil {
		t.Error("a pipe is taken for a terminal")
	}
}

func TestHiddenAnswerIsNotShown(t *testing.T) {
	person, program := terminal(t)
	shown := make(chan string)
	go func() { // the person types when they are asked
		var all strings.Builder
		buf := make([]byte, 100)
		for !strings.HasSuffix(all.String(), "\n") {
			n, err := person.Read(buf)
			if err != nil {
				break
			}
			all.Write(buf[:n])
			if all.String() == "Word?" {
				person.WriteString("geheim wört \n")
			}
		}
		shown <- all.String()
	}()
	answer, err := askHidden(t.Context(), program, "Word?")
	if err != nil || answer != "geheim wört " {
		t.Errorf("got %q, %v", answer, err)
	}
	if got := <-shown; got != "Word?\r\n" {
		t.Errorf("the terminal showed %q", got)
	}
	after, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
	if err != nil || after.Lflag&unix.ECHO == 0 {
		t.Errorf("afterwards the terminal shows nothing, %v", err)
	}
	ctx, interrupt := context.WithCancelCause(t.Context())
	interrupt(errors.New("interrupted"))
	if _, err := askHidden(ctx, program, ""); err == nil || err.Error() != "interrupted" {
		t.Errorf("an interrupt: got %v", err)
	}
}
