package wsjson

import (
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// Limits bounds what is accepted. The zero value means the defaults.
type Limits struct {
	// Depth bounds how deep objects and arrays nest, the outermost one
	// included; a vector within a vector takes two objects and two arrays. Zero
	// or less means 128, as in Zeek.
	Depth int
	// Elements bounds the number of values in one text, containers and what
	// they hold. A value takes 64 bytes and at least 21 bytes of text, so the
	// length of a text bounds memory, too. Zero or less means 2^20.
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

// Error says why a text is not what it should be.
type Error struct {
	Context string // what Zeek's server tells a client about it, one of the Context constants
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

// ParseValue returns the value that text is. The value does not alias text; its
// strings share one copy of it. The error is an *Error.
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
