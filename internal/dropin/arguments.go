package dropin

import (
	"slices"
	"strings"
)

// arguments are what the command line says.
type arguments struct {
	help bool
	// of is the syntax that help is about.
	of         *syntax
	version    bool
	configFile string
	controller string
	set        []string
	quiet      bool
	verbose    int
	command    *command // nil: none is named
	options    []given  // of the command
	words      []string // the command's other arguments
}

// has reports whether the command's option of this name is given.
func (a *arguments) has(name string) bool {
	return slices.ContainsFunc(a.options, func(g given) bool { return g.option.takes(name) })
}

// value returns the argument of the command's option of this name. Of several the last
// one counts.
func (a *arguments) value(name string) string {
	value := ""
	for _, g := range a.options {
		if g.option.takes(name) {
			value = g.value
		}
	}
	return value
}

// parse reads the command line. The error is a *misuse.
func parse(args []string) (*arguments, error) {
	all := program()
	if err := all.checkAbbreviations(args); err != nil {
		return nil, err
	}
	var a arguments
	var seen []given
	var unknown []string
	for len(args) > 0 {
		arg := args[0]
		if arg == "--" && len(args) > 1 {
			args = args[1:]
			arg = args[0]
		} else if all.looksLikeOption(arg) {
			rest, known, help, err := all.takeOption(args, &seen)
			if err != nil {
				return nil, err
			}
			if help {
				return &arguments{help: true, of: all}, nil
			}
			if !known {
				unknown = append(unknown, arg)
			}
			args = rest
			continue
		}
		a.command = commandNamed(arg)
		if a.command == nil {
			return nil, all.misuse("argument command: invalid choice: %s (choose from %s)", quoted(arg), quotedNames())
		}
		more, err := a.parseCommand(args[1:])
		if a.help || err != nil {
			return &a, err
		}
		unknown = append(unknown, more...)
		break
	}
	if len(unknown) > 0 {
		return nil, all.misuse("unrecognized arguments: %s", strings.Join(unknown, " "))
	}
	a.take(seen)
	return &a, nil
}

// checkAbbreviations refuses ambiguous options. argparse does so before it knows which
// arguments belong to the command.
func (s *syntax) checkAbbreviations(args []string) error {
	for _, arg := range args {
		if arg == "--" {
			return nil
		}
		if s.looksLikeOption(arg) {
			if _, _, _, _, err := s.lookUp(arg); err != nil {
				return err
			}
		}
	}
	return nil
}

// parseCommand reads the arguments behind the command, and returns those that the
// command does not know.
func (a *arguments) parseCommand(args []string) (unknown []string, err error) {
	s := &a.command.syntax
	if err := s.checkAbbreviations(args); err != nil {
		return nil, err
	}
	filled := false // the first words, up to an option, are all that the command takes
	for len(args) > 0 {
		if s.looksLikeOption(args[0]) {
			rest, known, help, err := s.takeOption(args, &a.options)
			if err != nil {
				return nil, err
			}
			if help {
				a.help, a.of = true, s
				return nil, nil
			}
			if !known {
				unknown = append(unknown, args[0])
			}
			filled = filled || len(a.words) > 0
			args = rest
			continue
		}
		word := args[0]
		args = args[1:]
		if word == "--" {
			a.words, unknown = s.fill(a.words, unknown, args, filled)
			break
		}
		a.words, unknown = s.fill(a.words, unknown, []string{word}, filled)
	}
	if least := s.least(); len(a.words) < least {
		return nil, s.misuse("the following arguments are required: %s", s.positionals[len(a.words)].name)
	}
	return unknown, nil
}

// least is the number of words that a command needs.
func (s *syntax) least() int {
	return len(slices.DeleteFunc(slices.Clone(s.positionals), func(p positional) bool { return p.many }))
}

// fill adds more words to those of a command, or to the unknown arguments if the command
// takes no more.
func (s *syntax) fill(words, unknown, more []string, filled bool) (_, _ []string) {
	for _, word := range more {
		if full := len(words) == len(s.positionals) && len(words) == s.least(); filled || full {
			unknown = append(unknown, word)
			continue
		}
		words = append(words, word)
	}
	return words, unknown
}

// take keeps the program's own options.
func (a *arguments) take(seen []given) {
	for _, g := range seen {
		switch {
		case g.option.takes("--configfile"):
			a.configFile = g.value
		case g.option.takes("--controller"):
			a.controller = g.value
		case g.option.takes("--set"):
			a.set = append(a.set, g.value)
		case g.option.takes("--quiet"):
			a.quiet = true
		case g.option.takes("--verbose"):
			a.verbose++
		case g.option.takes("--version"):
			a.version = true
		}
	}
}
