package show

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// renderJSON returns value as JSON. A newline ends it.
func renderJSON(value any, pretty bool) (string, error) {
	if own, ok := value.(Own); ok {
		return own.JSON(pretty), nil
	}
	text, err := encode(value, pretty)
	if err != nil {
		return "", err
	}
	return escaped(string(text)), nil
}

func encode(value any, pretty bool) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if pretty {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(value); err != nil {
		return nil, fmt.Errorf("encode result: %v", err)
	}
	return b.Bytes(), nil
}

// escaped escapes each character that is not printable, except newlines. Only the strings
// of a JSON text can have such characters, because everything else is ASCII.
func escaped(text string) string {
	if plainASCII(text) || !strings.ContainsFunc(text, hidden) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case !hidden(r):
			b.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// plainASCII reports whether a text is ASCII without hidden characters. Most are, and events
// come by the thousand.
func plainASCII(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < ' ' || c > '~') && c != '\n' {
			return false
		}
	}
	return true
}

func hidden(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }

// renderYAML returns value as YAML: the same data, under the same names and in the same
// order as in JSON.
func renderYAML(value any) (string, error) {
	var root *yaml.Node
	if own, ok := value.(Own); ok {
		root = plainNode(own.Plain())
	} else {
		text, err := encode(value, false)
		if err != nil {
			return "", err
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if root, err = jsonNode(d); err != nil {
			return "", fmt.Errorf("encode result: %v", err)
		}
	}
	return yamlText(root)
}

// YAML returns a value, made of what encoding/json decodes into an any, as YAML. The keys of
// maps are sorted.
func YAML(plain any) string {
	text, err := yamlText(plainNode(plain))
	if err != nil {
		panic("show: " + err.Error()) // these nodes have a form
	}
	return text
}

func yamlText(root *yaml.Node) (string, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return "", fmt.Errorf("encode result: %v", err)
	}
	if err := enc.Close(); err != nil {
		return "", fmt.Errorf("encode result: %v", err)
	}
	return yamlEscaped(b.String()), nil
}

// yamlEscaped escapes what the library prints as it is although it is not printable. All
// strings with such characters are in double quotes (stringNode).
func yamlEscaped(text string) string {
	if !strings.ContainsFunc(text, hidden) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if hidden(r) {
			fmt.Fprintf(&b, `\U%08x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// jsonNode reads one JSON value.
func jsonNode(d *json.Decoder) (*yaml.Node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return plainNode(token), nil
	}
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	if delim == '{' {
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
	}
	for d.More() {
		member, err := jsonNode(d) // of an object, this is a key or a value
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, member)
	}
	if _, err := d.Token(); err != nil && err != io.EOF {
		return nil, err
	}
	return inline(n), nil
}

// plainNode returns the node of a value that is made of what encoding/json decodes. The
// keys of maps are sorted.
func plainNode(v any) *yaml.Node {
	switch v := v.(type) {
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v)}
	case json.Number:
		return numberNode(v.String())
	case int:
		return numberNode(strconv.Itoa(v))
	case int64:
		return numberNode(strconv.FormatInt(v, 10))
	case string:
		return stringNode(v)
	case []string:
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, one := range v {
			n.Content = append(n.Content, stringNode(one))
		}
		return inline(n)
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, one := range v {
			n.Content = append(n.Content, plainNode(one))
		}
		return inline(n)
	case map[string]any:
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			n.Content = append(n.Content, stringNode(key), plainNode(v[key]))
		}
		return inline(n)
	}
	panic(fmt.Sprintf("show: cannot render a %T", v))
}

// inline makes an empty list or map one that is written on one line.
func inline(n *yaml.Node) *yaml.Node {
	if len(n.Content) == 0 {
		n.Style = yaml.FlowStyle
	}
	return n
}

func numberNode(text string) *yaml.Node {
	if strings.ContainsAny(text, ".eE") {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: text}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: text}
}

func stringNode(text string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	if strings.ContainsFunc(text, hidden) {
		n.Style = yaml.DoubleQuotedStyle
	} else if strings.Contains(text, "\n") {
		n.Style = yaml.LiteralStyle
	}
	return n
}
