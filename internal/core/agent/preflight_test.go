package agent_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
)

func TestPreflightHasThePlansThatStart(t *testing.T) {
	w := running(t, withPreflight, nodes("logger", "worker")...)
	w.deploy("d2", node("logger"), changed(node("worker")))
	for _, e := range w.effects {
		preflight, ok := e.(agent.Preflight)
		if !ok {
			continue
		}
		if got := fmt.Sprintf("%s %d", preflight.Start[0].Node.Name, len(preflight.Start)); got != "worker 1" {
			t.Errorf("preflight of %s", got)
		}
		if want := w.Now().Add(4250 * time.Millisecond); !preflight.Deadline.Equal(want) {
			t.Errorf("deadline %v, want half of the request's, %v", preflight.Deadline, want)
		}
		return
	}
	t.Error("there was no preflight")
}
