package cli_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
)

// A deployment that the end of a controller has interrupted before anything was deployed is made
// again, for what was seen. One of which something was deployed is not, and not for ever.
func TestDeploymentsThatWereInterruptedAreMadeAgain(t *testing.T) {
	interrupted := anOperation(7, api.KindDeploy, api.OperationInterrupted, api.ActionRestart)
	interrupted.Error = "the controller ended meanwhile; nothing was deployed"
	half := interrupted
	half.Revision = 12
	done := anOperation(8, api.KindDeploy, api.OperationDone, api.ActionRestart)
	done.Revision = 12
	for name, row := range map[string]struct {
		answers []api.Operation
		status  int
	}{
		"nothing was deployed":   {[]api.Operation{interrupted, done}, cli.StatusDone},
		"something was deployed": {[]api.Operation{half}, cli.StatusFailed},
		"again and again":        {[]api.Operation{interrupted, interrupted, interrupted}, cli.StatusFailed},
	} {
		t.Run(name, func(t *testing.T) {
			var seen []uint64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Server", "zeekfleet")
				if r.URL.Path == api.PathPlans {
					json.NewEncoder(w).Encode(samplePlan())
					return
				}
				var in api.DeployRequest
				if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Seen == nil || len(seen) == len(row.answers) {
					t.Errorf("%s %s: %v", r.Method, r.URL, err)
					return
				}
				seen = append(seen, *in.Seen)
				json.NewEncoder(w).Encode(row.answers[len(seen)-1])
			}))
			defer server.Close()
			a, _, stderr := admin(t, server.Listener.Addr().String())
			f := cli.Fleet{Commands: a.Commands, Yes: true}
			status := f.Rollback(t.Context(), cli.Change{Revision: 11})
			if status != row.status || len(seen) != len(row.answers) || seen[len(seen)-1] != seen[0] {
				t.Errorf("status %d after %d requests: %s", status, len(seen), stderr)
			}
			if again := strings.Contains(stderr.String(), "asking the next one"); again != (len(row.answers) > 1) {
				t.Errorf("got %s", stderr)
			}
		})
	}
}
