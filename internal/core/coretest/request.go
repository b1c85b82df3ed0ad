package coretest

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Message takes all words as a message: a request "NAME ID [FIELD]...
// [CONFIGURATION]", or a message that is no request, which only a faulty program
// sends here: "NAME_response ID", "agents_ready".
//
// A FIELD is the name of a field that is true, or NAME=VALUE. Commas separate
// several values. If several requests have the name, Message takes the first that
// has these fields. It takes only requests whose event begins with one of apis.
func (a *Args) Message(apis ...string) mgmt.Message {
	name := a.Next()
	if name == "agents_ready" {
		return mgmt.NotifyAgentsReady{}
	}
	id := mgmt.ReqID(a.Next())
	name, isResponse := strings.CutSuffix(name, "_response")
	var mistake error
	for _, empty := range mgmt.Requests() {
		kind := mgmt.KindOf(empty)
		if kind.Name() != name || !slices.ContainsFunc(apis, func(api string) bool { return strings.HasPrefix(kind.Event, api) }) {
			continue
		}
		if isResponse {
			return empty.Answer(id)
		}
		rest := &Args{words: a.words, clusters: a.clusters}
		request := rest.request(reflect.TypeOf(empty), id)
		if err := rest.Done(); err == nil {
			a.words = nil
			return request
		} else {
			mistake = cmp.Or(mistake, err)
		}
	}
	a.fail(cmp.Or(mistake, fmt.Errorf("unknown request %q", name)))
	return nil
}

func (a *Args) request(t reflect.Type, id mgmt.ReqID) mgmt.Message {
	v := reflect.New(t).Elem()
	var config reflect.Value
	for field := range fields(t) {
		f := v.FieldByIndex(field.Index)
		switch name := snake(field.Name); f.Interface().(type) {
		case mgmt.ReqID:
			f.Set(reflect.ValueOf(id))
		case mgmt.Configuration:
			config = f // after the fields
		case bool:
			f.SetBool(a.Flag(name))
		default:
			if text, found := a.Value(name); found {
				a.fail(setField(f, text))
			}
		}
	}
	if config.IsValid() {
		config.Set(reflect.ValueOf(a.Configuration()))
	}
	return v.Interface().(mgmt.Message)
}

// fields yields the fields of a struct type.
func fields(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for field := range t.Fields() {
			if !yield(field) {
				return
			}
		}
	}
}

// setField sets a field to the value that text describes.
func setField(f reflect.Value, text string) error {
	if _, ok := f.Interface().(time.Duration); ok {
		d, err := time.ParseDuration(text)
		f.SetInt(int64(d))
		return err
	}
	switch f.Kind() {
	case reflect.Pointer:
		f.Set(reflect.New(f.Type().Elem()))
		return setField(f.Elem(), text)
	case reflect.String:
		f.SetString(text)
	case reflect.Bool:
		f.SetBool(text == "true")
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		f.SetInt(n)
		return err
	case reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, 64)
		f.SetUint(n)
		return err
	case reflect.Float64:
		n, err := strconv.ParseFloat(text, 64)
		f.SetFloat(n)
		return err
	case reflect.Slice:
		for part := range strings.SplitSeq(text, ",") {
			element := reflect.New(f.Type().Elem()).Elem()
			if err := setField(element, part); err != nil {
				return err
			}
			f.Set(reflect.Append(f, element))
		}
	default:
		return fmt.Errorf("a %s cannot be written", f.Type())
	}
	return nil
}

// request writes what Args.Message reads.
func request(msg mgmt.Request, name func(mgmt.ReqID) string) string {
	v := reflect.ValueOf(msg)
	words := []string{mgmt.KindOf(msg).Name(), quoteID(name(msg.RequestID()))}
	last := ""
	for field := range fields(v.Type()) {
		switch f := v.FieldByIndex(field.Index).Interface().(type) {
		case mgmt.ReqID:
		case mgmt.Configuration:
			last = Configuration(f)
		default:
			words = append(words, fieldWord(field.Name, v.FieldByIndex(field.Index))...)
		}
	}
	if last != "" {
		words = append(words, last)
	}
	return strings.Join(words, " ")
}

// fieldWords writes the fields of a struct, or any other value as one word.
func fieldWords(v reflect.Value) (words []string) {
	if v.Kind() != reflect.Struct {
		return []string{quote(fmt.Sprint(v.Interface()))}
	}
	for field := range fields(v.Type()) {
		words = append(words, fieldWord(field.Name, v.FieldByIndex(field.Index))...)
	}
	return words
}

// fieldWord writes a field as one word. It writes nothing for a zero field.
func fieldWord(name string, f reflect.Value) []string {
	switch {
	case f.IsZero():
		return nil
	case f.Kind() == reflect.Bool:
		return []string{snake(name)}
	case f.Kind() == reflect.Pointer:
		return []string{snake(name) + "=" + quote(fmt.Sprint(f.Elem().Interface()))}
	case f.Kind() == reflect.Slice:
		var parts []string
		for i := range f.Len() {
			parts = append(parts, fmt.Sprint(f.Index(i).Interface()))
		}
		return []string{snake(name) + "=" + quote(strings.Join(parts, ","))}
	}
	return []string{snake(name) + "=" + quote(fmt.Sprint(f.Interface()))}
}

// snake returns the name of a field as it is written: "WithState" is
// "with_state".
func snake(name string) string {
	var b strings.Builder
	var before rune
	for _, r := range name {
		if unicode.IsUpper(r) && unicode.IsLower(before) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
		before = r
	}
	return b.String()
}

func quoteID(name string) string {
	if strings.HasPrefix(name, "#") {
		return name
	}
	return quote(name)
}
