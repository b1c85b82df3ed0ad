package main

import (
	"fmt"
	"regexp"
	"strings"
)

// A step is something that a reader of a page does: a file that they write, or a command that
// they run.
type step struct {
	line int    // of the page
	host string // where it is done

	path string // of a file; empty for a command
	text string // the content of the file, or the command

	// want are lines that the command prints. Each must come behind the one before. "…" stands
	// for any text of a line, a number for any number, and blanks for any blanks.
	want []string
}

// A prompt is the name of a host, "#", and a command of its root.
var prompt = regexp.MustCompile(`^([a-z][a-z0-9-]*)# (.*)$`)

// filePlace is what stands behind the language of a block that is a file: HOST:PATH.
var filePlace = regexp.MustCompile(`^([a-z][a-z0-9-]*):(/\S+)$`)

// steps returns what a page tells its reader to do, in order.
//
// A block of code with the language "console" has commands, each behind a prompt, and what
// they print. A block whose language is followed by HOST:PATH is a file. Other blocks are
// shown, and may have no commands.
func steps(page string) ([]step, error) {
	var all []step
	var block *fence
	for i, line := range strings.Split(page, "\n") {
		if block == nil {
			if info, ok := strings.CutPrefix(strings.TrimLeft(line, " "), "```"); ok {
				block = &fence{line: i + 1, indent: len(line) - len(strings.TrimLeft(line, " ")), info: strings.Fields(info)}
			}
			continue
		}
		if strings.TrimSpace(line) != "```" {
			block.lines = append(block.lines, strings.TrimPrefix(line, strings.Repeat(" ", block.indent)))
			continue
		}
		found, err := block.steps()
		if err != nil {
			return nil, err
		}
		all, block = append(all, found...), nil
	}
	if block != nil {
		return nil, fmt.Errorf("line %d: the block has no end", block.line)
	}
	return all, nil
}

// A fence is a block of code.
type fence struct {
	line   int // of its first ```
	indent int
	info   []string
	lines  []string
}

func (b *fence) steps() ([]step, error) {
	switch {
	case len(b.info) == 0:
		return nil, fmt.Errorf("line %d: the block has no language", b.line)
	case len(b.info) == 1 && b.info[0] == "console":
		return b.commands()
	case len(b.info) == 2:
		place := filePlace.FindStringSubmatch(b.info[1])
		if place == nil {
			return nil, fmt.Errorf("line %d: %q is not HOST:PATH", b.line, b.info[1])
		}
		return []step{{line: b.line, host: place[1], path: place[2], text: strings.Join(b.lines, "\n") + "\n"}}, nil
	}
	for i, line := range b.lines {
		if prompt.MatchString(line) || strings.HasPrefix(line, "$ ") {
			return nil, fmt.Errorf("line %d: a command that no test runs: its block is not \"console\"", b.line+1+i)
		}
	}
	return nil, nil
}

func (b *fence) commands() ([]step, error) {
	var all []step
	for i, line := range b.lines {
		at := b.line + 1 + i
		if m := prompt.FindStringSubmatch(line); m != nil {
			all = append(all, step{line: at, host: m[1], text: m[2]})
			continue
		}
		if len(all) == 0 {
			return nil, fmt.Errorf("line %d: a console begins with a prompt such as fleet#", at)
		}
		last := &all[len(all)-1]
		if strings.HasSuffix(last.text, `\`) && len(last.want) == 0 {
			last.text += "\n" + line
		} else if strings.TrimSpace(line) != "" && strings.TrimSpace(line) != "…" {
			last.want = append(last.want, line)
		}
	}
	return all, nil
}

var (
	numbers = regexp.MustCompile(`\d+`)
	blanks  = regexp.MustCompile(`\s+`)
)

// pattern returns what matches a line that a command prints.
func pattern(want string) *regexp.Regexp {
	p := regexp.QuoteMeta(strings.TrimSpace(want))
	p = strings.ReplaceAll(p, "…", `.*`)
	p = numbers.ReplaceAllString(p, `\d+`)
	p = blanks.ReplaceAllString(p, `\s+`)
	return regexp.MustCompile(`^\s*` + p + `\s*$`)
}

// missing returns the first wanted line that out does not have behind those before it.
func (s *step) missing(out string) string {
	lines := strings.Split(out, "\n")
	for _, want := range s.want {
		p := pattern(want)
		for len(lines) > 0 && !p.MatchString(lines[0]) {
			lines = lines[1:]
		}
		if len(lines) == 0 {
			return want
		}
		lines = lines[1:]
	}
	return ""
}

// A part is a word that a reader completes with what was printed before, such as zf1-….
var part = regexp.MustCompile(`[^\s…]+…`)

// complete puts what was printed before into a command.
func complete(command, printed string) string {
	return part.ReplaceAllStringFunc(command, func(word string) string {
		start := strings.TrimSuffix(word, "…")
		if i := strings.LastIndex(printed, start); i >= 0 {
			return strings.Fields(printed[i:])[0]
		}
		return word
	})
}
