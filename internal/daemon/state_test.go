package daemon_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
)

// TestNoNodeRunsInADirectoryThatHoldsAState has a node with the name of another
// controller on its host. Neither its own controller nor its agent knows that one.
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

func TestErrorOfAnUnreadableStateSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.db")
	s, err := boltstore.Open(t.Context(), path, boltstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Save(t.Context(), []store.Change{{Key: "state", Value: []byte(`{"version":1,"wishes":[]}`)}}, 0)
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	_, _, err = daemon.WakeController(t.Context(), dir, slog.New(slog.DiscardHandler))
	want := "load " + path + `, revision 1: value "state": json: unknown field "wishes"; the file is damaged, or a newer zeekfleet has written it: ` +
		"run that zeekfleet, restore a copy of the file, or move it away: without it the controller has no configuration"
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v", err)
	}
}
