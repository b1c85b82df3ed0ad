package zval

import (
	"cmp"
	"math"
	"strings"
)

// Equal reports whether a and b are the same value. Then Compare returns 0.
func Equal(a, b Value) bool { return compare(&a, &b) == 0 }

// Compare orders values as Broker does: first by kind, then by value (spec broker-wire
// 5.3). It compares sets, tables and vectors element by element, sets and tables in
// sorted order. It differs from Broker for NaN: a NaN equals every NaN, and comes before
// all other reals. So the order is total.
func Compare(a, b Value) int { return compare(&a, &b) }

// compare takes pointers because a Value is 64 bytes.
func compare(a, b *Value) int {
	if c := cmp.Compare(a.kind, b.kind); c != 0 {
		return c
	}
	switch a.kind {
	case KindNone:
		return 0
	case KindBool, KindCount:
		return cmp.Compare(a.lo, b.lo)
	case KindInt, KindTime, KindSpan:
		return cmp.Compare(int64(a.lo), int64(b.lo))
	case KindReal:
		return cmp.Compare(math.Float64frombits(a.lo), math.Float64frombits(b.lo))
	case KindString, KindEnum:
		return strings.Compare(a.str, b.str)
	case KindSet, KindTable, KindVector:
		return compareLists(a.sorted(), b.sorted())
	default: // address, subnet, port
		return cmp.Or(cmp.Compare(a.hi, b.hi), cmp.Compare(a.lo, b.lo), cmp.Compare(a.small, b.small))
	}
}

func compareLists(a, b []Value) int {
	for i := range min(len(a), len(b)) {
		if c := compare(&a[i], &b[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}
