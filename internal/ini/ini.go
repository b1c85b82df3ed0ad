package ini

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// A File is a parsed file. Its owner may add sections and entries.
type File struct {
	Name string
	// Defaults is the section [DEFAULT]. Every other section inherits its entries.
	Defaults *Section
	Sections []*Section // in order of appearance
	ByName   map[string]*Section
}

// A Section is a header and what stands below it.
type Section struct {
	Name string
	Line int
	// After is the text behind the header's last bracket, without comments.
	After string
	// Own says that the keys are those of an OwnSection: they keep their case and may have
	// colons.
	Own     bool
	Entries []*Entry // in order of appearance
	ByKey   map[string]*Entry
}

// An Entry is one key of a section.
type Entry struct {
	// Key is in lower case, except in InstancesSection and in an OwnSection.
	Key string
	// Value is nil for a key that stands alone. It has its references still in
	// it; File.Value replaces them.
	Value *string
	Line  int
	// From names the source of an entry that does not come from the file.
	From string
	// Referred is set once a reference to this entry has been replaced.
	Referred bool
	// text is the entry's first line, and more what continues it.
	text, more string
}

// DefaultSection is the name of the section whose entries all others inherit.
const DefaultSection = "DEFAULT"

// InstancesSection is the section of a cluster file whose keys are names of instances,
// and keep their case. zeek-client folds them too; then they differ from the names that
// nodes use.
const InstancesSection = "instances"

// The sections of a cluster file that zeek-client does not have, and whose keys have
// colons: names of options, and networks.
const (
	OptionsSection  = "options"
	NetworksSection = "networks"
)

// OwnSection reports whether name is OptionsSection, with or without more words, or
// NetworksSection. Parse reads such a section as a node if it has a key that every node
// has.
func OwnSection(name string) bool {
	return name == NetworksSection || name == OptionsSection || strings.HasPrefix(name, OptionsSection+" ")
}

// An Error is a mistake on one line of a file, or in the file as a whole.
type Error struct {
	File string
	Line int // 0 is the whole file
	Text string
	// ZeekClients says that zeek-client has the same message, without file and line.
	ZeekClients bool
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Text
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text)
}

func New(name string) *File {
	return &File{Name: name, Defaults: NewSection(DefaultSection, 0), ByName: make(map[string]*Section)}
}

func NewSection(name string, line int) *Section {
	return &Section{Name: name, Line: line, ByKey: make(map[string]*Entry)}
}

// ErrorAt returns an error that names a line of the file.
//
// The compiler does not copy it into its many callers (docs/decisions/0059).
//
//go:noinline
func (f *File) ErrorAt(line int, format string, args ...any) error {
	return &Error{File: f.Name, Line: line, Text: fmt.Sprintf(format, args...)}
}

// ErrorOfBoth is ErrorAt for a message that zeek-client has too.
func (f *File) ErrorOfBoth(line int, format string, args ...any) error {
	return &Error{File: f.Name, Line: line, Text: fmt.Sprintf(format, args...), ZeekClients: true}
}

// EntryError returns an error about e. It begins with the place of e: the line of
// the file, or the other source.
func (f *File) EntryError(e *Entry, format string, args ...any) error {
	if e.From != "" {
		return &Error{File: e.From, Text: fmt.Sprintf(format, args...)}
	}
	return f.ErrorAt(e.Line, format, args...)
}

// Parse parses text, the content of the file called name. Errors are of type
// *Error. Unlike configparser, it accepts a byte order mark and refuses text
// that is not UTF-8.
func Parse(name string, text []byte) (*File, error) {
	p := iniParser{file: New(name)}
	body := strings.TrimPrefix(string(text), "\ufeff")
	for line := range strings.Lines(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(body)) {
		p.line++
		if i := strings.IndexFunc(line, notText); i >= 0 {
			return nil, p.file.ErrorAt(p.line, "not a text file: it holds the byte 0x%02x", line[i])
		}
		if err := p.add(line); err != nil {
			return nil, err
		}
	}
	for _, s := range p.file.Sections {
		if OwnSection(s.Name) && slices.ContainsFunc(s.Entries, (*Entry).isOfNode) {
			if err := p.asNode(s); err != nil {
				return nil, err
			}
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
	file    *File
	line    int
	section *Section // nil before the first header
	entry   *Entry   // a line that is indented further continues this entry; may be nil
	indent  int      // of the last line that continued no entry
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
	if name == DefaultSection {
		p.section = p.file.Defaults
		return nil
	}
	if first := p.file.ByName[name]; first != nil {
		return p.file.ErrorAt(p.line, "section [%s] is already defined on line %d", Clip(name), first.Line)
	}
	p.section = NewSection(name, p.line)
	p.section.After, p.section.Own = after, OwnSection(name)
	p.file.Sections = append(p.file.Sections, p.section)
	p.file.ByName[name] = p.section
	return nil
}

func (p *iniParser) startEntry(text string) error {
	if lacks := brokenHeader(text); lacks != "" {
		return p.file.ErrorAt(p.line, "%q lacks %s of a section's header", Clip(text), lacks)
	}
	if p.section == nil {
		return p.file.ErrorAt(p.line, "%q stands before the first section", Clip(text))
	}
	e := &Entry{Line: p.line, text: text}
	e.split(p.section.Own)
	if e.Key == "" || e.Key == "[]" {
		return p.file.ErrorAt(p.line, "%q lacks a name", Clip(text))
	}
	if !p.section.Own && p.section.Name != InstancesSection {
		e.Key = strings.ToLower(e.Key)
	}
	if err := p.file.addEntry(p.section, e); err != nil {
		return err
	}
	p.entry = e
	return nil
}

// split makes the key and the value from the entry's text.
func (e *Entry) split(own bool) {
	ends := "=:"
	if own {
		ends = "="
	}
	e.Key, e.Value = e.text, nil
	if i := strings.IndexAny(e.text, ends); i >= 0 {
		e.Key = strings.TrimSpace(e.text[:i])
		e.Value = new(strings.TrimSpace(e.text[i+1:]) + e.more)
	}
}

// addEntry refuses a key that the section has.
func (f *File) addEntry(s *Section, e *Entry) error {
	if first := s.ByKey[e.Key]; first != nil {
		return f.ErrorAt(e.Line, "%q is already set in section [%s] on line %d", Clip(e.Key), Clip(s.Name), first.Line)
	}
	s.Entries = append(s.Entries, e)
	s.ByKey[e.Key] = e
	return nil
}

// isOfNode reports whether e says what a node is. No option has such a name.
func (e *Entry) isOfNode() bool {
	one := Entry{text: e.text}
	one.split(false)
	switch strings.ToLower(one.Key) {
	case "role", "type", "command":
		return one.Value == nil || !strings.HasPrefix(*one.Value, ":") || !strings.Contains(e.text, "=")
	}
	return false
}

// asNode reads the entries of an OwnSection again, as those of a node.
func (p *iniParser) asNode(s *Section) error {
	entries := s.Entries
	s.Own, s.Entries, s.ByKey = false, nil, make(map[string]*Entry)
	for _, e := range entries {
		e.split(false)
		e.Key = strings.ToLower(e.Key)
		if e.Key == "" {
			return p.file.ErrorAt(e.Line, "%q lacks a name", Clip(e.text))
		}
		if err := p.file.addEntry(s, e); err != nil {
			return err
		}
	}
	return nil
}

func (p *iniParser) continueEntry(text string) error {
	if name, after, ok := header(text); ok && after == "" && mgmt.CheckName(name) == nil {
		return p.file.ErrorAt(p.line, "%q would continue %q: remove the blanks before a section's header", Clip(text), Clip(p.entry.Key))
	}
	if p.entry.Value == nil {
		return p.file.ErrorAt(p.line, "%q continues %q, which has no value: remove the blanks before it", Clip(text), Clip(p.entry.Key))
	}
	more := strings.Repeat("\n", p.blank+1) + text
	p.entry.more += more
	*p.entry.Value += more
	p.blank = 0
	return nil
}

// Lookup returns the entry of that key in s, or else in the defaults, or else
// nil.
func (f *File) Lookup(s *Section, key string) *Entry {
	if e := s.ByKey[key]; e != nil {
		return e
	}
	return f.Defaults.ByKey[key]
}

// Items returns the entries of s in configparser's order: first the keys that the defaults
// have, with the section's own values where it has them, and then its other keys.
func (f *File) Items(s *Section) []*Entry {
	var items []*Entry
	for _, e := range f.Defaults.Entries {
		items = append(items, f.Lookup(s, e.Key))
	}
	for _, e := range s.Entries {
		if f.Defaults.ByKey[e.Key] == nil {
			items = append(items, e)
		}
	}
	return items
}
