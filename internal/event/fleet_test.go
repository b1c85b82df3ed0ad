package event_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"zeekfleet/internal/event"
	"zeekfleet/internal/mgmt"
)

func TestAnnouncedDispatchesAreAVectorOfNames(t *testing.T) {
	const name = "Fleet::Node::API::notify_dispatches"
	r := event.Management()
	want := mgmt.NotifyDispatches{Node: "worker", Dispatches: []string{"get_id_value", "get_stats"}}
	sent := send(name, str("worker"), vec(str("get_id_value"), str("get_stats")))
	got, err := r.Decode(sent)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(mgmt.Message(want), got); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	if again, err := r.Decode(r.Encode(want)); err != nil || cmp.Diff(mgmt.Message(want), again) != "" {
		t.Errorf("encoded and decoded: %v, %v", again, err)
	}
	if _, err := r.Decode(send(name, str("worker"), set(str("get_stats")))); err == nil {
		t.Error("a set was taken for a vector")
	}
}
