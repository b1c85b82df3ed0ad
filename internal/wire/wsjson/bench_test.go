package wsjson_test

import (
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

const topic = "zeek/management/controller"

// smallEvent is an event of the size that most of the Management API's have.
func smallEvent() zval.Value {
	return zval.Vector(zval.Count(1), zval.Count(1), zval.Vector(
		zval.String("Management::Controller::API::get_nodes_request"),
		zval.Vector(zval.String("f3d0a1c2-7c5e-4e1b-9d0e-0c6b3f9a7d11"), zval.Count(42)),
	))
}

// textEvent is about 1 kB in the native encoding, most of it one string;
// recordEvent is about 1 kB there of small values.
func textEvent() zval.Value {
	return zval.Vector(zval.Count(1), zval.Count(1), zval.Vector(
		zval.String("Bench::ping"),
		zval.Vector(zval.String(strings.Repeat("x", 960)), zval.Count(42)),
	))
}

func recordEvent() zval.Value {
	var nodes []zval.Value
	for range 14 {
		nodes = append(nodes, zval.Vector(zval.String("worker-1"), zval.String("instance-1"),
			zval.Enum("Supervisor::WORKER"), zval.None(), zval.Port(2200, zval.ProtoTCP), zval.Count(4711)))
	}
	return zval.Vector(zval.Count(1), zval.Count(1), zval.Vector(zval.String("Bench::nodes"), zval.Vector(nodes...)))
}

var events = map[string]func() zval.Value{"small": smallEvent, "text": textEvent, "records": recordEvent}

func TestRoomIsALittleMoreThanAMessageTakes(t *testing.T) {
	for name, event := range events {
		room, length := wsjson.Room(topic, event()), len(wsjson.AppendMessage([]byte{}, topic, event()))
		if room < length || room > length*3/2 {
			t.Errorf("%s: room for %d bytes, and the message has %d", name, room, length)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for name, event := range events {
		b.Run(name, func(b *testing.B) {
			v := event()
			buf := wsjson.AppendMessage(nil, topic, v)
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				buf = wsjson.AppendMessage(buf[:0], topic, v)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, event := range events {
		b.Run(name, func(b *testing.B) {
			text := wsjson.AppendMessage(nil, topic, event())
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := wsjson.ParseMessage(text, wsjson.Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
