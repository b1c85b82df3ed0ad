package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

const hostile = `"><script>alert(1)</script>'&<img src=x onerror=alert(1)>`

// hasMarkup reports whether a page has markup of the hostile text.
func hasMarkup(page string) bool {
	return strings.Contains(page, "<script>alert") || strings.Contains(page, "<img src=x")
}

// fleetOf is a fleet whose every name and text is this one.
func fleetOf(name string) *fleet {
	c := mgmt.Configuration{ID: name, Instances: []mgmt.Instance{{Name: mgmt.InstanceName(name)}}, Nodes: []mgmt.Node{
		{Name: mgmt.NodeName(name), Instance: mgmt.InstanceName(name), Role: mgmt.Manager, Scripts: []string{name}, Interface: &name, Env: map[string]string{name: name}},
	}}
	past := &mgmt.ConfigRevision{Revision: 2, Who: name, Config: mgmt.Configuration{ID: name}}
	operation := &mgmt.Operation{
		ID: 7, Kind: mgmt.OperationRestart, State: mgmt.OperationRunning, Who: name, Note: name, Selectors: []string{name}, Doing: name, Error: name,
		Steps: []mgmt.OperationStep{{Instance: mgmt.InstanceName(name), Node: mgmt.NodeName(name), Action: mgmt.ActionRestart, State: mgmt.StepFailed,
			Because: name, Error: name, Outputs: mgmt.NodeOutputs{Stdout: name, Stderr: name}}},
	}
	return &fleet{past: map[uint64]*mgmt.ConfigRevision{2: past}, answers: answersOf(name), snap: mgmt.Snapshot{
		Revision: 4, Staged: &mgmt.ConfigRevision{Revision: 4, Who: name, Config: c},
		Deployed:   &mgmt.ConfigRevision{Revision: 3, Who: name, Origin: mgmt.Origin{Note: name, From: 2, Kind: "deploy"}, Config: c},
		History:    []mgmt.PastConfig{{Revision: 2, Who: name, ID: name, Kept: true, Origin: mgmt.Origin{Note: name}}},
		Operations: []*mgmt.Operation{operation},
		Instances: []*mgmt.ObservedInstance{{Name: mgmt.InstanceName(name), Standing: mgmt.Ready, Nodes: []mgmt.ObservedNode{{NodeStatus: mgmt.NodeStatus{
			Node: mgmt.NodeName(name), State: mgmt.Crashed, ClusterRole: mgmt.Manager,
		}}}}},
		Paused: []mgmt.NodeName{mgmt.NodeName(name)},
	}}
}

// answersOf answers requests with this text wherever a text can be.
func answersOf(text string) func(mgmt.Request) mgmt.Response {
	return func(req mgmt.Request) mgmt.Response {
		done := mgmt.Result{Success: true}
		switch req.(type) {
		case mgmt.PlanRequest:
			finding := []mgmt.PlanFinding{{Instance: mgmt.InstanceName(text), Node: mgmt.NodeName(text), Text: text, Outputs: mgmt.NodeOutputs{Stderr: text}}}
			return mgmt.PlanResponse{Result: done, Plan: &mgmt.FleetPlan{Deployed: 3, Doubts: finding, Unknown: finding, Nodes: []mgmt.PlannedNode{
				{Instance: mgmt.InstanceName(text), Node: mgmt.NodeName(text), Action: mgmt.ActionRestart, Because: []string{text}},
			}}}
		case mgmt.DispatchRequest:
			return mgmt.DispatchResponse{Results: []mgmt.Result{
				{Success: true, Instance: mgmt.InstanceName(text), Node: mgmt.NodeName(text), Data: mgmt.Text(text)}, {Instance: "i", Node: "n", Error: text},
			}}
		}
		return usually(req)
	}
}

// serveFleetOf serves a fleet whose every name and text is this one.
func serveFleetOf(t *testing.T, name string) *site {
	t.Helper()
	quoted, err := json.Marshal(name)
	if err != nil {
		t.Fatal(err)
	}
	text := map[mgmt.StreamKind]string{
		mgmt.StreamLogs:    name,
		mgmt.StreamCrashes: `[{"id":"1","node":NAME,"end":NAME,"why":NAME,"backtrace":true}]`,
		mgmt.StreamCrash:   `{"id":"1","node":NAME,"end":NAME,"why":NAME,"program":NAME,"stdout":NAME,"stderr":NAME,"trace":NAME,"note":NAME,"plan":{NAME:NAME}}`,
		mgmt.StreamDiag:    `{"node":NAME,"program":NAME,"stdout":NAME,"stderr":NAME,"remark":NAME,"removed":[NAME],"plan":{NAME:NAME}}`,
	}
	tell := func(_ context.Context, _ mgmt.InstanceName, kind mgmt.StreamKind, _ any) (io.Reader, error) {
		return strings.NewReader(strings.ReplaceAll(text[kind], "NAME", string(quoted))), nil
	}
	return serve(t, web.Config{
		Authority: peopleOf(name), Cluster: fleetOf(name), Name: name, Agents: &agents{tell: tell, hosts: hostsOf(name)}, Happenings: eventsOf(t, name),
		Samples: samplesOf(name), Alerts: alertsOf(name), Audit: auditOf(name), Addresses: []string{name, "192.0.2.1:2149"}, Bundles: toldBundles{name: name},
	}, nil)
}

func TestNamesInPagesAreNoMarkup(t *testing.T) {
	s := serveFleetOf(t, hostile)
	for path := range pagesOf(hostile) {
		answer, page := s.ask("GET", path, "admin", "", "Accept: text/html")
		if answer.StatusCode != http.StatusOK || hasMarkup(page) {
			t.Errorf("%s: got %s: %s", path, answer.Status, page)
		}
	}
	for path, f := range formsOf(hostile) {
		if answer, page := s.send(path, nil, f.fields, "Origin: http://"+s.addr, "Authorization: Bearer admin"); answer.StatusCode != f.done || hasMarkup(page) {
			t.Errorf("the form %s: got %s: %s", path, answer.Status, page)
		}
	}
	if _, page := s.browse("/fleet?text=%22%3E%3Cscript%3Ealert", s.begin("ann")); hasMarkup(page) {
		t.Errorf("a filter: %s", page)
	}
}

// watching is a page that hears what changes.
type watching struct {
	t      *testing.T
	answer *http.Response
	lines  *bufio.Reader
}

// watch opens a stream of a page.
func (s *site) watch(path, bearer string) *watching {
	s.t.Helper()
	return s.watchWith(path, "Authorization: Bearer "+bearer)
}

// watchWith opens a stream of a page with this line in the header.
func (s *site) watchWith(path, line string) *watching {
	s.t.Helper()
	c := s.dial()
	io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: "+s.addr+"\r\nAccept: text/html, text/event-stream\r\n"+line+"\r\n\r\n")
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &watching{s.t.(*testing.T), answer, bufio.NewReader(answer.Body)}
}

// until reads until a line has a text, and returns it.
func (w *watching) until(text string) string {
	w.t.Helper()
	for {
		line, err := w.lines.ReadString('\n')
		if err != nil {
			w.t.Fatalf("while waiting for %q: %v", text, err)
		}
		if strings.Contains(line, text) {
			return line
		}
	}
}

func TestAPageOfTheFleetHearsWhatChanges(t *testing.T) {
	f := fleetOf(hostile)
	s := serve(t, web.Config{Authority: loggingIn(), Cluster: f}, nil)
	w := s.watch("/fleet/stream", "viewer")
	if line := w.until("data: <section"); hasMarkup(line) {
		t.Errorf("got %s", line)
	}
	w.until("event: seen")
	f.change(func(snap *mgmt.Snapshot) {
		in := *snap.Instances[0]
		in.Nodes = []mgmt.ObservedNode{{NodeStatus: mgmt.NodeStatus{Node: hostile, State: mgmt.Running, ClusterRole: mgmt.Manager}}}
		snap.Instances = []*mgmt.ObservedInstance{&in}
	})
	if line := w.until("data: <tr"); !strings.Contains(line, `data-state="RUNNING"`) || hasMarkup(line) {
		t.Errorf("got %s", line)
	}
}

func TestPagesShareTheLimitOfStreams(t *testing.T) {
	f := fleetOf(hostile)
	f.awaited = make(chan struct{}, 100)
	s := serve(t, web.Config{Authority: loggingIn(), Cluster: f, Limits: web.Limits{MaxStreams: 3, MaxStreamsOfOne: 2}}, nil)
	first := s.watch("/fleet/stream", "viewer")
	// A stream that is sending when it has to end may not say why. This one has sent the page
	// when it looks again, and then there is nothing new.
	patience.Next(t, f.awaited, "the first look")
	first.until("event: seen")
	f.change(func(*mgmt.Snapshot) {})
	patience.Next(t, f.awaited, "the second look")
	for _, want := range []int{200, 429} {
		if w := s.watch("/fleet/stream", "viewer"); w.answer.StatusCode != want {
			t.Errorf("a further stream of a user: got %s, want %d", w.answer.Status, want)
		}
	}
	for _, user := range []string{"operator", "admin"} {
		if w := s.watch("/fleet/stream", user); w.answer.StatusCode != 200 {
			t.Errorf("another user: got %s", w.answer.Status)
		}
	}
	first.until("it gives way to another user")
}
