package zval

import (
	"slices"
	"sort"
)

// unsorted is the small number of a set or table whose list holds all elements twice:
// first in the order of its sender, and then sorted. So comparing it costs as much as
// comparing any other value. If it were sorted for each comparison, a peer could send
// sets within sets whose comparison takes hours.
const unsorted = 1

// Vector returns a vector. Zeek's records are vectors, too. The vector keeps elems; the
// caller must not change them any more.
func Vector(elems ...Value) Value { return Value{kind: KindVector, list: elems} }

// Set returns the set of the different values among elems, sorted. The set keeps elems;
// the caller must not change them any more.
func Set(elems ...Value) Value {
	sort.Sort(byValue(elems))
	return Value{kind: KindSet, list: slices.CompactFunc(elems, Equal)}
}

// Entry is one entry of a table.
type Entry struct{ Key, Val Value }

// Table returns a table, sorted by key. If several entries have the same key, the last
// one counts.
func Table(entries ...Entry) Value {
	sorted := slices.Clone(entries)
	sort.Stable(byKey(sorted))
	list := make([]Value, 0, 2*len(sorted))
	for i, e := range sorted {
		if i+1 < len(sorted) && Equal(e.Key, sorted[i+1].Key) {
			continue
		}
		list = append(list, e.Key, e.Val)
	}
	return Value{kind: KindTable, list: list}
}

// SetInOrder returns a set that keeps the order of elems. It is for decoders. It returns
// none and false if two elements are equal. If elems are sorted, the set keeps elems.
// Otherwise it allocates a list of twice their length.
func SetInOrder(elems []Value) (Value, bool) {
	if ascending(elems, 1) {
		return Value{kind: KindSet, list: elems}, true
	}
	list := slices.Concat(elems, elems)
	sorted := list[len(elems):]
	sort.Sort(byValue(sorted))
	if !ascending(sorted, 1) {
		return None(), false
	}
	return Value{kind: KindSet, small: unsorted, list: list}, true
}

// TableInOrder returns a table that keeps the order of pairs, which are keys and values
// in turn. It is for decoders. It returns none and false if two keys are equal, or if a
// key has no value. If pairs are sorted, the table keeps pairs. Otherwise it allocates a
// list of twice their length.
func TableInOrder(pairs []Value) (Value, bool) {
	if len(pairs)%2 != 0 {
		return None(), false
	}
	if ascending(pairs, 2) {
		return Value{kind: KindTable, list: pairs}, true
	}
	entries := make([]Entry, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		entries = append(entries, Entry{pairs[i], pairs[i+1]})
	}
	sorted := Table(entries...).list
	if len(sorted) < len(pairs) {
		return None(), false
	}
	return Value{kind: KindTable, small: unsorted, list: slices.Concat(pairs, sorted)}, true
}

// sorted returns the elements of a container in the order for comparisons.
func (v *Value) sorted() []Value {
	if v.small == unsorted {
		return v.list[len(v.list)/2:]
	}
	return v.list
}

// ascending reports whether every stride-th value is greater than the one
// before it.
func ascending(list []Value, stride int) bool {
	for i := stride; i < len(list); i += stride {
		if compare(&list[i-stride], &list[i]) >= 0 {
			return false
		}
	}
	return true
}

// byValue sorts values. The compiler would make a copy of slices.SortFunc for them: 20 kB of
// the program.
type byValue []Value

func (b byValue) Len() int           { return len(b) }
func (b byValue) Less(i, j int) bool { return compare(&b[i], &b[j]) < 0 }
func (b byValue) Swap(i, j int)      { b[i], b[j] = b[j], b[i] }

// byKey sorts entries of a table.
type byKey []Entry

func (b byKey) Len() int           { return len(b) }
func (b byKey) Less(i, j int) bool { return compare(&b[i].Key, &b[j].Key) < 0 }
func (b byKey) Swap(i, j int)      { b[i], b[j] = b[j], b[i] }
