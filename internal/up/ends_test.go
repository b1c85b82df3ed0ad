package up

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/zeekfleet/zeekfleet/client"
)

// answered is an answer to get-nodes of an instance with one worker, w.
func answered(state client.State, said string) []client.Result {
	return []client.Result{{
		Success: true, Instance: "i", Error: said,
		Data: client.NodeStatuses{{Node: "w", State: state, ClusterRole: client.Worker}},
	}}
}

func TestUpSaysHowANodeEndedOnceUntilItRunsAgainOrIsGivenUp(t *testing.T) {
	const other = "node w2 crashed: signal SIGKILL (9s ago)\n"
	ends := endings{}
	for i, step := range []struct {
		state client.State
		said  string
		want  []string
	}{
		{client.Running, "", nil},
		{client.Crashed, "", nil}, // the answer is older than the record
		{client.Crashed, other + "node w crashed: exit code 1; it printed: no (such) device (0s ago)\n", []string{"node w crashed: exit code 1; it printed: no (such) device"}},
		{client.Pending, "node w crashed: exit code 1; it printed: no (such) device (1s ago)", nil},
		{client.Crashed, "node w crashed: exit code 1; it printed: no (such) device (0s ago)", nil},
		{client.Failed, "node w failed 10 times in a row: \x1b[1m (0s ago)", []string{"node w failed 10 times in a row: ?[1m"}},
		{client.Failed, "node w failed 10 times in a row: \x1b[1m (1s ago)", nil},
		{client.Running, "node w failed 10 times in a row: \x1b[1m (2s ago)", nil},
		{client.Crashed, "node w crashed: signal SIGKILL (0s ago)", []string{"node w crashed: signal SIGKILL"}},
	} {
		if got := ends.news(answered(step.state, step.said)); !slices.Equal(got, step.want) {
			t.Errorf("look %d: said %q, want %q", i, got, step.want)
		}
	}
}

func TestUpDoesNotRepeatWhatTheDeploymentHasSaid(t *testing.T) {
	ends := endings{}
	ends.told([]client.NodeName{"w", ""})
	if got := ends.news(answered(client.Crashed, "node w crashed: exit code 1 (0s ago)")); len(got) > 0 {
		t.Errorf("said %q", got)
	}
	if got := ends.news(answered(client.Failed, "node w failed 10 times in a row (0s ago)")); len(got) != 1 {
		t.Errorf("said %q of a node that has been given up", got)
	}
}

func TestUpSaysHowANodeEndedAboveTheTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var terminal bytes.Buffer // both streams lead to it
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		d := &deployment{background: &background{ended: make(chan struct{})}}
		looks := 0
		nodes := func(context.Context) ([]client.Result, error) {
			switch looks++; looks {
			case 1:
				close(d.ended)
			case 2:
				cancel()
			}
			return answered(client.Crashed, "node w crashed: exit code 1 (0s ago)"), nil
		}
		view := &view{out: &terminal, size: func() (int, int) { return 80, 24 }}
		if err := newWatcher(nodes, view, &terminal).watch(ctx, d); err != nil {
			t.Errorf("watch: %v", err)
		}
		const table = "NODE  ROLE    STATE    PID  PORT\nw     worker  CRASHED  -    -\n"
		want := table + "\x1b[2A\x1b[J" + "zeekfleet: node w crashed: exit code 1\nzeekfleet: what ended is started again; see zeekfleet crashes\n" + table
		if terminal.String() != want {
			t.Errorf("on the terminal:\n got %q\nwant %q", terminal.String(), want)
		}
	})
}
