package codec

import (
	"maps"
	"slices"
	"sort"
	"strconv"

	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// maxQuoted bounds how much of a peer's text an error repeats, in bytes.
const maxQuoted = 64

func quote(s string) string {
	if len(s) > maxQuoted {
		return strconv.Quote(s[:maxQuoted]) + "…"
	}
	return strconv.Quote(s)
}

// vector reads the elements of a vector that must be there. It returns nil if there
// are none.
func vector[T any](f *fields, name string, read reader[T]) []T {
	v, at := f.required(name)
	return vectorOf(f.d, v, at, read)
}

// optVector reads the elements of an optional vector. It returns nil if the vector
// is unset.
func optVector[T any](f *fields, name string, read reader[T]) []T {
	v, at := f.optional(name)
	if v.IsNone() {
		return nil
	}
	return append([]T{}, vectorOf(f.d, v, at, read)...)
}

func vectorOf[T any](d *decoder, v zval.Value, at step, read reader[T]) []T {
	elems, ok := v.Vector()
	if !ok {
		d.failKind(at, v, zval.KindVector)
	}
	return elements(d, elems, at, read)
}

// setOr reads the elements of a set that is empty by default. It returns nil if
// there are none. The elements are in Broker's order of what write makes of them,
// without duplicates.
func setOr[T any](f *fields, name string, read reader[T], write func(T) zval.Value) []T {
	v, at := f.optional(name)
	if v.IsNone() {
		return nil
	}
	return setOf(f.d, v, at, read, write)
}

// requiredSet is setOr for a set that must be there.
func requiredSet[T any](f *fields, name string, read reader[T], write func(T) zval.Value) []T {
	v, at := f.required(name)
	return setOf(f.d, v, at, read, write)
}

// optSet is setOr for an optional set. It returns nil if the set is unset.
func optSet[T any](f *fields, name string, read reader[T], write func(T) zval.Value) []T {
	v, at := f.optional(name)
	if v.IsNone() {
		return nil
	}
	return append([]T{}, setOf(f.d, v, at, read, write)...)
}

func setOf[T any](d *decoder, v zval.Value, at step, read reader[T], write func(T) zval.Value) []T {
	elems, ok := v.Set()
	if !ok {
		d.failKind(at, v, zval.KindSet)
		return nil
	}
	list := elements(d, elems, at, read)
	if ascending(elems) {
		return list
	}
	return canonical(list, write)
}

// elements reads the elements of a vector or set. It returns nil if there are none.
func elements[T any](d *decoder, elems []zval.Value, at step, read reader[T]) []T {
	if len(elems) == 0 {
		return nil
	}
	list := make([]T, 0, len(elems))
	d.push(at)
	defer d.pop()
	for i, e := range elems {
		if d.err != nil {
			break
		}
		list = append(list, read(d, e, step{index: i}))
	}
	return list
}

// ascending reports whether the names of a set's elements are in strict order. The
// name of a string is the string, the name of a record is its first element. If the
// names are in strict order, then so is what is read from the elements, and there
// are no duplicates.
func ascending(elems []zval.Value) bool {
	for i := 1; i < len(elems); i++ {
		if elementName(elems[i-1]) >= elementName(elems[i]) {
			return false
		}
	}
	return true
}

func elementName(v zval.Value) string {
	if list, ok := v.Vector(); ok && len(list) > 0 {
		v = list[0]
	}
	return v.Text()
}

// canonical sorts list by the values that write makes of its elements, and keeps
// one of several equal elements. Elements that differed when they arrived can be
// equal now: one of them lacked a default that another spelled out.
func canonical[T any](list []T, write func(T) zval.Value) []T {
	type item struct {
		key zval.Value
		val T
	}
	items := make([]item, 0, len(list))
	for _, e := range list {
		items = append(items, item{write(e), e})
	}
	sort.Slice(items, func(i, j int) bool { return zval.Compare(items[i].key, items[j].key) < 0 })
	items = slices.CompactFunc(items, func(a, b item) bool { return zval.Equal(a.key, b.key) })
	list = list[:0]
	for _, it := range items {
		list = append(list, it.val)
	}
	return list
}

// stringKey reads an element of a set of strings, or a key of a table of strings.
// Like Zeek, it also takes a vector of one string (spec broker-wire 7.4).
func stringKey[S ~string](d *decoder, v zval.Value, at step) S {
	if list, ok := v.Vector(); ok && len(list) == 1 {
		v = list[0]
	}
	return S(d.str(v, at))
}

func stringElem[S ~string](d *decoder, v zval.Value, at step) S { return S(d.str(v, at)) }

// tableOf reads the entries of a table. It returns nil if the table is empty.
func tableOf[K ~string, T any](d *decoder, v zval.Value, at step, read reader[T]) map[K]T {
	pairs, ok := v.Table()
	if !ok {
		d.failKind(at, v, zval.KindTable)
	}
	if !ok || len(pairs) == 0 {
		return nil
	}
	entries := make(map[K]T, len(pairs)/2)
	d.push(at)
	defer d.pop()
	for i := 0; i+1 < len(pairs) && d.err == nil; i += 2 {
		entry := step{index: i / 2}
		key := stringKey[K](d, pairs[i], entry)
		entries[key] = read(d, pairs[i+1], entry)
	}
	return entries
}

// The functions below write.

func stringValue[S ~string](s S) zval.Value { return zval.String(string(s)) }

func vectorValue[T any](list []T, write func(T) zval.Value) zval.Value {
	return zval.Vector(values(list, write)...)
}

func setValue[T any](list []T, write func(T) zval.Value) zval.Value {
	return zval.Set(values(list, write)...)
}

func values[T any](list []T, write func(T) zval.Value) []zval.Value {
	elems := make([]zval.Value, 0, len(list))
	for _, e := range list {
		elems = append(elems, write(e))
	}
	return elems
}

func tableValue[K ~string, T any](entries map[K]T, write func(T) zval.Value) zval.Value {
	list := make([]zval.Entry, 0, len(entries))
	for _, k := range slices.Sorted(maps.Keys(entries)) {
		list = append(list, zval.Entry{Key: stringValue(k), Val: write(entries[k])})
	}
	return zval.Table(list...)
}
