package dropin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/lazy"
)

// Program is the name of the program in usage texts.
const Program = "zeek-client"

// option is an option of the program or of a command.
type option struct {
	names    []string // in the order in which messages name them
	argument string   // names its argument; empty: it takes none
	help     string
	// excludes is a name of an option that must not be given together with this one.
	excludes string
}

// takes reports whether name is one of the option's names.
func (o *option) takes(name string) bool { return slices.Contains(o.names, name) }

// title names the option in messages, as argparse does.
func (o *option) title() string { return strings.Join(o.names, "/") }

// positional is an argument of a command that is no option.
type positional struct {
	name, help string
	many       bool // any number of them, also none; otherwise exactly one
}

// syntax is what may stand on the command line: of the program, or of one command.
type syntax struct {
	name        string // "zeek-client", or "zeek-client get-nodes"
	options     []option
	positionals []positional
}

// helpOption is an option of everything.
var helpOption = option{names: []string{"-h", "--help"}, help: "show this help message and exit"}

// given is an option on the command line.
type given struct {
	option *option
	value  string
}

// misuse is a mistake on the command line. of is the syntax whose usage helps.
type misuse struct {
	of   *syntax
	text string
}

func (e *misuse) Error() string { return e.text }

func (s *syntax) misuse(format string, args ...any) error {
	return &misuse{s, fmt.Sprintf(format, args...)}
}

// negative is what argparse takes for a number and not for an option.
var negative = lazy.Regexp(`^-\d+$|^-\d*\.\d+$`)

// looksLikeOption reports whether an argument is an option, known or not.
func (s *syntax) looksLikeOption(arg string) bool {
	if len(arg) < 2 || arg[0] != '-' || arg == "--" {
		return false
	}
	name, _, _ := strings.Cut(arg, "=")
	if s.find(name) != nil {
		return true
	}
	return !negative().MatchString(arg) && !strings.Contains(arg, " ")
}

func (s *syntax) find(name string) *option {
	for i := range s.options {
		if s.options[i].takes(name) {
			return &s.options[i]
		}
	}
	return nil
}

// lookUp returns the option that an argument names, by its name or by an unambiguous
// beginning of a long name, and the text that is attached to it: behind an equals sign,
// or behind a short name. It returns nil if there is no such option.
func (s *syntax) lookUp(arg string) (o *option, name, attached string, has bool, err error) {
	if o := s.find(arg); o != nil {
		return o, arg, "", false, nil
	}
	name, attached, has = strings.Cut(arg, "=")
	if o := s.find(name); has && o != nil {
		return o, name, attached, true, nil
	}
	if !strings.HasPrefix(arg, "--") {
		if o := s.find(arg[:2]); o != nil {
			return o, arg[:2], arg[2:], true, nil
		}
		return nil, "", "", false, nil
	}
	var alike []string
	for i := range s.options {
		for _, known := range s.options[i].names {
			if strings.HasPrefix(known, name) {
				o, alike = &s.options[i], append(alike, known)
			}
		}
	}
	switch len(alike) {
	case 0:
		return nil, "", "", false, nil
	case 1:
		return o, alike[0], attached, has, nil
	}
	return nil, "", "", false, s.misuse("ambiguous option: %s could match %s", arg, strings.Join(alike, ", "))
}

// takeOption reads the option at the beginning of args, which may be several short ones in
// one argument. It adds them to seen, and returns the arguments behind them. help is
// whether one of them asks for help; those behind it do not count then. An unknown option
// gives nothing.
func (s *syntax) takeOption(args []string, seen *[]given) (rest []string, known, help bool, err error) {
	taken, rest, err := s.cutOption(args)
	for _, g := range taken {
		if err := s.checkExclusive(g.option, *seen); err != nil {
			return nil, true, false, err
		}
		*seen = append(*seen, g)
		if g.option.takes("--help") {
			return rest, true, true, nil
		}
	}
	return rest, len(taken) > 0, false, err
}

// cutOption cuts the option at the beginning of args off.
func (s *syntax) cutOption(args []string) (taken []given, rest []string, err error) {
	rest = args[1:]
	o, name, attached, has, err := s.lookUp(args[0])
	if o == nil || err != nil {
		return nil, rest, err
	}
	for {
		switch {
		case o.argument != "" && has:
			return append(taken, given{o, attached}), rest, nil
		case o.argument != "":
			if len(rest) == 0 || s.looksLikeOption(rest[0]) || rest[0] == "--" {
				return nil, nil, s.misuse("argument %s: expected one argument", o.title())
			}
			return append(taken, given{o, rest[0]}), rest[1:], nil
		}
		taken = append(taken, given{o, ""})
		if !has {
			return taken, rest, nil
		}
		// Another short option may follow in the same argument.
		next := s.find("-" + firstRune(attached))
		if strings.HasPrefix(name, "--") || next == nil {
			return nil, nil, s.misuse("argument %s: ignored explicit argument %s", o.title(), quoted(attached))
		}
		o, name = next, "-"+firstRune(attached)
		attached = attached[len(name)-1:]
		has = attached != ""
	}
}

func firstRune(text string) string {
	for _, r := range text {
		return string(r)
	}
	return ""
}

func (s *syntax) checkExclusive(o *option, seen []given) error {
	for _, g := range seen {
		if g.option != o && (g.option.excludes != "" && o.takes(g.option.excludes) || o.excludes != "" && g.option.takes(o.excludes)) {
			return s.misuse("argument %s: not allowed with argument %s", o.title(), g.option.title())
		}
	}
	return nil
}

// quoted returns text as Python quotes it.
func quoted(text string) string {
	if strings.Contains(text, "'") && !strings.Contains(text, `"`) {
		return `"` + text + `"`
	}
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}
