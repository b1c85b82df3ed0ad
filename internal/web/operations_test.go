package web_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// manyOperations has operations 1 to n, of which the last one runs.
func manyOperations(n int) *fleet {
	f := &fleet{}
	for id := n; id > 0; id-- {
		o := &mgmt.Operation{ID: mgmt.OperationID(id), Kind: mgmt.OperationStop, State: mgmt.OperationDone, Begun: noon, Ended: noon}
		if id == n {
			o.State, o.Ended = mgmt.OperationRunning, time.Time{}
		}
		f.snap.Operations = append(f.snap.Operations, o)
	}
	return f
}

func TestOperations(t *testing.T) {
	f := manyOperations(5)
	f.snap.Operations[0] = &mgmt.Operation{
		ID: 5, Kind: mgmt.OperationRestart, State: mgmt.OperationRunning, Who: "ann", Note: "n", Begun: noon, Selectors: []string{"w*"},
		Batch: 2, From: 1, Revision: 2, Of: 3, Resumes: 4, Reverts: 5, RevertedBy: 6, RevertAt: noon, Doing: "waits", Error: "e",
		Steps: []mgmt.OperationStep{
			{Instance: "a", Node: "w", Action: mgmt.ActionRestart, State: mgmt.StepFailed, Because: "b", Batch: 1, Error: "e", Outputs: mgmt.NodeOutputs{Stdout: "o", Stderr: "p"}},
			{Instance: "a", Node: "x", Action: mgmt.ActionRestart, State: mgmt.StepWaiting, Batch: 2},
		},
	}
	s := serve(t, web.Config{Cluster: f}, nil)
	c := s.client("operator")
	want := api.Operation{
		ID: 5, Kind: "restart", State: "running", Who: "ann", Note: "n", Begun: noon.UTC(), Selectors: []string{"w*"},
		Batch: 2, From: 1, Revision: 2, Of: 3, Resumes: 4, Reverts: 5, RevertedBy: 6, RevertAt: noon.UTC(), Doing: "waits", Error: "e",
		Counts: api.StepCount{Failed: 1, Waiting: 1},
		Steps: []api.OperationStep{
			{Instance: "a", Node: "w", Action: "restart", State: "failed", Because: "b", Batch: 1, Error: "e", Stdout: "o", Stderr: "p"},
			{Instance: "a", Node: "x", Action: "restart", State: "waiting", Batch: 2},
		},
	}
	got, err := c.Operation(t.Context(), 5)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	c = s.client("viewer")
	want.Steps[0].Stdout, want.Steps[0].Stderr = "", "" // for operators
	got, err = c.Operation(t.Context(), 5)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("a viewer: %v %s", err, diff)
	}
	ids := func(q api.OperationQuery) (ids []uint64) {
		t.Helper()
		list, err := c.Operations(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range list {
			ids = append(ids, o.ID)
			if o.Steps != nil {
				t.Errorf("operation %d has steps in the list", o.ID)
			}
		}
		return ids
	}
	for _, tc := range []struct {
		q    api.OperationQuery
		want []uint64
	}{
		{api.OperationQuery{}, []uint64{5, 4, 3, 2, 1}},
		{api.OperationQuery{Limit: 2}, []uint64{5, 4}},
		{api.OperationQuery{Running: true}, []uint64{5}},
	} {
		if got := ids(tc.q); !cmp.Equal(got, tc.want) {
			t.Errorf("%+v: got %v", tc.q, got)
		}
	}
	answer, body := s.ask("GET", "/api/v1/operations?after=4&limit=2", "viewer", "")
	if want := `"next":"2"`; answer.StatusCode != http.StatusOK || !contains(body, want, `"id":3`, `"id":2`) || contains(body, `"id":4`) {
		t.Errorf("got %s", body)
	}
}

func TestUnknownOperations(t *testing.T) {
	f := manyOperations(3)
	f.snap.Operations = f.snap.Operations[:2]
	s := serve(t, web.Config{Cluster: f}, nil)
	none := serve(t, web.Config{Cluster: &fleet{}}, nil)
	for _, tc := range []struct {
		c    *api.Client
		id   uint64
		want string
	}{
		{s.client("viewer"), 9, "there is no operation 9: the newest is 3"},
		{s.client("viewer"), 1, "operation 1 is forgotten: the oldest that is known is 2"},
		{none.client("viewer"), 1, "there is no operation 1: there was none yet"},
	} {
		_, err := tc.c.Operation(t.Context(), tc.id)
		if p, ok := errors.AsType[*api.Problem](err); !ok || p.Status != http.StatusNotFound || p.Detail != tc.want {
			t.Errorf("got %v, want %s", err, tc.want)
		}
	}
}

// Whoever follows an operation gets every change that lasts, and the end.
func TestFollow(t *testing.T) {
	f := manyOperations(3)
	f.awaited = make(chan struct{}, 100)
	s := serve(t, web.Config{Cluster: f}, nil)
	var doings []string
	step := 0
	for o, err := range s.client("viewer").Follow(t.Context(), 3) {
		if err != nil {
			t.Fatal(err)
		}
		doings = append(doings, o.State+" "+o.Doing)
		step++
		f.change(func(snap *mgmt.Snapshot) {
			next := *snap.Operations[0]
			next.Doing = fmt.Sprint("step ", step)
			if step == 3 {
				next.State = mgmt.OperationDone
			}
			snap.Operations = append([]*mgmt.Operation{&next}, snap.Operations[1:]...)
		})
	}
	want := []string{"running ", "running step 1", "running step 2", "done step 3"}
	if !cmp.Equal(doings, want) {
		t.Errorf("got %q, want %q", doings, want)
	}
}

// What changes elsewhere is no change of the operation.
func TestWaitForAnOperation(t *testing.T) {
	f := manyOperations(3)
	f.awaited = make(chan struct{}, 100)
	s := serve(t, web.Config{Cluster: f}, nil)
	answer := make(chan string)
	ask := func(query, tag string) {
		header := ""
		if tag != "" {
			header = "If-None-Match: " + tag + "\r\n"
		}
		got, body := s.raw("GET /api/v1/operations/3" + query + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer viewer\r\n" + header + "\r\n")
		answer <- fmt.Sprint(got.StatusCode, got.Header.Get("ETag"), body)
	}
	go ask("?wait=60", "")
	<-f.awaited
	f.change(func(snap *mgmt.Snapshot) { snap.Revision++ })
	<-f.awaited
	f.change(func(snap *mgmt.Snapshot) {
		next := *snap.Operations[0]
		next.Doing = "something else"
		snap.Operations = append([]*mgmt.Operation{&next}, snap.Operations[1:]...)
	})
	if got := <-answer; !contains(got, "200", "something else") {
		t.Errorf("got %s", got)
	}
	tag := `"1-0000000000000000"`
	go ask("?wait=60", tag)
	if got := <-answer; !contains(got, "200", "something else") {
		t.Errorf("an old tag: got %s", got)
	}
	head, _ := s.ask("GET", "/api/v1/operations/3", "viewer", "")
	go ask("?wait=1", head.Header.Get("ETag"))
	if got := <-answer; !contains(got, "304") {
		t.Errorf("nothing has changed: got %s", got)
	}
	go ask("?wait=1", "")
	if got := <-answer; !contains(got, "200", "something else") {
		t.Errorf("nothing has changed, and there is no tag: got %s", got)
	}
}
