package bus

import (
	"fmt"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// results returns an event like the answer of so many nodes to get_id_value.
func results(nodes int) zval.Value {
	all := make([]zval.Value, nodes)
	for i := range all {
		all[i] = zval.Vector(zval.String("reqid"), zval.Bool(true), zval.String("agent-001"),
			zval.String(`"worker"`), zval.None(), zval.String(fmt.Sprint("worker-", i)))
	}
	return wire.Event{Name: "Management::Controller::API::get_id_value_response", Args: []zval.Value{zval.String("reqid"), zval.Vector(all...)}}.Value()
}

// TestTextsDoNotShareMemory encodes a message after another one, in the same buffer.
func TestTextsDoNotShareMemory(t *testing.T) {
	var lists sharedLists
	for _, nodes := range []int{4, 4000} { // the second is longer than a buffer that is kept
		parts, _ := lists.text("topic", results(nodes))
		first := string(parts[0])
		for range 3 {
			lists.text("topic of another message", results(nodes))
		}
		if string(parts[0]) != first {
			t.Errorf("%d nodes: the text of a message has changed with the next message", nodes)
		}
	}
}

// BenchmarkText encodes the answer of four nodes for a WebSocket client: 1.6 kB in 2 allocations
// and 1.4 µs. Without the buffers it was 5.4 kB in 9 allocations, and 6 µs.
func BenchmarkText(b *testing.B) {
	var lists sharedLists
	v := results(4)
	b.ReportAllocs()
	for b.Loop() {
		lists.text("topic", v)
	}
}
