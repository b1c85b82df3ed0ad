package zval_test

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/zval"
)

func TestKindsHaveTheNamesOfTheJSONEncoding(t *testing.T) {
	names := []string{
		"none", "boolean", "count", "integer", "real", "string", "address", "subnet", "port",
		"timestamp", "timespan", "enum-value", "set", "table", "vector",
	}
	for tag, name := range names {
		kind := zval.Kind(tag)
		if got := kind.String(); got != name {
			t.Errorf("Kind(%d).String() = %q, want %q", tag, got, name)
		}
		if got, ok := zval.KindNamed(name); got != kind || !ok {
			t.Errorf("KindNamed(%q) = %v, %v, want %v, true", name, got, ok, kind)
		}
	}
	for _, name := range []string{"", "None", "invalid", "enum", "list"} {
		if got, ok := zval.KindNamed(name); ok {
			t.Errorf("KindNamed(%q) = %v, true, want none of them", name, got)
		}
	}
	if got := zval.Kind(len(names)).String(); got != "invalid" {
		t.Errorf("the kind after the last is named %q", got)
	}
}

func TestProtocolsHaveTheNamesOfTheJSONEncoding(t *testing.T) {
	for number, name := range []string{"?", "tcp", "udp", "icmp"} {
		proto := zval.Proto(number)
		if proto.String() != name || !proto.Valid() {
			t.Errorf("Proto(%d) is %q, valid %v, want %q, true", number, proto, proto.Valid(), name)
		}
	}
	if beyond := zval.Proto(4); beyond.Valid() || beyond.String() != "?" {
		t.Errorf("Proto(4) is %q, valid %v, want ?, false", beyond, beyond.Valid())
	}
}

// content is what each accessor says of a value that is of its kind.
type content struct {
	Kind   zval.Kind
	Bool   *bool
	Count  *uint64
	Int    *int64
	Real   *float64
	Str    *string
	Addr   *netip.Addr
	Subnet *netip.Prefix
	Port   *uint16
	Proto  *zval.Proto
	Time   *int64
	Span   *time.Duration
	Enum   *string
	Set    *int // the number of elements
	Table  *int
	Vector *int
}

func contentOf(v zval.Value) content {
	c := content{Kind: v.Kind()}
	c.Bool = said(v.Bool())
	c.Count = said(v.Count())
	c.Int = said(v.Int())
	c.Real = said(v.Real())
	c.Str = said(v.Str())
	c.Addr = said(v.Addr())
	c.Subnet = said(v.Subnet())
	number, proto, ok := v.Port()
	c.Port, c.Proto = said(number, ok), said(proto, ok)
	c.Time = said(v.Time())
	c.Span = said(v.Span())
	c.Enum = said(v.Enum())
	elems, ok := v.Set()
	c.Set = said(len(elems), ok)
	elems, ok = v.Table()
	c.Table = said(len(elems), ok)
	elems, ok = v.Vector()
	c.Vector = said(len(elems), ok)
	return c
}

func said[T any](val T, ok bool) *T {
	if !ok {
		return nil
	}
	return &val
}

func TestAValueSaysWhatItWasMadeOf(t *testing.T) {
	one := zval.Count(1)
	v4, v6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	for name, tt := range map[string]struct {
		v    zval.Value
		want content
	}{
		"the zero value":   {zval.Value{}, content{Kind: zval.KindNone}},
		"none":             {zval.None(), content{Kind: zval.KindNone}},
		"true":             {zval.Bool(true), content{Kind: zval.KindBool, Bool: new(true)}},
		"false":            {zval.Bool(false), content{Kind: zval.KindBool, Bool: new(false)}},
		"largest count":    {zval.Count(math.MaxUint64), content{Kind: zval.KindCount, Count: new(uint64(math.MaxUint64))}},
		"smallest integer": {zval.Int(math.MinInt64), content{Kind: zval.KindInt, Int: new(int64(math.MinInt64))}},
		"real":             {zval.Real(-2.5), content{Kind: zval.KindReal, Real: new(-2.5)}},
		"infinity":         {zval.Real(math.Inf(-1)), content{Kind: zval.KindReal, Real: new(math.Inf(-1))}},
		"subnormal is flushed to zero": {zval.Real(-math.SmallestNonzeroFloat64),
			content{Kind: zval.KindReal, Real: new(math.Copysign(0, -1))}},
		"smallest normal is kept": {zval.Real(0x1p-1022), content{Kind: zval.KindReal, Real: new(0x1p-1022)}},
		"bytes as a string":       {zval.String("\x00\xff"), content{Kind: zval.KindString, Str: new("\x00\xff")}},
		"enum":                    {zval.Enum("A::B"), content{Kind: zval.KindEnum, Enum: new("A::B")}},
		"IPv4 address":            {zval.Addr(v4), content{Kind: zval.KindAddr, Addr: &v4}},
		"mapped address is IPv4":  {zval.Addr(netip.AddrFrom16(v4.As16())), content{Kind: zval.KindAddr, Addr: &v4}},
		"IPv6 address":            {zval.Addr(v6), content{Kind: zval.KindAddr, Addr: &v6}},
		"zone is dropped":         {zval.Addr(v6.WithZone("eth0")), content{Kind: zval.KindAddr, Addr: &v6}},
		"no address is ::": {zval.Addr(netip.Addr{}),
			content{Kind: zval.KindAddr, Addr: new(netip.IPv6Unspecified())}},
		"port": {zval.Port(65535, zval.ProtoICMP),
			content{Kind: zval.KindPort, Port: new(uint16(65535)), Proto: new(zval.ProtoICMP)}},
		"time":   {zval.Time(-1), content{Kind: zval.KindTime, Time: new(int64(-1))}},
		"span":   {zval.Span(-time.Second), content{Kind: zval.KindSpan, Span: new(-time.Second)}},
		"set":    {zval.Set(one), content{Kind: zval.KindSet, Set: new(1)}},
		"table":  {zval.Table(zval.Entry{Key: one, Val: one}), content{Kind: zval.KindTable, Table: new(2)}},
		"vector": {zval.Vector(one, one, one), content{Kind: zval.KindVector, Vector: new(3)}},
	} {
		t.Run(name, func(t *testing.T) {
			got := contentOf(tt.v)
			if diff := cmp.Diff(tt.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Error(diff)
			}
			if got.Real != nil && math.Signbit(*got.Real) != math.Signbit(*tt.want.Real) {
				t.Errorf("got %v, want %v", *got.Real, *tt.want.Real)
			}
			if tt.v.IsNone() != (tt.want.Kind == zval.KindNone) {
				t.Errorf("IsNone() = %v", tt.v.IsNone())
			}
		})
	}
}

func TestEveryNaNIsBrokersNaN(t *testing.T) {
	for _, bits := range []uint64{0x7ff8000000000001, 0xfff8000000000000, 0x7ff0000000000001, math.MaxUint64} {
		if got := zval.Real(math.Float64frombits(bits)).Bits(); got != math.MaxUint64 {
			t.Errorf("the NaN %x became %x", bits, got)
		}
		if got := zval.RealBits(bits).Bits(); got != bits {
			t.Errorf("RealBits(%x) became %x", bits, got)
		}
	}
}

func TestSubnets(t *testing.T) {
	all := netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
	mapped := netip.MustParseAddr("::ffff:192.0.2.255")
	for name, tt := range map[string]struct {
		in   netip.Prefix
		want string // the prefix
		bits int    // within 128
	}{
		"IPv6 of length 0":                      {netip.PrefixFrom(all, 0), "::/0", 0},
		"IPv6 of length 1":                      {netip.PrefixFrom(all, 1), "8000::/1", 1},
		"IPv6 within the upper half":            {netip.PrefixFrom(all, 63), "ffff:ffff:ffff:fffe::/63", 63},
		"IPv6 of exactly the upper half":        {netip.PrefixFrom(all, 64), "ffff:ffff:ffff:ffff::/64", 64},
		"IPv6 a bit into the lower half":        {netip.PrefixFrom(all, 65), "ffff:ffff:ffff:ffff:8000::/65", 65},
		"IPv6 of length 96":                     {netip.PrefixFrom(all, 96), "ffff:ffff:ffff:ffff:ffff:ffff::/96", 96},
		"IPv6 of length 127":                    {netip.PrefixFrom(all, 127), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127", 127},
		"IPv6 of length 128":                    {netip.PrefixFrom(all, 128), all.String() + "/128", 128},
		"IPv4 of length 0":                      {netip.MustParsePrefix("192.0.2.255/0"), "0.0.0.0/0", 96},
		"IPv4 of length 8":                      {netip.MustParsePrefix("10.1.2.3/8"), "10.0.0.0/8", 104},
		"IPv4 of length 32":                     {netip.MustParsePrefix("192.0.2.255/32"), "192.0.2.255/32", 128},
		"IPv4-mapped, long enough to be IPv4":   {netip.PrefixFrom(mapped, 96+24), "192.0.2.0/24", 120},
		"IPv4-mapped, of all IPv4":              {netip.PrefixFrom(mapped, 96), "0.0.0.0/0", 96},
		"IPv4-mapped, too short to remain IPv4": {netip.PrefixFrom(mapped, 95), "::fffe:0:0/95", 95},
		"no prefix":                             {netip.Prefix{}, "::/0", 0},
	} {
		t.Run(name, func(t *testing.T) {
			v := zval.Subnet(tt.in)
			got, ok := v.Subnet()
			if !ok || got.String() != tt.want {
				t.Errorf("got %v, %v, want %v", got, ok, tt.want)
			}
			if _, bits, ok := v.SubnetBits(); bits != tt.bits || !ok {
				t.Errorf("got %d bits within 128, %v, want %d", bits, ok, tt.bits)
			}
			hi, lo := v.Addr128()
			again, ok := zval.Subnet128(hi, lo, uint8(tt.bits))
			if !ok || !zval.Equal(again, v) {
				t.Errorf("from its bits: got %v, %v", again, ok)
			}
		})
	}
}

func TestSubnetsOfWireBitsAreRefusedUnlessClean(t *testing.T) {
	for name, tt := range map[string]struct {
		hi, lo uint64
		bits   uint8
	}{
		"length beyond 128":                      {0, 0, 129},
		"length beyond anything":                 {0, 0, 255},
		"a host bit in the upper half":           {1, 0, 63},
		"a host bit in the lower half":           {0, 1, 64},
		"the last host bit":                      {0, 1, 127},
		"a host bit of a prefix of length 0":     {1 << 63, 0, 0},
		"IPv4, shorter than IPv4 addresses are":  {0, 0xffff00000000, 95},
		"IPv4, with a host bit":                  {0, 0xffff0a000001, 104},
		"an upper half that is host bits at all": {^uint64(0), 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if v, ok := zval.Subnet128(tt.hi, tt.lo, tt.bits); ok || !v.IsNone() {
				got, _ := v.Subnet()
				t.Errorf("got %v, %v, want none, false", got, ok)
			}
		})
	}
}

func TestAPortOfNoProtocolPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Port did not panic")
		}
	}()
	zval.Port(80, 4)
}
