package codec

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// decoder is one decoding: its first error, and the path to the value that is being
// read. After an error, all values that it reads are meaningless.
type decoder struct {
	args fields
	path []step
	base int // where in path an error's path starts
	err  *Error
	// known remembers configurations. It is nil for a decoding that remembers nothing.
	known   *Memory
	lastEnv *environment // of the latest node that has one; nil: there was none
	// room is for path: it is deep enough for every message.
	room [6]step
}

func newDecoder(args []zval.Value) *decoder {
	d := &decoder{}
	d.args = fields{d: d, list: args}
	d.path = d.room[:0]
	return d
}

// step is one step of a path: to a field, to an element of a vector or set, or to an
// entry of a table.
type step struct {
	field string // empty: the element at index
	index int
}

func (d *decoder) push(s step) { d.path = append(d.path, s) }
func (d *decoder) pop()        { d.path = d.path[:len(d.path)-1] }

// fail records why the value that is s below the path is wrong.
func (d *decoder) fail(s step, reason string) {
	if d.err != nil {
		return
	}
	var b strings.Builder
	for _, s := range append(d.path[d.base:len(d.path):len(d.path)], s) {
		switch {
		case s.field == "":
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case b.Len() > 0:
			b.WriteString("." + s.field)
		default:
			b.WriteString(s.field)
		}
	}
	index := s.index
	if len(d.path) > 0 {
		index = d.path[0].index
	}
	d.err = &Error{Argument: b.String(), Index: index, Reason: reason}
}

func (d *decoder) failKind(s step, got zval.Value, want zval.Kind) {
	d.fail(s, fmt.Sprintf("got %v, want %v", got.Kind(), want))
}

// reader reads a value of one type. The step leads to that value.
type reader[T any] func(*decoder, zval.Value, step) T

func (d *decoder) str(v zval.Value, at step) string {
	s, ok := v.Str()
	if !ok {
		d.failKind(at, v, zval.KindString)
	}
	return s
}

func (d *decoder) boolean(v zval.Value, at step) bool {
	b, ok := v.Bool()
	if !ok {
		d.failKind(at, v, zval.KindBool)
	}
	return ok && b
}

func (d *decoder) port(v zval.Value, at step) mgmt.Port {
	number, proto, ok := v.Port()
	if !ok {
		d.failKind(at, v, zval.KindPort)
		return mgmt.Port{}
	}
	return mgmt.Port{Number: number, Proto: protos[proto]}
}

// enter returns the fields of a record, and adds the record to the path. The caller
// calls pop when it has read the fields.
func (d *decoder) enter(v zval.Value, at step) fields {
	list, ok := v.Vector()
	if !ok {
		d.failKind(at, v, zval.KindVector)
	}
	d.push(at)
	return fields{d: d, list: list}
}
