package cli

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// What a page about a crash shows without --full: so many frames of the stack, and so many
// of the last lines of each output.
const (
	crashFrames = 20
	crashLines  = 15
)

// crashPage says how a process ended, the most useful first: why, where, and what it printed
// last. full shows everything that is recorded.
func crashPage(r api.CrashRecord, full bool) show.Page {
	facts := show.Facts{fact("node", at(r.Instance, r.Node)), fact("end", cmp.Or(r.End, "-"))}
	if why := cmp.Or(r.Why, mgmt.NodeOutputs{Stdout: r.Stdout, Stderr: r.Stderr}.TellingLine()); why != "" {
		facts = append(facts, fact("why", why))
	}
	facts = append(facts, fact("when", inUTC(r.When, toTheSecond)+" UTC, after "+time.Duration(r.Seconds*float64(time.Second)).Round(time.Millisecond).String()))
	if r.Note != "" {
		facts = append(facts, fact("note", r.Note))
	}
	if r.Pending {
		facts = append(facts, fact("note", "the core file has not been looked at yet"))
	}
	if !full {
		page := append(show.Page{facts}, blocks("stack", shortStack(r.Trace))...)
		page = append(page, lastBlock("stderr", r.Stderr)...)
		page = append(page, lastBlock("stdout", r.Stdout)...)
		return append(page, show.Blank(), show.Text{Text: fmt.Sprintf("All of it: zeekfleet crashes show %s --full", r.ID), Tone: show.Faint})
	}
	facts = append(facts, fact("crash", r.ID), fact("process", fmt.Sprintf("PID %d, launch %d", r.PID, r.Launch)),
		fact("program", strings.TrimSpace(r.Program+" "+r.Version)), fact("directory", r.Dir))
	if r.Core != "" {
		facts = append(facts, fact("core", r.Core))
	}
	return append(show.Page{facts}, blocks("backtrace", r.Trace, "stderr", r.Stderr, "stdout", r.Stdout, "plan", indented(r.Plan))...)
}

// lastBlock shows the last lines of an output, and says how many it leaves out.
func lastBlock(name, text string) show.Page {
	lines := strings.Split(strings.TrimRight(text, " \t\r\n"), "\n")
	if left := len(lines) - crashLines; left > 0 {
		name += fmt.Sprintf(", without the first %s", counted(left, "line"))
		lines = lines[left:]
	}
	return blocks(name, strings.Join(lines, "\n"))
}

// shortStack returns the first frames of a debugger's backtrace: those of the thread that
// has crashed come first. Without frames, it returns the first lines, which say why there
// are none.
func shortStack(trace string) string {
	var frames []string
	more, inFrame := 0, false
	for line := range strings.Lines(trace) {
		line = strings.TrimRight(line, " \t\r\n")
		isFrame := len(line) > 1 && line[0] == '#' && line[1] >= '0' && line[1] <= '9'
		switch {
		case isFrame && strings.HasPrefix(line, "#0 ") && len(frames)+more > 0:
			return stackText(frames, more) // of the next thread
		case isFrame && len(frames) < crashFrames:
			frames, inFrame = append(frames, line), true
		case isFrame:
			more, inFrame = more+1, false
		case inFrame && strings.HasPrefix(line, " "): // the frame goes on
			frames[len(frames)-1] += " " + strings.TrimSpace(line)
		default:
			inFrame = false
		}
	}
	if len(frames) > 0 {
		return stackText(frames, more)
	}
	lines := strings.Split(strings.TrimRight(trace, " \t\r\n"), "\n")
	return strings.Join(lines[:min(len(lines), crashLines)], "\n")
}

func stackText(frames []string, more int) string {
	for i, frame := range frames {
		frames[i] = shortFrame(frame)
	}
	if more > 0 {
		frames = append(frames, fmt.Sprintf("… and %s", counted(more, "more frame")))
	}
	return strings.Join(frames, "\n")
}

// shortFrame takes the address and the arguments out of a frame: where it is matters more,
// and has to fit on the screen.
func shortFrame(frame string) string {
	number, rest, _ := strings.Cut(frame, " ")
	rest = strings.TrimSpace(rest)
	if address, name, ok := strings.Cut(rest, " in "); ok && strings.HasPrefix(address, "0x") {
		rest = name
	}
	begin, end := strings.Index(rest, " ("), max(strings.LastIndex(rest, ") at "), strings.LastIndex(rest, ") from "))
	if begin >= 0 && begin+2 < end {
		rest = rest[:begin+2] + "…" + rest[end:]
	}
	return fmt.Sprintf("%-4s %s", number, rest)
}
