package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/web"
)

func TestPagesOfOtherSites(t *testing.T) {
	s := serve(t, web.Config{Authority: &office{}, HostNames: []string{"sensor.example", "*.fleet.example"}}, nil)
	const create = "POST /api/v1/tokens HTTP/1.1\r\nAuthorization: Bearer admin\r\nContent-Type: application/json\r\nContent-Length: 16\r\n"
	const read = "GET /api/v1/whoami HTTP/1.1\r\nAuthorization: Bearer admin\r\n"
	for name, tc := range map[string]struct {
		begin, headers string
		want           int
	}{
		"no Origin":                          {create, "Host: 127.0.0.1:2149\r\n", 201},
		"its own page":                       {create, "Host: 127.0.0.1:2149\r\nOrigin: http://127.0.0.1:2149\r\n", 201},
		"its own page over TLS":              {create, "Host: sensor.example\r\nOrigin: https://sensor.example\r\nSec-Fetch-Site: same-origin\r\n", 201},
		"a name with a star":                 {create, "Host: a.fleet.example:2149\r\n", 201},
		"a foreign page changes":             {create, "Host: 127.0.0.1:2149\r\nOrigin: https://evil.example\r\n", 403},
		"a foreign page reads":               {read, "Host: 127.0.0.1:2149\r\nOrigin: https://evil.example\r\n", 403},
		"a page of another port changes":     {create, "Host: 127.0.0.1:2149\r\nOrigin: http://127.0.0.1:8080\r\n", 403},
		"a page without an origin":           {create, "Host: 127.0.0.1:2149\r\nOrigin: null\r\n", 403},
		"two origins":                        {create, "Host: localhost\r\nOrigin: http://localhost\r\nOrigin: http://evil.example\r\n", 403},
		"a browser says it is another site":  {create, "Host: localhost\r\nSec-Fetch-Site: cross-site\r\n", 403},
		"a browser says it is the same site": {create, "Host: localhost\r\nSec-Fetch-Site: same-site\r\n", 403},
		"a link of another site is followed": {read, "Host: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n", 200},
		"another site frames an answer":      {read, "Host: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n", 403},
		"another site reads without seeing":  {read, "Host: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n", 403},
		"a name that leads here":             {read, "Host: evil.example:2149\r\n", 403},
		"a name that leads here changes":     {create, "Host: evil.example:2149\r\nOrigin: http://evil.example:2149\r\nSec-Fetch-Site: same-origin\r\n", 403},
		"a name that only begins right":      {read, "Host: sensor.example.evil.example\r\n", 403},
	} {
		t.Run(name, func(t *testing.T) {
			body := ""
			if tc.begin == create {
				body = `{"instance":"x"}`
			}
			answer, text := s.raw(tc.begin + tc.headers + "\r\n" + body)
			if answer.StatusCode != tc.want {
				t.Errorf("got %s, want %d: %s", answer.Status, tc.want, text)
			}
			if tc.want == 403 && answer.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("the refusal is %s", answer.Header.Get("Content-Type"))
			}
		})
	}
}

// A form of a page needs no permission of the browser to be sent. Its types are refused.
func TestFormsOfPages(t *testing.T) {
	authority := &office{}
	s := serve(t, web.Config{Authority: authority}, nil)
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/x-ndjson"} {
		answer, body := s.raw("POST /api/v1/tokens HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer admin\r\nContent-Length: 16\r\nContent-Type: " +
			kind + "\r\n\r\n" + `{"instance":"x"}`)
		if answer.StatusCode/100 != 4 {
			t.Errorf("%s: got %s: %s", kind, answer.Status, body)
		}
	}
	if n := len(authority.requests()); n != 0 {
		t.Errorf("%d requests were carried out", n)
	}
}

func TestPlainTextFromAnotherHost(t *testing.T) {
	dress := func(here, secure bool) func(*web.Connection) {
		return func(c *web.Connection) { c.Here, c.Secure = here, secure }
	}
	for name, tc := range map[string]struct {
		cfg          web.Config
		here, secure bool
		want         int
	}{
		"plain text of this host":                     {web.Config{}, true, false, 200},
		"TLS of another host":                         {web.Config{}, false, true, 200},
		"plain text of another host":                  {web.Config{}, false, false, 403},
		"plain text of another host, that is allowed": {web.Config{PlainElsewhere: true}, false, false, 200},
	} {
		s := serve(t, tc.cfg, dress(tc.here, tc.secure))
		answer, body := s.ask("GET", "/healthz", "", "")
		if answer.StatusCode != tc.want {
			t.Errorf("%s: got %s", name, answer.Status)
		}
		if tc.want == 403 && !strings.Contains(body, "use https") {
			t.Errorf("%s: got %s", name, body)
		}
	}
}

func TestHeadersForBrowsers(t *testing.T) {
	s := serve(t, web.Config{Authority: &office{}}, nil)
	for _, path := range []string{"/healthz", "/api/v1/whoami", "/api/v1/openapi.json", "/nothing"} {
		answer, _ := s.ask("GET", path, "viewer", "")
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'",
			"X-Content-Type-Options":  "nosniff",
			"Referrer-Policy":         "no-referrer",
			"Cache-Control":           "no-store",
		} {
			got := answer.Header.Get(name)
			if !strings.Contains(got, want) || strings.Contains(got, "unsafe") {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
	}
}

func TestWhatNobodyMayDo(t *testing.T) {
	s := serve(t, web.Config{Authority: &office{}}, nil)
	for name, tc := range map[string]struct{ header, want string }{
		"nothing shown":      {"X: y", "show an API token or a certificate"},
		"a wrong token":      {"Authorization: Bearer nobody", "show an API token or a certificate"},
		"a password":         {"Authorization: Basic YTpi", `is \"Bearer\" and an API token`},
		"an empty token":     {"Authorization: Bearer ", `is \"Bearer\" and an API token`},
		"two tokens":         {"Authorization: Bearer admin\r\nAuthorization: Bearer admin", `is \"Bearer\" and an API token`},
		"an unknown session": {"Cookie: __Host-zeekfleet=x", "this session is over"},
	} {
		answer, body := s.ask("GET", "/api/v1/whoami", "", "", tc.header)
		if answer.StatusCode != http.StatusUnauthorized || !strings.Contains(body, tc.want) || answer.Header.Get("WWW-Authenticate") != `Bearer realm="zeekfleet"` {
			t.Errorf("%s: got %s %v: %s", name, answer.Status, answer.Header, body)
		}
	}
}

// Pages of other sites reach none of the operations that change a cluster or follow it.
func TestPagesOfOtherSitesChangeAndFollowNothing(t *testing.T) {
	f := &fleet{answers: usually}
	s := serve(t, web.Config{Cluster: f, Agents: &agents{tell: tellsAll}, Happenings: openLog(t)}, nil)
	for _, what := range []string{
		"POST /api/v1/plans", "POST /api/v1/deployments", "POST /api/v1/operations", "POST /api/v1/dispatches",
		"GET /api/v1/events", "GET /api/v1/events/stream", "GET /api/v1/nodes/w/logs?follow=true", "GET /api/v1/nodes/w/diag", "GET /api/v1/crashes",
	} {
		for _, from := range []string{"Origin: https://evil.example", "Sec-Fetch-Site: cross-site"} {
			method, path, _ := strings.Cut(what, " ")
			answer, body := s.ask(method, path, "admin", `{"revision":1,"kind":"stop","action":"x"}`, from)
			if answer.StatusCode != http.StatusForbidden {
				t.Errorf("%s with %s: got %s: %.200s", what, from, answer.Status, body)
			}
		}
	}
	if got := f.requests(); len(got) > 0 {
		t.Errorf("the controller was asked for %v", got)
	}
}
