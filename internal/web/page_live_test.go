package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// The streams that pages have: that of the fleet, one of pieces, and that of the other pages.
var streamsOfPages = []string{"/fleet/stream", "/instances/w1/stream", "/frame/stream"}

// A page whose user gets another role is told so, and loads itself again. A page whose user may
// not see it any more is told so, and its stream ends.
func TestAStreamTellsItsPageWhoLooks(t *testing.T) {
	for _, path := range streamsOfPages {
		authority := loggingIn()
		s := serve(t, web.Config{Authority: authority, Cluster: fleetOf("w1")}, nil)
		session := s.begin("bob")
		w := s.watchWith(path, cookieLine(session))
		w.follows("event: you", `data: "admin bob"`)
		authority.setRole("bob", mgmt.Viewer)
		w.follows("event: you", `data: "viewer bob"`)
		authority.setRole("bob", mgmt.NoUser)
		w.follows("event: you", `data: ""`)
		w.until("event: end")
		if _, page := s.browse("/fleet", s.begin("ann")); !strings.Contains(page, `<body data-you="viewer ann">`) {
			t.Errorf("the page does not say whose it is: %s", page)
		}
	}
}

// The controller forgets sessions when it ends. A page that is open then must not take the page of
// the login for its stream.
func TestAStreamWithoutASessionIsRefusedAndNotSentToTheLogin(t *testing.T) {
	s := serve(t, web.Config{Authority: loggingIn(), Cluster: fleetOf("w1")}, nil)
	for _, path := range streamsOfPages {
		if answer, _ := s.browse(path, &http.Cookie{Name: "__Host-zeekfleet", Value: "forgotten"}); answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: got %s", path, answer.Status)
		}
	}
}

// What a stream renews is for the role that the user has by then.
func TestAStreamForgetsTheRoleOfItsBeginning(t *testing.T) {
	authority := loggingIn()
	s := serve(t, web.Config{Authority: authority, Cluster: fleetOf("w1"), Limits: web.Limits{PageBurst: 100}}, nil)
	w := s.watchWith("/deployments/stream", cookieLine(s.begin("bob")))
	w.until("Plan and deploy")
	authority.setRole("bob", mgmt.Viewer)
	if line := w.until(`id="deployments"`); strings.Contains(line, "Plan and deploy") || strings.Contains(line, "Roll back") {
		t.Errorf("a viewer gets the buttons of an admin: %s", line)
	}
}

// follows awaits a line, and then one of some lines that comes next.
func (w *watching) follows(first, next string) {
	w.t.Helper()
	w.until(first)
	if line := strings.TrimSuffix(w.until("data:"), "\n"); line != next {
		w.t.Errorf("after %q: got %q, want %q", first, line, next)
	}
}

// Every page shows how many alerts fire, also if that changes.
func TestEveryPageHearsHowManyAlertsFire(t *testing.T) {
	for _, path := range streamsOfPages {
		alerts := &watch{}
		s := serve(t, web.Config{Authority: loggingIn(), Cluster: fleetOf("w1"), Alerts: alerts}, nil)
		w := s.watch(path, "viewer")
		w.until(`<span id="firing" class="badge"></span>`)
		alerts.set(someAlerts()...)
		w.until(`<span id="firing" class="badge">3<`)
	}
	s := serveFleetOf(t, "w1")
	for path, own := range map[string]bool{"/fleet": true, "/alerts": true, "/instances/w1": true, "/events": true, "/events?before=2": false, "/audit": false, "/tokens": false, "/nothing": false} {
		_, page := s.ask("GET", path, "admin", "", "Accept: text/html")
		if got := strings.Count(page, "hx-sse:connect="); got != 1 || strings.Contains(page, `hx-sse:connect="/frame/stream"`) == own {
			t.Errorf("%s connects to %d streams, or to the wrong one: %s", path, got, page)
		}
	}
	if _, page := s.browse("/login", nil); strings.Contains(page, "hx-sse:connect") {
		t.Errorf("the login hears a stream: %s", page)
	}
}

// A form takes what its limits say, and no more.
func TestLimitsOfForms(t *testing.T) {
	s := serve(t, web.Config{Cluster: fleetOf("w1"), Limits: web.Limits{MaxForm: 100, MaxGiven: 400, MaxGivenValues: 10, MaxGivenText: 300, MaxGivenWarnings: 2}}, nil)
	post := func(path string, fields url.Values) (int, string) {
		answer, page := s.send(path, nil, fields, "Origin: http://"+s.addr, "Authorization: Bearer operator")
		return answer.StatusCode, page
	}
	for n, want := range map[int]int{100 - len("id="): http.StatusOK, 101 - len("id="): http.StatusRequestEntityTooLarge} {
		if status, page := post("/instances/w1/nodes/w1/identifier", url.Values{"id": {strings.Repeat("x", n)}}); status != want {
			t.Errorf("a form with %d bytes: got %d, want %d: %s", n, status, want, page)
		}
	}
	const empty = `{"instances":[],"nodes":[]}`
	longest := 500 - len("text=") - len(url.QueryEscape(empty))
	for n, want := range map[int]int{longest: http.StatusOK, longest + 1: http.StatusRequestEntityTooLarge} {
		if status, page := post("/deploy/plan", url.Values{"text": {empty + strings.Repeat("\n", n/3) + strings.Repeat(" ", n%3)}}); status != want {
			t.Errorf("a configuration with %d bytes more: got %d, want %d: %s", n, status, want, page)
		}
	}
	instances := func(n int) string { return `{"instances":[` + strings.Repeat(`{},`, n-1) + `{}],"nodes":[]}` }
	for n, refused := range map[int]bool{2: false, 12: true} {
		if _, page := post("/deploy/plan", url.Values{"text": {instances(n)}}); strings.Contains(page, "more than 10 JSON values") != refused {
			t.Errorf("%d instances: %s", n, page)
		}
	}
	file := func(n int) string {
		return "[instances]\na\n[w]\ninstance = a\nrole = worker\ninterface = " + strings.Repeat("x", n) + "\n"
	}
	for n, refused := range map[int]bool{200: false, 320: true} {
		if _, page := post("/deploy/plan", url.Values{"text": {file(n)}}); strings.Contains(page, "have more than 300 bytes") != refused {
			t.Errorf("an interface with %d bytes: %s", n, page)
		}
	}
	var nodes strings.Builder
	for i := range 4 {
		fmt.Fprintf(&nodes, "[w%d]\ninstance = b%d\nrole = worker\n", i, i)
	}
	if _, page := post("/deploy/plan", url.Values{"text": {"[instances]\na\n" + nodes.String()}}); strings.Count(page, "is not listed in [instances]") != 2 {
		t.Errorf("a file with four warnings: %s", page)
	}
}

// What is deployed and what is kept can be downloaded as cluster files.
func TestRevisionsAreClusterFiles(t *testing.T) {
	f := someFleet()
	f.past = map[uint64]*mgmt.ConfigRevision{2: {Revision: 2, When: noon, Config: mgmt.Configuration{Instances: []mgmt.Instance{{Name: "old"}}}}}
	s := serve(t, web.Config{Cluster: f}, nil)
	answer, text := s.ask("GET", "/revisions/3/cluster.ini", "viewer", "", "Accept: text/html")
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Disposition") != `attachment; filename="cluster-3.ini"` || answer.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("got %s %v", answer.Status, answer.Header)
	}
	shows(t, text, "# revision 3, deployed at 2026-", "redefs = M::x=T\n", "[instances]\na\n", "[w]\ninstance = a\n", "interface = eth0\n")
	if _, text := s.ask("GET", "/revisions/2/cluster.ini", "viewer", "", "Accept: text/html"); !strings.HasSuffix(text, "\n\n[instances]\nold\n\n") {
		t.Errorf("a past revision: got %q", text)
	}
	for path, want := range map[string]int{"/revisions/9/cluster.ini": 404, "/revisions/x/cluster.ini": 404} {
		if answer, page := s.ask("GET", path, "viewer", "", "Accept: text/html"); answer.StatusCode != want {
			t.Errorf("%s: got %s: %s", path, answer.Status, page)
		}
	}
	if answer, _ := s.browse("/revisions/3/cluster.ini", nil); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("nobody: got %s", answer.Status)
	}
	shows(t, s.page("/revisions/3", "viewer"), `href="/revisions/3/cluster.ini"`, "Of the cluster file: the INI form has no place for an address")
	shows(t, s.page("/deployments", "viewer"), `href="/revisions/3/cluster.ini"`, `href="/revisions/2/cluster.ini"`)
}
