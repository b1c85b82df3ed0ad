package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
)

// planner answers requests for plans with these, one after the other, the last one again and
// again. asked has the seconds of each request.
func planner(t *testing.T, plans ...api.Plan) (address string, asked *[]int64) {
	t.Helper()
	asked = new([]int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in api.PlanRequest
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.URL.Path != "/api/v1/plans" {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		*asked = append(*asked, in.Timeout)
		w.Header().Set("Server", "zeekfleet")
		json.NewEncoder(w).Encode(plans[min(len(*asked), len(plans))-1])
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), asked
}

// While a host fetches bundles, a plan waits and says how far the host is.
func TestAPlanWaitsForBundles(t *testing.T) {
	fetching := func(done, total int64) api.Plan {
		plan := samplePlan()
		plan.Fetching = []api.PlannedFetch{{Instance: "sensor-2", Bundle: "site", Done: done, Total: total}}
		return plan
	}
	address, asked := planner(t, fetching(0, 0), fetching(12_000_000, 50_000_000), samplePlan())
	a, _, stderr := admin(t, address)
	if status := (cli.Fleet{Commands: a.Commands}).Plan(t.Context(), cli.PlanRequest{Revision: 11}); status != cli.StatusDone {
		t.Errorf("status %d", status)
	}
	for _, want := range []string{"sensor-2 fetches site: nothing has arrived yet", "sensor-2 fetches site: 12.0 of 50.0 MB"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("got\n%s\nwant %s", stderr, want)
		}
	}
	// The last one has the time that a preflight needs.
	if got := fmt.Sprint(*asked); got != "[0 5 5 0]" {
		t.Errorf("asked with %s seconds", got)
	}
}

// A plan does not wait for ever for a host that gets nothing more.
func TestAPlanWaitsForProgressAlone(t *testing.T) {
	stuck := samplePlan()
	stuck.Fetching = []api.PlannedFetch{{Instance: "sensor-2", Bundle: "site", Done: 5, Total: 9}}
	stuck.Doubts = []api.Finding{{Instance: "sensor-2", Text: "nothing was checked"}}
	address, asked := planner(t, stuck)
	a, stdout, _ := admin(t, address)
	if status := (cli.Fleet{Commands: a.Commands}).Plan(t.Context(), cli.PlanRequest{Revision: 11}); status != cli.StatusDone {
		t.Errorf("status %d", status)
	}
	if len(*asked) < 3 || len(*asked) > 20 || !strings.Contains(stdout.String(), "nothing was checked") {
		t.Errorf("asked %d times, and printed %s", len(*asked), stdout)
	}
}
