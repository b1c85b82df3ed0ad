package controller_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/core/coretest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// willing is a controller with an agent that agrees to everything, until it is silent.
type willing struct {
	*storing
	silent bool
}

func newWilling(t *testing.T, cfg controller.Config, stored coretest.Stored) *willing {
	w := &willing{storing: newStoring(t, cfg, stored)}
	w.step(controller.PeerAdded{Peer: "p", Addr: netip.MustParseAddrPort("10.0.0.1:1"), Fleet: true})
	w.step(controller.FromAgent{Peer: "p", Instance: "a", Msg: mgmt.NotifyAgentHello{Instance: "a", ID: "p", APIVersion: mgmt.APIVersion}})
	return w
}

func (w *willing) step(ev controller.Event) {
	for queue := []controller.Event{ev}; len(queue) > 0; queue = queue[1:] {
		for _, e := range w.core.Step(w.now, queue[0]) {
			switch e := e.(type) {
			case controller.Save:
				w.stored = w.stored.After(e.Changes)
				queue = append(queue, controller.Saved{})
			case controller.ToAgent:
				request, ok := e.Msg.(mgmt.Request)
				if !ok || w.silent {
					continue
				}
				results := []mgmt.Result{{Success: true}}
				if deploy, ok := request.(mgmt.AgentDeployRequest); ok {
					results = coretest.EachOk(deploy, "a")
				}
				queue = append(queue, controller.FromAgent{Peer: "p", Instance: "a", Msg: request.Answer(request.RequestID(), results...)})
			}
		}
	}
}

// using is a configuration whose only node has this bundle.
func using(t *testing.T, id, content string) mgmt.Configuration {
	t.Helper()
	b, err := coretest.Bundle("bundle", content)
	if err != nil {
		t.Fatal(err)
	}
	return mgmt.Configuration{
		ID:        id,
		Instances: []mgmt.Instance{{Name: "a", Host: mgmt.UnknownHost}},
		Nodes:     []mgmt.Node{{Name: "w", Instance: "a", Role: mgmt.Worker, State: mgmt.Running, Bundles: []mgmt.Bundle{b}}},
	}
}

func (w *willing) change(config mgmt.Configuration) {
	w.t.Helper()
	w.step(controller.FromClient{Client: "c", Principal: user("ann"), Msg: mgmt.ChangeRequest{ReqID: "c", Config: config}})
}

func TestHistoryHasTheBundlesOfItsRevisions(t *testing.T) {
	w := newWilling(t, controller.Config{}, nil)
	one, two, three := using(t, "one", "site:1"), using(t, "two", "site:2"), using(t, "three", "site:3")
	w.change(one)
	w.change(two)
	w.silent = true
	w.change(three)
	snap := w.core.Snapshot()
	if len(snap.History) != 1 || snap.Deployed == nil || snap.Deployed.Config.ID != "two" {
		t.Fatalf("history %+v, deployed %+v", snap.History, snap.Deployed)
	}
	if diff := cmp.Diff(one.Bundles(), snap.History[0].Bundles); diff != "" {
		t.Errorf("bundles of revision 1 (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(three.Bundles(), snap.Deploying); diff != "" {
		t.Errorf("bundles of the deployment that runs (-want +got):\n%s", diff)
	}
	if needed := snap.NeededBundles(); len(needed) != 3 {
		t.Errorf("needed are those of both revisions, and of the deployment that runs: got %v", needed)
	}
	again := newWilling(t, controller.Config{}, w.stored).core.Snapshot()
	if diff := cmp.Diff(snap.History, again.History); diff != "" {
		t.Errorf("history after a restart (-before +after):\n%s", diff)
	}
	if len(again.Deploying) > 0 {
		t.Errorf("nothing is deployed after a restart: got %v", again.Deploying)
	}
	const revision2 = "revision/0000000000000002"
	text := string(w.stored[revision2])
	if want := `"bundles":[{"name":"site","kind":"scripts","hash":"` + string(two.Bundles()[0].Hash) + `"}]`; !strings.Contains(text, want) {
		t.Errorf("stored is %s, want a part %s", text, want)
	}
}
