package codec

import (
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// The enumerations on the wire (spec management-api 2.2).
var (
	mgmtRoles = enumOf("Management::", mgmt.RoleNone, mgmt.RoleAgent, mgmt.RoleController, mgmt.RoleNode)
	states    = enumOf("Management::", mgmt.Pending, mgmt.Running, mgmt.Stopped, mgmt.Failed, mgmt.Crashed, mgmt.Unknown)
	roles     = enumOf("Supervisor::", mgmt.ClusterNone, mgmt.Logger, mgmt.Manager, mgmt.Proxy, mgmt.Worker)
)

// protos are mgmt's names of zval's protocols.
var protos = [...]mgmt.Proto{
	zval.ProtoUnknown: mgmt.UnknownProto, zval.ProtoTCP: mgmt.TCP, zval.ProtoUDP: mgmt.UDP, zval.ProtoICMP: mgmt.ICMP,
}

// enum is an enumeration. names are the qualified names of values, in the same
// order.
type enum[T ~string] struct {
	module string
	values []T
	names  []string
}

func enumOf[T ~string](module string, values ...T) enum[T] {
	e := enum[T]{module: module, values: values}
	for _, v := range values {
		e.names = append(e.names, module+string(v))
	}
	return e
}

// encode returns v's enumerator. For a value outside the enumeration it makes an
// enumerator of the value's own name, which receivers refuse.
func (e enum[T]) encode(v T) zval.Value {
	if i := slices.Index(e.values, v); i >= 0 {
		return zval.Enum(e.names[i])
	}
	return zval.Enum(e.module + string(v))
}

// decode reads the next field, which must be set.
func (e enum[T]) decode(f *fields, name string) T {
	v, at := f.required(name)
	return e.parse(f.d, v, at)
}

// decodeOr reads the next field. It returns fallback if the field is unset.
func (e enum[T]) decodeOr(f *fields, name string, fallback T) T {
	v, at := f.optional(name)
	if v.IsNone() {
		return fallback
	}
	return e.parse(f.d, v, at)
}

func (e enum[T]) parse(d *decoder, v zval.Value, at step) T {
	text, ok := v.Enum()
	if !ok {
		d.failKind(at, v, zval.KindEnum)
		return ""
	}
	i := slices.Index(e.names, text)
	if i < 0 {
		d.fail(at, "unknown enumerator "+quote(text))
		return ""
	}
	return e.values[i]
}
