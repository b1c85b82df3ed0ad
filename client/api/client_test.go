package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestDefaultPortIsWhereAControllerListens(t *testing.T) {
	if api.DefaultPort != mgmt.ClientPort {
		t.Errorf("got %d, want %d", api.DefaultPort, mgmt.ClientPort)
	}
}

func TestJoinPort(t *testing.T) {
	for given, want := range map[string]string{
		"192.0.2.1":          "192.0.2.1:2149",
		"192.0.2.1:1":        "192.0.2.1:1",
		"zeek.example":       "zeek.example:2149",
		"zeek.example:65535": "zeek.example:65535",
		"2001:db8::1":        "[2001:db8::1]:2149",
		"[2001:db8::1]":      "[2001:db8::1]:2149",
		"[2001:db8::1]:7":    "[2001:db8::1]:7",
		"fe80::1%eth0":       "[fe80::1%eth0]:2149",
		"":                   "",
		":2149":              "",
		"host:0":             "",
		"host:65536":         "",
		"host:http":          "",
		"host/path":          "",
		"user@host":          "",
		"https://host":       "",
		"a b":                "",
		"host?":              "",
		"https://[::1]:7/":   "",
	} {
		got, err := api.JoinPort(given)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", given, got, err, want)
		}
	}
	if got, err := api.HostPort("192.0.2.1", 2150); got != "192.0.2.1:2150" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// Whatever JoinPort accepts is an address that a URL can hold.
func FuzzJoinPort(f *testing.F) {
	for _, seed := range []string{"192.0.2.1", "[::1]:7", "fe80::1%eth0", "zeek.example:1", "a@b", "%41"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		address, err := api.JoinPort(text)
		if err != nil {
			return
		}
		again, err := api.JoinPort(address)
		if err != nil || again != address {
			t.Errorf("%q becomes %q, and that %q, %v", text, address, again, err)
		}
		u, err := url.Parse("http://" + strings.ReplaceAll(address, "%", "%25") + "/path")
		if err != nil || u.Host != address || u.Path != "/path" {
			t.Errorf("%q becomes the URL %v, %v", text, u, err)
		}
	})
}

// plain returns a client of a server without TLS.
func plain(t *testing.T, cfg api.Config, handler http.HandlerFunc) *api.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	cfg.Address = server.Listener.Addr().String()
	client, err := api.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func TestProblems(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		retry  string
		body   string
		want   api.Problem
	}{
		"a problem document": {
			403, "", `{"title":"Forbidden","status":403,"detail":"user \"guest\" may not deploy"}`,
			api.Problem{Title: "Forbidden", Status: 403, Detail: `user "guest" may not deploy`},
		},
		"one that lies about its status": {
			503, "", `{"title":"x","status":200}`, api.Problem{Title: "x", Status: 503},
		},
		"a time to wait": {
			429, "17", `{"title":"Too Many Requests","detail":"later"}`,
			api.Problem{Title: "Too Many Requests", Status: 429, Detail: "later", RetryAfter: 17 * time.Second},
		},
		"plain text": {
			403, "soon", "Forbidden: the request is for a host named \"x\"\nmore",
			api.Problem{Title: "Forbidden", Status: 403, Detail: `Forbidden: the request is for a host named "x"`},
		},
		"nothing":              {599, "", "", api.Problem{Title: "HTTP status 599", Status: 599}},
		"a terminal's escapes": {400, "", `{"detail":"a\u001b[2Jb\nc"}`, api.Problem{Title: "Bad Request", Status: 400, Detail: "a?[2Jb c"}},
		"a redirection":        {302, "", "", api.Problem{Title: "Found", Status: 302}},
	} {
		t.Run(name, func(t *testing.T) {
			client := plain(t, api.Config{}, func(w http.ResponseWriter, r *http.Request) {
				if tc.retry != "" {
					w.Header().Set("Retry-After", tc.retry)
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tc.status)
				io.WriteString(w, tc.body)
			})
			_, err := client.WhoAmI(t.Context())
			got, ok := errors.AsType[*api.Problem](err)
			if !ok {
				t.Fatalf("got %v, want a Problem", err)
			}
			if diff := cmp.Diff(tc.want, *got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestListsAreReadToTheirEnd(t *testing.T) {
	client := plain(t, api.Config{}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("after") {
		case "":
			io.WriteString(w, `{"items":[{"name":"ann"},{"name":"bob"}],"next":"b+/ &"}`)
		case "b+/ &":
			io.WriteString(w, `{"items":[{"name":"eve"}]}`)
		}
	})
	users, err := client.Users(t.Context())
	if want := []api.User{{Name: "ann"}, {Name: "bob"}, {Name: "eve"}}; err != nil || !cmp.Equal(users, want) {
		t.Errorf("got %v, %v", users, err)
	}
}

func TestListsThatNeverEnd(t *testing.T) {
	for name, page := range map[string]string{
		"the same page again": `{"items":[{"name":"ann"}],"next":"a"}`,
		"empty pages":         `{"items":[],"next":"a"}`,
	} {
		client := plain(t, api.Config{}, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, page) })
		if _, err := client.Users(t.Context()); err == nil || !strings.Contains(err.Error(), "never comes to the end") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	n := 0
	client := plain(t, api.Config{}, func(w http.ResponseWriter, r *http.Request) {
		n++
		fmt.Fprintf(w, `{"items":[%s{}],"next":"%d"}`, strings.Repeat("{},", 9999), n)
	})
	if _, err := client.Users(t.Context()); err == nil || !strings.Contains(err.Error(), "more than 100000 entries") {
		t.Errorf("got %v", err)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	answer := func(n int) error {
		client := plain(t, api.Config{}, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, `{"name":"`+strings.Repeat("x", n-len(`{"name":""}`))+`"}`)
		})
		_, err := client.WhoAmI(t.Context())
		return err
	}
	if err := answer(api.MaxAnswer); err != nil {
		t.Errorf("an answer of %d bytes: %v", api.MaxAnswer, err)
	}
	if err := answer(api.MaxAnswer + 1); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a longer one: got %v", err)
	}
}

func TestTimeout(t *testing.T) {
	hung := func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	client := plain(t, api.Config{Timeout: time.Millisecond}, hung)
	if _, err := client.WhoAmI(t.Context()); err == nil || !strings.Contains(err.Error(), "did not answer within 1ms") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("no longer wanted"))
	if _, err := client.WhoAmI(ctx); err == nil || err.Error() != "no longer wanted" {
		t.Errorf("got %v", err)
	}
}

func TestBearerDoesNotCrossTheNetworkInPlainText(t *testing.T) {
	for address, ok := range map[string]bool{"192.0.2.1": false, "zeek.example": false, "127.0.0.1": true, "[::1]:9": true, "localhost": true} {
		if _, err := api.New(api.Config{Address: address, Bearer: "zfa-x"}); (err == nil) != ok {
			t.Errorf("%s: got %v", address, err)
		}
	}
}

// Each operation sends what the table says.
func TestOperations(t *testing.T) {
	for _, tc := range []struct {
		want   string
		answer string
		do     func(*api.Client) error
	}{
		{"GET /api/v1/ ", "{}", func(c *api.Client) error { _, err := c.Root(t.Context()); return err }},
		{`POST /api/v1/renew {"key":"k"}`, "{}", func(c *api.Client) error { _, err := c.Renew(t.Context(), api.RenewRequest{Key: "k"}); return err }},
		{"GET /api/v1/tokens ", "{}", func(c *api.Client) error { _, err := c.Tokens(t.Context()); return err }},
		{`POST /api/v1/tokens {"instance":"sensor-1","ttl_seconds":60}`, "{}", func(c *api.Client) error {
			_, err := c.CreateToken(t.Context(), api.TokenRequest{Instance: "sensor-1", TTL: 60})
			return err
		}},
		{"GET /api/v1/whoami/tokens ", "{}", func(c *api.Client) error { _, err := c.OwnTokens(t.Context()); return err }},
		{`POST /api/v1/whoami/tokens {"name":"ci"}`, "{}", func(c *api.Client) error {
			_, err := c.CreateOwnToken(t.Context(), api.OwnTokenRequest{Name: "ci"})
			return err
		}},
		{"DELETE /api/v1/whoami/tokens/a%2Fb ", "", func(c *api.Client) error { return c.RevokeOwnToken(t.Context(), "a/b") }},
		{"DELETE /api/v1/tokens/abc ", "", func(c *api.Client) error { return c.RevokeToken(t.Context(), "abc") }},
		{"DELETE /api/v1/tokens/..%2Fusers%2Fann%3F ", "", func(c *api.Client) error { return c.RevokeToken(t.Context(), "../users/ann?") }},
		{`POST /api/v1/users {"name":"ann","role":"viewer"}`, "{}", func(c *api.Client) error {
			_, err := c.AddUser(t.Context(), api.UserRequest{Name: "ann", Role: "viewer"})
			return err
		}},
		{`PUT /api/v1/users/ann {"role":"admin"}`, "", func(c *api.Client) error { return c.SetRole(t.Context(), "ann", "admin") }},
		{"DELETE /api/v1/users/ann ", "", func(c *api.Client) error { return c.RemoveUser(t.Context(), "ann") }},
		{"GET /api/v1/certificates ", "{}", func(c *api.Client) error { _, err := c.Certificates(t.Context()); return err }},
		{`POST /api/v1/certificates {"identity":"node/x","key":"k","replace":true}`, "{}", func(c *api.Client) error {
			_, err := c.Sign(t.Context(), api.SignRequest{Identity: "node/x", Key: "k", Replace: true})
			return err
		}},
		{`POST /api/v1/certificates/revoke {"identity":"agent/x"}`, "", func(c *api.Client) error {
			return c.Revoke(t.Context(), api.RevokeRequest{Identity: "agent/x"})
		}},
		{"GET /api/v1/authorities ", "{}", func(c *api.Client) error { _, err := c.Authorities(t.Context()); return err }},
		{"POST /api/v1/authorities {}", "{}", func(c *api.Client) error { _, err := c.RotateAuthority(t.Context(), false); return err }},
		{"POST /api/v1/authorities?now=true {}", "{}", func(c *api.Client) error { _, err := c.RotateAuthority(t.Context(), true); return err }},
		{"GET /api/v1/audit?after=7&limit=5&since=2026-01-02T03%3A04%3A05Z&user=ann&wait=60 ", "{}", func(c *api.Client) error {
			_, err := c.Audit(t.Context(), api.AuditQuery{
				Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), User: "ann", After: 7, Limit: 5, Wait: time.Minute,
			})
			return err
		}},
		{"GET /api/v1/instances ", "{}", func(c *api.Client) error { _, err := c.Instances(t.Context()); return err }},
		{"GET /api/v1/nodes ", "{}", func(c *api.Client) error { _, err := c.Nodes(t.Context()); return err }},
		{"GET /api/v1/configurations ", "{}", func(c *api.Client) error { _, err := c.Configurations(t.Context()); return err }},
		{"GET /api/v1/configurations/deployed ", "{}", func(c *api.Client) error {
			_, err := c.Configuration(t.Context(), api.Deployed)
			return err
		}},
		{"GET /api/v1/crashes ", "{}", func(c *api.Client) error { _, err := c.Crashes(t.Context(), ""); return err }},
	} {
		sends(t, tc.want, tc.answer, tc.do)
	}
}

// sends checks that do asks for what want says, and takes the answer.
func sends(t *testing.T, want, answer string, do func(*api.Client) error) {
	t.Helper()
	t.Run(want, func(t *testing.T) {
		asked := make(chan string, 1)
		client := plain(t, api.Config{Bearer: "zfa-secret"}, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if got := r.Header.Get("Authorization"); got != "Bearer zfa-secret" {
				body = append(body, " with authorization "+got...)
			}
			asked <- r.Method + " " + r.RequestURI + " " + string(body)
			if answer == "" {
				w.WriteHeader(http.StatusNoContent)
			}
			io.WriteString(w, answer)
		})
		if err := do(client); err != nil {
			t.Error(err)
		}
		if got := <-asked; got != want {
			t.Errorf("got %s", got)
		}
	})
}
