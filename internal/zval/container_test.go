package zval_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// numbers returns counts, to make containers of.
func numbers(ns ...uint64) []zval.Value {
	list := make([]zval.Value, 0, len(ns))
	for _, n := range ns {
		list = append(list, zval.Count(n))
	}
	return list
}

// inside returns the counts that a container holds, in its order.
func inside(v zval.Value) []uint64 {
	ns := []uint64{}
	for _, e := range v.Elems() {
		n, _ := e.Count()
		ns = append(ns, n)
	}
	return ns
}

func TestSetsThatAreBuiltAreSortedAndFreeOfDuplicates(t *testing.T) {
	got := inside(zval.Set(numbers(3, 1, 2, 3, 1)...))
	if diff := cmp.Diff([]uint64{1, 2, 3}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTablesThatAreBuiltAreSortedAndKeepTheLastOfAKey(t *testing.T) {
	entries := []zval.Entry{
		{Key: zval.Count(3), Val: zval.Count(30)},
		{Key: zval.Count(1), Val: zval.Count(10)},
		{Key: zval.Count(3), Val: zval.Count(31)},
	}
	got := inside(zval.Table(entries...))
	if diff := cmp.Diff([]uint64{1, 10, 3, 31}, got); diff != "" {
		t.Error(diff)
	}
	if key, _ := entries[0].Key.Count(); key != 3 {
		t.Error("the caller's entries were moved")
	}
}

func TestDecodedSets(t *testing.T) {
	for name, tt := range map[string]struct {
		elems []uint64
		ok    bool
	}{
		"an empty one":                     {[]uint64{}, true},
		"one element":                      {[]uint64{7}, true},
		"a sorted one":                     {[]uint64{1, 2, 3}, true},
		"an unsorted one keeps its order":  {[]uint64{3, 1, 2}, true},
		"duplicates side by side":          {[]uint64{1, 1}, false},
		"duplicates apart":                 {[]uint64{2, 1, 2}, false},
		"duplicates after a sorted start":  {[]uint64{1, 2, 3, 1}, false},
		"a long one that is sorted wrong":  {[]uint64{9, 8, 7, 6, 5, 4, 3, 2, 1, 0}, true},
		"a long one with a late duplicate": {[]uint64{9, 8, 7, 6, 5, 4, 3, 2, 1, 9}, false},
	} {
		t.Run(name, func(t *testing.T) {
			v, ok := zval.SetInOrder(numbers(tt.elems...))
			if ok != tt.ok {
				t.Fatalf("got %v, want %v", ok, tt.ok)
			}
			if !ok {
				if !v.IsNone() {
					t.Errorf("got a %v, want none", v.Kind())
				}
				return
			}
			if diff := cmp.Diff(tt.elems, inside(v)); diff != "" {
				t.Error(diff)
			}
			_ = append(v.Elems(), zval.None()) // must not reach what the set keeps for itself
			if !zval.Equal(v, zval.Set(numbers(tt.elems...)...)) {
				t.Error("differs from the set of the same elements")
			}
		})
	}
}

func TestDecodedTables(t *testing.T) {
	for name, tt := range map[string]struct {
		pairs []uint64
		ok    bool
	}{
		"an empty one":                      {[]uint64{}, true},
		"a sorted one":                      {[]uint64{1, 0, 2, 0}, true},
		"an unsorted one keeps its order":   {[]uint64{2, 0, 1, 9}, true},
		"one value with several keys":       {[]uint64{3, 3, 2, 3, 1, 3}, true},
		"a key side by side with itself":    {[]uint64{1, 0, 1, 9}, false},
		"a key twice, apart":                {[]uint64{2, 0, 1, 0, 2, 0}, false},
		"a key without a value":             {[]uint64{1}, false},
		"a key without a value, in the end": {[]uint64{1, 2, 3}, false},
	} {
		t.Run(name, func(t *testing.T) {
			v, ok := zval.TableInOrder(numbers(tt.pairs...))
			if ok != tt.ok {
				t.Fatalf("got %v, want %v", ok, tt.ok)
			}
			if !ok {
				if !v.IsNone() {
					t.Errorf("got a %v, want none", v.Kind())
				}
				return
			}
			if diff := cmp.Diff(tt.pairs, inside(v)); diff != "" {
				t.Error(diff)
			}
			var entries []zval.Entry
			for i := 0; i < len(tt.pairs); i += 2 {
				entries = append(entries, zval.Entry{Key: zval.Count(tt.pairs[i]), Val: zval.Count(tt.pairs[i+1])})
			}
			if !zval.Equal(v, zval.Table(entries...)) {
				t.Error("differs from the table of the same entries")
			}
		})
	}
}

// Each level holds two sets of the level below, neither of them sorted. Were
// they sorted anew for each comparison, each level would take six times as long
// as the one below.
func TestUnsortedSetsWithinSetsCompareInTheTimeTheyTakeToRead(t *testing.T) {
	const levels = 16
	level := func(a, b zval.Value) zval.Value {
		v, ok := zval.SetInOrder([]zval.Value{a, b})
		if !ok {
			t.Fatal("duplicates where there are none")
		}
		return v
	}
	var build func(depth int, last uint64) zval.Value
	build = func(depth int, last uint64) zval.Value {
		if depth == 0 {
			return level(zval.Count(last), zval.Count(0))
		}
		return level(build(depth-1, last), build(depth-1, last-1))
	}
	a, b := build(levels, levels+2), build(levels, levels+2)
	if !zval.Equal(a, b) {
		t.Error("two sets built alike differ")
	}
}
