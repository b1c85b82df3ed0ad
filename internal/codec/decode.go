package codec

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// decoder keeps the first error of a decoding and where it is at. Once it has
// failed, what is read means nothing.
type decoder struct {
	args fields
	path []step
	base int // where in path an error's path starts
	err  *Error
	// room is for path: deep enough for all but the Supervisor's status.
	room [6]step
}

func newDecoder(args []zval.Value) *decoder {
	d := &decoder{}
	d.args = fields{d: d, list: args}
	d.path = d.room[:0]
	return d
}

// step leads to a field, to an element of a list, or to an entry of a table.
type step struct {
	field string // empty: the element at index
	index int
}

func (d *decoder) push(s step) { d.path = append(d.path, s) }
func (d *decoder) pop()        { d.path = d.path[:len(d.path)-1] }

// fail records what is wrong with the value that the path and s lead to.
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

func (d *decoder) failEvent(reason string) {
	if d.err == nil {
		d.err = malformed("", reason)
	}
}

func (d *decoder) failKind(s step, got zval.Value, want zval.Kind) {
	d.fail(s, fmt.Sprintf("got %v, want %v", got.Kind(), want))
}

// fields reads the arguments of an event or the elements of a record, each
// once, in order.
type fields struct {
	d    *decoder
	list []zval.Value
	next int
}

// optional returns the next field, or none if it is unset or missing.
func (f *fields) optional(name string) (zval.Value, step) {
	at := step{name, f.next}
	f.next++
	if at.index < len(f.list) {
		return f.list[at.index], at
	}
	return zval.None(), at
}

// required returns the next field, which must be set.
func (f *fields) required(name string) (zval.Value, step) {
	v, at := f.optional(name)
	switch {
	case at.index >= len(f.list):
		f.d.fail(at, "missing")
	case v.IsNone():
		f.d.fail(at, "not set")
	}
	return v, at
}

func (f *fields) str(name string) string {
	v, at := f.required(name)
	return f.d.str(v, at)
}

func (f *fields) strOr(name, fallback string) string {
	v, at := f.optional(name)
	if v.IsNone() {
		return fallback
	}
	return f.d.str(v, at)
}

func (f *fields) optStr(name string) *string {
	v, at := f.optional(name)
	if v.IsNone() {
		return nil
	}
	return new(f.d.str(v, at))
}

func (f *fields) boolean(name string) bool {
	v, at := f.required(name)
	return f.d.boolean(v, at)
}

func (f *fields) boolOr(name string, fallback bool) bool {
	v, at := f.optional(name)
	if v.IsNone() {
		return fallback
	}
	return f.d.boolean(v, at)
}

func (f *fields) optBool(name string) *bool {
	v, at := f.optional(name)
	if v.IsNone() {
		return nil
	}
	return new(f.d.boolean(v, at))
}

func (f *fields) count(name string) uint64 {
	v, at := f.required(name)
	n, ok := v.Count()
	if !ok {
		f.d.failKind(at, v, zval.KindCount)
	}
	return n
}

func (f *fields) optInt(name string) *int64 {
	v, at := f.optional(name)
	if v.IsNone() {
		return nil
	}
	n, ok := v.Int()
	if !ok {
		f.d.failKind(at, v, zval.KindInt)
	}
	return &n
}

func (f *fields) addr(name string) netip.Addr {
	v, at := f.required(name)
	a, ok := v.Addr()
	if !ok {
		f.d.failKind(at, v, zval.KindAddr)
	}
	return a
}

func (f *fields) port(name string) mgmt.Port {
	v, at := f.required(name)
	return f.d.port(v, at)
}

func (f *fields) optPort(name string) *mgmt.Port {
	v, at := f.optional(name)
	if v.IsNone() {
		return nil
	}
	return new(f.d.port(v, at))
}

// field reads the next field, which must be set.
func field[T any](f *fields, name string, read reader[T]) T {
	v, at := f.required(name)
	return read(f.d, v, at)
}

// reader reads a value of one type, which is found at the given step.
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

// enter returns the elements of v, which must be a record, and goes there; the
// caller pops when it has read them.
func (d *decoder) enter(v zval.Value, at step) fields {
	list, ok := v.Vector()
	if !ok {
		d.failKind(at, v, zval.KindVector)
	}
	d.push(at)
	return fields{d: d, list: list}
}
