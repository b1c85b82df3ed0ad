package bench

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/wire/native"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// codecFor is how long each direction of each encoding is measured.
const codecFor = 250 * time.Millisecond

// A codecLoad is a message that is encoded and decoded.
type codecLoad struct {
	what string
	v    zval.Value
	// The budgets of native encoding and decoding: allocations, and GB/s. 0 means none.
	allocations, speed float64
}

// codecLoads returns a dispatch request, an event of 1 kB, and the configuration of 1,000
// nodes on 100 hosts.
func codecLoads() []codecLoad {
	config := mgmt.Configuration{ID: "78Lfp1prdMZ6rots5"}
	for i := range 100 {
		config.Instances = append(config.Instances, mgmt.Instance{Name: fleetInstance(i), Host: mgmt.UnknownHost})
		for n := range 10 {
			config.Nodes = append(config.Nodes, mgmt.Node{
				Name: fleetNode(i, n), Instance: fleetInstance(i), Role: mgmt.Worker, State: mgmt.Running, Interface: new("af_packet::eth0"),
			})
		}
	}
	return []codecLoad{
		{"a small event", codec.Encode(mgmt.NodeDispatchRequest{
			ReqID: "78Lfp1prdMZ6rots5", Action: []string{"get_id_value", "bits_per_uid"}, Nodes: []mgmt.NodeName{"worker-01"},
		}), 1, 0},
		{"an event of 1 kB", wire.Event{Name: "Bench::payload", Args: []zval.Value{zval.String(strings.Repeat("x", 1000))}}.Value(), 1, 1},
		{"the configuration of 1,000 nodes", codec.Encode(mgmt.StageConfigurationRequest{ReqID: "78Lfp1prdMZ6rots5", Config: config}), 0, 0},
	}
}

// codecs measures both encodings.
func codecs(ctx context.Context, _ string) (figures []figure, err error) {
	for _, load := range codecLoads() {
		binary := native.Append(nil, load.v)
		binaryText := string(binary)
		text := wsjson.AppendMessage(nil, mgmt.NodeTopic, load.v)
		buf := make([]byte, 0, 2*max(len(binary), len(text)))
		for _, op := range []struct {
			what string
			size int
			do   func() error
		}{
			{"native encode", len(binary), func() error { native.Append(buf, load.v); return nil }},
			{"native decode", len(binary), func() error { _, err := native.DecodeString(binaryText, native.Limits{}); return err }},
			{"JSON encode", len(text), func() error { wsjson.AppendMessage(buf, mgmt.NodeTopic, load.v); return nil }},
			{"JSON decode", len(text), func() error { _, _, err := wsjson.ParseMessage(text, wsjson.Limits{}); return err }},
		} {
			took, allocations, err := repeat(ctx, op.do)
			if err != nil {
				return nil, fmt.Errorf("%s of %s: %w", op.what, load.what, err)
			}
			what := op.what + " of " + load.what
			one := figure{what: fmt.Sprintf("%s, %s", what, size(op.size)), value: median(took), unit: "ns", spread: true}
			for _, t := range took {
				one.worst = max(one.worst, t)
			}
			speed := atLeast(what+", speed", float64(op.size)/one.value, "GB/s", 0)
			allocated := atMost(what+", allocations", allocations, "each", 0)
			if strings.HasPrefix(op.what, "native") {
				speed.budget, allocated.budget = load.speed, load.allocations
			}
			figures = append(figures, one, speed, allocated)
		}
	}
	return figures, nil
}

// repeat calls do for the time codecFor. It returns how many nanoseconds a call took, once
// for each of many batches, and the allocations of a call.
func repeat(ctx context.Context, do func() error) (took []float64, allocations float64, err error) {
	if err := do(); err != nil {
		return nil, 0, err
	}
	batch, calls := 1, 0
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for until := time.Now().Add(codecFor); time.Now().Before(until); {
		if ctx.Err() != nil {
			return nil, 0, context.Cause(ctx)
		}
		began := time.Now()
		for range batch {
			if err := do(); err != nil {
				return nil, 0, err
			}
		}
		d := time.Since(began)
		calls += batch
		if d < codecFor/50 && len(took) == 0 {
			batch *= 2 // until the clock is exact enough
			continue
		}
		took = append(took, float64(d)/float64(batch))
	}
	runtime.ReadMemStats(&after)
	return took, float64((after.Mallocs - before.Mallocs) / uint64(calls)), nil
}
