package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// Log writes what is not a result, a line each, to standard error.
type Log struct {
	Out io.Writer
	// Program begins each line; empty makes lines as zeek-client's, which is
	// silent about warnings, too, unless Verbosity is above 0 (spec zeek-client
	// section 4).
	Program string
	// Quiet suppresses everything.
	Quiet bool
	// Verbosity above 0 adds notes on what is being done, above 1 details; as
	// zeek-client it takes one more.
	Verbosity int
	// Rich adds the time and a level.
	Rich bool
}

// Error says why the command failed.
func (l *Log) Error(format string, args ...any) { l.write(0, "error", format, args) }

// Warning says what the user may have meant otherwise.
func (l *Log) Warning(format string, args ...any) { l.write(0, "warning", format, args) }

// Notice says what the command waits for.
func (l *Log) Notice(format string, args ...any) { l.write(0, "notice", format, args) }

// Info says what is being done.
func (l *Log) Info(format string, args ...any) { l.write(1, "info", format, args) }

// Debug says what only a developer wants to know.
func (l *Log) Debug(format string, args ...any) { l.write(2, "debug", format, args) }

func (l *Log) write(verbosity int, level, format string, args []any) {
	if l.Program == "" && level != "error" {
		verbosity++
	}
	if l.Quiet || l.Verbosity < verbosity {
		return
	}
	message := strings.Map(printable, fmt.Sprintf(format, args...))
	switch {
	case l.Rich:
		fmt.Fprintf(l.Out, "%s %-8s %s\n", time.Now().Format(time.DateTime), level, message)
	case l.Program == "":
		fmt.Fprintf(l.Out, "%s: %s\n", level, message)
	case level == "error" || level == "notice":
		fmt.Fprintf(l.Out, "%s: %s\n", l.Program, message)
	default:
		fmt.Fprintf(l.Out, "%s: %s: %s\n", l.Program, level, message)
	}
}

// printable keeps what a peer says on its line, and out of the terminal's
// control.
func printable(r rune) rune {
	if unicode.IsControl(r) {
		return ' '
	}
	return r
}
