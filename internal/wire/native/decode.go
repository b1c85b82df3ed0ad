package native

import (
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// Limits bounds what Decode accepts. The zero value means the defaults.
type Limits struct {
	// Depth bounds how deep containers may nest; a container of scalars is one
	// deep. Zero or less means 100.
	Depth int
	// Elements bounds the number of values in one message, containers and what
	// they hold, keys and values of tables alike. It bounds memory: a value
	// takes 64 bytes however short its encoding is (a none is one byte), and
	// 128 within a set or table that is not sorted. Zero or less means 2^20.
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
	Offset int // of the byte that is wrong, or of the value that is
	Reason string
}

// Error returns a sentence with offset and reason.
func (e *Error) Error() string {
	return fmt.Sprintf("decode value at byte %d: %s", e.Offset, e.Reason)
}

// Decode returns the value that buf is the encoding of; every byte must belong
// to it. The value does not alias buf. There are at most two allocations, one
// for the values and one copy of buf for their strings, besides what an
// unsorted set or table takes; each is kept as long as any part of the value.
// The error is an *Error.
func Decode(buf []byte, lim Limits) (zval.Value, error) {
	return DecodeString(string(buf), lim)
}

// DecodeString is Decode for bytes that are a string already, which the value's
// strings then share: one allocation.
func DecodeString(payload string, lim Limits) (zval.Value, error) {
	lim = lim.withDefaults()
	values, err := scan(payload, lim.Elements)
	if err != nil {
		return zval.None(), err
	}
	d := decoder{payload: payload, depth: lim.Depth}
	if values > 1 {
		d.free = make([]zval.Value, values-1)
	}
	var v zval.Value
	if err := d.value(&v); err != nil {
		return zval.None(), err
	}
	return v, nil
}

// scan checks that payload holds exactly one value as far as tags and lengths
// go, and counts the values in it, itself included. It allocates nothing, so
// that what is allocated later is for values that are there.
func scan(payload string, limit int) (values int, _ *Error) {
	off := 0
	for due := 1; due > 0; due-- { // due is how many values are yet to come
		if off == len(payload) {
			return 0, &Error{off, "truncated"}
		}
		start, kind := off, zval.Kind(payload[off])
		if kind > zval.KindVector {
			return 0, &Error{off, "unknown tag"}
		}
		if values++; values > limit {
			return 0, &Error{off, "more values than allowed"}
		}
		off++
		size := bodySize[kind]
		if sized(kind) {
			n, next, reason := varbyte(payload, off)
			if reason != "" {
				return 0, &Error{off, reason}
			}
			off = next
			if kind >= zval.KindSet {
				due += n * stride(kind)
			} else {
				size = n
			}
		}
		// Each value that is due takes a byte or more.
		if size+due-1 > len(payload)-off {
			return 0, &Error{start, "truncated"}
		}
		off += size
	}
	if off != len(payload) {
		return 0, &Error{off, "bytes left over after the value"}
	}
	return values, nil
}

// sized reports whether values of kind say their length.
func sized(kind zval.Kind) bool {
	switch kind {
	case zval.KindString, zval.KindEnum, zval.KindSet, zval.KindTable, zval.KindVector:
		return true
	}
	return false
}

// varbyte reads a number of bytes or elements at off, which is at most the
// number of bytes that follow it. It returns the offset after it, or the reason
// why there is none.
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
