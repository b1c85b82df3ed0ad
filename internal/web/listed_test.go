package web_test

import (
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// Agents announce states without PIDs, and Zeek's announce none to a controller that has
// started since. What is missing is asked for, once in a while.
func TestAgentsAreAskedForWhatTheControllerDoesNotKnow(t *testing.T) {
	for name, lack := range map[string]func(*mgmt.ObservedNode){
		"the PID of a node that runs": func(n *mgmt.ObservedNode) { n.State, n.PID = mgmt.Running, nil },
		"the state of a node":         func(n *mgmt.ObservedNode) { n.State, n.Since = mgmt.Unknown, time.Time{} },
	} {
		f := someFleet()
		nodes := f.snap.Instances[0].Nodes
		node := &nodes[len(nodes)-1]
		known := *node
		known.State, known.PID = mgmt.Running, new(int64(4711))
		lack(node)
		f.answers = func(r mgmt.Request) mgmt.Response {
			*node = known
			return r.Answer("")
		}
		s := serve(t, web.Config{Cluster: f, Limits: web.Limits{ListInterval: time.Hour}}, nil)
		list := func() (state string, pid int64) {
			got, err := s.client("viewer").Nodes(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			last := got[len(got)-1]
			return last.State, last.PID
		}
		if state, pid := list(); state != "RUNNING" || pid != 4711 {
			t.Errorf("%s: got %s with PID %d", name, state, pid)
		}
		if asked := f.requests(); len(asked) != 1 {
			t.Errorf("%s: asked %v, want one list of nodes", name, asked)
		}
		lack(node)
		if list(); len(f.requests()) != 1 {
			t.Errorf("%s: the agents are asked again within ListInterval", name)
		}
	}
}
