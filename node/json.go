package node

import (
	"bytes"
	"encoding"
	"encoding/hex"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Port is a Zeek port.
type Port struct {
	Number uint16
	// Proto is "tcp", "udp", "icmp", or empty for Zeek's "unknown".
	Proto string
}

// maxDepth is the greatest depth of nested values. A deeper value becomes null, and
// so appendJSON ends for a value that contains itself.
const maxDepth = 100

// appendJSON appends v as Zeek's to_json renders a value of its type (spec
// management-api 4.5).
func appendJSON(b []byte, v any) []byte { return appendValue(b, reflect.ValueOf(v), 0) }

func appendValue(b []byte, v reflect.Value, depth int) []byte {
	if depth > maxDepth || !v.IsValid() {
		return append(b, "null"...)
	}
	if text, ok := appendWhole(b, v); ok {
		return text
	}
	switch v.Kind() {
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return strconv.AppendUint(b, v.Uint(), 10)
	case reflect.Float32, reflect.Float64:
		return appendFloat(b, v.Float())
	case reflect.String:
		return appendString(b, v.String())
	case reflect.Slice, reflect.Array:
		return appendList(b, v, depth)
	case reflect.Map:
		return appendMap(b, v, depth)
	case reflect.Struct:
		return appendStruct(b, v, depth)
	case reflect.Pointer, reflect.Interface:
		return appendValue(b, v.Elem(), depth+1)
	default:
		return append(b, "null"...)
	}
}

// appendWhole appends a value whose type has a rendering of its own, such as
// time.Time. It returns false for other values: their kind decides.
func appendWhole(b []byte, v reflect.Value) ([]byte, bool) {
	if !v.CanInterface() || v.Kind() == reflect.Pointer && v.IsNil() || v.Kind() == reflect.Interface {
		return b, false
	}
	switch val := v.Interface().(type) {
	case time.Duration:
		return appendString(b, interval(val)), true
	case time.Time:
		return appendFloat(b, float64(val.Unix())+float64(val.Nanosecond())/1e9), true
	case Port:
		return appendPort(b, val), true
	case []byte:
		return appendString(b, string(val)), true
	case encoding.TextMarshaler:
		text, err := val.MarshalText()
		if err != nil {
			return append(b, "null"...), true
		}
		return appendString(b, string(text)), true
	}
	return b, false
}

func appendPort(b []byte, p Port) []byte {
	if p.Proto == "" {
		p.Proto = "unknown"
	}
	b = append(b, `{"port":`...)
	b = strconv.AppendUint(b, uint64(p.Number), 10)
	b = append(b, `,"proto":`...)
	return append(appendString(b, p.Proto), '}')
}

func appendList(b []byte, v reflect.Value, depth int) []byte {
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValue(b, v.Index(i), depth+1)
	}
	return append(b, ']')
}

// appendMap appends a set or a table, sorted by the text of its entries.
func appendMap(b []byte, v reflect.Value, depth int) []byte {
	set := v.Type().Elem() == reflect.TypeFor[struct{}]()
	entries := make([][]byte, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		key := appendIndex(nil, it.Key(), depth+1)
		if !set {
			key = appendKey(key)
			key = appendValue(append(key, ':'), it.Value(), depth+1)
		}
		entries = append(entries, key)
	}
	slices.SortFunc(entries, bytes.Compare)
	brackets := "{}"
	if set {
		brackets = "[]"
	}
	b = append(b, brackets[0])
	b = append(b, bytes.Join(entries, []byte{','})...)
	return append(b, brackets[1])
}

// appendIndex appends the index of a set or table. A struct is an index of several
// parts and becomes an array.
func appendIndex(b []byte, v reflect.Value, depth int) []byte {
	if text, ok := appendWhole(b, v); ok || v.Kind() != reflect.Struct {
		if ok {
			return text
		}
		return appendValue(b, v, depth)
	}
	b = append(b, '[')
	for i, field := range fieldsOf(v) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValue(b, field.value, depth+1)
	}
	return append(b, ']')
}

// appendKey returns an index as the key of an object. A string stays as it is. The
// text of any other index becomes a string.
func appendKey(index []byte) []byte {
	if index[0] == '"' {
		return index
	}
	return appendString(nil, string(index))
}

func appendStruct(b []byte, v reflect.Value, depth int) []byte {
	b = append(b, '{')
	first := true
	for _, field := range fieldsOf(v) {
		if isNil(field.value) {
			continue // unset
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendString(b, strings.TrimPrefix(field.name, "_"))
		b = appendValue(append(b, ':'), field.value, depth+1)
	}
	return append(b, '}')
}

func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice:
		return v.IsNil()
	}
	return false
}

type field struct {
	name  string
	value reflect.Value
}

func fieldsOf(v reflect.Value) []field {
	var list []field
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		list = append(list, field{name, v.Field(i)})
	}
	return list
}

// appendFloat appends f as rapidjson does: the shortest digits that give f, with a
// decimal point. Below 1e-6 and from 1e21 on it has an exponent.
func appendFloat(b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, "null"...)
	}
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		text := strconv.FormatFloat(f, 'e', -1, 64)
		mantissa, exponent, _ := strings.Cut(text, "e")
		sign := strings.TrimPrefix(exponent[:1], "+")
		return append(b, mantissa+"e"+sign+strings.TrimLeft(exponent[1:], "0")...)
	}
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return append(b, text...)
}

// appendString appends s as a JSON string. As in Zeek, some characters become the
// text \xNN: bytes that are not UTF-8, and control characters for which JSON has no
// short escape such as \n.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch letter := strings.IndexByte("\"\\\b\f\n\r\t", s[0]); {
		case letter >= 0:
			b = append(b, '\\', `"\bfnrt`[letter])
		case r == utf8.RuneError && size == 1, r < ' ', r == 0x7f:
			b = append(b, `\\x`...)
			b = hex.AppendEncode(b, []byte{s[0]})
		default:
			b = append(b, s[:size]...)
		}
		s = s[size:]
	}
	return append(b, '"')
}

// interval returns d in Zeek's notation.
func interval(d time.Duration) string {
	if d == 0 {
		return "0 secs"
	}
	var parts []string
	add := func(amount float64, unit string) {
		text := strconv.FormatFloat(amount, 'f', -1, 64)
		if !strings.Contains(text, ".") {
			text += ".0"
		}
		if math.Abs(amount) != 1 {
			unit += "s"
		}
		parts = append(parts, text+" "+unit)
	}
	for _, u := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hr"}, {time.Minute, "min"}, {time.Second, "sec"}, {time.Millisecond, "msec"}} {
		if n := d / u.size; n != 0 {
			add(float64(n), u.name)
			d -= n * u.size
		}
	}
	if d != 0 {
		add(float64(d)/1000, "usec")
	}
	return strings.Join(parts, " ")
}
