package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// Log writes messages to standard error, one line each. Results go to standard
// output and not to Log.
type Log struct {
	// Out is standard error.
	Out io.Writer
	// Program begins each line. An empty Program gives lines in zeek-client's
	// form (spec zeek-client section 4); then all messages but errors need a
	// Verbosity that is higher by 1.
	Program string
	// Quiet suppresses every message.
	Quiet bool
	// Verbosity 0 shows errors, warnings and notices, 1 also Info, 2 also Debug, 3 also
	// Trace.
	Verbosity int
	// Rich adds the time and a level.
	Rich bool
}

// The compiler does not copy Error, Warning and Notice into their many callers
// (docs/decisions/0059).

// Error logs the reason why the command fails.
//
//go:noinline
func (l *Log) Error(format string, args ...any) { l.write(0, "error", format, args) }

// Warning logs a likely mistake of the user that does not fail the command.
//
//go:noinline
func (l *Log) Warning(format string, args ...any) { l.write(0, "warning", format, args) }

// Notice logs what the command waits for.
//
//go:noinline
func (l *Log) Notice(format string, args ...any) { l.write(0, "notice", format, args) }

// Info logs a step of the command.
func (l *Log) Info(format string, args ...any) { l.write(1, "info", format, args) }

// Debug logs a detail for developers.
func (l *Log) Debug(format string, args ...any) { l.write(2, "debug", format, args) }

// Trace logs what crosses the connection.
func (l *Log) Trace(format string, args ...any) { l.write(3, "trace", format, args) }

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

// printable replaces characters that are not printable by blanks. A text from a peer then
// stays on one line, cannot control the terminal, and does not turn the direction of text.
func printable(r rune) rune {
	if !unicode.IsPrint(r) {
		return ' '
	}
	return r
}
