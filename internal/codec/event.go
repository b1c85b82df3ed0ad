package codec

import (
	"reflect"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// event is one row of the table of events: it says how the messages of one type
// travel.
type event struct {
	name  string
	of    reflect.Type
	read  func(*fields) mgmt.Message
	write func(mgmt.Message) []zval.Value
}

// request returns the row of a request. The name of its event stands in package
// mgmt, because the cores and the daemons need the table of requests, too.
func request[M mgmt.Request](read func(*fields) M, write func(M) []zval.Value) event {
	var empty M
	return message(mgmt.KindOf(empty).Event, read, write)
}

// response returns the row of a response. The name of its event follows from the
// request's.
func response[M mgmt.Response](read func(*fields) M, write func(M) []zval.Value) event {
	var empty M
	return message(mgmt.KindAnswered(empty).ResponseEvent(), read, write)
}

// message returns the row of a message that travels under this name. read reads
// the event's arguments, write writes them.
func message[M mgmt.Message](name string, read func(*fields) M, write func(M) []zval.Value) event {
	return event{
		name: name, of: reflect.TypeFor[M](),
		read:  func(f *fields) mgmt.Message { return read(f) },
		write: func(m mgmt.Message) []zval.Value { return write(m.(M)) },
	}
}

// list returns the arguments of an event.
func list(args ...zval.Value) []zval.Value { return args }
