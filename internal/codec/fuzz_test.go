package codec_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/wire/native"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// badData is lost on the way back, as it must be.
var badData = cmp.FilterValues(func(a, b mgmt.Data) bool {
	_, badA := a.(mgmt.BadData)
	_, badB := b.(mgmt.BadData)
	return badA || badB
}, cmp.Ignore())

// FuzzDecode checks that no value makes Decode panic, and that what it accepts
// is sent, in full, as the same message.
func FuzzDecode(f *testing.F) {
	for name := range recordings {
		for _, payload := range recordedPayloads(f, name) {
			f.Add(payload)
		}
	}
	for _, v := range []zval.Value{
		send(controllerAPI+"stage_configuration_request", str("r"), config(node("a"), node("a", none), node("b"))),
		send(controllerAPI+"restart_request", str("r"), inOrder(str("c"), vec(str("a")), str("a"))),
		send(agentAPI+"notify_change", str("i"), node("a"), running, running),
		send(controllerAPI+"get_instances_response", str("r"), vec(str("r"), none, none, vec(vec(str("i"), host)))),
	} {
		f.Add(native.Append(nil, v))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		v, err := native.Decode(payload, native.Limits{})
		if err != nil {
			return
		}
		m, err := codec.Decode(v)
		if err != nil {
			return
		}
		again, err := codec.Decode(codec.Encode(m))
		if err != nil {
			t.Fatalf("%#v does not survive: %v", m, err)
		}
		if diff := cmp.Diff(m, again, sameAddrs, badData); diff != "" {
			t.Fatalf("message (-before +after):\n%s", diff)
		}
	})
}
