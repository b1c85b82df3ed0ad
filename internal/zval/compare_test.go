package zval_test

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zeekfleet/zeekfleet/internal/zval"
)

func TestValuesAreInBrokersOrder(t *testing.T) {
	addr := func(s string) zval.Value { return zval.Addr(netip.MustParseAddr(s)) }
	subnet := func(s string) zval.Value { return zval.Subnet(netip.MustParsePrefix(s)) }
	one, two := zval.Count(1), zval.Count(2)
	ascending := []zval.Value{
		zval.None(),
		zval.Bool(false), zval.Bool(true),
		zval.Count(0), zval.Count(math.MaxInt64 + 1), zval.Count(math.MaxUint64), // unsigned
		zval.Int(math.MinInt64), zval.Int(-1), zval.Int(0), zval.Int(math.MaxInt64), // signed
		zval.Real(math.NaN()), zval.Real(math.Inf(-1)), zval.Real(-1), zval.Real(0), zval.Real(0x1p-1022), zval.Real(math.Inf(1)),
		zval.String(""), zval.String("Z"), zval.String("a"), zval.String("a\x00"), zval.String("b"), zval.String("\xff"), // bytewise
		addr("::"), addr("::1"), addr("0.0.0.0"), addr("10.0.0.1"), addr("10.0.0.2"), addr("2001:db8::"),
		subnet("::/0"), subnet("::/1"), subnet("0.0.0.0/0"), subnet("0.0.0.0/8"), subnet("10.0.0.0/8"), subnet("2001:db8::/32"),
		zval.Port(0, zval.ProtoUnknown), zval.Port(0, zval.ProtoTCP), zval.Port(0, zval.ProtoICMP), zval.Port(1, zval.ProtoUnknown), // number first
		zval.Time(-1), zval.Time(0), zval.Time(1),
		zval.Span(-time.Second), zval.Span(0), zval.Span(time.Second),
		zval.Enum("A"), zval.Enum("B"),
		zval.Set(), zval.Set(one), zval.Set(one, two), zval.Set(two),
		zval.Table(), zval.Table(zval.Entry{Key: one, Val: one}), zval.Table(zval.Entry{Key: one, Val: two}), zval.Table(zval.Entry{Key: two, Val: one}),
		zval.Vector(), zval.Vector(zval.None()), zval.Vector(one), zval.Vector(one, one), zval.Vector(two),
	}
	for i, a := range ascending {
		for j, b := range ascending {
			if got, want := zval.Compare(a, b), cmp.Compare(i, j); got != want {
				t.Errorf("values %d (a %v) and %d (a %v): Compare = %d, want %d", i, a.Kind(), j, b.Kind(), got, want)
			}
			if got := zval.Equal(a, b); got != (i == j) {
				t.Errorf("values %d (a %v) and %d (a %v): Equal = %v", i, a.Kind(), j, b.Kind(), got)
			}
		}
	}
}

func TestDifferentPatternsOfOneNumberAreEqual(t *testing.T) {
	for name, pair := range map[string][2]zval.Value{
		"zeros": {zval.Real(0), zval.Real(math.Copysign(0, -1))},
		"NaNs":  {zval.RealBits(math.MaxUint64), zval.RealBits(0x7ff8000000000001)},
	} {
		if !zval.Equal(pair[0], pair[1]) {
			t.Errorf("two %s differ", name)
		}
	}
}

// values draws values out of few, so that equal ones are common, with sets and
// tables in any order.
func values() *rapid.Generator[zval.Value] {
	return rapid.Custom(func(t *rapid.T) zval.Value { return drawValue(t, 3) })
}

func drawValue(t *rapid.T, depth int) zval.Value {
	last := zval.KindVector
	if depth == 0 {
		last = zval.KindEnum
	}
	n := rapid.Uint64Range(0, 2).Draw(t, "n")
	text := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "text")
	switch kind := zval.Kind(rapid.Uint8Range(0, uint8(last)).Draw(t, "kind")); kind {
	case zval.KindNone:
		return zval.None()
	case zval.KindBool:
		return zval.Bool(n == 1)
	case zval.KindCount:
		return zval.Count(n)
	case zval.KindInt:
		return zval.Int(int64(n) - 1)
	case zval.KindReal:
		return zval.RealBits(rapid.SampledFrom([]uint64{0, 1 << 63, 0x7ff0 << 48, 0xfff0 << 48, math.MaxUint64, 0x7ff8 << 48, 1}).Draw(t, "bits"))
	case zval.KindString:
		return zval.String(text)
	case zval.KindAddr:
		return zval.Addr128(n, n)
	case zval.KindSubnet:
		return zval.Subnet(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n)}), int(8*n)))
	case zval.KindPort:
		return zval.Port(uint16(n), zval.Proto(n))
	case zval.KindTime:
		return zval.Time(int64(n))
	case zval.KindSpan:
		return zval.Span(time.Duration(n))
	case zval.KindEnum:
		return zval.Enum(text)
	default:
		return drawContainer(t, kind, depth-1)
	}
}

func drawContainer(t *rapid.T, kind zval.Kind, depth int) zval.Value {
	var elems []zval.Value
	for range rapid.IntRange(0, 3).Draw(t, "elements") {
		elems = append(elems, drawValue(t, depth))
	}
	v, ok := zval.None(), false
	switch kind {
	case zval.KindSet:
		v, ok = zval.SetInOrder(elems)
	case zval.KindTable:
		v, ok = zval.TableInOrder(append(elems, elems...))
	}
	if !ok {
		v = zval.Vector(elems...)
	}
	return v
}

func TestCompareIsATotalOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := values().Draw(t, "a"), values().Draw(t, "b"), values().Draw(t, "c")
		if zval.Compare(a, a) != 0 {
			t.Fatal("a value differs from itself")
		}
		if zval.Compare(a, b) != -zval.Compare(b, a) {
			t.Fatal("which of two comes first depends on who is asked")
		}
		if zval.Equal(a, b) != (zval.Compare(a, b) == 0) {
			t.Fatal("Equal and Compare disagree")
		}
		if zval.Equal(a, b) && zval.Compare(a, c) != zval.Compare(b, c) {
			t.Fatal("two equal values compare differently with a third")
		}
		if zval.Compare(a, b) <= 0 && zval.Compare(b, c) <= 0 && zval.Compare(a, c) > 0 {
			t.Fatal("the first of three comes after the last")
		}
	})
}

func TestTheOrderOfADecodedSetDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		elems := rapid.SliceOfNDistinct(values(), 0, 5, func(v zval.Value) string { return string(spell(nil, v)) }).Draw(t, "elements")
		shuffled := rapid.Permutation(elems).Draw(t, "shuffled")
		want := zval.Set(slices.Clone(elems)...)
		got, ok := zval.SetInOrder(shuffled)
		if distinct := len(want.Elems()) == len(elems); ok != distinct {
			t.Fatalf("SetInOrder says %v where distinct is %v", ok, distinct)
		}
		if ok && !zval.Equal(got, want) {
			t.Fatal("the same elements in another order are another set")
		}
	})
}

// spell writes a value so that different patterns are different.
func spell(dst []byte, v zval.Value) []byte {
	hi, lo := v.Addr128()
	dst = append(dst, byte(v.Kind()), byte(hi), byte(lo), byte(lo>>48), byte(lo>>56))
	dst = append(dst, v.Text()...)
	for _, e := range v.Elems() {
		dst = spell(dst, e)
	}
	return append(dst, '.')
}
