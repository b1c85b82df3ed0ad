package zval

import (
	"cmp"
	"math"
	"strings"
)

// Equal reports whether a and b are the same value: neither comes before the
// other.
func Equal(a, b Value) bool { return Compare(a, b) == 0 }

// Compare orders values as Broker does: by kind, then by value; sets, tables
// and vectors element by element, sets and tables in sorted order (spec
// broker-wire 5.3). One thing differs: a NaN equals only a NaN and comes before
// all other reals, so that the order is total.
func Compare(a, b Value) int {
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
	case KindSet:
		return compareSets(a, b)
	case KindTable:
		return compareTables(a, b)
	case KindVector:
		return compareLists(a.list, b.list)
	default: // address, subnet, port
		return cmp.Or(cmp.Compare(a.hi, b.hi), cmp.Compare(a.lo, b.lo), cmp.Compare(a.small, b.small))
	}
}

func compareLists(a, b []Value) int {
	for i := range min(len(a), len(b)) {
		if c := Compare(a[i], b[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

func compareSets(a, b Value) int {
	return compareLists(inOrder(a.list, 1), inOrder(b.list, 1))
}

func compareTables(a, b Value) int {
	return compareLists(inOrder(a.list, 2), inOrder(b.list, 2))
}

// inOrder returns list with its groups of stride values sorted by the first of
// each; it is list itself if that is sorted already.
func inOrder(list []Value, stride int) []Value {
	sorted := true
	for i := stride; i < len(list) && sorted; i += stride {
		sorted = Compare(list[i-stride], list[i]) <= 0
	}
	if sorted {
		return list
	}
	if stride == 1 {
		return sortedKeys(list, 1)
	}
	entries := make([]Entry, 0, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		entries = append(entries, Entry{list[i], list[i+1]})
	}
	return Table(entries...).list
}
