package wire

import (
	"encoding/binary"
	"math"
)

// appendVarbyte appends n in as few bytes as it takes (spec broker-wire 1.3).
func appendVarbyte(dst []byte, n int) []byte {
	if uint64(n) > math.MaxUint32 {
		panic("wire: length beyond 32 bits")
	}
	return binary.AppendUvarint(dst, uint64(n))
}

// cutVarbyte reads a number off the front of buf. It must take no more bytes
// than it needs, and fit 32 bits; ok is false otherwise.
func cutVarbyte(buf []byte) (n int, rest []byte, ok bool) {
	value, size := binary.Uvarint(buf)
	if size <= 0 || size > 5 || value > math.MaxUint32 || size > 1 && buf[size-1] == 0 {
		return 0, buf, false
	}
	return int(value), buf[size:], true
}

// appendString appends the length of s and s.
func appendString(dst []byte, s string) []byte {
	return append(appendVarbyte(dst, len(s)), s...)
}

// cutString reads a string off the front of buf.
func cutString(buf []byte) (s string, rest []byte, ok bool) {
	n, rest, ok := cutVarbyte(buf)
	if !ok || n > len(rest) {
		return "", buf, false
	}
	return string(rest[:n]), rest[n:], true
}
