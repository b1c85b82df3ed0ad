package native_test

import (
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/wire/native"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// smallEvent is an event of the size that most of the Management API's have.
func smallEvent() zval.Value {
	return zval.Vector(zval.Count(1), zval.Count(1), zval.Vector(
		zval.String("Management::Controller::API::get_nodes_request"),
		zval.Vector(zval.String("f3d0a1c2-7c5e-4e1b-9d0e-0c6b3f9a7d11"), zval.Count(42)),
	))
}

// textEvent is about 1 kB, most of it one string; recordEvent is about 1 kB of
// small values.
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

func BenchmarkEncode(b *testing.B) {
	for name, event := range events {
		b.Run(name, func(b *testing.B) {
			v := event()
			buf := native.Encode(v)
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				buf = native.Append(buf[:0], v)
			}
		})
		b.Run(name+"/fresh", func(b *testing.B) {
			v := event()
			b.SetBytes(int64(native.Size(v)))
			b.ReportAllocs()
			for b.Loop() {
				native.Encode(v)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, event := range events {
		buf := native.Encode(event())
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := native.Decode(buf, native.Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/string", func(b *testing.B) {
			s := string(buf)
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := native.DecodeString(s, native.Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
