package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// hubs are the controllers of a cluster. They note what they are asked for.
type hubs struct {
	report mgmt.ControllersReport
	err    error
	backup func(io.Writer) error

	mu    sync.Mutex
	asked []string
}

func (h *hubs) note(what string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, what)
	return h.err
}

func (h *hubs) requests() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asked
}

func (h *hubs) Report(context.Context) (*mgmt.ControllersReport, error) { return &h.report, h.err }
func (h *hubs) Changed() <-chan struct{}                                { return nil }

func (h *hubs) Join(_ context.Context, who mgmt.Principal, in api.ControllerJoin) (api.ControllerJoined, error) {
	if who.Source == "" || who.Role != mgmt.NoUser {
		return api.ControllerJoined{}, errors.New("the asker has a role, or no address")
	}
	joined := api.ControllerJoined{Cluster: "c", Members: []api.ControllerMember{}, Initial: []api.StoreMember{}}
	return joined, h.note("join " + in.Name + " " + in.Peer)
}

func (h *hubs) Remove(_ context.Context, who mgmt.Principal, name string) error {
	return h.note(who.Name + " removes " + name)
}

func (h *hubs) HandOver(_ context.Context, who mgmt.Principal, to string) error {
	return h.note(who.Name + " hands over to " + to)
}

func (h *hubs) Backup(_ context.Context, w io.Writer) error {
	if h.backup != nil {
		return h.backup(w)
	}
	_, err := io.WriteString(w, "tar")
	return err
}

var threeHubs = mgmt.ControllersReport{
	Term: 4, Leader: "hub-1", Since: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Self: "hub-1",
	Members: []mgmt.ControllerMember{
		{Name: "hub-1", Role: mgmt.ControllerLeads, Version: "1.0", Clients: []string{"192.0.2.1:2149"}, Agents: []string{"192.0.2.1:2150"}, Peer: "https://192.0.2.1:2152", Bytes: 2, Used: 1, Quota: 8},
		{Name: "hub-2", Role: mgmt.ControllerFollows, Clients: []string{"192.0.2.2:2149"}, Lag: 3, Alarms: []string{"NOSPACE"}},
		{Name: "hub-3", Role: mgmt.ControllerAway, Err: "it has not answered for 40 s"},
	},
}

func TestControllersAreListed(t *testing.T) {
	s := serve(t, web.Config{Controllers: &hubs{report: threeHubs}}, nil)
	answer, body := s.ask("GET", "/api/v1/controllers", "viewer", "")
	var got api.Controllers
	if err := json.Unmarshal([]byte(body), &got); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v: %s", answer.Status, err, body)
	}
	want := api.Controllers{
		Term: 4, Leader: "hub-1", Since: threeHubs.Since, Self: "hub-1",
		Members: []api.ControllerMember{
			{Name: "hub-1", Role: "leader", Version: "1.0", Clients: []string{"192.0.2.1:2149"}, Agents: []string{"192.0.2.1:2150"}, Peer: "https://192.0.2.1:2152", Bytes: 2, Used: 1, Quota: 8},
			{Name: "hub-2", Role: "follower", Clients: []string{"192.0.2.2:2149"}, Agents: []string{}, Lag: 3, Alarms: []string{"NOSPACE"}},
			{Name: "hub-3", Role: "away", Clients: []string{}, Agents: []string{}, Err: "it has not answered for 40 s"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A cluster that has lost a controller is not well: the next one that is lost may be one too many.
func TestStatusNamesControllersThatAreNotWell(t *testing.T) {
	s := serve(t, web.Config{Controllers: &hubs{report: threeHubs}}, nil)
	_, body := s.ask("GET", "/api/v1/status", "viewer", "")
	var got api.Status
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	want := []api.StatusDetail{
		{Kind: "controller", Text: "the store of controller hub-2: NOSPACE"},
		{Kind: "controller", Text: "controller hub-3 is away: it has not answered for 40 s"},
	}
	if diff := cmp.Diff(want, got.Wrong[:min(len(want), len(got.Wrong))]); diff != "" || got.Well {
		t.Errorf("well: %v, wrong (-want +got):\n%s", got.Well, diff)
	}
	well := threeHubs
	well.Members = threeHubs.Members[:1]
	well.Members = append(well.Members[:1:1], mgmt.ControllerMember{Name: "hub-2", Role: mgmt.ControllerFollows})
	s = serve(t, web.Config{Controllers: &hubs{report: well}}, nil)
	got = api.Status{}
	if _, body := s.ask("GET", "/api/v1/status", "viewer", ""); json.Unmarshal([]byte(body), &got) != nil || slices.ContainsFunc(got.Wrong, func(d api.StatusDetail) bool { return d.Kind == "controller" }) {
		t.Errorf("of two that are well: %+v", got.Wrong)
	}
}

func TestOneControllerListsItselfAndHasNoOthers(t *testing.T) {
	s := serve(t, web.Config{Name: "hub", Version: "1.0", Addresses: []string{"hub:2149"}}, nil)
	_, body := s.ask("GET", "/api/v1/controllers", "viewer", "")
	if want := `{"leader":"hub","self":"hub","members":[{"name":"hub","role":"leader","version":"1.0","clients":["hub:2149"],"agents":[]}]}` + "\n"; body != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	for _, ask := range [][3]string{
		{"POST", "/api/v1/controllers", bodies["join-controller"]}, {"DELETE", "/api/v1/controllers/hub", ""}, {"POST", "/api/v1/controllers/hub/lead", ""},
	} {
		if answer, body := s.ask(ask[0], ask[1], "admin", ask[2]); answer.StatusCode != http.StatusNotImplemented || !strings.Contains(body, "--cluster") {
			t.Errorf("%s %s: %s %s", ask[0], ask[1], answer.Status, body)
		}
	}
}

func TestControllersAreAsked(t *testing.T) {
	all := &hubs{}
	s := serve(t, web.Config{Controllers: all}, nil)
	s.ask("POST", "/api/v1/controllers", "", `{"token":"t","name":"hub-2","hosts":["hub-2"],"peer":"https://hub-2:2152","clients":[],"agents":[]}`)
	s.ask("DELETE", "/api/v1/controllers/hub%202", "admin", "")
	s.ask("POST", "/api/v1/controllers/hub-2/lead", "admin", "")
	s.ask("POST", "/api/v1/controllers/*/lead", "admin", "")
	s.ask("DELETE", "/api/v1/controllers/hub-2", "operator", "")
	want := []string{"join hub-2 https://hub-2:2152", "ada removes hub 2", "ada hands over to hub-2", "ada hands over to "}
	if diff := cmp.Diff(want, all.requests()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestControllersThatDoNotDoIt(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		text   string
	}{
		{&web.RefusedError{Refusal: access.Refusal{Why: access.NotFound, Reason: "no controller is named hub-9"}}, 404, `"no controller is named hub-9"`},
		{errors.New("no majority"), 503, `"the store of the controllers did not answer: no majority"`},
	} {
		s := serve(t, web.Config{Controllers: &hubs{err: c.err}}, nil)
		if answer, body := s.ask("DELETE", "/api/v1/controllers/hub-9", "admin", ""); answer.StatusCode != c.status || !strings.Contains(body, c.text) {
			t.Errorf("got %s %s", answer.Status, body)
		}
	}
}

func TestBackups(t *testing.T) {
	all := &hubs{}
	var mu sync.Mutex
	var records []mgmt.AuditRecord
	cfg := web.Config{Controllers: all, Backup: all.Backup, Recorded: func(r mgmt.AuditRecord) {
		mu.Lock()
		defer mu.Unlock()
		records = append(records, r)
	}}
	own := serve(t, cfg, func(c *web.Connection) { c.Own = true })
	if answer, body := own.ask("GET", "/api/v1/backup", "admin", ""); answer.StatusCode != http.StatusOK || body != "tar" {
		t.Errorf("got %s %s", answer.Status, body)
	}
	all.backup = func(io.Writer) error { return errors.New("no majority") }
	if answer, body := own.ask("GET", "/api/v1/backup", "admin", ""); answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "there is no backup: no majority") {
		t.Errorf("got %s %s", answer.Status, body)
	}
	all.backup = func(w io.Writer) error {
		w.Write(make([]byte, 100_000))
		return errors.New("no majority")
	}
	c := own.dial()
	io.WriteString(c, "GET /api/v1/backup HTTP/1.1\r\nHost: "+own.addr+"\r\nAuthorization: Bearer admin\r\n\r\n")
	if text, _ := io.ReadAll(c); strings.HasSuffix(string(text), "0\r\n\r\n") {
		t.Error("a backup that is not whole has an end")
	}
	mu.Lock()
	defer mu.Unlock()
	var outcomes []mgmt.AuditOutcome
	for _, r := range records {
		outcomes = append(outcomes, r.Outcome)
	}
	if diff := cmp.Diff([]mgmt.AuditOutcome{mgmt.AuditDone, mgmt.AuditFailed, mgmt.AuditFailed}, outcomes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if answer, body := serve(t, cfg, nil).ask("GET", "/api/v1/backup", "admin", ""); answer.StatusCode != http.StatusForbidden {
		t.Errorf("somebody who is not root on the host got %s %s", answer.Status, body)
	}
}

func TestPulse(t *testing.T) {
	report := threeHubs
	for self, want := range map[string]string{
		"hub-1": `{"name":"hub-1","leads":true,"term":4,"leader":"hub-1"}`,
		"hub-2": `{"name":"hub-2","leads":false,"term":4,"leader":"hub-1"}`,
	} {
		s := serve(t, web.Config{Name: self, Controllers: &hubs{report: report}}, nil)
		if answer, body := s.ask("GET", "/api/v1/pulse", "", ""); answer.StatusCode != http.StatusOK || strings.TrimSpace(body) != want {
			t.Errorf("got %s %s", answer.Status, body)
		}
	}
}
