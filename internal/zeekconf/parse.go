package zeekconf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/ini"
	"github.com/zeekfleet/zeekfleet/internal/lazy"
)

// MaxFile bounds a file, in bytes.
const MaxFile = 1 << 20

// A Line is a line of a value, with its number in the file.
type Line struct {
	Text string
	Line int
}

// An Option is a key of a file with its value. A value goes on in indented lines.
type Option struct {
	Key    string // in lower case
	Values []Line // the first may be empty
}

// Line returns the line of the option.
func (o Option) Line() int { return o.Values[0].Line }

// joined returns all lines of the value as one text.
func (o Option) joined() string {
	var texts []string
	for _, v := range o.Values {
		if v.Text != "" {
			texts = append(texts, v.Text)
		}
	}
	return strings.Join(texts, " ")
}

// A Section is the options of [zeek], of an [interface NAME], or of a file without sections.
type Section struct {
	Name    string // empty: without a header
	Line    int
	Options []Option
}

// Option returns the option with a key.
func (s *Section) Option(key string) (Option, bool) {
	for _, o := range s.Options {
		if o.Key == key {
			return o, true
		}
	}
	return Option{}, false
}

// Text returns the value of a key, or nothing.
func (s *Section) Text(key string) string {
	o, _ := s.Option(key)
	return o.joined()
}

// LineOf returns the line of a key, or of the section.
func (s *Section) LineOf(key string) int {
	if o, ok := s.Option(key); ok {
		return o.Line()
	}
	return s.Line
}

var (
	sectionLine = lazy.Regexp(`^\[(.+)\]$`)
	optionLine  = lazy.Regexp(`^([_0-9a-z][^=]*)=(.*)$`)
)

type parser struct {
	name     string
	sections []*Section
	section  *Section
	line     int
	goesOn   bool // an indented line continues the last option
}

func (p *parser) errorAt(line int, format string, args ...any) error {
	return &ini.Error{File: p.name, Line: line, Text: fmt.Sprintf(format, args...)}
}

// parseSections reads a file in the form of Zeek 9.0: lines that begin with # are comments,
// indented lines continue a value, and a key or a section may be there once.
func parseSections(name string, text []byte) ([]*Section, error) {
	p := parser{name: name, section: &Section{Line: 1}}
	for line := range strings.Lines(unix(text)) {
		p.line++
		if err := p.add(strings.TrimRight(line, " \t\r\n\v\f")); err != nil {
			return nil, err
		}
	}
	p.endSection()
	return p.sections, nil
}

func unix(text []byte) string {
	return strings.ReplaceAll(strings.TrimPrefix(string(text), "\ufeff"), "\r\n", "\n")
}

func (p *parser) endSection() {
	if p.section.Name != "" || len(p.section.Options) > 0 {
		p.sections = append(p.sections, p.section)
	}
}

func (p *parser) add(line string) error {
	switch header, option := sectionLine().FindStringSubmatch(line), optionLine().FindStringSubmatch(line); {
	case line == "" || line[0] == '#':
		return nil
	case header != nil:
		p.endSection()
		if i := slices.IndexFunc(p.sections, func(s *Section) bool { return s.Name == header[1] }); i >= 0 {
			return p.errorAt(p.line, "section [%s] is already defined on line %d", ini.Clip(header[1]), p.sections[i].Line)
		}
		p.section, p.goesOn = &Section{Name: header[1], Line: p.line}, false
		return nil
	case option != nil:
		key := strings.TrimSpace(option[1])
		if first, twice := p.section.Option(strings.ToLower(key)); twice {
			return p.errorAt(p.line, "%s is already set on line %d", ini.Quote(key), first.Line())
		}
		p.section.Options = append(p.section.Options, Option{strings.ToLower(key), []Line{{strings.TrimSpace(option[2]), p.line}}})
		p.goesOn = true
		return nil
	case line[0] != ' ' && line[0] != '\t':
		return p.errorAt(p.line, "%s is neither a section, nor KEY = VALUE with a key in lower case", ini.Quote(line))
	case !p.goesOn:
		return p.errorAt(p.line, "%s continues no option: remove the blanks before it", ini.Quote(strings.TrimSpace(line)))
	}
	o := &p.section.Options[len(p.section.Options)-1]
	o.Values = append(o.Values, Line{strings.TrimSpace(line), p.line})
	return nil
}

// parseFlat reads a file in the form of Zeek 8.1 and 8.2: lines KEY = VALUE, of which the last
// one of a key counts.
func parseFlat(name string, text []byte) ([]*Section, error) {
	p := parser{name: name, section: &Section{Line: 1}}
	for line := range strings.Lines(unix(text)) {
		p.line++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, p.errorAt(p.line, "%s lacks an equals sign", ini.Quote(line))
		}
		o := Option{strings.ToLower(strings.TrimSpace(key)), []Line{{strings.TrimSpace(value), p.line}}}
		p.section.Options = slices.DeleteFunc(p.section.Options, func(other Option) bool { return other.Key == o.Key })
		p.section.Options = append(p.section.Options, o)
	}
	return []*Section{p.section}, nil
}
