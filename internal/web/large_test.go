package web_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// greatest is the largest configuration that a controller takes, with long texts.
func greatest() *api.Cluster {
	c := &api.Cluster{ID: "greatest"}
	for i := range mgmt.DefaultMaxInstances {
		c.Hosts = append(c.Hosts, api.ConfiguredHost{Name: fmt.Sprintf("instance-%d", i), Host: "192.0.2.1", Port: 2151})
	}
	for i := range mgmt.DefaultMaxNodes {
		c.Nodes = append(c.Nodes, api.ConfiguredNode{
			Name: fmt.Sprintf("worker-%d", i), Instance: fmt.Sprintf("instance-%d", i%mgmt.DefaultMaxInstances), Role: "WORKER", Interface: "eth0",
			Scripts: []string{strings.Repeat("s", 1000), "local"}, Env: map[string]string{"K": strings.Repeat("v", 300)},
		})
	}
	return c
}

func TestTheGreatestConfigurationIsTaken(t *testing.T) {
	f := &fleet{answers: usually}
	s := serve(t, web.Config{Cluster: f, Limits: web.Limits{ConfigurationTimeout: 5 * patience.Limit}}, nil)
	if _, err := s.client("operator").Deploy(t.Context(), api.DeployRequest{Configuration: greatest()}); err != nil {
		t.Fatal(err)
	}
	if got := f.requests()[0].(mgmt.ChangeRequest).Config; len(got.Nodes) != mgmt.DefaultMaxNodes || len(got.Nodes[7].Scripts[0]) != 1000 {
		t.Errorf("the controller has got %d nodes", len(got.Nodes))
	}
}

func TestConfigurationsAreBounded(t *testing.T) {
	const most = 4000
	f := &fleet{answers: usually}
	s := serve(t, web.Config{Cluster: f, Limits: web.Limits{MaxBody: 1000, MaxConfiguration: most}}, nil)
	body := func(n int) string {
		text := `{"note":"","configuration":{"instances":[],"nodes":[]}}`
		return strings.Replace(text, `""`, `"`+strings.Repeat(" ", n-len(text))+`"`, 1)
	}
	for _, tc := range []struct{ n, status int }{{900, 202}, {most + 1, 413}} {
		if answer, text := s.ask("POST", "/api/v1/deployments", "operator", body(tc.n)); answer.StatusCode != tc.status {
			t.Errorf("%d bytes: got %s: %.300s", tc.n, answer.Status, text)
		}
	}
	if answer, text := s.ask("POST", "/api/v1/operations", "operator", body(1001)); answer.StatusCode != 413 {
		t.Errorf("another request has more than MaxBody: got %s: %.300s", answer.Status, text)
	}
}

// A value takes up to a kilobyte while a request is checked: 48 MiB of "{}," would take 16
// GiB.
func TestValuesOfRequestsAreBounded(t *testing.T) {
	f := &fleet{answers: usually}
	s := serve(t, web.Config{Cluster: f, Authority: &office{}, Limits: web.Limits{MaxValues: 10, MaxConfigurationValues: 50}}, nil)
	listOf := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat(`"a",`, n), ",") + "]" }
	for _, tc := range []struct {
		path, bearer, body string
		status             int
	}{
		{"/api/v1/operations", "operator", `{"kind":"stop","nodes":` + listOf(6) + `}`, http.StatusAccepted},
		{"/api/v1/operations", "operator", `{"kind":"stop","nodes":` + listOf(10) + `}`, http.StatusRequestEntityTooLarge},
		{"/api/v1/operations", "viewer", listOf(1000), http.StatusRequestEntityTooLarge},
		{"/api/v1/dispatches", "operator", `{"action":"x","arguments":` + listOf(10) + `}`, http.StatusRequestEntityTooLarge},
		{"/api/v1/deployments", "operator", `{"configuration":{"instances":[],"nodes":[` + strings.Repeat("{},", 60) + `{}]}}`, http.StatusRequestEntityTooLarge},
		{"/api/v1/plans", "operator", `{"configuration":{"instances":[],"nodes":[{"name":"w","instance":"a","role":"WORKER","scripts":` + listOf(30) + `}]}}`, http.StatusOK},
		{"/api/v1/login", "", listOf(10), http.StatusRequestEntityTooLarge},
	} {
		answer, text := s.ask("POST", tc.path, tc.bearer, tc.body)
		if answer.StatusCode != tc.status || tc.status == http.StatusRequestEntityTooLarge && !strings.Contains(text, "JSON values, and no more are allowed") {
			t.Errorf("%s %.100s: got %s: %.300s", tc.path, tc.body, answer.Status, text)
		}
	}
	usual := serve(t, web.Config{Cluster: f, Authority: &office{}}, nil)
	for path, most := range map[string]int{"/api/v1/login": 1000, "/api/v1/operations": 30_000, "/api/v1/deployments": 500_000} {
		if answer, text := usual.ask("POST", path, "operator", "["+strings.Repeat("0,", most)+"0]"); answer.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(text, fmt.Sprint(most)) {
			t.Errorf("%s: got %s: %.300s", path, answer.Status, text)
		}
	}
}

// A viewer's configuration is not read: the answer comes before the body.
func TestConfigurationsOfThoseWhoMayNotDeployAreNotRead(t *testing.T) {
	var refused []mgmt.AuditRecord
	s := serve(t, web.Config{Cluster: &fleet{answers: usually}, Refused: func(r mgmt.AuditRecord) { refused = append(refused, r) }}, nil)
	answer, body := s.raw("POST /api/v1/deployments HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer viewer\r\nContent-Length: 9999\r\n\r\n")
	if answer.StatusCode != http.StatusForbidden || !strings.Contains(body, `user \"vic\"`) {
		t.Errorf("got %s: %s", answer.Status, body)
	}
	if len(refused) != 1 || refused[0].Who != "vic" || refused[0].Request != "change" {
		t.Errorf("the audit has %+v", refused)
	}
}

// Bodies are read one after the other, so that they do not fill the memory together. A
// plan that takes long keeps no place.
func TestConfigurationsTakeTurns(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	f := &fleet{answers: func(req mgmt.Request) mgmt.Response {
		begun <- struct{}{}
		<-end
		return usually(req)
	}}
	s := serve(t, web.Config{Cluster: f, Limits: web.Limits{MaxConfigurations: 1, MaxWait: 50 * time.Millisecond}}, nil)
	planned := make(chan error)
	go func() {
		_, err := s.client("operator").Plan(t.Context(), api.PlanRequest{Configuration: &api.Cluster{}})
		planned <- err
	}()
	select {
	case <-begun: // the plan is being made
	case err := <-planned:
		t.Fatalf("the plan has ended: %v", err)
	}
	slow := s.dial()
	io.WriteString(slow, "POST /api/v1/plans HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer operator\r\nContent-Length: 9999\r\nExpect: 100-continue\r\n\r\n")
	if _, err := io.ReadFull(slow, make([]byte, len("HTTP/1.1 100 Continue"))); err != nil { // it has the only place
		t.Fatal(err)
	}
	answer, body := s.ask("POST", "/api/v1/plans", "operator", `{"revision":1}`)
	if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
		t.Errorf("got %s: %s", answer.Status, body)
	}
	end <- struct{}{}
	if err := <-planned; err != nil {
		t.Error(err)
	}
}

// The HTML characters of a configuration stay as they are.
func TestConfigurationsAreNotEscaped(t *testing.T) {
	f := &fleet{answers: usually}
	s := serve(t, web.Config{Cluster: f}, nil)
	env := map[string]string{"K": "<&>\u2028"}
	_, err := s.client("operator").Plan(t.Context(), api.PlanRequest{Configuration: &api.Cluster{Nodes: []api.ConfiguredNode{{Name: "w", Instance: "a", Role: "WORKER", Env: env}}}})
	if p, ok := errors.AsType[*api.Problem](err); ok {
		t.Fatal(p)
	}
	text, _ := json.Marshal(f.requests()[0].(mgmt.PlanRequest).Config.Nodes[0].Env)
	want, _ := json.Marshal(env)
	if !bytes.Equal(text, want) {
		t.Errorf("got %s", text)
	}
}
