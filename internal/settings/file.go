package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// MaxFile bounds a configuration file, in bytes.
const MaxFile = 1 << 20

// ReadFile returns the text of the file at path. A file larger than MaxFile is an
// error.
func ReadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > MaxFile {
		return nil, fmt.Errorf("%s: more than %d bytes", path, MaxFile)
	}
	return text, nil
}

// file is the content of a configuration file, by key.
type file struct {
	path   string
	values map[string]fileValue
}

type fileValue struct {
	text string
	line int
}

// keys are the keys that a file may have. Each has the function that makes one text of
// a list, or nil if its value must not be a list.
type keys map[string]func(items []string) (string, error)

// knownKeys returns every key that a file may have. One file serves a host that
// has both daemons, so the keys of both are known.
func knownKeys() keys {
	known := make(keys)
	for _, s := range controllerTable(Sources{}, new(parts)) {
		known[s.key] = s.field(new(Controller)).list
	}
	for _, s := range agentTable(Sources{}, new(parts)) {
		known[s.key] = s.field(new(Agent)).list
	}
	return known
}

// parseFile reads a YAML mapping. Its keys, joined by dots, must all be known. An
// error names the file, and the line if there is one.
func parseFile(path string, text []byte, known keys) (file, error) {
	f := file{path: path, values: make(map[string]fileValue)}
	root, err := f.document(text)
	if root == nil || err != nil {
		return f, err
	}
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return f, nil
	}
	if root.Kind != yaml.MappingNode {
		return file{}, f.errorAt(root.Line, "not a mapping of settings")
	}
	if err := f.add("", root, known); err != nil {
		return file{}, err
	}
	return f, nil
}

// document returns the root of the only document in text. It is nil if the text
// is empty or has comments alone.
func (f file) document(text []byte) (*yaml.Node, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(text))
	if err != nil {
		return nil, f.syntaxError(text, err)
	}
	var doc, more yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, f.syntaxError(text, err)
	case doc.Kind != yaml.DocumentNode || len(doc.Content) != 1:
		return nil, f.errorAt(doc.Line, "not a YAML document")
	}
	switch err := loader.Load(&more); {
	case errors.Is(err, io.EOF):
		return doc.Content[0], nil
	case err != nil:
		return nil, f.syntaxError(text, err)
	}
	return nil, f.errorAt(more.Line, "more than one YAML document")
}

// add takes the settings of m. The prefix stands before the keys of m. Sections
// are no deeper than the known keys: so the depth of a file is bounded.
func (f file) add(prefix string, m *yaml.Node, known keys) error {
	for i := 0; i+1 < len(m.Content); i += 2 {
		name, v := m.Content[i], m.Content[i+1]
		key := prefix + name.Value
		if name.Kind != yaml.ScalarNode {
			return f.errorAt(name.Line, "a setting's name must be plain text")
		}
		list, isKnown := known[key]
		section := isSection(key, known)
		switch {
		case !isKnown && !section:
			return f.errorAt(name.Line, "unknown setting %q%s", key, meantKey(prefix, name.Value, known))
		case section && v.Kind == yaml.ScalarNode && v.Tag == "!!null":
			continue // the section is empty, or all of it is a comment
		case section && v.Kind != yaml.MappingNode:
			return f.errorAt(v.Line, "%s must be a section with settings", key)
		case section:
			if err := f.add(key+".", v, known); err != nil {
				return err
			}
			continue
		}
		text, err := "", error(nil)
		if key == receiversKey {
			text, err = f.receivers(v)
		} else {
			text, err = f.text(key, name.Line, v, list)
		}
		if err != nil {
			return err
		}
		if first, dup := f.values[key]; dup {
			return f.errorAt(name.Line, "%s is already set on line %d", key, first.line)
		}
		f.values[key] = fileValue{text, v.Line}
	}
	return nil
}

// text returns the value v of a setting as one text. The line is that of the setting.
func (f file) text(key string, line int, v *yaml.Node, list func([]string) (string, error)) (string, error) {
	if v.Kind == yaml.ScalarNode && v.Tag != "!!null" {
		return v.Value, nil
	}
	if v.Kind != yaml.SequenceNode || list == nil {
		return "", f.errorAt(line, "%s must have one value", key)
	}
	var items []string
	for _, item := range v.Content {
		if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
			return "", f.errorAt(item.Line, "%s must be a list of texts", key)
		}
		items = append(items, item.Value)
	}
	text, err := list(items)
	if err != nil {
		return "", f.errorAt(v.Line, "%s: %v", key, err)
	}
	return text, nil
}

// meantKey returns the end of a message about an unknown name below prefix. It
// suggests the nearest name below prefix or, if none is near, the settings with that
// name below other prefixes.
func meantKey(prefix, name string, known keys) string {
	var here, elsewhere []string
	for _, key := range slices.Sorted(maps.Keys(known)) {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			part, _, _ := strings.Cut(rest, ".")
			here = append(here, part)
		}
		if strings.HasSuffix(key, "."+name) {
			elsewhere = append(elsewhere, fmt.Sprintf("%q", key))
		}
	}
	if near := mgmt.Nearest(name, here); near != "" {
		return fmt.Sprintf("; did you mean %q?", prefix+near)
	}
	if len(elsewhere) > 0 {
		return "; did you mean " + strings.Join(elsewhere, " or ") + "?"
	}
	return ""
}

func isSection(key string, known keys) bool {
	for k := range known {
		if strings.HasPrefix(k, key+".") {
			return true
		}
	}
	return false
}

func (f file) errorAt(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", f.path, max(line, 1), fmt.Sprintf(format, args...))
}

// syntaxError turns an error of the YAML parser into one line in our form.
func (f file) syntaxError(text []byte, err error) error {
	if line, ok := tabIndented(text); ok {
		return f.errorAt(line, "indented with a tab: YAML allows only blanks")
	}
	line, reason := 1, strings.ReplaceAll(err.Error(), "\n", " ")
	if le, ok := errors.AsType[*yaml.LoadError](err); ok {
		line, reason = le.Mark.Line, le.Message
	}
	return f.errorAt(line, "not YAML: %s", reason)
}

// tabIndented returns the first line that is indented with a tab. The parser's
// own message about such a line does not mention the tab.
func tabIndented(text []byte) (line int, found bool) {
	for l := range bytes.Lines(text) {
		line++
		rest := bytes.TrimLeft(l, " \t")
		if bytes.ContainsRune(l[:len(l)-len(rest)], '\t') && len(bytes.TrimSpace(rest)) > 0 && rest[0] != '#' {
			return line, true
		}
	}
	return 0, false
}
