package wsjson

import (
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// elems holds the elements of all containers of one text in one allocation. While a
// container is open, its elements are at the back, the last one first. When the
// container closes, its elements move to the front, in order, and stay there. Each
// value is at one end only, so one place for each value is enough.
type elems struct {
	places []zval.Value
	front  int // places[:front] are the elements of closed containers
	back   int // places[back:] are the elements of open containers
}

// shortest is the length of the shortest text of a value.
const shortest = len(`{"@data-type":"none"}`)

// room returns an elems with a place for each value of text except the outermost one,
// up to limit. Each value is an object, and is not shorter than shortest.
func room(text string, limit int) elems {
	n := max(0, min(limit-1, strings.Count(text, "{")-1, len(text)/shortest))
	return elems{places: make([]zval.Value, n), back: n}
}

// push adds an element to the container that has opened last. It returns the place of
// the element, which may hold any value. It returns nil if no place is left. If an
// object follows then, the limit is reached.
func (e *elems) push() *zval.Value {
	if e.back == e.front {
		return nil
	}
	e.back--
	return &e.places[e.back]
}

// pop closes the container that has opened last, and returns its n elements.
func (e *elems) pop(n int) []zval.Value {
	waiting := e.places[e.back : e.back+n]
	slices.Reverse(waiting)
	list := e.places[e.front : e.front+n : e.front+n]
	copy(list, waiting) // the two may overlap
	e.front += n
	e.back += n
	return list
}
