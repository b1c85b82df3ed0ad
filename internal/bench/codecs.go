package bench

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/wire/native"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// codecs measures both encodings for a small event (a dispatch request), and the
// native encoding for a payload of 1 kB.
func codecs(context.Context, string) ([]figure, error) {
	small := codec.Encode(mgmt.NodeDispatchRequest{
		ReqID:  "78Lfp1prdMZ6rots5",
		Action: []string{"get_id_value", "bits_per_uid"},
		Nodes:  []mgmt.NodeName{"worker-01"},
	})
	large := wire.Event{Name: "Bench::payload", Args: []zval.Value{zval.String(strings.Repeat("x", 1000))}}.Value()
	const topic = mgmt.NodeTopic

	smallNative, largeNative := native.Append(nil, small), native.Append(nil, large)
	smallNativeText, largeNativeText := string(smallNative), string(largeNative)
	smallJSON := wsjson.AppendMessage(nil, topic, small)
	buf := make([]byte, 0, 64<<10)

	type row struct {
		what string
		size int
		op   func() error
	}
	rows := []row{
		{"native encode, small event", 0, func() error { native.Append(buf, small); return nil }},
		{"native decode, small event", 0, func() error { _, err := native.DecodeString(smallNativeText, native.Limits{}); return err }},
		{"native encode, 1 kB", len(largeNative), func() error { native.Append(buf, large); return nil }},
		{"native decode, 1 kB", len(largeNative), func() error { _, err := native.DecodeString(largeNativeText, native.Limits{}); return err }},
		{"JSON encode, small event", 0, func() error { wsjson.AppendMessage(buf, topic, small); return nil }},
		{"JSON decode, small event", 0, func() error { _, _, err := wsjson.ParseMessage(smallJSON, wsjson.Limits{}); return err }},
	}
	var figures []figure
	for _, r := range rows {
		var failure error
		res := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := r.op(); err != nil {
					failure = err
					b.FailNow()
				}
			}
		})
		if failure != nil {
			return nil, fmt.Errorf("%s: %w", r.what, failure)
		}
		perOp := float64(res.T.Nanoseconds()) / float64(res.N)
		figures = append(figures, figure{what: r.what, value: perOp, unit: "ns"})
		allocs := figure{what: r.what + ", allocations", value: float64(res.AllocsPerOp()), unit: "per op"}
		if strings.HasPrefix(r.what, "native") {
			allocs.budget, allocs.atMost = 1, true
		}
		figures = append(figures, allocs)
		if r.size > 0 {
			figures = append(figures, atLeast(r.what+", throughput", float64(r.size)/perOp, "GB/s", 1))
		}
	}
	return figures, nil
}
