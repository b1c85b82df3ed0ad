package web_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/samples"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// morePagesOf has the pages of traffic, instances, events, people and the audit.
func morePagesOf(name string) map[string]mgmt.UserRole {
	part := url.PathEscape(name)
	return map[string]mgmt.UserRole{
		"/alerts": mgmt.Viewer,
		"/alerts/acknowledge?id=" + url.QueryEscape(name): mgmt.Operator,
		"/alerts/silence?rule=" + url.QueryEscape(name):   mgmt.Operator,
		"/alerts/silences/5/end":                          mgmt.Operator,
		"/alerts/receivers/" + part + "/test":             mgmt.Operator,
		"/bundles/" + url.PathEscape(string(toldHash)):    mgmt.Viewer,
		"/bundles":                      mgmt.Viewer,
		"/traffic":                      mgmt.Viewer,
		"/traffic/" + part + "/" + part: mgmt.Viewer,
		"/traffic/" + part + "/" + part + "?span=24h": mgmt.Viewer,
		"/instances":         mgmt.Viewer,
		"/instances/" + part: mgmt.Viewer,
		"/events":            mgmt.Viewer,
		"/events?before=2&kind=node&instance=" + url.QueryEscape(name) + "&node=" + url.QueryEscape(name) + "&since=24h": mgmt.Viewer,
		"/events?kind=x&since=" + url.QueryEscape(name):                                                                  mgmt.Viewer,
		"/audit": mgmt.Admin,
		"/audit?before=2&user=" + url.QueryEscape(name):  mgmt.Admin,
		"/audit?since=" + url.QueryEscape(name):          mgmt.Admin,
		"/tokens":                                        mgmt.Admin,
		"/tokens/join?instance=" + url.QueryEscape(name): mgmt.Admin,
		"/tokens/api":                                    mgmt.Admin,
		"/tokens/" + part + "/revoke":                    mgmt.Admin,
		"/certificates":                                  mgmt.Admin,
		"/certificates/" + part + "/revoke":              mgmt.Admin,
		"/certificates/revoke?identity=" + url.QueryEscape("agent/"+name): mgmt.Admin,
		"/account/tokens": mgmt.Viewer,
		"/users":          mgmt.Admin,
		"/users/new?role=admin&name=" + url.QueryEscape(name): mgmt.Admin,
		"/users/" + part + "/role":                            mgmt.Admin,
		"/users/" + part + "/remove":                          mgmt.Admin,
	}
}

// moreFormsOf has the forms of these pages.
func moreFormsOf(name string) map[string]form {
	part := url.PathEscape(name)
	return map[string]form{
		"/alerts/acknowledge":                 {url.Values{"id": {name}, "note": {name}}, mgmt.Operator, http.StatusSeeOther},
		"/alerts/silence":                     {url.Values{"rule": {name[:min(len(name), 60)]}, "life": {"3600"}}, mgmt.Operator, http.StatusSeeOther},
		"/alerts/silences/5/end":              {nil, mgmt.Operator, http.StatusSeeOther},
		"/alerts/receivers/" + part + "/test": {nil, mgmt.Operator, http.StatusSeeOther},
		"/tokens/join":                        {url.Values{"instance": {name}, "life": {"3600"}, "uses": {"1"}}, mgmt.Admin, http.StatusOK},
		"/tokens/api":                         {url.Values{"user": {name}, "name": {name}, "life": {"0"}}, mgmt.Admin, http.StatusOK},
		"/tokens/" + part + "/revoke":         {nil, mgmt.Admin, http.StatusSeeOther},
		"/certificates/" + part + "/revoke":   {nil, mgmt.Admin, http.StatusSeeOther},
		"/certificates/revoke":                {url.Values{"identity": {"agent/w1"}}, mgmt.Admin, http.StatusSeeOther},
		"/users/new":                          {url.Values{"name": {name}, "role": {"viewer"}, "life": {"3600"}}, mgmt.Admin, http.StatusOK},
		"/users/" + part + "/role":            {url.Values{"role": {"operator"}}, mgmt.Admin, http.StatusSeeOther},
		"/users/" + part + "/remove":          {nil, mgmt.Admin, http.StatusSeeOther},
	}
}

// peopleOf is an authority whose every name is this one.
func peopleOf(name string) *office {
	o := loggingIn()
	logins := o.answers
	agent, user := identity.Identity{Kind: identity.Agent, Name: name}, identity.Identity{Kind: identity.User, Name: name}
	o.answers = func(req access.Request) access.Answer {
		switch req.(type) {
		case access.ListUsers:
			return access.Users{{Name: name, Role: mgmt.Admin, SSO: true, Created: noon}}
		case access.ListTokens:
			return access.Tokens{{ID: name, For: agent, By: name, Expires: noon, Uses: 2}, {ID: "api", For: user, API: true, Name: name}}
		case access.ListCertificates:
			return access.Certificates{{Serial: name, Identity: agent, Issued: noon, Expires: noon, Authority: name}}
		}
		return logins(req)
	}
	return o
}

func hostsOf(name string) []mgmt.HostReport {
	return []mgmt.HostReport{{Instance: mgmt.InstanceName(name), Present: true, Err: name, Facts: &mgmt.HostFacts{
		Version: name, Build: name, ZeekPath: name, ZeekVersion: name, Hostname: name, OS: name, Kernel: name, Arch: name, CPUs: 4, Memory: mgmt.Memory{Total: 100, Available: 5},
		Disks: []mgmt.Disk{{Use: "spool", Path: name, Total: 100, Free: 5}, {Use: "state", Path: name, Err: name}},
	}}}
}

// samplesOf has figures of an instance whose every name is this one.
func samplesOf(name string) *samples.Store {
	store := samples.New(samples.Config{})
	for i, at := range []time.Time{time.Now().Add(-5 * time.Second), time.Now()} {
		one := sample(at, uint64(i+1)*1000)
		one.Interfaces[0].Name, one.Nodes[0].Node, one.Nodes[0].Interface = name, mgmt.NodeName(name), name
		store.Take(at, mgmt.InstanceName(name), one)
	}
	return store
}

// eventsOf has an event whose every text is this one.
func eventsOf(t *testing.T, name string) *happenings.Log {
	log := openLog(t)
	err := log.Append([]happenings.Record{{Happening: mgmt.Happening{
		Time: noon, Kind: mgmt.HappenedNode, Instance: mgmt.InstanceName(name), Node: mgmt.NodeName(name), From: name, To: name, Cause: name, Who: name,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// auditOf has a record whose every text is this one.
func auditOf(name string) *book {
	b := &book{}
	b.add(mgmt.AuditRecord{Time: noon, Who: name, Role: mgmt.Admin, Source: name, Request: name, Subject: name, Outcome: mgmt.AuditFailed, Reason: name, Revision: name, Operation: 7, Times: 3})
	return b
}

// page asks for a page as somebody, who must get it.
func (s *site) page(path, bearer string) string {
	s.t.Helper()
	answer, page := s.ask("GET", path, bearer, "", "Accept: text/html")
	if answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: got %s: %s", path, answer.Status, page)
	}
	return page
}

// shows checks that a page has these texts.
func shows(t *testing.T, page string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing in %s", want, page)
		}
	}
}

func TestTrafficOfInterfacesAndWorkers(t *testing.T) {
	store := samples.New(samples.Config{})
	now := time.Now()
	for i, at := range []time.Time{now.Add(-5 * time.Second), now} {
		one := sample(at, uint64(i+1)*1_000_000)
		one.Interfaces[0].Dropped, one.Interfaces[0].Speed = uint64(i)*50_000, 10_000_000_000
		store.Take(at, "a", one)
	}
	store.Miss("b", "it is too old for this")
	s := serve(t, web.Config{Cluster: measured(), Samples: store}, nil)
	page := s.page("/traffic", "viewer")
	shows(t, page, ">200 k/s<", ">160 Mbit/s<", ">1.6 %<", ">4.8 %<", `href="/traffic/a/eth0"`, ">10.0 Gbit/s<", `href="/instances/a/nodes/w"`,
		"Instances without figures", ">b</a>: it is too old for this", ">c</a>: its agent is not connected")
	page = s.page("/traffic/a/eth0", "viewer")
	shows(t, page, "eth0 on a", `data-interface="eth0"`, `data-from="1h"`, "As a table", ">200 k/s<")
	shows(t, s.page("/traffic/c/eth0", "viewer"), "its agent is not connected", "Nothing was measured in this time.")
	for _, path := range []string{"/traffic/a/eth1", "/traffic/x/eth0"} {
		if answer, _ := s.ask("GET", path, "viewer", "", "Accept: text/html"); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: got %s", path, answer.Status)
		}
	}
	s = serve(t, web.Config{Cluster: measured()}, nil)
	if answer, page := s.ask("GET", "/traffic", "viewer", "", "Accept: text/html"); answer.StatusCode != http.StatusNotImplemented || !strings.Contains(page, "keeps no samples") {
		t.Errorf("without samples: got %s: %s", answer.Status, page)
	}
}

func TestTrafficThatNobodyHasMeasuredIsNoZero(t *testing.T) {
	page := serve(t, web.Config{Samples: samples.New(samples.Config{})}, nil).page("/traffic", "viewer")
	if shows(t, page, "Lost by the nodes", ">–<"); strings.Contains(page, "0 %") || strings.Contains(page, "0/s") {
		t.Errorf("a figure is 0 that nobody knows: %s", page)
	}
}

func TestTheTrafficIsLive(t *testing.T) {
	store := samplesOf("a")
	s := serve(t, web.Config{Authority: loggingIn(), Cluster: fleetOf("a"), Samples: store}, nil)
	w := s.watch("/traffic/stream", "viewer")
	w.until(`id="traffic-workers"`)
	one := sample(time.Now(), 2000)
	one.Interfaces[0].Name, one.Interfaces[0].Link, one.Nodes[0].Node, one.Nodes[0].Interface = "a", false, "a", "a"
	store.Take(one.Time, "a", one)
	w.until(">no link<")
}

func TestInstancesSayWhatIsNotWell(t *testing.T) {
	s := serveFleetOf(t, "w1")
	page := s.page("/instances", "viewer")
	shows(t, page, ">READY<", ">95 %<", "2 not well") // its node, and the alert about it
	if strings.Contains(page, "Certificate until") || strings.Contains(page, `"/tokens`) {
		t.Errorf("a viewer sees certificates or tokens: %s", page)
	}
	shows(t, s.page("/instances", "admin"), "Certificate until", `href="/tokens/join"`, "2026-07-01 12:00:00")
	shows(t, s.page("/instances/w1", "admin"), "What is not well there", ">CRASHED<", "agent/w1", `href="/traffic/w1/w1"`, "/operate?back=")
	shows(t, serve(t, web.Config{}, nil).page("/instances", "viewer"), "There is no instance yet.")
}

func TestAPanelThatCannotBeHadSaysWhy(t *testing.T) {
	tell := func(context.Context, mgmt.InstanceName, mgmt.StreamKind, any) (io.Reader, error) {
		return nil, &mgmt.StreamError{Code: mgmt.StreamLost, Text: "the agent of instance w1 is not connected"}
	}
	s := serve(t, web.Config{Cluster: someFleet(), Agents: &agents{tell: tell}}, nil)
	_, page := s.ask("GET", "/instances/a/nodes/w/output", "operator", "")
	shows(t, page, `<div id="part"><div class="note bad" role="alert">the agent of instance w1 is not connected</div></div>`)
}

func TestTokensAreShownOnce(t *testing.T) {
	authority := peopleOf("ann")
	s := serve(t, web.Config{Authority: authority, Addresses: []string{"192.0.2.1:2149", "[2001:db8::1]:2149"}}, nil)
	post := func(path string, fields url.Values) (int, string) {
		answer, page := s.send(path, nil, fields, "Origin: http://"+s.addr, "Authorization: Bearer admin")
		return answer.StatusCode, page
	}
	status, page := post("/tokens/join", url.Values{"instance": {" sensor-9 "}, "life": {"86400"}, "uses": {"3"}})
	if status != http.StatusOK {
		t.Errorf("got %d", status)
	}
	shows(t, page, "zeekfleet agent --join 192.0.2.1:2149 --token zf1-secret", "zeekfleet agent --join [2001:db8::1]:2149 --token zf1-secret", "This is shown once.")
	if last := authority.asked[len(authority.asked)-1]; last != (access.CreateToken{Instance: "sensor-9", TTL: 24 * time.Hour, Uses: 3}) {
		t.Errorf("asked for %+v", last)
	}
	_, page = post("/users/new", url.Values{"name": {"zoe"}, "role": {"operator"}, "life": {"3600"}})
	shows(t, page, ">zf1-secret<", "zeekfleet login 192.0.2.1:2149 --token TOKEN")
	for path, fields := range map[string]url.Values{
		"/tokens/join":    {"instance": {""}, "life": {"1"}, "uses": {"1"}},
		"/tokens/join?":   {"instance": {"x"}, "life": {"never"}, "uses": {"1"}},
		"/tokens/join??":  {"instance": {"x"}, "life": {"1"}, "uses": {"0"}},
		"/tokens/api":     {"user": {strings.Repeat("x", 201)}, "name": {"ci"}, "life": {"0"}},
		"/users/new":      {"name": {"zoe"}, "role": {"king"}, "life": {"1"}},
		"/users/ann/role": {"role": {"king"}},
	} {
		if status, page := post(path, fields); status != http.StatusUnprocessableEntity || !strings.Contains(page, `role="alert"`) {
			t.Errorf("%s: got %d: %s", path, status, page)
		}
	}
	if answer, _ := s.ask("GET", "/users/nobody/role", "admin", "", "Accept: text/html"); answer.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown user: got %s", answer.Status)
	}
}

func TestEventsOnAPage(t *testing.T) {
	log := openLog(t)
	happen(t, log, 0, 250)
	s := serve(t, web.Config{Cluster: fleetOf("a"), Happenings: log}, nil)
	page := s.page("/events", "viewer")
	shows(t, page, `id="e/250"`, `id="e/51"`, "/events?before=51", "/events/stream?seen=250")
	if strings.Contains(page, `id="e/50"`) {
		t.Error("too many events on one page")
	}
	page = s.page("/events?before=51&node=w-1", "viewer")
	shows(t, page, `id="e/50"`, `id="e/2"`, "The newest events")
	if strings.Contains(page, `id="e/49"`) || strings.Contains(page, "Older events") || strings.Contains(page, "/events/stream") {
		t.Errorf("got events of another node, older ones, or a stream: %s", page)
	}
	shows(t, s.page("/events?since=gestern", "viewer"), `role="alert"`, "gestern")
	shows(t, s.page("/events?instance=none", "viewer"), "No event is kept that matches.")
}

func TestNewEventsComeByThemselves(t *testing.T) {
	log := openLog(t)
	happen(t, log, 0, 2)
	s := serve(t, web.Config{Authority: loggingIn(), Cluster: fleetOf("a"), Happenings: log}, nil)
	w := s.watch("/events/stream?seen=1&node=w-1", "viewer")
	w.until(`id="e/2"`)
	happen(t, log, 2, 4)
	if line := w.until("data: <tr"); !strings.Contains(line, `id="e/4"`) || strings.Contains(line, `id="e/3"`) {
		t.Errorf("got %s", line)
	}
}

func TestTheAuditOnAPage(t *testing.T) {
	records := &book{}
	for i := range 450 {
		records.add(mgmt.AuditRecord{Time: noon.Add(time.Duration(i) * time.Second), Who: fmt.Sprint("user-", i%2), Request: fmt.Sprint("request-", i+1, "."), Outcome: mgmt.AuditDone})
	}
	s := serve(t, web.Config{Audit: records}, nil)
	page := s.page("/audit", "admin")
	shows(t, page, "request-450.", "request-251.", "/audit?before=251")
	if strings.Contains(page, "request-250.") {
		t.Error("too many records on one page")
	}
	page = s.page("/audit?before=51", "admin")
	shows(t, page, "request-50.", "request-1.")
	if strings.Contains(page, "Older records") || strings.Contains(page, "request-51.") {
		t.Error("the oldest page has more")
	}
	page = s.page("/audit?user=user-1", "admin")
	shows(t, page, "request-450.", "request-52.", "/audit?before=52&amp;user=user-1")
	if strings.Contains(page, "request-51.") || strings.Contains(page, ">request-50.") {
		t.Error("records of another user, or too many")
	}
}
