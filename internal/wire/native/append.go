package native

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// Append appends the encoding of v to dst and returns the extended slice. It allocates
// only if dst has too little room. It panics for a string or container of 2^32 elements
// or more, which has no encoding.
func Append(dst []byte, v zval.Value) []byte { return appendValue(dst, &v) }

// appendValue takes a pointer because a Value is 64 bytes.
func appendValue(dst []byte, v *zval.Value) []byte {
	if encoding := v.Encoding(); encoding != "" {
		return append(dst, encoding...)
	}
	kind := v.Kind()
	dst = append(dst, byte(kind))
	switch kind {
	case zval.KindNone:
	case zval.KindBool:
		dst = append(dst, byte(v.Bits()))
	case zval.KindReal:
		dst = binary.BigEndian.AppendUint64(dst, swapInf(v.Bits()))
	case zval.KindString, zval.KindEnum:
		text := v.Text()
		dst = append(appendVarbyte(dst, len(text)), text...)
	case zval.KindAddr:
		dst = appendAddr(dst, v)
	case zval.KindSubnet:
		_, length, _ := v.SubnetBits()
		dst = append(appendAddr(dst, v), byte(length))
	case zval.KindPort:
		number, proto, _ := v.Port()
		dst = append(binary.BigEndian.AppendUint16(dst, number), byte(proto))
	case zval.KindSet, zval.KindTable, zval.KindVector:
		elems := v.Elems()
		dst = appendVarbyte(dst, len(elems)/stride(kind))
		for i := range elems {
			dst = appendValue(dst, &elems[i])
		}
	default: // count, integer, timestamp, timespan
		dst = binary.BigEndian.AppendUint64(dst, v.Bits())
	}
	return dst
}

// Encode returns the encoding of v in a new slice. It allocates nothing else.
func Encode(v zval.Value) []byte { return Append(make([]byte, 0, Size(v)), v) }

// Encoded returns v with its encoding: each message that contains v copies it, and encodes v no
// more. With 1,000 nodes in a configuration that takes 3 µs in place of 120.
func Encoded(v zval.Value) zval.Value { return v.WithEncoding(string(Encode(v))) }

// Size returns the number of bytes that Append appends for v.
func Size(v zval.Value) int { return sizeOf(&v) }

func sizeOf(v *zval.Value) int {
	if encoding := v.Encoding(); encoding != "" {
		return len(encoding)
	}
	kind := v.Kind()
	size := 1 + bodySize[kind]
	switch kind {
	case zval.KindString, zval.KindEnum:
		size += varbyteSize(len(v.Text())) + len(v.Text())
	case zval.KindSet, zval.KindTable, zval.KindVector:
		elems := v.Elems()
		size += varbyteSize(len(elems) / stride(kind))
		for i := range elems {
			size += sizeOf(&elems[i])
		}
	}
	return size
}

// bodySize is the number of bytes after the tag, for the kinds for which it is fixed.
var bodySize = [...]int{
	zval.KindNone:   0,
	zval.KindBool:   1,
	zval.KindCount:  8,
	zval.KindInt:    8,
	zval.KindReal:   8,
	zval.KindString: 0, // as for every other kind that encodes its length
	zval.KindAddr:   16,
	zval.KindSubnet: 17,
	zval.KindPort:   3,
	zval.KindTime:   8,
	zval.KindSpan:   8,
	zval.KindVector: 0,
}

// stride is the number of values in one element of a container.
func stride(kind zval.Kind) int {
	if kind == zval.KindTable {
		return 2
	}
	return 1
}

func appendAddr(dst []byte, v *zval.Value) []byte {
	hi, lo := v.Addr128()
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, hi), lo)
}

// On the wire, positive infinity has the IEEE 754 pattern of negative infinity, and the
// other way round (spec broker-wire 5.2).
const (
	posInf = 0x7ff0 << 48
	negInf = 0xfff0 << 48
)

// swapInf converts the bits of a real to its pattern on the wire, and back.
func swapInf(pattern uint64) uint64 {
	if pattern == posInf || pattern == negInf {
		return pattern ^ 1<<63
	}
	return pattern
}

// appendVarbyte appends n in as few bytes as possible (spec broker-wire 1.3).
func appendVarbyte(dst []byte, n int) []byte {
	if uint64(n) > math.MaxUint32 {
		panic("native: string or container of 2^32 elements or more")
	}
	return binary.AppendUvarint(dst, uint64(n))
}

func varbyteSize(n int) int { return (bits.Len32(uint32(n)|1) + 6) / 7 }
