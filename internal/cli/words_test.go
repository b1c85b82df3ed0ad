package cli_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
)

// TestWordsOfAController asks a controller for words, also one whose names a shell cannot
// take, and one that refuses.
func TestWordsOfAController(t *testing.T) {
	local := func(at time.Time) string { return at.Local().Format("2006-01-02 15:04") }
	restart := func(id uint64, state string, batch int) api.Operation {
		return api.Operation{ID: id, Kind: api.KindRestart, State: state, Who: "ann", Begun: noon, Batch: batch}
	}
	answers := map[string]any{
		"GET /api/v1/nodes": api.Page[api.Node]{Items: []api.Node{
			{Name: "sensor-1", Instance: "sensor-1", Role: "AGENT", State: "RUNNING"},
			{Name: "worker-1", Instance: "sensor-1", Role: "WORKER", State: "FAILED"},
			{Name: "proxy-1", Instance: "sensor\x1b[2J", Role: "PROXY", State: "RUNNING"},
			{Name: "two words", Instance: "sensor-1", Role: "WORKER", State: "RUNNING"},
			{Name: "line\n$(reboot)", Instance: "sensor-1", Role: "WORKER", State: "RUNNING"},
		}},
		"GET /api/v1/instances": api.Page[api.Instance]{Items: []api.Instance{{Name: "sensor-1", Standing: "READY", Nodes: 1}}},
		"GET /api/v1/revisions": api.Page[api.Revision]{Items: []api.Revision{
			{Revision: 9, State: api.Deployed, Kept: true, When: noon, Who: "ann"},
			{Revision: 8, State: api.Past, Kept: true, When: noon, Note: "two\tlines\nhere"},
			{Revision: 7, State: api.Past, When: noon},
		}},
		"GET /api/v1/operations": api.Page[api.Operation]{Items: []api.Operation{
			restart(4, api.OperationInterrupted, 1), restart(3, api.OperationDone, 1), restart(2, api.OperationFailed, 0), restart(1, api.OperationFailed, 2),
		}},
		"GET /api/v1/crashes": api.Crashes{Items: []api.Crash{{ID: "x-1", Node: "worker-1", Instance: "sensor-1", When: noon}, {Node: "worker-2"}}},
	}
	f := &fakeController{answers: answers}
	f.start(t, nil)
	none := &fakeController{answers: map[string]any{}}
	none.start(t, nil)
	at := local(noon)
	for name, test := range map[string]struct {
		find func(cli.Words, context.Context) []cli.Word
		want []cli.Word
	}{
		"nodes": {cli.Words.Nodes, []cli.Word{{"worker-1", "worker on sensor-1, FAILED"}, {"proxy-1", "proxy on sensor?[2J, RUNNING"}}},
		"selectors": {cli.Words.Selectors, []cli.Word{
			{"worker-1", "worker on sensor-1, FAILED"}, {"proxy-1", "proxy on sensor?[2J, RUNNING"},
			{"@proxies", "1 node"}, {"@workers", "3 nodes"}, {"%sensor-1", "3 nodes of the instance"},
		}},
		"instances": {cli.Words.Instances, []cli.Word{{"sensor-1", "1 node, READY"}}},
		"revisions": {cli.Words.Revisions, []cli.Word{{"9", "deployed, " + at + " ann"}, {"8", at + " -: two lines?here"}}},
		"past":      {cli.Words.PastRevisions, []cli.Word{{"8", at + " -: two lines?here"}}},
		"operations": {cli.Words.Operations, []cli.Word{
			{"4", "restart, interrupted, " + at + " ann"}, {"3", "restart, done, " + at + " ann"},
			{"2", "restart, failed, " + at + " ann"}, {"1", "restart, failed, " + at + " ann"},
		}},
		"resumable": {cli.Words.Resumable, []cli.Word{{"4", "restart, interrupted, " + at + " ann"}, {"1", "restart, failed, " + at + " ann"}}},
		"crashes":   {cli.Words.Crashes, []cli.Word{{"x-1", at + " worker-1 on sensor-1"}}},
	} {
		t.Run(name, func(t *testing.T) {
			a, stdout, stderr := admin(t, f.address)
			if diff := cmp.Diff(test.want, test.find(cli.NewWords(a.Commands), t.Context())); diff != "" {
				t.Errorf("words (-want +got):\n%s", diff)
			}
			refused, _, said := admin(t, none.address)
			if got := test.find(cli.NewWords(refused.Commands), t.Context()); got != nil {
				t.Errorf("a controller that refuses has words: %v", got)
			}
			if text := stdout.String() + stderr.String() + said.String(); text != "" {
				t.Errorf("it printed %q", text)
			}
		})
	}
}
