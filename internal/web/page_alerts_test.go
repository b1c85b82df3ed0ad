package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// alertsOf is a watch over alerts whose every text is this one.
func alertsOf(name string) *watch {
	mark := mgmt.AlertMark{Who: name, Time: noon, Note: name}
	silence := mgmt.Silence{ID: 5, Rule: mgmt.AlertRule(name), Instance: mgmt.InstanceName(name), Node: mgmt.NodeName(name), Subject: name, Until: noon, AlertMark: mark}
	one := mgmt.Alert{
		ID: name, Rule: mgmt.AlertRule(name), Severity: mgmt.AlertCritical, State: mgmt.AlertFiring, Instance: mgmt.InstanceName(name), Node: mgmt.NodeName(name), Subject: name,
		Text: name, Hint: name, Since: noon, Fired: noon, Value: 91.5, Limit: 90, Unit: name,
	}
	known, ended := one, one
	known.ID, known.Acknowledged, known.Silenced = "known", &mark, &silence
	ended.ID, ended.State, ended.Node, ended.Unit, ended.Resolved = "ended", mgmt.AlertResolved, "", "", noon
	return &watch{book: mgmt.AlertBook{
		Alerts: []mgmt.Alert{one, known, ended}, Silences: []mgmt.Silence{silence},
		Receivers: []mgmt.AlertReceiver{{Name: name, Kind: mgmt.ReceiverWebhook, Target: name, Failing: true, Error: name, Next: noon, Waiting: 3}},
	}}
}

func TestAlertsOnAPage(t *testing.T) {
	s := serve(t, web.Config{Alerts: alertsOf("w1")}, nil)
	page := s.page("/alerts", "operator")
	shows(t, page, ">Firing<", `<span id="firing" class="badge">2<span class="unseen"> firing</span></span>`, "(91.5 w1, the limit is 90)", "acknowledged by w1", "silenced by w1 until",
		`href="/alerts/acknowledge?id=w1"`, "/alerts/silence?instance=w1&amp;node=w1&amp;rule=w1&amp;subject=w1", `href="/alerts/silences/5/end"`, `href="/alerts/receivers/w1/test"`, ">fails<")
	if strings.Contains(page, "id=known") || strings.Contains(page, "id=ended") {
		t.Errorf("alerts can be acknowledged that are known or have ended: %s", page)
	}
	for _, bad := range []string{"/alerts/acknowledge", "/alerts/silence?", "/end", "/test"} {
		if page := s.page("/alerts", "viewer"); strings.Contains(page, bad) {
			t.Errorf("a viewer sees %q", bad)
		}
	}
	shows(t, serve(t, web.Config{}, nil).page("/alerts", "viewer"), "No alert fires.", "No alert is silenced.", "nobody is told", `<span id="firing" class="badge"></span>`)
}

func TestAlertsAreAcknowledgedAndSilencedOnPages(t *testing.T) {
	w := alertsOf("w1")
	s := serve(t, web.Config{Alerts: w}, nil)
	post := func(path string, fields url.Values) (int, string) {
		answer, page := s.send(path, nil, fields, "Origin: http://"+s.addr, "Authorization: Bearer operator")
		return answer.StatusCode, page
	}
	for path, fields := range map[string]url.Values{
		"/alerts/silence":  {"life": {"3600"}},
		"/alerts/silence?": {"rule": {"x"}, "life": {"0"}},
	} {
		if status, page := post(path, fields); status != http.StatusUnprocessableEntity || !strings.Contains(page, `role="alert"`) {
			t.Errorf("%s with %v: got %d: %s", path, fields, status, page)
		}
	}
	post("/alerts/acknowledge", url.Values{"id": {"w1"}, "note": {"I look"}})
	post("/alerts/silence", url.Values{"instance": {"w1"}, "life": {"3600"}, "note": {"maintenance"}})
	want := []access.AlertRequest{access.AcknowledgeAlert{ID: "w1", Note: "I look"}, access.MakeSilence{Instance: "w1", Life: time.Hour, Note: "maintenance"}}
	if got := w.requests(); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, path := range []string{"/alerts/acknowledge?id=none", "/alerts/silences/6/end"} {
		if answer, _ := s.ask("GET", path, "operator", "", "Accept: text/html"); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: got %s", path, answer.Status)
		}
	}
}
