package zeekctl

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/ini"
	"github.com/zeekfleet/zeekfleet/internal/lazy"
)

var optionName = lazy.Regexp(`^[a-z_.][a-z0-9_.]*$`)

// readOptions reads zeekctl.cfg: lines NAME = VALUE, where the last line of a name counts.
func (s *Site) readOptions() error {
	line := 0
	at := map[string]int{} // index in s.Set
	for text := range strings.Lines(lines(s.Files.Options.Text)) {
		line++
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return s.optionError(line, "%s lacks an equals sign", quoted(text))
		}
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if err := s.checkOption(line, name, value); err != nil {
			return err
		}
		row, known := FindOption(name)
		if !known && !strings.Contains(name, ".") {
			s.note(s.Files.Options.Name, line, "zeekctl has no option %s, and ignores it", quoted(name))
			continue
		}
		if err := row.check(value); err != nil {
			return s.optionError(line, "%s: %v", name, err)
		}
		if i, twice := at[name]; twice {
			s.note(s.Files.Options.Name, line, "%s is set on line %d as well: this line counts", name, s.Set[i].Line)
			s.Set[i].Name = "" // removed below
		}
		if strings.Contains(value, "${") {
			s.note(s.Files.Options.Name, line, "%s: zeekctl replaces ${...} in its own defaults only: this value is taken as it is", name)
		}
		at[name] = len(s.Set)
		s.Set = append(s.Set, Setting{name, value, line})
		s.values[name] = value
	}
	kept := s.Set[:0]
	for _, set := range s.Set {
		if set.Name != "" {
			kept = append(kept, set)
		}
	}
	s.Set = kept
	return nil
}

func (s *Site) optionError(line int, format string, args ...any) error {
	return &ini.Error{File: s.Files.Options.Name, Line: line, Text: fmt.Sprintf(format, args...)}
}

func (s *Site) checkOption(line int, name, value string) error {
	switch {
	case !optionName().MatchString(name):
		return s.optionError(line, "%s cannot be the name of an option: it may have letters, digits, dots and _, and begins with no digit", quoted(name))
	case len(value) > 1 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0]:
		return s.optionError(line, "%s: zeekctl refuses a value in quotes: remove them", name)
	}
	for _, o := range Options {
		if o.Legacy != "" && strings.EqualFold(o.Legacy, name) {
			return s.optionError(line, "zeekctl no longer knows %s: the option is called %s", o.Legacy, o.Name)
		}
	}
	return nil
}

// lines returns the text of a file with one kind of line ends.
func lines(text []byte) string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(string(text), "\ufeff"))
}

var reference = lazy.Regexp(`\$\{([A-Za-z][A-Za-z0-9]*)(?::([^}]+))?\}`)

// maxSubstitutions bounds the depth of references from option to option.
const maxSubstitutions = 10

// substitute replaces ${Name} in a default by the value of that option, as zeekctl does. An
// unknown name becomes the text behind a colon, or nothing.
func (s *Site) substitute(text string, depth int) string {
	if depth > maxSubstitutions || len(text) > 64<<10 {
		return text
	}
	return reference().ReplaceAllStringFunc(text, func(found string) string {
		m := reference().FindStringSubmatch(found)
		name := strings.ToLower(m[1])
		if value, ok := s.values[name]; ok {
			return value
		}
		switch row, ok := FindOption(name); {
		case name == "zeekbase":
			return s.base
		case name == "zeekscriptdir":
			return s.base + "/share/zeek"
		case ok:
			return s.substitute(row.Default, depth+1)
		}
		return m[2]
	})
}

// Option returns the value of an option, or its default. Of an option that can be numbers
// only, the text is a number.
func (s *Site) Option(name string) string {
	name = strings.ToLower(name)
	if value, ok := s.values[name]; ok {
		return value
	}
	row, _ := FindOption(name)
	return s.substitute(row.Default, 0)
}

// Default returns the value of an option in a site that does not set it.
func (s *Site) Default(o Option) string { return s.substitute(o.Default, 0) }

// IsSet reports whether zeekctl.cfg sets an option.
func (s *Site) IsSet(name string) bool {
	_, ok := s.values[strings.ToLower(name)]
	return ok
}

// Number returns the value of an option that is a number. check has seen the value.
func (s *Site) Number(name string) int {
	n, _ := ini.Int(s.Option(name))
	return int(n)
}

// On returns the value of an option that is true or false.
func (s *Site) On(name string) bool {
	on, _ := parseBool(s.Option(name))
	return on
}

func parseBool(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "1", "true":
		return true, nil
	case "0", "false":
		return false, nil
	}
	return false, fmt.Errorf("%s is neither 1 nor 0", quoted(text))
}

// check returns an error unless value has the type of the option.
func (o Option) check(value string) error {
	switch o.Kind {
	case Bool:
		_, err := parseBool(value)
		return err
	case Int:
		if n, err := ini.Int(value); err != nil || n != int64(int32(n)) {
			return fmt.Errorf("%s is not a number", quoted(value))
		}
	}
	return nil
}

// ExpireMinutes returns LogExpireInterval in minutes; 0 is never.
func (s *Site) ExpireMinutes() (int, error) {
	text := s.Option("LogExpireInterval")
	if n, err := ini.Int(text); err == nil {
		return clampMinutes(n, 24*60), nil
	}
	m := interval().FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("LogExpireInterval %s is not a number with one of the units day, hr, min", quoted(text))
	}
	n, err := strconv.ParseInt(m[1], 10, 32)
	if err != nil {
		return 0, fmt.Errorf("LogExpireInterval %s is too large", quoted(text))
	}
	return clampMinutes(n, map[string]int64{"day": 24 * 60, "hr": 60, "min": 1}[m[2]]), nil
}

var interval = lazy.Regexp(`^([0-9]+) ?(day|hr|min)s?$`)

// clampMinutes bounds an interval to a hundred thousand days.
func clampMinutes(n, unit int64) int {
	const most = 100_000 * 24 * 60
	if n > most/unit {
		return most
	}
	return int(max(n, 0) * unit)
}
