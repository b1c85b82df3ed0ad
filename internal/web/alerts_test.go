package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
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

// watch is a part that watches the cluster. It answers each request in the usual way, or with
// what was set.
type watch struct {
	book   mgmt.AlertBook
	answer access.Answer

	mu      sync.Mutex
	asked   []access.AlertRequest
	changed chan struct{} // nil: nobody has asked for it
}

func (w *watch) Book() *mgmt.AlertBook {
	w.mu.Lock()
	defer w.mu.Unlock()
	book := w.book
	return &book
}

// set changes the alerts, and tells whoever waits.
func (w *watch) set(alerts ...mgmt.Alert) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.book.Alerts = alerts
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
}

func (w *watch) Ask(_ context.Context, _ mgmt.Principal, req access.AlertRequest) (access.Answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, req)
	if w.answer != nil {
		return w.answer, nil
	}
	switch req := req.(type) {
	case access.AcknowledgeAlert:
		return access.Acknowledged{Alert: mgmt.Alert{ID: req.ID, State: mgmt.AlertFiring, Acknowledged: &mgmt.AlertMark{Who: "opal", Time: noon, Note: req.Note}}}, nil
	case access.MakeSilence:
		return access.Silenced{Silence: mgmt.Silence{ID: 7, Rule: req.Rule, Node: req.Node, Until: noon.Add(req.Life), AlertMark: mgmt.AlertMark{Who: "opal", Time: noon}}}, nil
	}
	return access.Done{}, nil
}

func (w *watch) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed == nil {
		w.changed = make(chan struct{})
	}
	return w.changed
}

func (w *watch) requests() []access.AlertRequest {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked
}

// someAlerts are alerts of two instances, as a book has them.
func someAlerts() []mgmt.Alert {
	list := []mgmt.Alert{
		{ID: "disk-full/b/spool", Rule: mgmt.RuleDisk, Severity: mgmt.AlertWarning, State: mgmt.AlertFiring, Instance: "b", Subject: "spool", Fired: noon, Value: 91.5, Limit: 90, Unit: "%"},
		{ID: "node-crashed/a/w", Rule: mgmt.RuleNodeCrashed, Severity: mgmt.AlertCritical, State: mgmt.AlertResolved, Instance: "a", Node: "w", Fired: noon, Resolved: noon.Add(time.Minute)},
		{ID: "no-packets/a/eth0", Rule: mgmt.RuleNoPackets, Severity: mgmt.AlertCritical, State: mgmt.AlertFiring, Instance: "a", Subject: "eth0", Fired: noon, Acknowledged: &mgmt.AlertMark{Who: "ann", Time: noon}},
		{ID: "agent-away/c", Rule: mgmt.RuleInstanceAway, Severity: mgmt.AlertCritical, State: mgmt.AlertFiring, Instance: "c", Fired: noon.Add(time.Second), Text: "instance c is away"},
		{ID: "packet-drops/a/w", Rule: mgmt.RuleDrops, Severity: mgmt.AlertWarning, State: mgmt.AlertPending, Instance: "a", Node: "w", Since: noon},
	}
	mgmt.SortAlerts(list)
	return list
}

func TestAlertsAreListedInOrderFilteredAndPaged(t *testing.T) {
	s := serve(t, web.Config{Alerts: &watch{book: mgmt.AlertBook{Alerts: someAlerts()}}}, nil)
	for query, want := range map[string]string{
		"":                                     "agent-away/c disk-full/b/spool no-packets/a/eth0 packet-drops/a/w node-crashed/a/w next ",
		"?state=firing":                        "agent-away/c disk-full/b/spool no-packets/a/eth0 next ",
		"?instance=a&severity=warning":         "packet-drops/a/w next ",
		"?rule=disk-full":                      "disk-full/b/spool next ",
		"?node=w&state=resolved":               "node-crashed/a/w next ",
		"?limit=2":                             "agent-away/c disk-full/b/spool next disk-full/b/spool",
		"?limit=2&after=disk-full%2Fb%2Fspool": "no-packets/a/eth0 packet-drops/a/w next packet-drops/a/w",
		"?state=firing&after=gone":             "agent-away/c disk-full/b/spool no-packets/a/eth0 next ",
	} {
		answer, text := s.ask("GET", api.PathAlerts+query, "viewer", "")
		var page api.Page[api.Alert]
		if err := json.Unmarshal([]byte(text), &page); err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %s", query, answer.Status, text)
		}
		var got strings.Builder
		for _, a := range page.Items {
			got.WriteString(a.ID + " ")
		}
		if got.WriteString("next " + page.Next); got.String() != want {
			t.Errorf("%s:\n got %s\nwant %s", query, got.String(), want)
		}
	}
	_, text := s.ask("GET", api.PathAlerts+"?rule=disk-full", "viewer", "")
	if want := `"value":91.5,"limit":90,"unit":"%"`; !strings.Contains(text, want) {
		t.Errorf("no %s in %s", want, text)
	}
}

func TestAlertsAreAcknowledgedSilencedAndTested(t *testing.T) {
	w := &watch{}
	s := serve(t, web.Config{Alerts: w}, nil)
	for _, c := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", api.PathAcknowledge, `{"id":"agent-away/c","note":"on it"}`, http.StatusOK},
		{"POST", api.PathSilences, `{"rule":"disk-full","node":"w","seconds":7200}`, http.StatusCreated},
		{"DELETE", api.PathSilences + "/7", "", http.StatusNoContent},
		{"DELETE", api.PathSilences + "/x", "", http.StatusNotFound},
		{"POST", api.PathSilences, `{"node":"w","seconds":0}`, http.StatusUnprocessableEntity},
		{"POST", api.PathAlertReceivers + "/pager/test", "", http.StatusNoContent},
	} {
		if answer, text := s.ask(c.method, c.path, "operator", c.body); answer.StatusCode != c.want {
			t.Errorf("%s %s: %s %s", c.method, c.path, answer.Status, text)
		}
	}
	want := []access.AlertRequest{
		access.AcknowledgeAlert{ID: "agent-away/c", Note: "on it"}, access.MakeSilence{Rule: mgmt.RuleDisk, Node: "w", Life: 2 * time.Hour},
		access.EndSilence{ID: 7}, access.TestReceiver{Name: "pager"},
	}
	if diff := cmp.Diff(want, w.requests()); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestWhatTheWatchRefuses(t *testing.T) {
	for why, want := range map[access.Why]int{
		access.NotFound: http.StatusNotFound, access.Limited: http.StatusInsufficientStorage, access.Undelivered: http.StatusBadGateway,
	} {
		s := serve(t, web.Config{Alerts: &watch{answer: access.Refusal{Why: why, Reason: "because"}}}, nil)
		answer, text := s.ask("POST", api.PathAlertReceivers+"/pager/test", "operator", "")
		if answer.StatusCode != want || !strings.Contains(text, "because") {
			t.Errorf("%s: %s %s", why, answer.Status, text)
		}
	}
	s := serve(t, web.Config{}, nil)
	if answer, text := s.ask("POST", api.PathAcknowledge, "operator", `{"id":"x"}`); answer.StatusCode != http.StatusNotImplemented {
		t.Errorf("without alerts: %s %s", answer.Status, text)
	}
	if answer, text := s.ask("GET", api.PathAlerts, "viewer", ""); answer.StatusCode != http.StatusOK || !strings.Contains(text, `"items":[]`) {
		t.Errorf("without alerts: %s %s", answer.Status, text)
	}
}

func TestReceiversAndSilencesAreListed(t *testing.T) {
	book := mgmt.AlertBook{Receivers: []mgmt.AlertReceiver{{Name: "pager", Kind: mgmt.ReceiverWebhook, Target: "hooks.example.org", Failing: true, Error: "503", Waiting: 3, Since: noon}}}
	for i := range 12 {
		book.Silences = append(book.Silences, mgmt.Silence{ID: uint64(i + 1), Node: "w", Until: noon, AlertMark: mgmt.AlertMark{Who: "ann", Time: noon}})
	}
	s := serve(t, web.Config{Alerts: &watch{book: book}}, nil)
	_, text := s.ask("GET", api.PathAlertReceivers, "viewer", "")
	want := `{"items":[{"name":"pager","kind":"webhook","target":"hooks.example.org","failing":true,"since":"2026-07-01T12:00:00Z","error":"503","waiting":3,"delivered":0}]}`
	if strings.TrimSpace(text) != want {
		t.Errorf("got %s\nwant %s", text, want)
	}
	_, text = s.ask("GET", api.PathSilences, "viewer", "")
	var page api.Page[api.Silence]
	if err := json.Unmarshal([]byte(text), &page); err != nil || len(page.Items) != 12 {
		t.Fatalf("got %s, %v", text, err)
	}
	for i, one := range page.Items {
		if want := fmt.Sprint(i + 1); fmt.Sprint(one.ID) != want {
			t.Errorf("silence %d is number %d", i, one.ID)
		}
	}
}
