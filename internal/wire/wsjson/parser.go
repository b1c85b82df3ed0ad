package wsjson

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// parser parses JSON text from front to back. Each method leaves off at the first byte
// after the part that it has parsed.
type parser struct {
	text  string
	off   int
	depth int // how much deeper objects and arrays may nest
	elems elems
}

func (p *parser) fail(reason string) *Error { return &Error{Offset: p.off, Reason: reason} }

// next skips white space and returns the byte after it, 0 at the end.
func (p *parser) next() byte {
	for p.off < len(p.text) {
		switch c := p.text[p.off]; c {
		case ' ', '\t', '\n', '\r':
			p.off++
		default:
			return c
		}
	}
	return 0
}

// end checks that only white space is left.
func (p *parser) end() *Error {
	if p.next(); p.off < len(p.text) {
		return p.fail("text after the end")
	}
	return nil
}

// object parses an object. After each name it calls member, which parses the value.
func (p *parser) object(member func(name string) *Error) *Error {
	return p.parts('{', '}', func() *Error {
		name, err := p.name()
		if err != nil {
			return err
		}
		return member(name)
	})
}

// array parses an array. It calls elem for each element, which parses it.
func (p *parser) array(elem func() *Error) *Error { return p.parts('[', ']', elem) }

// parts parses parts that are separated by commas, between two brackets.
func (p *parser) parts(opening, closing byte, part func() *Error) *Error {
	if p.next() != opening {
		return p.fail("no " + string(opening) + " where one must be")
	}
	if p.depth == 0 {
		return p.fail("nested deeper than allowed")
	}
	p.depth--
	p.off++
	if p.next() == closing {
		p.depth++
		p.off++
		return nil
	}
	for {
		if err := part(); err != nil {
			return err
		}
		c := p.next()
		if c != closing && c != ',' {
			return p.fail("no comma and no end")
		}
		p.off++
		if c == closing {
			p.depth++
			return nil
		}
	}
}

// name parses the name of a member, and the colon.
func (p *parser) name() (string, *Error) {
	name, err := p.str()
	if err != nil {
		return "", err
	}
	if p.next() != ':' {
		return "", p.fail("no colon after a name")
	}
	p.off++
	return name, nil
}

// str parses a string. The string shares the text's memory, unless it has escapes. Raw
// control bytes and bytes that are not UTF-8 are allowed, because Zeek sends them.
func (p *parser) str() (string, *Error) {
	if p.next() != '"' {
		return "", p.fail("not a string")
	}
	rest := p.text[p.off+1:]
	const few = 32 // bytes; up to that length a loop is faster than two searches
	for i := range min(few, len(rest)) {
		switch rest[i] {
		case '"':
			p.off += 1 + i + 1
			return rest[:i], nil
		case '\\':
			return p.escaped()
		}
	}
	end := strings.IndexByte(rest, '"')
	switch {
	case end < 0:
		return "", p.fail("string without an end")
	case strings.IndexByte(rest[:end], '\\') >= 0:
		return p.escaped()
	}
	p.off += 1 + end + 1
	return rest[:end], nil
}

// escaped parses a string that has escapes.
func (p *parser) escaped() (string, *Error) {
	var b strings.Builder
	p.off++ // the quotation mark
	for {
		run := strings.IndexAny(p.text[p.off:], `"\`)
		if run < 0 {
			return "", p.fail("string without an end")
		}
		b.WriteString(p.text[p.off : p.off+run])
		p.off += run + 1
		if p.text[p.off-1] == '"' {
			return b.String(), nil
		}
		if err := p.escape(&b); err != nil {
			return "", err
		}
	}
}

// escape parses the rest of an escape, after the backslash.
func (p *parser) escape(b *strings.Builder) *Error {
	if p.off == len(p.text) {
		return p.fail("string without an end")
	}
	c := p.text[p.off]
	p.off++
	switch c {
	case '"', '\\', '/':
		b.WriteByte(c)
	case 'b':
		b.WriteByte('\b')
	case 'f':
		b.WriteByte('\f')
	case 'n':
		b.WriteByte('\n')
	case 'r':
		b.WriteByte('\r')
	case 't':
		b.WriteByte('\t')
	case 'v': // Zeek sends it, although it is not JSON
		b.WriteByte('\v')
	case 'u':
		return p.codePoint(b)
	default:
		p.off--
		return p.fail("unknown escape")
	}
	return nil
}

// codePoint parses the digits after \u, and the second half of a surrogate pair. Half a
// pair alone becomes U+FFFD, as in encoding/json.
func (p *parser) codePoint(b *strings.Builder) *Error {
	r, ok := hex4(p.text[p.off:])
	if !ok {
		return p.fail("escape without four hexadecimal digits")
	}
	p.off += 4
	if utf16.IsSurrogate(r) {
		other := rune(utf8.RuneError)
		if rest := p.text[p.off:]; strings.HasPrefix(rest, `\u`) {
			other, _ = hex4(rest[2:])
		}
		if r = utf16.DecodeRune(r, other); r != utf8.RuneError {
			p.off += 6
		}
	}
	b.WriteRune(r)
	return nil
}

// hex4 returns the number in the first four bytes of s, which are hexadecimal digits.
func hex4(s string) (r rune, ok bool) {
	if len(s) < 4 {
		return 0, false
	}
	for i := range 4 {
		c := rune(s[i])
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | c
	}
	return r, true
}

// number parses a number. integer says that it has no fraction and no exponent.
func (p *parser) number() (text string, integer bool, _ *Error) {
	start := p.off
	if p.off < len(p.text) && p.text[p.off] == '-' {
		p.off++
	}
	whole := p.digits()
	if whole == 0 || whole > 1 && p.text[p.off-whole] == '0' {
		return "", false, p.fail("not a number")
	}
	integer = true
	if p.off < len(p.text) && p.text[p.off] == '.' {
		integer = false
		p.off++
		if p.digits() == 0 {
			return "", false, p.fail("no digits after a decimal point")
		}
	}
	if p.off < len(p.text) && p.text[p.off]|0x20 == 'e' {
		integer = false
		p.off++
		if p.off < len(p.text) && (p.text[p.off] == '+' || p.text[p.off] == '-') {
			p.off++
		}
		if p.digits() == 0 {
			return "", false, p.fail("no digits in an exponent")
		}
	}
	return p.text[start:p.off], integer, nil
}

// digits skips decimal digits and returns their number.
func (p *parser) digits() int {
	digits, _ := cutDigits(p.text[p.off:])
	p.off += len(digits)
	return len(digits)
}

// word parses one of words and returns its index, or -1.
func (p *parser) word(words ...string) int {
	for i, w := range words {
		if strings.HasPrefix(p.text[p.off:], w) {
			p.off += len(w)
			return i
		}
	}
	return -1
}

// skip parses any JSON and drops it.
func (p *parser) skip() *Error {
	switch p.next() {
	case '{':
		return p.object(func(string) *Error { return p.skip() })
	case '[':
		return p.array(p.skip)
	case '"':
		_, err := p.str()
		return err
	}
	if p.word("true", "false", "null", "nan", "-nan", "inf", "-inf") >= 0 {
		return nil
	}
	_, _, err := p.number()
	return err
}
