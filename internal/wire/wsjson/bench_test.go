package wsjson

import (
	"testing"

	"zeekfleet/internal/zval"
)

// smallEvent is an event of the size that most of the Management API's have.
func smallEvent() zval.Value {
	return zval.Vector(zval.Count(1), zval.Count(1), zval.Vector(
		zval.String("Management::Controller::API::get_nodes_request"),
		zval.Vector(zval.String("f3d0a1c2-7c5e-4e1b-9d0e-0c6b3f9a7d11"), zval.Count(42)),
	))
}

func BenchmarkEncodeSmall(b *testing.B) {
	v := smallEvent()
	buf := AppendMessage(nil, "zeek/management/controller", v)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendMessage(buf[:0], "zeek/management/controller", v)
	}
}

func BenchmarkDecodeSmall(b *testing.B) {
	text := AppendMessage(nil, "zeek/management/controller", smallEvent())
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := ParseMessage(text, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
