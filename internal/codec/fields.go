package codec

import (
	"math"
	"net/netip"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// fields reads the arguments of an event or the fields of a record in their order.
// Each method takes the next field. Methods called opt… return nil for a field that
// is unset or missing, methods called …Or return a fallback; for all other methods
// the field must be there.
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

func (f *fields) count(name string) uint64 {
	v, at := f.required(name)
	n, ok := v.Count()
	if !ok {
		f.d.failKind(at, v, zval.KindCount)
	}
	return n
}

// size reads a number of bytes.
func (f *fields) size(name string) int64 {
	v, at := f.required(name)
	n, ok := v.Count()
	switch {
	case !ok:
		f.d.failKind(at, v, zval.KindCount)
	case n > math.MaxInt64:
		f.d.fail(at, "too large")
		return 0
	}
	return int64(n)
}

// sizeValue returns a number of bytes as a value.
func sizeValue(n int64) zval.Value { return zval.Count(uint64(max(n, 0))) }

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

func (f *fields) span(name string) time.Duration {
	v, at := f.required(name)
	d, ok := v.Span()
	if !ok {
		f.d.failKind(at, v, zval.KindSpan)
	}
	return d
}

// The fields of messages.

func (f *fields) reqID() mgmt.ReqID { return mgmt.ReqID(f.str("reqid")) }

func (f *fields) nodeName(name string) mgmt.NodeName { return mgmt.NodeName(f.str(name)) }

func (f *fields) instanceName(name string) mgmt.InstanceName { return mgmt.InstanceName(f.str(name)) }

// nodeNameOr reads a name that may be missing.
func (f *fields) nodeNameOr(name string, fallback mgmt.NodeName) mgmt.NodeName {
	return mgmt.NodeName(f.strOr(name, string(fallback)))
}

// nodeNames reads a set of names that is empty by default.
func (f *fields) nodeNames(name string) []mgmt.NodeName {
	return setOr(f, name, stringKey[mgmt.NodeName], stringValue[mgmt.NodeName])
}

func (f *fields) strings(name string) []string { return vector(f, name, stringElem[string]) }

func (f *fields) configuration(name string) mgmt.Configuration {
	return field(f, name, readConfiguration)
}

// result reads the one result of a response. data reads the result's data.
func (f *fields) result(data dataReader) mgmt.Result {
	v, at := f.required("result")
	return readResult(f.d, v, at, data)
}

// results reads the results of a response. data reads the data of each result.
func (f *fields) results(data dataReader) []mgmt.Result {
	return vector(f, "results", func(d *decoder, v zval.Value, at step) mgmt.Result { return readResult(d, v, at, data) })
}
