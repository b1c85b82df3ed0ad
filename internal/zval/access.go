package zval

import (
	"math"
	"net/netip"
	"time"
)

// Kind returns v's kind.
func (v Value) Kind() Kind { return v.kind }

// IsNone reports whether v is none.
func (v Value) IsNone() bool { return v.kind == KindNone }

// Bool returns v's truth and whether v is a boolean.
func (v Value) Bool() (val, ok bool) { return v.lo == 1, v.kind == KindBool }

// Count returns v's number and whether v is a count.
func (v Value) Count() (uint64, bool) { return v.lo, v.kind == KindCount }

// Int returns v's number and whether v is an integer.
func (v Value) Int() (int64, bool) { return int64(v.lo), v.kind == KindInt }

// Real returns v's number and whether v is a real.
func (v Value) Real() (float64, bool) { return math.Float64frombits(v.lo), v.kind == KindReal }

// Str returns v's bytes and whether v is a string.
func (v Value) Str() (string, bool) { return v.str, v.kind == KindString }

// Enum returns v's qualified name and whether v is an enum value.
func (v Value) Enum() (string, bool) { return v.str, v.kind == KindEnum }

// Addr returns v's address, unmapped, and whether v is an address.
func (v Value) Addr() (netip.Addr, bool) { return v.addr().Unmap(), v.kind == KindAddr }

// Subnet returns v's prefix and whether v is a subnet. A prefix of fewer than 96 bits is
// an IPv6 prefix, even if its address is an IPv4-mapped one.
func (v Value) Subnet() (netip.Prefix, bool) {
	a, bits := v.addr(), int(v.small)
	if a.Is4In6() && bits >= 96 {
		a, bits = a.Unmap(), bits-96
	}
	return netip.PrefixFrom(a, bits), v.kind == KindSubnet
}

// SubnetBits returns the address of a subnet in 128 bits, its length within these 128
// bits, and whether v is a subnet.
func (v Value) SubnetBits() (a netip.Addr, bits int, ok bool) {
	return v.addr(), int(v.small), v.kind == KindSubnet
}

// Port returns v's number and protocol and whether v is a port.
func (v Value) Port() (number uint16, proto Proto, ok bool) {
	return uint16(v.lo), Proto(v.small), v.kind == KindPort
}

// Time returns v's nanoseconds since the Unix epoch and whether v is a
// timestamp.
func (v Value) Time() (nanos int64, ok bool) { return int64(v.lo), v.kind == KindTime }

// Span returns v's duration and whether v is a timespan.
func (v Value) Span() (time.Duration, bool) { return time.Duration(v.lo), v.kind == KindSpan }

// Vector returns v's elements and whether v is a vector. The caller must not change the
// elements.
func (v Value) Vector() ([]Value, bool) { return v.list, v.kind == KindVector }

// Set returns v's elements and whether v is a set. The caller must not change the
// elements.
func (v Value) Set() ([]Value, bool) { return v.Elems(), v.kind == KindSet }

// Table returns v's keys and values in turn, and whether v is a table. The caller must
// not change them.
func (v Value) Table() (pairs []Value, ok bool) { return v.Elems(), v.kind == KindTable }

// Elems returns the elements of a vector or set, the keys and values of a table in turn,
// and nil for every other kind. The caller must not change them.
func (v Value) Elems() []Value {
	if v.small == unsorted {
		n := len(v.list) / 2
		return v.list[:n:n]
	}
	return v.list
}

// Bits returns the 64 bits of a boolean, count, integer, real (its IEEE 754 pattern),
// timestamp or timespan. It is for encoders.
func (v Value) Bits() uint64 { return v.lo }

// Text returns the bytes of a string or the name of an enum value. It is for encoders.
func (v Value) Text() string {
	if v.kind >= KindSet {
		return ""
	}
	return v.str
}

// WithEncoding returns v, a container, with its native encoding, so that nobody encodes it anew.
// It is for encoders and decoders: package native makes the encoding.
func (v Value) WithEncoding(encoding string) Value {
	if v.kind >= KindSet {
		v.str = encoding
	}
	return v
}

// Encoding returns the native encoding of a container, or nothing if nobody has kept it. Containers
// with the same encoding are equal.
func (v Value) Encoding() string {
	if v.kind < KindSet {
		return ""
	}
	return v.str
}

// Addr128 returns the address of an address or a subnet as two halves in network order.
// It is for encoders.
func (v Value) Addr128() (hi, lo uint64) { return v.hi, v.lo }

func (v Value) addr() netip.Addr {
	var b [16]byte
	for i := range 8 {
		b[i] = byte(v.hi >> (56 - 8*i))
		b[8+i] = byte(v.lo >> (56 - 8*i))
	}
	return netip.AddrFrom16(b)
}
