package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// iniFile is a parsed file in the language of Python's configparser, in which a
// key may stand without a value (spec zeek-client 7.1).
type iniFile struct {
	name string
	// defaults is the section [DEFAULT]. Every other section inherits its entries.
	defaults *iniSection
	sections []*iniSection // in order of appearance
	byName   map[string]*iniSection
}

type iniSection struct {
	name string
	line int
	// after is the text behind the header's last bracket, without comments.
	after   string
	entries []*iniEntry // in order of appearance
	byKey   map[string]*iniEntry
}

// iniEntry is one key of a section.
type iniEntry struct {
	// key is in lower case, except in [instances]. zeek-client folds the names of
	// instances too; then they differ from the names that nodes use.
	key string
	// value is nil for a key that stands alone. It has its references still in
	// it; iniFile.value replaces them.
	value *string
	line  int
	// from names the source of an entry that does not come from the file.
	from string
	// referred is set once a reference to this entry has been replaced.
	referred bool
}

// defaultSection is the name of the section whose entries all others inherit.
const defaultSection = "DEFAULT"

// A lineError is a mistake on one line of a file, or in the file as a whole.
type lineError struct {
	file string
	line int // 0 is the whole file
	text string
	// zeekClients says that zeek-client has the same message, without file and line.
	zeekClients bool
}

func (e *lineError) Error() string {
	if e.line == 0 {
		return e.file + ": " + e.text
	}
	return fmt.Sprintf("%s:%d: %s", e.file, e.line, e.text)
}

func newINI(name string) *iniFile {
	return &iniFile{name: name, defaults: newSection(defaultSection, 0), byName: make(map[string]*iniSection)}
}

func newSection(name string, line int) *iniSection {
	return &iniSection{name: name, line: line, byKey: make(map[string]*iniEntry)}
}

func (f *iniFile) errorAt(line int, format string, args ...any) error {
	return &lineError{file: f.name, line: line, text: fmt.Sprintf(format, args...)}
}

// errorOfBoth is errorAt for a message that zeek-client has too.
func (f *iniFile) errorOfBoth(line int, format string, args ...any) error {
	return &lineError{file: f.name, line: line, text: fmt.Sprintf(format, args...), zeekClients: true}
}

// entryError returns an error about e. It begins with the place of e: the line of
// the file, or the other source.
func (f *iniFile) entryError(e *iniEntry, format string, args ...any) error {
	if e.from != "" {
		return &lineError{file: e.from, text: fmt.Sprintf(format, args...)}
	}
	return f.errorAt(e.line, format, args...)
}

// parseINI parses text, the content of the file called name. Errors are of type
// *lineError. Unlike configparser, it accepts a byte order mark and refuses text
// that is not UTF-8.
func parseINI(name string, text []byte) (*iniFile, error) {
	p := iniParser{file: newINI(name)}
	body := strings.TrimPrefix(string(text), "\ufeff")
	for line := range strings.Lines(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(body)) {
		p.line++
		if i := strings.IndexFunc(line, notText); i >= 0 {
			return nil, p.file.errorAt(p.line, "not a text file: it holds the byte 0x%02x", line[i])
		}
		if err := p.add(line); err != nil {
			return nil, err
		}
	}
	return p.file, nil
}

// notText reports whether r has no place in a text file: a control character, or
// a byte that is not UTF-8.
func notText(r rune) bool {
	return r == utf8.RuneError || r < ' ' && !strings.ContainsRune("\t\n\v\f", r) || r == 0x7f
}

// iniParser parses a file line by line, as configparser does. The meaning of a
// line depends on its indentation and on the lines before it.
type iniParser struct {
	file    *iniFile
	line    int
	section *iniSection // nil before the first header
	entry   *iniEntry   // a line that is indented further continues this entry; may be nil
	indent  int         // of the last line that continued no entry
	// blank counts the empty lines since the entry's last line. They become part
	// of the value if a later line continues the entry.
	blank int
}

func (p *iniParser) add(line string) error {
	text := strings.TrimSpace(line)
	switch {
	case text == "":
		p.blank++
		return nil
	case text[0] == '#' || text[0] == ';':
		return nil
	}
	indent := utf8.RuneCountInString(line) - utf8.RuneCountInString(strings.TrimLeftFunc(line, isSpace))
	if p.entry != nil && indent > p.indent {
		return p.continueEntry(text)
	}
	p.indent, p.blank = indent, 0
	if name, after, ok := header(text); ok {
		return p.startSection(name, after)
	}
	return p.startEntry(text)
}

func isSpace(r rune) bool { return strings.TrimSpace(string(r)) == "" }

// header returns the name in a section's header, and the text behind the last
// bracket. configparser ignores that text.
func header(text string) (name, after string, ok bool) {
	end := strings.LastIndexByte(text, ']')
	if text[0] != '[' || end < 2 {
		return "", "", false
	}
	after = strings.TrimSpace(text[end+1:])
	if strings.HasPrefix(after, "#") || strings.HasPrefix(after, ";") {
		after = ""
	}
	return text[1:end], after, true
}

// brokenHeader returns the name of the bracket that is missing in a line that
// looks like a section's header. It returns nothing for any other line.
// configparser takes a header without its bracket for a key. Then the entries
// below it belong to the section above it, and the error is on another line.
func brokenHeader(text string) string {
	switch {
	case text[0] == '[' && !strings.Contains(text, "]"):
		return "the closing bracket"
	case strings.HasSuffix(text, "]") && !strings.ContainsAny(text, "[=:"):
		return "the opening bracket"
	}
	return ""
}

func (p *iniParser) startSection(name, after string) error {
	p.entry = nil
	if name == defaultSection {
		p.section = p.file.defaults
		return nil
	}
	if first := p.file.byName[name]; first != nil {
		return p.file.errorAt(p.line, "section [%s] is already defined on line %d", clip(name), first.line)
	}
	p.section = newSection(name, p.line)
	p.section.after = after
	p.file.sections = append(p.file.sections, p.section)
	p.file.byName[name] = p.section
	return nil
}

func (p *iniParser) startEntry(text string) error {
	if lacks := brokenHeader(text); lacks != "" {
		return p.file.errorAt(p.line, "%q lacks %s of a section's header", clip(text), lacks)
	}
	if p.section == nil {
		return p.file.errorAt(p.line, "%q stands before the first section", clip(text))
	}
	e := &iniEntry{key: text, line: p.line}
	if i := strings.IndexAny(text, "=:"); i >= 0 {
		e.key = strings.TrimSpace(text[:i])
		e.value = new(strings.TrimSpace(text[i+1:]))
	}
	if e.key == "" || e.key == "[]" {
		return p.file.errorAt(p.line, "%q lacks a name", clip(text))
	}
	if p.section.name != instancesSection {
		e.key = strings.ToLower(e.key)
	}
	if first := p.section.byKey[e.key]; first != nil {
		return p.file.errorAt(p.line, "%q is already set in section [%s] on line %d", clip(e.key), clip(p.section.name), first.line)
	}
	p.section.entries = append(p.section.entries, e)
	p.section.byKey[e.key] = e
	p.entry = e
	return nil
}

func (p *iniParser) continueEntry(text string) error {
	if name, after, ok := header(text); ok && after == "" && mgmt.CheckName(name) == nil {
		return p.file.errorAt(p.line, "%q would continue %q: remove the blanks before a section's header", clip(text), clip(p.entry.key))
	}
	if p.entry.value == nil {
		return p.file.errorAt(p.line, "%q continues %q, which has no value: remove the blanks before it", clip(text), clip(p.entry.key))
	}
	*p.entry.value += strings.Repeat("\n", p.blank+1) + text
	p.blank = 0
	return nil
}

// clip shortens text for a message.
func clip(text string) string {
	const most = 60
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + "…"
}

// lookup returns the entry of that key in s, or else in the defaults, or else
// nil.
func (f *iniFile) lookup(s *iniSection, key string) *iniEntry {
	if e := s.byKey[key]; e != nil {
		return e
	}
	return f.defaults.byKey[key]
}

// items returns the entries of s in configparser's order: first the keys that the defaults
// have, with the section's own values where it has them, and then its other keys.
func (f *iniFile) items(s *iniSection) []*iniEntry {
	var items []*iniEntry
	for _, e := range f.defaults.entries {
		items = append(items, f.lookup(s, e.key))
	}
	for _, e := range s.entries {
		if f.defaults.byKey[e.key] == nil {
			items = append(items, e)
		}
	}
	return items
}
