package wsjson

import (
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// elems holds the elements of all containers of one text in one allocation. The
// elements of a container that is still open wait at the back, last one first;
// when it closes they move to the front, in order, and stay. A value is at one
// end at a time, so there is room for all if there is a place for each.
type elems struct {
	places []zval.Value
	front  int // places[:front] are the elements of closed containers
	back   int // places[back:] wait
}

// shortest is the length of the shortest text of a value.
const shortest = len(`{"@data-type":"none"}`)

// room returns an elems with a place for each value of text but the outermost,
// or for limit of them: each is an object, and none is shorter than shortest.
func room(text string, limit int) elems {
	n := max(0, min(limit-1, strings.Count(text, "{")-1, len(text)/shortest))
	return elems{places: make([]zval.Value, n), back: n}
}

// push adds an element to the container that opened last and returns its place,
// which may hold anything, or nil if there is none left. Where an object
// follows, that means that the limit is reached.
func (e *elems) push() *zval.Value {
	if e.back == e.front {
		return nil
	}
	e.back--
	return &e.places[e.back]
}

// pop closes that container and returns its n elements.
func (e *elems) pop(n int) []zval.Value {
	waiting := e.places[e.back : e.back+n]
	slices.Reverse(waiting)
	list := e.places[e.front : e.front+n : e.front+n]
	copy(list, waiting) // they overlap where little room is left
	e.front += n
	e.back += n
	return list
}
