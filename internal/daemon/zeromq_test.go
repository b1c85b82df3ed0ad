package daemon_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// curved returns the nodes whose launch has CURVE keys.
func (z *zeekAgent) curved() (nodes []client.NodeName) {
	z.t.Helper()
	for _, n := range z.nodes() {
		text, err := os.ReadFile(z.launchRecord(mgmt.NodeName(n.Name)))
		if err != nil {
			z.t.Fatal(err)
		}
		var rec struct {
			Facts struct {
				ZeroMQ struct {
					Curve struct{ Client struct{ Secret string } }
				}
			}
		}
		if err := json.Unmarshal(text, &rec); err != nil {
			z.t.Fatal(err)
		}
		if rec.Facts.ZeroMQ.Curve.Client.Secret != "" {
			nodes = append(nodes, n.Name)
		}
	}
	return nodes
}

// remark returns what the agent says of its nodes beside their states.
func (z *zeekAgent) remark() (text string) {
	z.t.Helper()
	conn := z.client()
	defer conn.Close()
	results, err := conn.GetNodes(z.t.Context())
	if err != nil {
		z.t.Fatal(err)
	}
	for _, r := range results {
		text += r.Error
	}
	return text
}

// crash kills a node and waits until it is up again. Its plan stays the same.
func (z *zeekAgent) crash(node client.NodeName) {
	z.t.Helper()
	for len(z.changes) > 0 {
		<-z.changes
	}
	if err := syscall.Kill(int(z.pids()[node]), syscall.SIGKILL); err != nil {
		z.t.Fatal(err)
	}
	z.await(node, client.Crashed)
	z.await(node, client.Running)
}

// An upgrade restarts no node. A node that restarts alone afterwards joins the others,
// which have no keys. A fake Zeek with keys would end there, as a real one does. The
// cluster gets its keys when all of its nodes start together.
func TestRunningZeroMQClusterIsNotHalfConvertedByAnUpgrade(t *testing.T) {
	var state string // "" before the upgrade
	ports := zeroMQ(t)
	z := newZeekAgent(t, "8.2.2", func(c *launch.ZeekConfig) {
		ports(c)
		if state != "" {
			var err error
			if c.ZeroMQ, err = launch.OpenZeroMQState(state, slog.New(slog.DiscardHandler)); err != nil {
				t.Error(err)
			}
		}
	})
	z.start()
	nodes := z.nodes()
	z.deployAll(nodes...)
	before := z.pids()
	z.stop()
	for _, n := range nodes {
		z.recordWithout(mgmt.NodeName(n.Name), 2, "zeromq") // the nodes serve with TLS
	}
	state = filepath.Join(z.dir, "zeromq.json")
	z.start()
	for range before {
		z.await("", client.Running)
	}
	z.deployAll(nodes...) // the same configuration
	if diff := cmp.Diff(before, z.pids()); diff != "" {
		t.Errorf("PIDs changed with the upgrade (-before +after):\n%s", diff)
	}
	if got := z.remark(); !strings.Contains(got, "can join it and act as a node: its nodes have no ZeroMQ keys") {
		t.Errorf("the status of the nodes says %q", got)
	}
	for _, node := range []client.NodeName{"worker-1", "manager"} {
		z.crash(node)
		z.expectAnswers(4)
	}
	if got := z.curved(); len(got) > 0 {
		t.Errorf("%v have keys, the others have none", got)
	}
	z.restart()
	if got := z.curved(); len(got) != 4 {
		t.Errorf("after a restart of all nodes, %v have keys", got)
	}
	if got := z.remark(); strings.Contains(got, "can join") {
		t.Errorf("the status of nodes with keys says %q", got)
	}
	z.crash("worker-2")
	z.expectAnswers(4)
	if got := z.curved(); len(got) != 4 {
		t.Errorf("after a restart of one more node, %v have keys", got)
	}
}
