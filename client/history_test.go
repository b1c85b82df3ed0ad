package client_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func historyOf(t *testing.T, result mgmt.Result) ([]client.DeployedRevision, error) {
	ctl := startAs(t, mgmt.ControllerWords, func(c *controller, req mgmt.Message) {
		c.publish(req.(mgmt.GetHistoryRequest).Answer(req.(mgmt.GetHistoryRequest).ReqID, result))
	})
	return dial(t, client.Config{Address: ctl.address}).GetHistory(t.Context())
}

func TestHistory(t *testing.T) {
	text := `[{"revision":9,"when":"2026-11-29T21:00:00Z","who":"root (uid 0)","id":"b","instances":1,"nodes":4,"later":true},
		{"revision":7,"when":"2026-11-28T21:00:00Z","who":"ann","id":"a","instances":1,"nodes":3}]`
	got, err := historyOf(t, mgmt.Result{Success: true, Data: mgmt.Text(text)})
	want := []client.DeployedRevision{
		{Revision: 9, When: time.Date(2026, 11, 29, 21, 0, 0, 0, time.UTC), Who: "root (uid 0)", ID: "b", Instances: 1, Nodes: 4},
		{Revision: 7, When: time.Date(2026, 11, 28, 21, 0, 0, 0, time.UTC), Who: "ann", ID: "a", Instances: 1, Nodes: 3},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v, history (-want +got):\n%s", err, diff)
	}
}

func TestAHistoryThatCannotBeRead(t *testing.T) {
	for name, tt := range map[string]struct {
		result mgmt.Result
		want   string
	}{
		"a refusal":       {mgmt.Result{Error: "ann may not make get_history requests"}, "get history: ann may not make get_history requests"},
		"no data":         {mgmt.Result{Success: true}, "get history: the answer carries no text"},
		"text of no list": {mgmt.Result{Success: true, Data: mgmt.Text("{}")}, "get history: the answer is no list of revisions"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := historyOf(t, tt.result); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, error %v, want %s", got, err, tt.want)
			}
		})
	}
}

// Zeek's controller announces nothing.
func TestOnlyAControllerThatCanIsAskedForItsHistory(t *testing.T) {
	for _, announced := range []string{"", mgmt.StagedDeploy} {
		ctl := startAs(t, announced, echo)
		got, err := dial(t, client.Config{Address: ctl.address}).GetHistory(t.Context())
		if !errors.Is(err, client.ErrNoHistory) || len(ctl.seen()) > 0 {
			t.Errorf("of a controller that announces %q: got %v, error %v, after %d requests", announced, got, err, len(ctl.seen()))
		}
	}
}
