package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// asker returns the function that asks the person at the terminal. It returns nil if
// standard input is no terminal.
func asker(s streams) func(context.Context, string) (string, error) {
	in, ok := s.in.(*os.File)
	if !ok {
		return nil
	}
	if _, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS); err != nil {
		return nil
	}
	return func(ctx context.Context, question string) (string, error) {
		fmt.Fprint(s.err, question)
		if err := readable(ctx, in); err != nil {
			fmt.Fprintln(s.err) // the end of the line with the question
			return "", err
		}
		answer, err := bufio.NewReader(in).ReadString('\n')
		if err != nil {
			return "", errors.New("there was no answer")
		}
		return answer, nil
	}
}

// readable waits until the person has written a line. Reading alone would not end when
// the command is interrupted.
func readable(ctx context.Context, in *os.File) error {
	const pause = 100 // milliseconds
	for ctx.Err() == nil {
		fds := []unix.PollFd{{Fd: int32(in.Fd()), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, pause)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for an answer: %w", err)
		}
		if n > 0 {
			return nil
		}
	}
	return context.Cause(ctx)
}

// askPassphrase asks the person at the terminal for the passphrase of a private key, in
// OpenSSL's words.
func askPassphrase(ctx context.Context) (string, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer tty.Close()
	return askHidden(ctx, tty, "Enter PEM pass phrase:")
}

// askHidden asks at a terminal for a line that the terminal does not show.
func askHidden(ctx context.Context, tty *os.File, question string) (string, error) {
	fd := int(tty.Fd())
	shown, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return "", fmt.Errorf("ask at the terminal: %w", err)
	}
	hidden := *shown
	hidden.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &hidden); err != nil {
		return "", fmt.Errorf("ask at the terminal: %w", err)
	}
	defer unix.IoctlSetTermios(fd, unix.TCSETS, shown)
	defer fmt.Fprintln(tty) // the end of the line was not shown either
	fmt.Fprint(tty, question)
	if err := readable(ctx, tty); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(tty).ReadString('\n')
	if err != nil {
		return "", errors.New("there was no answer")
	}
	return strings.TrimRight(answer, "\r\n"), nil
}
