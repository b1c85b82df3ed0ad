package daemon_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/store/memstore"
)

var ann = mgmt.Principal{Name: "ann", Role: mgmt.Operator}

// ownController runs a controller without listeners. end ends it.
func ownController(t *testing.T) (c *daemon.Controller, end func()) {
	t.Helper()
	c = daemon.NewController(daemon.ControllerConfig{Store: new(memstore.Store)})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(end)
	return c, end
}

// outcome returns the first result of what a request is answered.
func outcome(t *testing.T, c *daemon.Controller, user mgmt.Principal, request mgmt.Request) mgmt.Result {
	t.Helper()
	answer, err := c.Submit(t.Context(), user, request)
	if err != nil {
		t.Fatal(err)
	}
	if answer.RequestID() != request.RequestID() {
		t.Errorf("request %s is answered by %+v", request.RequestID(), answer)
	}
	return answer.Outcomes()[0]
}

func TestRequestsAreSubmittedWithoutABus(t *testing.T) {
	c, _ := ownController(t)
	config := mgmt.Configuration{ID: "x"}
	if r := outcome(t, c, ann, mgmt.StageConfigurationRequest{ReqID: "s", Config: config}); !r.Success || r.Data != mgmt.Text("x") {
		t.Errorf("stage: %+v", r)
	}
	if r := outcome(t, c, ann, mgmt.StagedDeployRequest{ReqID: "d", ID: "x"}); !r.Success {
		t.Errorf("deploy: %+v", r)
	}
	snap, err := c.Snapshot(t.Context())
	if err != nil || snap.Deployed == nil || snap.Deployed.Config.ID != "x" || snap.Deployed.Who != "ann" || snap.Revision != 2 {
		t.Errorf("snapshot: %+v, %v", snap, err)
	}
}

func TestSubmittedRequestsAreRefusedToThoseWhoMayNotMakeThem(t *testing.T) {
	c, _ := ownController(t)
	viewer := mgmt.Principal{Name: "vic", Role: mgmt.Viewer}
	if r := outcome(t, c, viewer, mgmt.StageConfigurationRequest{ReqID: "s"}); r.Success || !strings.HasPrefix(r.Error, `user "vic" (viewer) may not make the request`) {
		t.Errorf("stage: %+v", r)
	}
	if r := outcome(t, c, viewer, mgmt.GetInstancesRequest{ReqID: "g"}); !r.Success {
		t.Errorf("get_instances: %+v", r)
	}
}

func TestOnlyRequestsOfUsersAreSubmitted(t *testing.T) {
	c, _ := ownController(t)
	for _, request := range []mgmt.Request{mgmt.AgentStandbyRequest{}, mgmt.TestTimeoutRequest{}} {
		if answer, err := c.Submit(t.Context(), ann, request); err == nil {
			t.Errorf("%T is answered: %+v", request, answer)
		}
	}
}

func TestASubmissionIsNotWaitedForAnyLonger(t *testing.T) {
	c, _ := ownController(t)
	gone := errors.New("the browser is closed")
	for range 3 { // each under the same ID: none is in flight any more
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, gone)
		answer, err := c.Submit(ctx, ann, mgmt.TestTimeoutRequest{ReqID: "t", WithState: true})
		if cancel(); !errors.Is(err, gone) {
			t.Errorf("Submit: %+v, %v", answer, err)
		}
	}
	if r := outcome(t, c, ann, mgmt.GetInstancesRequest{ReqID: "g"}); !r.Success {
		t.Errorf("get_instances: %+v", r)
	}
}

func TestCallsOfAControllerThatHasEndedEnd(t *testing.T) {
	c, end := ownController(t)
	waiting := make(chan error, 1)
	go func() {
		_, err := c.Submit(context.WithoutCancel(t.Context()), ann, mgmt.TestTimeoutRequest{ReqID: "t", WithState: true})
		waiting <- err
	}()
	if _, err := c.Snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	end()
	if err := <-waiting; !errors.Is(err, daemon.ErrEnded) {
		t.Errorf("the Submit that waits: %v", err)
	}
	if _, err := c.Submit(t.Context(), ann, mgmt.GetInstancesRequest{}); !errors.Is(err, daemon.ErrEnded) {
		t.Errorf("Submit: %v", err)
	}
	if _, err := c.Snapshot(t.Context()); !errors.Is(err, daemon.ErrEnded) {
		t.Errorf("Snapshot: %v", err)
	}
}

func TestTheSnapshotHasWhatAnAgentReports(t *testing.T) {
	cluster := startCluster(t)
	cluster.startAgent("sensor")
	config := mgmt.Configuration{
		ID:        "x",
		Instances: []mgmt.Instance{{Name: "sensor", Host: mgmt.UnknownHost}},
		Nodes:     []mgmt.Node{{Name: "worker", Instance: "sensor", Role: mgmt.Worker, State: mgmt.Running}},
	}
	for _, request := range []mgmt.Request{
		mgmt.StageConfigurationRequest{ReqID: "s", Config: config}, mgmt.DeployRequest{ReqID: "d"},
	} {
		if r := outcome(t, cluster.controller, ann, request); !r.Success {
			t.Fatalf("%T: %+v", request, r)
		}
	}
	snap, err := cluster.controller.Snapshot(t.Context())
	if err != nil || len(snap.Instances) != 1 {
		t.Fatalf("snapshot: %+v, %v", snap, err)
	}
	in := snap.Instances[0]
	states := map[mgmt.NodeName]mgmt.State{}
	for _, n := range in.Nodes {
		states[n.Node] = n.State
	}
	want := map[mgmt.NodeName]mgmt.State{"sensor": mgmt.Running, "worker": mgmt.Running}
	if in.Name != "sensor" || in.Standing != mgmt.Ready || !in.Addr.IsValid() || !maps.Equal(states, want) {
		t.Errorf("the snapshot has %+v, with nodes %v, want %v", in, states, want)
	}
}

// The race detector looks at this one.
func TestManySubmitAndLookAtOnce(t *testing.T) {
	c, _ := ownController(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if _, err := c.Submit(t.Context(), ann, mgmt.StageConfigurationRequest{ReqID: "s", Config: mgmt.Configuration{ID: "x"}}); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for range 50 {
				if snap, err := c.Snapshot(t.Context()); err != nil || snap.Staged != nil && snap.Staged.Config.ID != "x" {
					t.Errorf("snapshot: %+v, %v", snap, err)
				}
			}
		})
	}
	all.Wait()
	if snap, err := c.Snapshot(t.Context()); err != nil || snap.Revision != 400 {
		t.Errorf("snapshot: %+v, %v", snap, err)
	}
}

// Whoever waits for a change takes the channel before the snapshot, and misses nothing.
func TestChangesAreTold(t *testing.T) {
	c, end := ownController(t)
	look := func() {
		t.Helper()
		if _, err := c.Snapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	outcome(t, c, ann, mgmt.StageConfigurationRequest{ReqID: "r", Config: mgmt.Configuration{ID: "w"}})
	look() // now the controller is done with the request
	changed := c.Changed()
	look()
	select {
	case <-changed:
		t.Error("to look at the controller is a change")
	default:
	}
	outcome(t, c, ann, mgmt.StageConfigurationRequest{ReqID: "s", Config: mgmt.Configuration{ID: "x"}})
	<-changed
	changed = c.Changed()
	end()
	<-changed
}
