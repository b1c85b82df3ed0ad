package web_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

var noon = time.Date(2026, 7, 1, 14, 0, 0, 0, time.FixedZone("", 2*60*60))

// someFleet has one of everything.
func someFleet() *fleet {
	port := mgmt.TCPPort(2200)
	config := mgmt.Configuration{
		ID:        "id-3",
		Instances: []mgmt.Instance{{Name: "a", Host: netip.MustParseAddr("192.0.2.1")}, {Name: "b", Host: mgmt.UnknownHost, ListenPort: &port}},
		Nodes: []mgmt.Node{{
			Name: "w", Instance: "a", Role: mgmt.Worker, Scripts: []string{"x.zeek"}, Options: []mgmt.Option{{Name: "M::x", Value: "T"}},
			Interface: new("eth0"), CPUAffinity: new(int64(3)), Env: map[string]string{"K": "v"}, MetricsPort: &port,
		}},
	}
	return &fleet{
		snap: mgmt.Snapshot{
			Revision: 4,
			Staged:   &mgmt.ConfigRevision{Revision: 4, When: noon, Who: "ann", Config: mgmt.Configuration{ID: "id-4"}},
			Deployed: &mgmt.ConfigRevision{Revision: 3, When: noon, Who: "bob", Config: config},
			History:  []mgmt.PastConfig{{Revision: 2, When: noon, Who: "eve", ID: "id-2", Instances: 5, Nodes: 6, Kept: true}},
			Instances: []*mgmt.ObservedInstance{
				{
					Name: "a", Standing: mgmt.Ready, Addr: netip.MustParseAddrPort("192.0.2.1:2151"), Since: noon,
					Nodes: []mgmt.ObservedNode{
						{NodeStatus: mgmt.NodeStatus{Node: "agent", State: mgmt.Running, MgmtRole: mgmt.RoleAgent, ClusterRole: mgmt.ClusterNone}},
						{NodeStatus: mgmt.NodeStatus{Node: "w", State: mgmt.Crashed, ClusterRole: mgmt.Worker, PID: new(int64(7)), Port: &port}, Since: noon},
					},
				},
				{Name: "b", Standing: mgmt.Absent},
			},
		},
		answer: mgmt.GetNodesResponse{Results: []mgmt.Result{
			{Success: true, Instance: "a", Error: "node w crashed: exit status 1; it printed: no (5s ago)\nsomething else\nnode v failed 3 times in a row, next try in 8s: signal: killed (1h2m3s ago)"},
			{Instance: "b", Error: "node x crashed: of an instance that did not answer (1s ago)"},
		}},
	}
}

// someCluster is what someFleet has deployed.
var someCluster = api.Cluster{
	ID:    "id-3",
	Hosts: []api.ConfiguredHost{{Name: "a", Host: "192.0.2.1"}, {Name: "b", Port: 2200}},
	Nodes: []api.ConfiguredNode{{
		Name: "w", Instance: "a", Role: "WORKER", MetricsPort: 2200, Scripts: []string{"x.zeek"}, Options: map[string]string{"M::x": "T"},
		Interface: "eth0", CPUAffinity: new(int64(3)), Env: map[string]string{"K": "v"},
	}},
}

// client returns a client of the API.
func (s *site) client(bearer string) *api.Client {
	s.t.Helper()
	c, err := api.New(api.Config{Address: s.addr, Bearer: bearer, Timeout: 5 * patience.Limit})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	return c
}

func TestCluster(t *testing.T) {
	s := serve(t, web.Config{Cluster: someFleet()}, nil)
	c := s.client("viewer")
	check := func(what string, got, want any, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	utc := noon.UTC()
	instances, err := c.Instances(t.Context())
	check("instances", instances, []api.Instance{
		{Name: "a", Standing: "READY", Address: "192.0.2.1:2151", Since: utc, Nodes: 1}, {Name: "b", Standing: "ABSENT"},
	}, err)
	nodes, err := c.Nodes(t.Context())
	check("nodes", nodes, []api.Node{
		{Name: "agent", Instance: "a", State: "RUNNING", Role: "AGENT"},
		{Name: "w", Instance: "a", State: "CRASHED", Role: "WORKER", PID: 7, Port: 2200, Since: utc},
	}, err)
	revisions, err := c.Configurations(t.Context())
	check("configurations", revisions, []api.Revision{
		{Revision: 4, State: "staged", When: utc, Who: "ann", ID: "id-4", Kept: true},
		{Revision: 3, State: "deployed", When: utc, Who: "bob", Kept: true, ID: "id-3", Instances: 2, Nodes: 1},
		{Revision: 2, State: "past", When: utc, Who: "eve", ID: "id-2", Instances: 5, Nodes: 6, Kept: true},
	}, err)
	deployed, err := c.Configuration(t.Context(), api.Deployed)
	check("the deployed configuration", deployed, api.Configuration{
		Revision: 3, State: "deployed", When: utc, Who: "bob", Cluster: someCluster,
	}, err)
	before := time.Now()
	found, err := c.Crashes(t.Context(), "")
	crashes := found.Items
	for i, ago := range []time.Duration{5 * time.Second, 3723 * time.Second} {
		if i < len(crashes) {
			if off := crashes[i].When.Sub(before.Add(-ago)); off < -time.Second || off > time.Minute {
				t.Errorf("crash %d: off by %s", i, off)
			}
			crashes[i].When = time.Time{}
		}
	}
	check("crashes", crashes, []api.Crash{
		{Instance: "a", Node: "w", Why: "crashed: exit status 1; it printed: no"},
		{Instance: "a", Node: "v", Why: "failed 3 times in a row, next try in 8s: signal: killed"},
	}, err)
}

func TestNoConfiguration(t *testing.T) {
	s := serve(t, web.Config{}, nil)
	_, err := s.client("viewer").Configuration(t.Context(), api.Staged)
	if p, ok := errors.AsType[*api.Problem](err); !ok || p.Status != http.StatusNotFound || p.Detail != "no staged configuration available" {
		t.Errorf("got %v", err)
	}
	if answer, body := s.ask("GET", "/api/v1/configurations/other", "viewer", ""); answer.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("another state: got %s: %s", answer.Status, body)
	}
}

// A tag begins with the revision of the store. It changes with every change of the answer.
func TestTags(t *testing.T) {
	cluster := someFleet()
	s := serve(t, web.Config{Cluster: cluster}, nil)
	for _, path := range []string{"/api/v1/instances", "/api/v1/nodes", "/api/v1/configurations", "/api/v1/configurations/staged"} {
		answer, _ := s.ask("GET", path, "viewer", "")
		tag := answer.Header.Get("ETag")
		if !strings.HasPrefix(tag, `"4-`) {
			t.Errorf("%s: the tag is %s", path, tag)
		}
		answer, body := s.ask("GET", path, "viewer", "", `If-None-Match: "x", W/`+tag)
		if answer.StatusCode != http.StatusNotModified || body != "" || answer.Header.Get("ETag") != tag {
			t.Errorf("%s again: got %s, %s", path, answer.Status, body)
		}
	}
	answer, _ := s.ask("GET", "/api/v1/nodes", "viewer", "")
	tag := answer.Header.Get("ETag")
	cluster.snap.Instances[0].Nodes[1].State = mgmt.Running
	if answer, _ := s.ask("GET", "/api/v1/nodes", "viewer", "", "If-None-Match: "+tag); answer.StatusCode != http.StatusOK {
		t.Errorf("a node has another state: got %s", answer.Status)
	}
}

func TestPages(t *testing.T) {
	authority := &office{answers: func(req access.Request) access.Answer {
		if _, ok := req.(access.ListUsers); !ok {
			return nil
		}
		var list access.Users
		for i := range 450 {
			list = append(list, access.UserInfo{Name: fmt.Sprintf("u%03d", 449-i), Role: mgmt.Viewer})
		}
		return list
	}}
	s := serve(t, web.Config{Authority: authority}, nil)
	users, err := s.client("admin").Users(t.Context())
	if err != nil || len(users) != 450 || users[0].Name != "u000" || users[449].Name != "u449" {
		t.Errorf("got %d users, %v", len(users), err)
	}
	page := func(query string) (p api.Page[api.User], status int) {
		answer, body := s.ask("GET", "/api/v1/users"+query, "admin", "")
		json.Unmarshal([]byte(body), &p)
		return p, answer.StatusCode
	}
	for query, want := range map[string]string{
		"?limit=2":            "u000 u001 next u001",
		"?limit=2&after=u001": "u002 u003 next u003",
		"?after=u447":         "u448 u449",
		"?after=u4475":        "u448 u449",
		"?after=zzz":          "",
	} {
		p, _ := page(query)
		var got []string
		for _, u := range p.Items {
			got = append(got, u.Name)
		}
		if p.Next != "" {
			got = append(got, "next", p.Next)
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s: got %s, want %s", query, text, want)
		}
	}
	for _, query := range []string{"?limit=0", "?limit=1001", "?limit=-1", "?limit=x", "?offset=1", "?after=" + strings.Repeat("x", 601)} {
		if _, status := page(query); status != http.StatusUnprocessableEntity {
			t.Errorf("%.20s: got %d", query, status)
		}
	}
	if p, _ := page("?limit=1000"); len(p.Items) != 450 || p.Next != "" {
		t.Errorf("all at once: got %d, next %q", len(p.Items), p.Next)
	}
}

// What the authority refuses keeps its words.
func TestRefusalsOfTheAuthority(t *testing.T) {
	for why, want := range map[access.Why]int{
		access.Forbidden: 403, access.Invalid: 422, access.NotFound: 404, access.Conflict: 409,
		access.Limited: 507, access.Failed: 500, access.Unavailable: 501, access.Unproved: 401, "unheard of": 500,
	} {
		authority := &office{answers: func(access.Request) access.Answer {
			return access.Refusal{Why: why, Reason: "the name \"sensor-1\" is taken; use --replace"}
		}}
		s := serve(t, web.Config{Authority: authority}, nil)
		_, err := s.client("").Join(t.Context(), api.JoinRequest{Token: "t", Key: "k"})
		p, ok := errors.AsType[*api.Problem](err)
		if !ok || p.Status != want || err.Error() != "the name \"sensor-1\" is taken; use --replace" {
			t.Errorf("%s: got %v, want %d", why, err, want)
		}
	}
}

func TestWithoutAnAuthority(t *testing.T) {
	s := serve(t, web.Config{}, nil)
	for _, err := range []error{
		second(s.client("").Join(t.Context(), api.JoinRequest{Token: "t", Key: "k"})),
		second(s.client("").Login(t.Context(), api.LoginRequest{Token: "t", Key: "k"})),
		second(s.client("").Renew(t.Context(), api.RenewRequest{Key: "k"})),
		second(s.client("admin").Tokens(t.Context())),
		second(s.client("admin").Audit(t.Context(), api.AuditQuery{})),
	} {
		if p, ok := errors.AsType[*api.Problem](err); !ok || p.Status != http.StatusNotImplemented {
			t.Errorf("got %v", err)
		}
	}
	root, err := s.client("viewer").Root(t.Context())
	if err != nil || root.Cluster != "" {
		t.Errorf("got %+v, %v", root, err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestRoot(t *testing.T) {
	authority := &office{
		trust: identity.Trust{Cluster: "abc"},
		answers: func(access.Request) access.Answer {
			return access.Authorities{{KeyHash: "old"}, {KeyHash: "new", Signing: true}}
		},
	}
	s := serve(t, web.Config{Authority: authority, Name: "c", Version: "v1", Addresses: []string{"192.0.2.1:2149"}}, nil)
	got, err := s.client("viewer").Root(t.Context())
	want := api.Root{Name: "c", Version: "v1", Cluster: "abc", Authority: "new", Addresses: []string{"192.0.2.1:2149"}}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// What reaches the authority is what the caller has said, and who it is.
func TestRequestsToTheAuthority(t *testing.T) {
	clock := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	user := identity.Identity{Kind: identity.User, Name: "ann"}
	for _, tc := range []struct {
		method, path, bearer, body string
		want                       access.Request
		who                        string
	}{
		{"POST", "/api/v1/join", "", `{"token":"t","key":"k","node_key":"n","replace":true,"clock":"2026-01-02T04:04:05+01:00"}`,
			access.Join{Token: "t", Key: []byte("k"), NodeKey: []byte("n"), Replace: true, Clock: clock}, "unknown at 127.0.0.1"},
		{"POST", "/api/v1/login", "", `{"token":"t","key":"k"}`, access.Login{Token: "t", Key: []byte("k")}, "unknown at 127.0.0.1"},
		{"POST", "/api/v1/tokens", "admin", `{"instance":"s","ttl_seconds":60,"uses":3}`,
			access.CreateToken{Instance: "s", TTL: time.Minute, Uses: 3}, "ada"},
		{"POST", "/api/v1/tokens", "admin", `{"user":"ann","name":"ci"}`, access.CreateAPIToken{User: "ann", Name: "ci"}, "ada"},
		{"DELETE", "/api/v1/tokens/x%2Fy", "admin", "", access.RevokeToken{ID: "x/y"}, "ada"},
		{"POST", "/api/v1/users", "admin", `{"name":"ann","role":"operator","ttl_seconds":5}`,
			access.AddUser{Name: "ann", Role: mgmt.Operator, TTL: 5 * time.Second}, "ada"},
		{"PUT", "/api/v1/users/ann", "admin", `{"role":"viewer"}`, access.SetRole{Name: "ann", Role: mgmt.Viewer}, "ada"},
		{"DELETE", "/api/v1/users/J%C3%B6rg", "admin", "", access.RemoveUser{Name: "Jörg"}, "ada"},
		{"POST", "/api/v1/certificates", "admin", `{"identity":"user/ann","key":"k","hosts":["h"],"life_seconds":9,"replace":true}`,
			access.Sign{Identity: user, Key: []byte("k"), Hosts: []string{"h"}, Life: 9 * time.Second, Replace: true}, "ada"},
		{"DELETE", "/api/v1/certificates/1f", "admin", "", access.RevokeCertificate{Serial: "1f"}, "ada"},
		{"POST", "/api/v1/certificates/revoke", "admin", `{"identity":"user/ann"}`, access.RevokeCertificate{Identity: user}, "ada"},
		{"POST", "/api/v1/authorities", "admin", "", access.RotateAuthority{}, "ada"},
		{"POST", "/api/v1/authorities?now=true", "admin", "", access.RotateAuthority{Now: true}, "ada"},
	} {
		authority := &office{}
		s := serve(t, web.Config{Authority: authority}, nil)
		answer, body := s.ask(tc.method, tc.path, tc.bearer, tc.body)
		if answer.StatusCode/100 != 2 || len(authority.asked) != 1 {
			t.Errorf("%s %s: got %s: %s", tc.method, tc.path, answer.Status, body)
			continue
		}
		if diff := cmp.Diff(tc.want, authority.asked[0]); diff != "" {
			t.Errorf("%s %s: %s", tc.method, tc.path, diff)
		}
		if who := authority.by[0]; who.Name != tc.who || !strings.HasPrefix(who.Source, "127.0.0.1:") {
			t.Errorf("%s %s: asked by %+v", tc.method, tc.path, who)
		}
	}
}

func TestBadRequests(t *testing.T) {
	authority := &office{}
	s := serve(t, web.Config{Authority: authority, Limits: web.Limits{AttemptsBurst: 1000}}, nil)
	for _, tc := range []struct{ path, body, want string }{
		{"/api/v1/tokens", `{}`, "name either the instance"},
		{"/api/v1/tokens", `{"instance":"a","user":"b"}`, "name either the instance"},
		{"/api/v1/tokens", `{"instance":"a","name":"b"}`, "a joining token has no name"},
		{"/api/v1/tokens", `{"user":"a","uses":2}`, "a joining token has no name"},
		{"/api/v1/tokens", `{"instance":"a","uses":-1}`, "uses: expected number >= 0"},
		{"/api/v1/tokens", `{"instance":"a","ttl_seconds":99999999999}`, "ttl_seconds: expected number <="},
		{"/api/v1/tokens", `{"instance":"a","ttl_seconds":1e99}`, "ttl_seconds"},
		{"/api/v1/tokens", `{"instance":"a","color":"red"}`, "color: unexpected property"},
		{"/api/v1/tokens", `{`, "unexpected end of JSON"},
		{"/api/v1/tokens", `[]`, "expected object"},
		{"/api/v1/tokens", strings.Repeat("[", 20_000), "exceeded max depth"},
		{"/api/v1/users", `{"name":"a","role":"root"}`, "role: expected value to be one of"},
		{"/api/v1/users", `{"role":"viewer"}`, "expected required property name to be present"},
		{"/api/v1/certificates", `{"identity":"ann","key":"k"}`, "is not an identity"},
		{"/api/v1/certificates/revoke", `{}`, "name either the serial number"},
		{"/api/v1/certificates/revoke", `{"serial":"1","identity":"user/ann"}`, "name either the serial number"},
		{"/api/v1/login", `{"token":"t","key":""}`, "there is no signing request"},
		{"/api/v1/join", `{"token":"zf1-secret` + strings.Repeat("x", 300) + `","key":"k"}`, "token: expected length <= 200"},
	} {
		answer, body := s.ask("POST", tc.path, "admin", tc.body)
		var p api.Problem
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			t.Errorf("%s %.50s: got %s", tc.path, tc.body, body)
		}
		if answer.StatusCode != 422 && answer.StatusCode != 400 || !strings.Contains(p.Detail, tc.want) || strings.Contains(p.Detail, "\n") {
			t.Errorf("%s %.50s: got %s: %s, want %s", tc.path, tc.body, answer.Status, body, tc.want)
		}
		if strings.Contains(body, "secret") {
			t.Errorf("%s: the answer repeats a secret: %s", tc.path, body)
		}
	}
	if n := len(authority.requests()); n != 0 {
		t.Errorf("%d requests were carried out", n)
	}
}

func TestReady(t *testing.T) {
	cluster := &fleet{}
	var store, audit error
	s := serve(t, web.Config{Cluster: cluster, Ready: map[string]func() error{
		"store": func() error { return store }, "audit": func() error { return audit },
	}}, nil)
	check := func(want string) {
		t.Helper()
		answer, body := s.ask("GET", "/readyz", "", "")
		if answer.StatusCode == http.StatusOK != (want == "") || !strings.Contains(body, want) {
			t.Errorf("got %s: %s, want %q", answer.Status, body, want)
		}
	}
	check("")
	store, audit = errors.New("no space left on /secret/path"), io.ErrShortWrite
	check("not ready: audit, store; the controller's log says why")
	cluster.err = errors.New("the controller has ended")
	audit = nil
	check("not ready: state, store")
	if answer, _ := s.ask("GET", "/livez", "", ""); answer.StatusCode != http.StatusOK {
		t.Errorf("livez: got %s", answer.Status)
	}
	if answer, body := s.ask("GET", "/healthz", "", ""); answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "does not know its state") {
		t.Errorf("healthz: got %s %s", answer.Status, body)
	}
}

func TestHealthIsWhetherNodesRunThatShouldRun(t *testing.T) {
	worker := mgmt.Node{Name: "worker", Instance: "host", Role: mgmt.Worker}
	for name, tt := range map[string]struct {
		snap mgmt.Snapshot
		want string
	}{
		"nothing is deployed":      {mgmt.Snapshot{}, ""},
		"it runs":                  {mgmt.Snapshot{Instances: observed(mgmt.Ready, mgmt.Running)}, ""},
		"it has crashed":           {mgmt.Snapshot{Instances: observed(mgmt.Ready, mgmt.Crashed)}, "1 node should run and does not"},
		"it starts":                {mgmt.Snapshot{Instances: observed(mgmt.Ready, mgmt.Pending)}, "1 node should run and does not"},
		"its agent is gone":        {mgmt.Snapshot{Instances: observed(mgmt.Absent, mgmt.Running)}, "1 node should run and does not"},
		"nobody knows it":          {mgmt.Snapshot{}, "1 node should run and does not"},
		"it is stopped":            {mgmt.Snapshot{Stopped: []mgmt.NodeName{"worker"}}, ""},
		"it ended while paused":    {mgmt.Snapshot{Paused: []mgmt.NodeName{"worker"}, Instances: observed(mgmt.Ready, mgmt.Crashed)}, ""},
		"it is paused and unknown": {mgmt.Snapshot{Paused: []mgmt.NodeName{"worker"}, Instances: observed(mgmt.Ready, mgmt.Unknown)}, "1 node should run and does not"},
	} {
		t.Run(name, func(t *testing.T) {
			if name != "nothing is deployed" {
				tt.snap.Deployed = &mgmt.ConfigRevision{Config: mgmt.Configuration{Nodes: []mgmt.Node{worker}}}
			}
			s := serve(t, web.Config{Cluster: &fleet{snap: tt.snap}}, nil)
			answer, body := s.ask("GET", "/healthz", "", "")
			if answer.StatusCode == http.StatusOK != (tt.want == "") || !strings.Contains(body, tt.want) {
				t.Errorf("got %s: %s, want %q", answer.Status, body, tt.want)
			}
		})
	}
}

// observed is an instance with a worker.
func observed(standing mgmt.Standing, state mgmt.State) []*mgmt.ObservedInstance {
	return []*mgmt.ObservedInstance{{Name: "host", Standing: standing, Nodes: []mgmt.ObservedNode{{NodeStatus: mgmt.NodeStatus{Node: "worker", State: state}}}}}
}
