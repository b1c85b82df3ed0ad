package daemon_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/client"
)

// TestNoNodeRunsInADirectoryThatHoldsAState has a node named as a controller of its
// host, of which neither its own controller nor its agent know.
func TestNoNodeRunsInADirectoryThatHoldsAState(t *testing.T) {
	cluster := startCluster(t)
	cluster.startAgent("a")
	dir := filepath.Join(cluster.dir, "a", "nodes", "worker")
	state := filepath.Join(dir, "state.db")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(state, []byte("what it was told"), 0o600)); err != nil {
		t.Fatal(err)
	}
	conn := cluster.client()
	defer conn.Close()
	if staged, err := conn.Stage(t.Context(), twoNodes("two", "a")); err != nil || !staged[0].Success {
		t.Fatalf("stage: %+v, %v", staged, err)
	}
	deployed, err := conn.Deploy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	why := map[client.NodeName]string{}
	for _, r := range deployed {
		if !r.Success {
			why[r.Node] += r.Error
		}
	}
	if !strings.Contains(why["worker"], dir+" is the directory of a controller or an agent; name the node otherwise") || len(why) != 1 {
		t.Errorf("failures %q", why)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory has %v, %v; want what it had", entries, err)
	}
	if text, err := os.ReadFile(state); string(text) != "what it was told" {
		t.Errorf("the state is %q, %v", text, err)
	}
}
