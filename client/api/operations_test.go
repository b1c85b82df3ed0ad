package api_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/client/api"
)

func TestChangesAndOperations(t *testing.T) {
	for _, tc := range []struct {
		want, answer string
		do           func(*api.Client) error
	}{
		{`POST /api/v1/plans {"configuration":{"id":"<x>","instances":[],"nodes":[]}}`, "{}", func(c *api.Client) error {
			_, err := c.Plan(t.Context(), api.PlanRequest{Configuration: &api.Cluster{ID: "<x>"}})
			return err
		}},
		{`POST /api/v1/instances/a%2Fb/preflight {"staged":true,"timeout_seconds":9}`, "{}", func(c *api.Client) error {
			_, err := c.Preflight(t.Context(), "a/b", api.PreflightRequest{Staged: true, Timeout: 9})
			return err
		}},
		{`POST /api/v1/deployments {"revision":3,"note":"n","seen":0}`, "{}", func(c *api.Client) error {
			_, err := c.Deploy(t.Context(), api.DeployRequest{Revision: 3, Note: "n", Seen: new(uint64(0))})
			return err
		}},
		{"GET /api/v1/revisions?after=9&limit=5 ", "{}", func(c *api.Client) error {
			_, err := c.Revisions(t.Context(), api.RevisionQuery{Before: 9, Limit: 5})
			return err
		}},
		{"GET /api/v1/revisions/7 ", "{}", func(c *api.Client) error { _, err := c.Revision(t.Context(), 7); return err }},
		{"GET /api/v1/operations?running=true ", "{}", func(c *api.Client) error {
			_, err := c.Operations(t.Context(), api.OperationQuery{Running: true})
			return err
		}},
		{"GET /api/v1/operations/7 ", "{}", func(c *api.Client) error { _, err := c.Operation(t.Context(), 7); return err }},
		{`POST /api/v1/operations {"kind":"restart","nodes":["@workers"],"rolling":true,"percent":10}`, "{}", func(c *api.Client) error {
			_, err := c.Operate(t.Context(), api.OperateRequest{Kind: api.KindRestart, Selectors: []string{"@workers"}, Rolling: true, Percent: 10})
			return err
		}},
		{`POST /api/v1/dispatches {"action":"set_option","arguments":["a","b"],"nodes":["w*"]}`, "{}", func(c *api.Client) error {
			_, err := c.Dispatch(t.Context(), api.DispatchRequest{Action: "set_option", Arguments: []string{"a", "b"}, Selectors: []string{"w*"}})
			return err
		}},
		{"GET /api/v1/status ", "{}", func(c *api.Client) error { _, err := c.Status(t.Context()); return err }},
		{"GET /healthz ", "{}", func(c *api.Client) error { return c.Health(t.Context()) }},
		{"GET /livez ", "{}", func(c *api.Client) error { return c.Live(t.Context()) }},
		{"GET /readyz ", "{}", func(c *api.Client) error { return c.Ready(t.Context()) }},
	} {
		sends(t, tc.want, tc.answer, tc.do)
	}
}

// Follow shows each change once, and tells the server what it has seen.
func TestFollow(t *testing.T) {
	states := []string{"running", "running", "done"}
	asked := 0
	client := plain(t, api.Config{}, func(w http.ResponseWriter, r *http.Request) {
		want := "GET /api/v1/operations/7 "
		if asked > 0 {
			want = fmt.Sprintf("GET /api/v1/operations/7?wait=30 %q", fmt.Sprint("tag-", min(asked, 2)))
		}
		if got := r.Method + " " + r.RequestURI + " " + r.Header.Get("If-None-Match"); got != want {
			t.Errorf("request %d: got %s, want %s", asked, got, want)
		}
		asked++
		if asked == 3 { // nothing has changed for a while
			w.WriteHeader(http.StatusNotModified)
			return
		}
		n := min(asked, 3)
		w.Header().Set("ETag", fmt.Sprintf("%q", fmt.Sprint("tag-", n)))
		fmt.Fprintf(w, `{"id":7,"state":%q,"doing":"step %d"}`, states[n-1], n)
	})
	var got []string
	for o, err := range client.Follow(t.Context(), 7) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, o.State+" "+o.Doing)
	}
	if want := "running step 1, running step 2, done step 3"; strings.Join(got, ", ") != want {
		t.Errorf("got %q", got)
	}
}

func TestFollowEndsWithTheFirstError(t *testing.T) {
	for name, tc := range map[string]struct {
		answer func(http.ResponseWriter)
		want   string
	}{
		"an unknown operation": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(404)
			io.WriteString(w, `{"detail":"there is no operation 7"}`)
		}, "there is no operation 7"},
		"an answer without a tag": {func(w http.ResponseWriter) { io.WriteString(w, "{}") }, "does not say whether operation 7 has changed"},
		"an answer that is no JSON": {func(w http.ResponseWriter) {
			w.Header().Set("ETag", `"1"`)
			io.WriteString(w, "<html>")
		}, "something else than the JSON of /api/v1/operations/7"},
	} {
		client := plain(t, api.Config{}, func(w http.ResponseWriter, r *http.Request) { tc.answer(w) })
		n := 0
		for _, err := range client.Follow(t.Context(), 7) {
			if n++; err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: got %v", name, err)
			}
		}
		if n != 1 {
			t.Errorf("%s: Follow has gone on after an error", name)
		}
	}
}

// A program that is no controller of zeekfleet is named as that.
func TestOtherPrograms(t *testing.T) {
	for name, tc := range map[string]struct {
		says string
		zeek bool
		want string
	}{
		"Zeek's controller": { // as Zeek 8.2.2 answers: nothing ends its header, but for the end of the connection
			"HTTP/1.1 400 Missing Sec-WebSocket-Key value\r\nServer: ixwebsocket/11.4.6 linux ssl/OpenSSL OpenSSL 3.0.22 25 Aug 2026 zlib 1.2.13\r\n",
			true, "has no HTTP API of zeekfleet: it is Zeek's own controller",
		},
		"Zeek's controller, with an end of its header": {
			"HTTP/1.1 400 Missing Sec-WebSocket-Key value\r\nServer: ixwebsocket/11.4.6\r\n\r\n",
			true, "has no HTTP API of zeekfleet: it is Zeek's own controller",
		},
		"a web server": {
			"HTTP/1.1 404 Not Found\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\n<p>",
			false, "it has answered 404 Not Found",
		},
		"a Broker port": {"\x00\x00\x00\x1e\x01\x00\aZEEK\x00\n", false, "name the controller's port for clients, by default 2149"},
	} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			if !strings.Contains(tc.says, "ZEEK") { // a Broker peer speaks first
				conn.Read(make([]byte, 4096))
			}
			io.WriteString(conn, tc.says)
			if strings.HasSuffix(tc.says, "\r\n\r\n") { // a server may leave the connection open
				io.Copy(io.Discard, conn)
			}
		}()
		client, err := api.New(api.Config{Address: ln.Addr().String()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Status(t.Context())
		other, ok := errors.AsType[*api.NoAPIError](err)
		if !ok || other.Zeek != tc.zeek || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v", name, err)
		}
		client.Close()
		ln.Close()
		<-done
	}
}
