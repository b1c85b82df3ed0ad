package wsjson

import (
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// Limits bounds what is accepted. The zero value means the defaults.
type Limits struct {
	// Depth bounds the nesting of objects and arrays. The outermost one counts. A
	// vector within a vector is two objects and two arrays. Zero or less means 128, as
	// in Zeek.
	Depth int
	// Elements bounds the number of values in one text. Every container counts, and so
	// does every value in it. A value takes 64 bytes of memory and at least 21 bytes of
	// text, so the length of the text bounds memory, too. Zero or less means 2^20.
	Elements int
}

func (l Limits) withDefaults() Limits {
	if l.Depth <= 0 {
		l.Depth = 128
	}
	if l.Elements <= 0 {
		l.Elements = 1 << 20
	}
	return l
}

// Error says what is wrong with a text.
type Error struct {
	Context string // one of the Context constants, which Zeek's server sends to a client
	Offset  int    // where in the text, in bytes
	Reason  string
}

// Error returns a sentence with context, offset and reason.
func (e *Error) Error() string {
	return fmt.Sprintf("%s: byte %d: %s", e.Context, e.Offset, e.Reason)
}

// in gives e its context.
func (e *Error) in(context string) *Error {
	e.Context = context
	return e
}

// ParseValue parses a value. The value does not alias text. Its strings share one copy
// of text. The error is an *Error.
func ParseValue(text []byte, lim Limits) (zval.Value, error) {
	p := newParser(text, lim)
	var v zval.Value
	err := p.value(&v)
	if err == nil {
		err = p.end()
	}
	if err != nil {
		return zval.None(), err.in(ContextBody)
	}
	return v, nil
}

func newParser(text []byte, lim Limits) parser {
	lim = lim.withDefaults()
	p := parser{text: string(text), depth: lim.Depth}
	p.elems = room(p.text, lim.Elements)
	return p
}
