package wire

import (
	"encoding/binary"
	"math"
)

// appendVarbyte appends n in as few bytes as possible (spec broker-wire 1.3).
func appendVarbyte(dst []byte, n int) []byte {
	if uint64(n) > math.MaxUint32 {
		panic("wire: length beyond 32 bits")
	}
	return binary.AppendUvarint(dst, uint64(n))
}

// cutVarbyte decodes a number at the front of buf. rest is the part of buf after it. ok
// is false if the number has more bytes than it needs, or more than 32 bits.
func cutVarbyte(buf []byte) (n int, rest []byte, ok bool) {
	value, size := binary.Uvarint(buf)
	if size <= 0 || size > 5 || value > math.MaxUint32 || size > 1 && buf[size-1] == 0 {
		return 0, buf, false
	}
	return int(value), buf[size:], true
}

// appendString appends the length of s, and s.
func appendString(dst []byte, s string) []byte {
	return append(appendVarbyte(dst, len(s)), s...)
}

// cutString decodes a string at the front of buf. rest is the part of buf after it.
func cutString(buf []byte) (s string, rest []byte, ok bool) {
	n, rest, ok := cutVarbyte(buf)
	if !ok || n > len(rest) {
		return "", buf, false
	}
	return string(rest[:n]), rest[n:], true
}
