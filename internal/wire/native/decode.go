package native

import (
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// Limits bounds what Decode accepts. The zero value means the defaults.
type Limits struct {
	// Depth bounds the nesting of containers. A container of scalars has depth 1. Zero
	// or less means 100.
	Depth int
	// Elements bounds the number of values in one message. Every container counts, and
	// so does every element, key and value in it. So Elements bounds memory: a value
	// takes 64 bytes, and 128 in a set or table that is not sorted, however short its
	// encoding is. Zero or less means 2^20.
	Elements int
}

func (l Limits) withDefaults() Limits {
	if l.Depth <= 0 {
		l.Depth = 100
	}
	if l.Elements <= 0 {
		l.Elements = 1 << 20
	}
	return l
}

// Error says why bytes are not the encoding of a value.
type Error struct {
	Offset int // of the byte or the value that is wrong
	Reason string
}

// Error returns a sentence with offset and reason.
func (e *Error) Error() string {
	return fmt.Sprintf("decode value at byte %d: %s", e.Offset, e.Reason)
}

// Decode decodes the value in buf. Every byte must belong to the value. The value does
// not alias buf. The error is an *Error.
//
// Decode allocates at most twice: once for all values, and once for a copy of buf, which
// holds their strings. An unsorted set or table is one more allocation. Each of them
// stays in memory as long as any part of the value.
func Decode(buf []byte, lim Limits) (zval.Value, error) {
	return DecodeString(string(buf), lim)
}

// DecodeString is Decode for bytes that are a string already. The value's strings share
// its memory, so there is no copy.
func DecodeString(payload string, lim Limits) (zval.Value, error) {
	v, _, err := decode(payload, lim, known{})
	return v, err
}

// decode is DecodeString for a payload that may have sets that are known. found are long sets that
// were not.
func decode(payload string, lim Limits, known known) (v zval.Value, found []*decodedSet, _ error) {
	lim = lim.withDefaults()
	values, spared, err := scan(payload, lim.Elements, &known)
	if err != nil {
		return zval.None(), nil, err
	}
	d := decoder{payload: payload, depth: lim.Depth, lowest: lim.Depth, known: known}
	if values-spared > 1 {
		d.free = make([]zval.Value, values-spared-1)
	}
	if err := d.value(&v); err != nil {
		return zval.None(), nil, err
	}
	return v, d.found, nil
}

// scan checks the tags and lengths in payload, which must be exactly one value. It
// returns the number of values in payload, with the outermost one, and how many of them are in
// sets that are known. So the decoder allocates memory only for values that are there. scan itself
// allocates nothing.
func scan(payload string, limit int, known *known) (values, spared int, _ *Error) {
	off := 0
	for due := 1; due > 0; due-- { // due is the number of values that must still follow
		if off == len(payload) {
			return 0, 0, &Error{off, "truncated"}
		}
		start, kind := off, zval.Kind(payload[off])
		if kind > zval.KindVector {
			return 0, 0, &Error{off, "unknown tag"}
		}
		if kind == zval.KindSet {
			if set := known.at(payload[off:]); set != nil {
				if values += set.values; values > limit {
					return 0, 0, &Error{off, "more values than allowed"}
				}
				spared += set.values - 1
				off += len(set.value.Encoding())
				continue
			}
		}
		if values++; values > limit {
			return 0, 0, &Error{off, "more values than allowed"}
		}
		off++
		size := bodySize[kind]
		if sized(kind) {
			n, next, reason := varbyte(payload, off)
			if reason != "" {
				return 0, 0, &Error{off, reason}
			}
			off = next
			if kind >= zval.KindSet {
				due += n * stride(kind)
			} else {
				size = n
			}
		}
		// Each value that must follow takes at least one byte.
		if size+due-1 > len(payload)-off {
			return 0, 0, &Error{start, "truncated"}
		}
		off += size
	}
	if off != len(payload) {
		return 0, 0, &Error{off, "bytes left over after the value"}
	}
	return values, spared, nil
}

// sized reports whether values of kind encode their length.
func sized(kind zval.Kind) bool {
	switch kind {
	case zval.KindString, zval.KindEnum, zval.KindSet, zval.KindTable, zval.KindVector:
		return true
	}
	return false
}

// varbyte decodes the number of bytes or elements at off. The number must not exceed the
// bytes that follow it. varbyte returns the offset after the number, or the reason why
// the number is wrong.
func varbyte(payload string, off int) (n, next int, reason string) {
	var sum uint64
	for i := range 5 {
		if off+i == len(payload) {
			return 0, off, "truncated"
		}
		b := payload[off+i]
		sum |= uint64(b&0x7f) << (7 * i)
		if b >= 0x80 {
			continue
		}
		next = off + i + 1
		switch {
		case b == 0 && i > 0:
			return 0, off, "length in more bytes than it takes"
		case sum > uint64(len(payload)-next):
			return 0, off, "length beyond the end"
		}
		return int(sum), next, ""
	}
	return 0, off, "length in more than five bytes"
}
