package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A document is a JSON object that a command prints.
type document map[string]any

// JSON implements show.Own.
func (d document) JSON(pretty bool) string { return renderJSON(d, pretty) }

// Plain implements show.Own.
func (d document) Plain() any { return plain(d) }

// documents is a list that a command prints.
type documents []any

// JSON implements show.Own.
func (d documents) JSON(pretty bool) string { return renderJSON([]any(d), pretty) }

// Plain implements show.Own.
func (d documents) Plain() any { return plain([]any(d)) }

// plain returns v without documents.
func plain(v any) any {
	switch v := v.(type) {
	case document:
		return plain(map[string]any(v))
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, member := range v {
			m[key] = plain(member)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, member := range v {
			list[i] = plain(member)
		}
		return list
	}
	return v
}

// renderJSON renders v as Python's json.dumps with sorted keys does, because
// zeek-client prints so (spec zeek-client section 8). The text has an indentation
// of two spaces if pretty, else it is one line. Everything but printable ASCII is
// escaped. A newline ends the text.
//
// v is made of nil, bool, string, int, int64, json.Number, []any, []string,
// document and map[string]any.
func renderJSON(v any, pretty bool) string {
	w := jsonWriter{pretty: pretty}
	w.value(v, 0)
	w.b.WriteByte('\n')
	return w.b.String()
}

type jsonWriter struct {
	b      strings.Builder
	pretty bool
}

func (w *jsonWriter) value(v any, depth int) {
	switch v := v.(type) {
	case nil:
		w.b.WriteString("null")
	case bool:
		w.b.WriteString(strconv.FormatBool(v))
	case string:
		w.string(v)
	case int:
		w.b.WriteString(strconv.Itoa(v))
	case int64:
		w.b.WriteString(strconv.FormatInt(v, 10))
	case json.Number:
		w.b.WriteString(pythonNumber(v))
	case []string:
		w.list(len(v), depth, func(i int) any { return v[i] })
	case []any:
		w.list(len(v), depth, func(i int) any { return v[i] })
	case document:
		w.object(v, depth)
	case map[string]any:
		w.object(v, depth)
	default:
		panic(fmt.Sprintf("cli: cannot render a %T", v))
	}
}

func (w *jsonWriter) list(n, depth int, at func(int) any) {
	if n == 0 {
		w.b.WriteString("[]")
		return
	}
	w.b.WriteByte('[')
	for i := range n {
		w.separate(i, depth+1)
		w.value(at(i), depth+1)
	}
	w.end(depth, ']')
}

func (w *jsonWriter) object(m map[string]any, depth int) {
	if len(m) == 0 {
		w.b.WriteString("{}")
		return
	}
	w.b.WriteByte('{')
	for i, key := range slices.Sorted(maps.Keys(m)) {
		w.separate(i, depth+1)
		w.string(key)
		w.b.WriteString(": ")
		w.value(m[key], depth+1)
	}
	w.end(depth, '}')
}

// separate writes the text before the i-th member of a list or object.
func (w *jsonWriter) separate(i, depth int) {
	switch {
	case w.pretty && i > 0:
		w.b.WriteByte(',')
		fallthrough
	case w.pretty:
		w.b.WriteByte('\n')
		w.b.WriteString(strings.Repeat("  ", depth))
	case i > 0:
		w.b.WriteString(", ")
	}
}

func (w *jsonWriter) end(depth int, bracket byte) {
	if w.pretty {
		w.b.WriteByte('\n')
		w.b.WriteString(strings.Repeat("  ", depth))
	}
	w.b.WriteByte(bracket)
}

// string writes s. Bytes that are not UTF-8 show as U+FFFD.
func (w *jsonWriter) string(s string) {
	w.b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			w.b.WriteByte('\\')
			w.b.WriteRune(r)
		case r >= ' ' && r <= '~':
			w.b.WriteRune(r)
		case r == '\n':
			w.b.WriteString(`\n`)
		case r == '\r':
			w.b.WriteString(`\r`)
		case r == '\t':
			w.b.WriteString(`\t`)
		case r == '\b':
			w.b.WriteString(`\b`)
		case r == '\f':
			w.b.WriteString(`\f`)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&w.b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&w.b, `\u%04x`, r)
		}
	}
	w.b.WriteByte('"')
}

// pythonNumber returns n as Python prints it after parsing it: an integer as it
// is, any other number as a floating point number.
func pythonNumber(n json.Number) string {
	text := n.String()
	if !strings.ContainsAny(text, ".eE") {
		if text == "-0" {
			return "0"
		}
		return text
	}
	f, _ := strconv.ParseFloat(text, 64) // a number out of range becomes infinity, as in Python
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	// Python's repr has the fewest digits that give the same number. It has an
	// exponent if the exponent is below -4 or above 15, else a decimal point.
	short := strconv.FormatFloat(f, 'e', -1, 64)
	exp, _ := strconv.Atoi(short[strings.IndexByte(short, 'e')+1:])
	if f != 0 && (exp < -4 || exp >= 16) {
		return short
	}
	text = strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// maxJSONDepth bounds the nesting of a value that a node returns.
const maxJSONDepth = 500

// parseJSON parses one JSON value into the types that renderJSON accepts.
func parseJSON(text string) (any, error) {
	if !utf8.ValidString(text) {
		return nil, errors.New("not UTF-8")
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, errors.New("unexpected end of JSON input")
		}
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("extra data after the value: char %d", d.InputOffset())
	}
	if deeper(v, maxJSONDepth) {
		return nil, fmt.Errorf("nested more than %d deep", maxJSONDepth)
	}
	return v, nil
}

// deeper reports whether lists and objects in v nest more than limit deep.
func deeper(v any, limit int) bool {
	is := func(v any) bool { return deeper(v, limit-1) }
	switch v := v.(type) {
	case []any:
		return limit == 0 || slices.ContainsFunc(v, is)
	case map[string]any:
		return limit == 0 || slices.ContainsFunc(slices.Collect(maps.Values(v)), is)
	}
	return false
}
