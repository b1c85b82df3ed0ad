package codec_test

import (
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

var dispatches = map[string]mgmt.Message{
	"request":  mgmt.NodeDispatchRequest{ReqID: "aYe1", Action: []string{"get_id_value", "bits_per_uid"}, Nodes: []mgmt.NodeName{"worker-01"}},
	"response": mgmt.NodeDispatchResponse{ReqID: "aYe1", Result: mgmt.Result{ReqID: "aYe1", Success: true, Node: "worker-01", Data: mgmt.Text("96")}},
}

func BenchmarkDecode(b *testing.B) {
	for name, m := range dispatches {
		v := codec.Encode(m)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := codec.Decode(v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for name, m := range dispatches {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				codec.Encode(m)
			}
		})
	}
}
