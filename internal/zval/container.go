package zval

import "slices"

// unsorted, as the small number of a set or table, says that its list holds
// everything twice: in its sender's order, and then sorted. The sorted half
// keeps a comparison as cheap as for any other value; were it made anew each
// time, a peer could send sets within sets that take hours to compare.
const unsorted = 1

// Vector returns a vector, which is also how records travel. It keeps elems,
// which the caller must not change any more.
func Vector(elems ...Value) Value { return Value{kind: KindVector, list: elems} }

// Set returns the set of the different values among elems, sorted. It keeps
// elems, which the caller must not change any more.
func Set(elems ...Value) Value {
	slices.SortFunc(elems, Compare)
	return Value{kind: KindSet, list: slices.CompactFunc(elems, Equal)}
}

// Entry is one entry of a table.
type Entry struct{ Key, Val Value }

// Table returns a table, sorted by key. Of several entries with one key the
// last is kept.
func Table(entries ...Entry) Value {
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, compareKeys)
	list := make([]Value, 0, 2*len(sorted))
	for i, e := range sorted {
		if i+1 < len(sorted) && Equal(e.Key, sorted[i+1].Key) {
			continue
		}
		list = append(list, e.Key, e.Val)
	}
	return Value{kind: KindTable, list: list}
}

// SetInOrder returns a set that keeps the order of elems, for decoders. It
// reports false, and none, if two elements are equal. It keeps elems if they
// are sorted, and otherwise takes twice their room.
func SetInOrder(elems []Value) (Value, bool) {
	if ascending(elems, 1) {
		return Value{kind: KindSet, list: elems}, true
	}
	list := slices.Concat(elems, elems)
	sorted := list[len(elems):]
	slices.SortFunc(sorted, Compare)
	if !ascending(sorted, 1) {
		return None(), false
	}
	return Value{kind: KindSet, small: unsorted, list: list}, true
}

// TableInOrder returns a table of alternating keys and values that keeps their
// order, for decoders. It reports false, and none, if two keys are equal or a
// key lacks its value. It keeps pairs if they are sorted, and otherwise takes
// twice their room.
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

// sorted returns the elements of a container in the order in which it compares.
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

func compareKeys(a, b Entry) int { return compare(&a.Key, &b.Key) }
