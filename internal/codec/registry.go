package codec

import (
	"fmt"
	"reflect"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// Registry knows which event carries which message. It does not change once it
// is built.
type Registry struct {
	decoders map[string]func(*fields) mgmt.Message
	encoders map[reflect.Type]encoder
}

type encoder struct {
	name string
	args func(mgmt.Message) []zval.Value
}

// register adds the event called name, which carries M. Registering a name or a
// message twice panics.
func register[M mgmt.Message](r *Registry, name string, decode func(*fields) M, encode func(M) []zval.Value) {
	typ := reflect.TypeFor[M]()
	if r.decoders[name] != nil || r.encoders[typ].args != nil {
		panic("codec: " + name + " registered twice")
	}
	r.decoders[name] = func(f *fields) mgmt.Message { return decode(f) }
	r.encoders[typ] = encoder{name, func(m mgmt.Message) []zval.Value { return encode(m.(M)) }}
}

// Known reports whether name is the name of an event in r.
func (r *Registry) Known(name string) bool { return r.decoders[name] != nil }

// Name returns the name of the event that carries m. It panics if no event
// does.
func (r *Registry) Name(m mgmt.Message) string { return r.encoder(m).name }

// Encode returns m as the event that Zeek's Broker::publish would send: in its
// full current form, with empty metadata. Fields that have a default are never
// sent unset. Data that cannot be sent (mgmt.BadData) is left unset. It panics
// if no event carries m.
func (r *Registry) Encode(m mgmt.Message) zval.Value {
	enc := r.encoder(m)
	return wire.Event{Name: enc.name, Args: enc.args(m), Meta: new(zval.Vector())}.Value()
}

func (r *Registry) encoder(m mgmt.Message) encoder {
	enc, ok := r.encoders[reflect.TypeOf(m)]
	if !ok {
		panic(fmt.Sprintf("codec: no event carries %T", m))
	}
	return enc
}

// Decode returns the message that v carries. It returns an
// error of wire.ParseEvent if v is no event, and an *Error if the event is unknown
// or its arguments are not the message's. Data of the wrong type in a
// mgmt.Result is no error: it becomes mgmt.BadData, so that the answer is not
// lost.
func (r *Registry) Decode(v zval.Value) (mgmt.Message, error) {
	e, err := wire.ParseEvent(v)
	if err != nil {
		return nil, err
	}
	decode := r.decoders[e.Name]
	if decode == nil {
		return nil, malformed(e.Name, "unknown event")
	}
	d := newDecoder(e.Args)
	m := decode(&d.args)
	if want := d.args.next; len(e.Args) > want {
		d.failEvent(fmt.Sprintf("got %d arguments, want %d", len(e.Args), want))
	}
	if d.err != nil {
		d.err.Event = e.Name
		return nil, d.err
	}
	return m, nil
}

// Admit reports what, if anything, keeps v from being a message of r, on
// whatever topic: the check of Zeek's WebSocket server on what clients send
// (spec management-api 3.1).
func (r *Registry) Admit(_ string, v zval.Value) error {
	_, err := r.Decode(v)
	return err
}
