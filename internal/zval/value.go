package zval

import (
	"math"
	"net/netip"
	"time"
)

// Kind is the type of a Value. Its number is the type's tag in the native encoding, and
// the type's rank in Broker's order of values (spec broker-wire 5).
type Kind uint8

// The kinds, in Broker's order.
const (
	KindNone Kind = iota
	KindBool
	KindCount
	KindInt
	KindReal
	KindString
	KindAddr
	KindSubnet
	KindPort
	KindTime
	KindSpan
	KindEnum
	KindSet
	KindTable
	KindVector
	kindCount // the number of kinds
)

var kindNames = [kindCount]string{
	"none", "boolean", "count", "integer", "real", "string", "address", "subnet",
	"port", "timestamp", "timespan", "enum-value", "set", "table", "vector",
}

// String returns the kind's name in the JSON encoding, or "invalid".
func (k Kind) String() string {
	if k < kindCount {
		return kindNames[k]
	}
	return "invalid"
}

// KindNamed returns the kind of that name in the JSON encoding.
func KindNamed(name string) (Kind, bool) {
	for k, n := range kindNames {
		if n == name {
			return Kind(k), true
		}
	}
	return KindNone, false
}

// Proto is a port's transport protocol.
type Proto uint8

// The protocols, numbered as in the native encoding.
const (
	ProtoUnknown Proto = iota
	ProtoTCP
	ProtoUDP
	ProtoICMP
	protoCount
)

// Valid reports whether p is one of the four protocols.
func (p Proto) Valid() bool { return p < protoCount }

// String returns "?", "tcp", "udp" or "icmp", as in the JSON encoding.
func (p Proto) String() string {
	if p < protoCount {
		return [protoCount]string{"?", "tcp", "udp", "icmp"}[p]
	}
	return "?"
}

// Value is one value of any kind. The zero Value is none.
type Value struct {
	kind   Kind
	small  uint8   // a subnet's length within 128 bits; a port's protocol; unsorted or not
	hi, lo uint64  // an address in network order; every other number is in lo
	str    string  // a container's native encoding, or none if nobody has kept it
	list   []Value // the elements; a table's keys and values alternate
}

// None returns the value of an unset field.
func None() Value { return Value{} }

// Bool returns a boolean.
func Bool(b bool) Value {
	v := Value{kind: KindBool}
	if b {
		v.lo = 1
	}
	return v
}

// Count returns an unsigned integer.
func Count(n uint64) Value { return Value{kind: KindCount, lo: n} }

// Int returns a signed integer.
func Int(n int64) Value { return Value{kind: KindInt, lo: uint64(n)} }

// wireNaN is the pattern that Broker sends for NaN (spec broker-wire 5.2).
const wireNaN = math.MaxUint64

// Real returns a floating-point number. Broker has only one NaN and no subnormals. So
// every NaN becomes that one, and a subnormal becomes zero.
func Real(f float64) Value {
	switch {
	case f != f:
		return RealBits(wireNaN)
	case f != 0 && math.Abs(f) < 0x1p-1022:
		f = math.Copysign(0, f)
	}
	return RealBits(math.Float64bits(f))
}

// RealBits returns the real with exactly this IEEE 754 pattern. It is for decoders: a
// value that is decoded and encoded again must keep a pattern that Real does not make.
func RealBits(bits uint64) Value { return Value{kind: KindReal, lo: bits} }

// String returns a byte string.
func String(s string) Value { return Value{kind: KindString, str: s} }

// Enum returns the enumerator with this fully qualified name.
func Enum(name string) Value { return Value{kind: KindEnum, str: name} }

// Addr returns an address. An IPv4-mapped IPv6 address becomes the IPv4 address. A zone
// is dropped. The zero Addr becomes "::".
func Addr(a netip.Addr) Value { return Addr128(addrBits(a)) }

// Addr128 returns the address whose 128 bits in network order are hi and lo. It is for
// decoders.
func Addr128(hi, lo uint64) Value { return Value{kind: KindAddr, hi: hi, lo: lo} }

// Subnet returns a prefix with its host bits cleared. The zero Prefix becomes
// "::/0".
func Subnet(p netip.Prefix) Value {
	bits := p.Bits()
	switch {
	case bits < 0:
		return Value{kind: KindSubnet}
	case p.Addr().Is4():
		bits += 96
	}
	hi, lo := addrBits(p.Addr())
	maskHi, maskLo := prefixMask(bits)
	return Value{kind: KindSubnet, small: uint8(bits), hi: hi & maskHi, lo: lo & maskLo}
}

// Subnet128 returns the prefix whose address is hi and lo in network order. bits is the
// length within these 128 bits, as in the native encoding. It is for decoders. It returns
// none and false if the length is beyond 128, or if a host bit is set.
func Subnet128(hi, lo uint64, bits uint8) (Value, bool) {
	maskHi, maskLo := prefixMask(int(bits))
	if bits > 128 || hi&^maskHi != 0 || lo&^maskLo != 0 {
		return None(), false
	}
	return Value{kind: KindSubnet, small: bits, hi: hi, lo: lo}, true
}

// prefixMask returns the 128-bit mask of a prefix of this many bits.
func prefixMask(bits int) (hi, lo uint64) {
	return ^uint64(0) << max(0, 64-bits), ^uint64(0) << min(64, max(0, 128-bits))
}

// Port returns a port. It panics if proto is not one of the four protocols.
func Port(number uint16, proto Proto) Value {
	if !proto.Valid() {
		panic("zval: invalid port protocol")
	}
	return Value{kind: KindPort, lo: uint64(number), small: uint8(proto)}
}

// Time returns a point in time, in nanoseconds since the Unix epoch.
func Time(nanos int64) Value { return Value{kind: KindTime, lo: uint64(nanos)} }

// Span returns a duration.
func Span(d time.Duration) Value { return Value{kind: KindSpan, lo: uint64(d)} }

func addrBits(a netip.Addr) (hi, lo uint64) {
	b := netip.IPv6Unspecified().As16()
	if a.IsValid() {
		b = a.As16()
	}
	for i := range 8 {
		hi = hi<<8 | uint64(b[i])
		lo = lo<<8 | uint64(b[8+i])
	}
	return hi, lo
}
