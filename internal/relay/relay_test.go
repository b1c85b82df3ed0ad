package relay_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/porttest"
	"github.com/zeekfleet/zeekfleet/internal/relay"
	"github.com/zeekfleet/zeekfleet/internal/web"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

// A request arrives as it is, with a proof of the controller that passes it on, and says for
// whom.
func TestRequestsArrive(t *testing.T) {
	h := newHubs(t)
	l := h.lead("hub-1", 1, func(w http.ResponseWriter, r *http.Request) {
		if id, err := h.judge(r.TLS.PeerCertificates); err != nil || id != "controller/hub-2" {
			t.Errorf("the request is of %s, %v", id, err)
		}
		p := passed(t, r)
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Of-Leader", "yes")
		w.Header().Set("Content-Security-Policy", "of the leader")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s %s host=%s token=%s cookie=%s for=%s/%s here=%v body=%s", r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Host, r.Header.Get("Authorization"), r.Header.Get("Cookie"), p.Name, p.Role, p.Here, body)
	})
	f := h.follow(relay.Config{HostNames: []string{"hub-2.example.org"}}, nil)
	f.Follow(l.Leader)
	c, br := f.begin("POST", "/api/v1/x%2Fy?a=b", "hello", "Authorization: Bearer admin", "Cookie: s=1")
	answer, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(answer.Body)
	want := "POST /api/v1/x%2Fy a=b host=" + f.addr + " token=Bearer admin cookie=s=1 for=root (uid 0)/admin here=true body=hello"
	if string(text) != want || answer.StatusCode != http.StatusTeapot || answer.Header.Get("X-Of-Leader") == "" {
		t.Errorf("got %s %s\nwant %s", answer.Status, text, want)
	}
	if got := answer.Header.Values("Content-Security-Policy"); len(got) != 1 || got[0] != "of the leader" {
		t.Errorf("the policy is %q", got)
	}
	// The connection stays.
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: hub-2.example.org\r\n\r\n")
	if answer, err := http.ReadResponse(br, nil); err != nil || answer.StatusCode != http.StatusTeapot {
		t.Errorf("got %v, %v", answer, err)
	}
}

func TestStrangersAreSaidToBeStrangers(t *testing.T) {
	h := newHubs(t)
	l := h.lead("hub-1", 1, func(w http.ResponseWriter, r *http.Request) {
		p := passed(t, r)
		fmt.Fprintf(w, "%s|%s|%s|%v|%s", p.Name, p.Role, p.Denied, p.Certificate != nil, p.Source.Addr())
	})
	shown := h.certificate("agent/sensor-1")
	f := h.follow(relay.Config{PlainElsewhere: true}, func(c *web.Connection) {
		c.Here, c.Certificate = false, shown.Leaf
		c.Who = func(string) (mgmt.Principal, error) { return mgmt.Principal{}, errors.New("only users may ask") }
	})
	f.Follow(l.Leader)
	if _, text := f.ask("GET", "/", ""); text != "|nobody|only users may ask|true|127.0.0.1" {
		t.Errorf("got %s", text)
	}
}

// A page of another site gets nothing by a controller that follows.
func TestPagesOfOtherSitesAreRefused(t *testing.T) {
	h := newHubs(t)
	l := h.lead("hub-1", 1, func(http.ResponseWriter, *http.Request) { t.Error("the request was passed on") })
	f := h.follow(relay.Config{}, nil)
	f.Follow(l.Leader)
	for name, header := range map[string]string{
		"another origin": "Origin: http://evil.example", "a form": "Sec-Fetch-Site: cross-site", "another host": "Host: evil.example",
		"two origins": "Origin: http://127.0.0.1\r\nOrigin: http://evil.example",
	} {
		if answer, text := f.ask("POST", "/api/v1/deployments", "{}", header); answer.StatusCode != http.StatusForbidden && answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s %s", name, answer.Status, text)
		}
	}
}

// Nobody but a controller may say for whom it asks, and a controller that asks one that
// follows gets no answer that another one has to give.
func TestForWhomIsForControllersAlone(t *testing.T) {
	h := newHubs(t)
	l := h.lead("hub-1", 1, func(http.ResponseWriter, *http.Request) { t.Error("the request was passed on") })
	f := h.follow(relay.Config{}, nil)
	f.Follow(l.Leader)
	header := websocket.ForHeader + `: {"name":"ann","role":"admin","source":"192.0.2.1:1"}`
	if answer, text := f.ask("GET", "/api/v1/status", "", header); answer.StatusCode != http.StatusForbidden {
		t.Errorf("got %s %s", answer.Status, text)
	}
	other := h.follow(relay.Config{}, func(c *web.Connection) {
		of := *c
		c.For = func(string) (web.Connection, error) { of.By = "hub-3"; return of, nil }
	})
	other.Follow(l.Leader)
	if answer, text := other.ask("GET", "/api/v1/status", "", header); answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get(api.NoLeaderHeader) == "" {
		t.Errorf("got %s %s", answer.Status, text)
	}
	if answer, text := other.ask("GET", "/api/v1/status", "", header, header); answer.StatusCode != http.StatusForbidden {
		t.Errorf("with two headers got %s %s", answer.Status, text)
	}
}

// A controller that shows another name than that which leads gets no request.
func TestImpostorsGetNothing(t *testing.T) {
	h := newHubs(t)
	imposter := h.lead("hub-9", 1, func(http.ResponseWriter, *http.Request) { t.Error("the request was passed on") })
	foreign := newHubs(t).lead("hub-1", 1, func(http.ResponseWriter, *http.Request) { t.Error("the request was passed on") })
	f := h.follow(relay.Config{Limits: relay.Limits{LeaderWait: 50 * time.Millisecond}}, nil)
	for _, l := range []*leader{imposter, foreign} {
		l.Name = "hub-1"
		f.Follow(l.Leader)
		answer, text := f.ask("GET", "/api/v1/status", "")
		if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" || !strings.Contains(text, "no controller leads") {
			t.Errorf("got %s %s", answer.Status, text)
		}
		if err := f.Pulse(t.Context(), "hub-1", l.Addresses); err == nil {
			t.Error("the pulse of an impostor counts")
		}
	}
}

// A request waits until a controller leads, and the next address is tried.
func TestRequestsWaitForALeader(t *testing.T) {
	h := newHubs(t)
	l := h.lead("hub-1", 1, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s", body)
	})
	f := h.follow(relay.Config{}, nil)
	_, br := f.begin("POST", "/api/v1/deployments", "deploy")
	dead := relay.Leader{Name: "hub-3", Term: 2, Token: 2, Addresses: []string{porttest.Nobody(t)}}
	f.Follow(dead)
	f.Follow(relay.Leader{})
	l.Addresses = append(dead.Addresses, l.Addresses...)
	f.Follow(l.Leader)
	answer, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(answer.Body); string(text) != "deploy" {
		t.Errorf("got %s %s", answer.Status, text)
	}
}

func TestPeopleSeeAPageWhileNobodyLeads(t *testing.T) {
	f := newHubs(t).follow(relay.Config{Limits: relay.Limits{LeaderWait: time.Millisecond}}, nil)
	answer, text := f.ask("GET", "/nodes", "", "Accept: text/html")
	if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Refresh") == "" || !strings.Contains(text, "Waiting for a controller") {
		t.Errorf("got %s %s", answer.Status, text)
	}
}

// A controller that does not lead any more has not carried a request out, and it is sent again.
func TestOneThatLeadsNoMoreIsAskedAgain(t *testing.T) {
	h := newHubs(t)
	var asked atomic.Int32
	l := h.lead("hub-1", 1, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			w.Header().Set(api.NoLeaderHeader, "yes")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s", r.Method, body)
	})
	f := h.follow(relay.Config{}, nil)
	f.Follow(l.Leader)
	for _, method := range []string{"POST", "DELETE", "GET"} {
		asked.Store(0)
		if answer, text := f.ask(method, "/api/v1/x", "body"); text != method+" body" {
			t.Errorf("%s: %s %s", method, answer.Status, text)
		}
	}
}

// What may have been carried out is not asked for twice.
func TestChangesAreNeverSentTwice(t *testing.T) {
	h := newHubs(t)
	var asked atomic.Int32
	l := h.lead("hub-1", 1, func(_ http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	})
	f := h.follow(relay.Config{Limits: relay.Limits{LeaderWait: 300 * time.Millisecond, RetryDelay: time.Millisecond}}, nil)
	f.Follow(l.Leader)
	for method, body := range map[string]string{"POST": "x", "DELETE": "", "PUT": ""} {
		asked.Store(0)
		answer, text := f.ask(method, "/api/v1/x", body)
		if answer.StatusCode != http.StatusBadGateway || !strings.Contains(text, "not known") || asked.Load() != 1 {
			t.Errorf("%s: asked %d times: %s %s", method, asked.Load(), answer.Status, text)
		}
	}
	asked.Store(0)
	if answer, _ := f.ask("GET", "/api/v1/x", ""); answer.StatusCode != http.StatusServiceUnavailable || asked.Load() < 2 {
		t.Errorf("a read was asked %d times: %s", asked.Load(), answer.Status)
	}
}

// A controller that is stopped in the middle of an answer does not hold a read up: the next
// one answers.
func TestReadsGoToTheNextLeader(t *testing.T) {
	h := newHubs(t)
	arrived := make(chan bool, 1)
	stuck := h.lead("hub-1", 1, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- true
		<-r.Context().Done()
	})
	next := h.lead("hub-3", 2, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hub-3") })
	f := h.follow(relay.Config{}, nil)
	f.Follow(stuck.Leader)
	_, br := f.begin("GET", "/api/v1/status", "")
	<-arrived
	f.Follow(relay.Leader{})
	f.Follow(next.Leader)
	answer, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(answer.Body); string(text) != "hub-3" {
		t.Errorf("got %s %s", answer.Status, text)
	}
}

// A change that is under way when its controller ceases to lead may still be answered.
func TestAnswersOfALeaderThatResigns(t *testing.T) {
	h := newHubs(t)
	arrived, resigned := make(chan bool), make(chan bool)
	l := h.lead("hub-1", 1, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		arrived <- true
		<-resigned
		io.WriteString(w, "done")
	})
	f := h.follow(relay.Config{Limits: relay.Limits{Grace: time.Hour}}, nil)
	f.Follow(l.Leader)
	_, br := f.begin("POST", "/api/v1/deployments", "x")
	<-arrived
	f.Follow(relay.Leader{})
	close(resigned)
	answer, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(answer.Body); string(text) != "done" {
		t.Errorf("got %s %s", answer.Status, text)
	}
	// One that does not answer in time does not hold its caller up for ever.
	hung := h.follow(relay.Config{Limits: relay.Limits{Grace: time.Millisecond}}, nil)
	stuck := h.lead("hub-3", 2, func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		arrived <- true
		<-r.Context().Done()
	})
	hung.Follow(stuck.Leader)
	_, br = hung.begin("POST", "/api/v1/deployments", "x")
	<-arrived
	hung.Follow(relay.Leader{})
	if answer, err := http.ReadResponse(br, nil); err != nil || answer.StatusCode != http.StatusBadGateway {
		t.Errorf("got %v, %v", answer, err)
	}
}

// A new term of the same lead ends nothing.
func TestATermThatIsRaisedEndsNothing(t *testing.T) {
	h := newHubs(t)
	arrived, raised := make(chan bool), make(chan bool)
	l := h.lead("hub-1", 1, func(w http.ResponseWriter, _ *http.Request) {
		arrived <- true
		<-raised
		io.WriteString(w, "done")
	})
	f := h.follow(relay.Config{}, nil)
	f.Follow(l.Leader)
	_, br := f.begin("GET", "/api/v1/status", "")
	<-arrived
	l.Term = 9
	f.Follow(l.Leader)
	close(raised)
	if answer, err := http.ReadResponse(br, nil); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("got %v, %v", answer, err)
	}
}

// A stream comes piece by piece, and has an end when its controller ceases to lead. Any other
// answer that is cut off breaks.
func TestStreams(t *testing.T) {
	h := newHubs(t)
	// Each has a channel of its own: the handler of the first goes on for a moment.
	texts := map[string]chan string{"/event-stream": make(chan string), "/plain": make(chan string)}
	l := h.lead("hub-1", 1, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/"+strings.TrimPrefix(r.URL.Path, "/"))
		for {
			select {
			case text := <-texts[r.URL.Path]:
				io.WriteString(w, text)
				http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				return
			}
		}
	})
	f := h.follow(relay.Config{}, nil)
	for kind, whole := range map[string]bool{"event-stream": true, "plain": false} {
		f.Follow(l.Leader)
		_, br := f.begin("GET", "/"+kind, "")
		more := texts["/"+kind]
		more <- "one "
		answer, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"one ", "two "} {
			got := make([]byte, 4)
			if _, err := io.ReadFull(answer.Body, got); err != nil || string(got) != text {
				t.Fatalf("%s: got %q, %v", kind, got, err)
			}
			if text == "one " {
				more <- "two "
			}
		}
		f.Follow(relay.Leader{})
		if _, err := io.ReadAll(answer.Body); (err == nil) != whole {
			t.Errorf("%s: at the end: %v", kind, err)
		}
	}
}

// Whoever sends a stream sees that its reader has gone.
func TestReadersThatGoAreSeen(t *testing.T) {
	h := newHubs(t)
	gone := make(chan bool)
	l := h.lead("hub-1", 1, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", api.ContentEventStream)
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(gone)
	})
	f := h.follow(relay.Config{}, nil)
	f.Follow(l.Leader)
	c, br := f.begin("GET", "/api/v1/events/stream", "")
	if _, err := http.ReadResponse(br, nil); err != nil {
		t.Fatal(err)
	}
	c.Close()
	<-gone
}

// Trailers, large bodies in both directions, and parts of answers arrive.
func TestLargeBodiesAndTrailers(t *testing.T) {
	h := newHubs(t)
	l := h.lead("hub-1", 1, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-End")
		text, err := io.ReadAll(r.Body) // all of it: a server of HTTP/1 may drop the rest when it begins to answer
		w.Write(text)
		w.Header().Set("X-End", fmt.Sprint(len(text), err))
	})
	f := h.follow(relay.Config{}, nil)
	f.Follow(l.Leader)
	body := strings.Repeat("0123456789abcdef", 1<<18) // 4 MiB
	c := f.dial()
	go func() {
		fmt.Fprintf(c, "PATCH /upload HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", f.addr, len(body))
		io.WriteString(c, body)
	}()
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil || string(text) != body {
		t.Errorf("got %d bytes, %v", len(text), err)
	}
	if want := fmt.Sprint(len(body), " <nil>"); answer.Trailer.Get("X-End") != want {
		t.Errorf("the trailer is %q, want %q", answer.Trailer.Get("X-End"), want)
	}
}

// A large header is refused where it arrives.
func TestLargeHeadersAreRefused(t *testing.T) {
	h := newHubs(t)
	l := h.lead("hub-1", 1, func(http.ResponseWriter, *http.Request) { t.Error("the request was passed on") })
	f := h.follow(relay.Config{}, nil)
	f.Follow(l.Leader)
	if answer, _ := f.ask("GET", "/", "", "X-Large: "+strings.Repeat("x", 100_000)); answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %s", answer.Status)
	}
}

// What is asked about a controller itself, it answers itself, whether one leads or not.
func TestOwnAnswers(t *testing.T) {
	h := newHubs(t)
	broken := false
	f := h.follow(relay.Config{
		Ready:   map[string]func() error{"store": func() error { return map[bool]error{true: errors.New("full")}[broken] }},
		Metrics: func(context.Context) ([]byte, error) { return []byte("up 1\n"), nil },
		Controllers: func(context.Context) (*mgmt.ControllersReport, error) {
			return &mgmt.ControllersReport{Self: "hub-2", Term: 3}, nil
		},
		Backup: func(_ context.Context, w io.Writer) error { _, err := io.WriteString(w, "tar"); return err },
		Limits: relay.Limits{LeaderWait: time.Millisecond},
	}, func(c *web.Connection) { c.Own = true })
	type row struct {
		path, bearer string
		status       int
		text         string
	}
	check := func(rows ...row) {
		t.Helper()
		for _, c := range rows {
			answer, text := f.ask("GET", c.path, "", "Authorization: Bearer "+c.bearer)
			if answer.StatusCode != c.status || !strings.Contains(text, c.text) {
				t.Errorf("%s: %s %s", c.path, answer.Status, text)
			}
		}
	}
	check(
		row{"/livez", "", 200, `"ok"`}, row{"/readyz", "", 503, "not ready: leader;"}, row{"/healthz", "", 503, "no controller leads"},
		row{"/api/v1/pulse", "", 200, `{"name":"hub-2","leads":false}`},
		row{"/api/v1/backup", "admin", 200, "tar"}, row{"/api/v1/backup", "viewer", 403, "backup"}, row{"/api/v1/backup", "wrong", 401, "no such token"},
		row{"/metrics", "viewer", 200, "up 1"}, row{"/metrics", "wrong", 401, "no such token"},
		row{"/api/v1/controllers", "viewer", 200, `"term":3,"self":"hub-2"`}, row{"/api/v1/controllers", "wrong", 503, "no controller leads"},
	)
	f.Follow(relay.Leader{Name: "hub-1", Term: 7, Token: 7})
	check(
		row{"/readyz", "", 200, `"ok"`}, row{"/healthz", "", 200, `"ok"`},
		row{"/api/v1/pulse", "", 200, `{"name":"hub-2","leads":false,"term":7,"leader":"hub-1"}`},
	)
	broken = true
	check(row{"/readyz", "", 503, "not ready: store;"})
}

func TestPulse(t *testing.T) {
	h := newHubs(t)
	var leads atomic.Bool
	leads.Store(true)
	l := h.lead("hub-1", 1, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != api.PathPulse {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		json.NewEncoder(w).Encode(api.Pulse{Name: "hub-1", Leads: leads.Load()})
	})
	var ahead []time.Duration
	f := h.follow(relay.Config{Clock: func(d time.Duration) { ahead = append(ahead, d.Round(10*time.Minute)) }}, nil)
	if err := f.Pulse(t.Context(), "hub-1", append([]string{"127.0.0.1:1"}, l.Addresses...)); err != nil {
		t.Error(err)
	}
	if !slices.Equal(ahead, []time.Duration{time.Hour}) {
		t.Errorf("its clock is said to be ahead by %v, want 1h", ahead)
	}
	leads.Store(false)
	if err := f.Pulse(t.Context(), "hub-1", l.Addresses); !errors.Is(err, relay.ErrNotLeading) {
		t.Errorf("got %v, want that it does not lead", err)
	}
	l.server.Close()
	if err := f.Pulse(t.Context(), "hub-1", []string{porttest.Nobody(t)}); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want that the connection was refused", err)
	}
	if err := f.Pulse(t.Context(), "hub-1", nil); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("without an address: %v", err)
	}
}

// A connection that is kept says nothing of new ones. So a pulse soon asks on a new one, and fails
// when one of the two controllers believes the other one's certificate no longer.
func TestPulsesAskOnNewConnections(t *testing.T) {
	h := newHubs(t)
	var connections sync.Map
	l := h.lead("hub-1", 1, func(w http.ResponseWriter, r *http.Request) {
		connections.Store(r.RemoteAddr, true)
		json.NewEncoder(w).Encode(api.Pulse{Name: "hub-1", Leads: true})
	})
	var expired atomic.Bool
	judged := func(chain []*x509.Certificate) (string, error) {
		if expired.Load() {
			return "", errors.New("the certificate has expired")
		}
		return h.judge(chain)
	}
	pulse := func(f *follower) error { return f.Pulse(t.Context(), "hub-1", l.Addresses) }

	keeping := h.follow(relay.Config{Judge: judged, Limits: relay.Limits{PulseKept: time.Hour}}, nil)
	anew := h.follow(relay.Config{Judge: judged, Limits: relay.Limits{PulseKept: 1}}, nil)
	for name, c := range map[string]struct {
		f    *follower
		want int
	}{"kept for an hour": {keeping, 1}, "kept for a nanosecond": {anew, 3}} {
		connections.Clear()
		for range 3 {
			if err := pulse(c.f); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		got := 0
		connections.Range(func(any, any) bool { got++; return true })
		if got != c.want {
			t.Errorf("%s: %d connections, want %d", name, got, c.want)
		}
	}
	l.disbelieves.Store(true)
	if err := pulse(keeping); err != nil {
		t.Errorf("on the connection that is kept: %v", err)
	}
	if err := pulse(anew); err == nil || errors.Is(err, relay.ErrDisbelieved) || errors.Is(err, relay.ErrNotLeading) {
		t.Errorf("who is not believed got %v, want an error of TLS", err)
	}
	l.disbelieves.Store(false)
	if err := pulse(anew); err != nil {
		t.Errorf("who is believed again got %v", err)
	}
	expired.Store(true)
	if err := pulse(anew); !errors.Is(err, relay.ErrDisbelieved) || strings.Contains(err.Error(), "\n") {
		t.Errorf("who does not believe got %v, want ErrDisbelieved in one line", err)
	}
}

// Whoever says that an answer may be older gets one that is kept, if it was that user's own.
func TestAnswersThatMayBeOlder(t *testing.T) {
	h := newHubs(t)
	var asked atomic.Int32
	l := h.lead("hub-1", 1, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, asked.Add(1))
	})
	f := h.follow(relay.Config{Limits: relay.Limits{LeaderWait: time.Millisecond, MaxKept: 2}}, nil)
	f.Follow(l.Leader)
	get := func(path, bearer string, headers ...string) string {
		t.Helper()
		answer, text := f.ask("GET", path, "", append(headers, "Authorization: Bearer "+bearer)...)
		if age := answer.Header.Get("Age"); age != "" {
			text += " kept"
		}
		return fmt.Sprint(answer.StatusCode, " ", text)
	}
	const old = "Cache-Control: max-age=30"
	got := []string{
		get("/a", "viewer"), get("/a", "viewer", old), get("/a", "viewer", old), get("/a", "admin", old), get("/a", "viewer"),
		get("/a", "viewer", old), get("/a?b", "viewer", old), get("/a", "viewer", old, "Cookie: x=y"), get("/a", "wrong", old), get("/a", "viewer", "Cache-Control: max-age=0"),
	}
	f.Follow(relay.Leader{})
	got = append(got, get("/a?b", "viewer", old))
	want := []string{
		"200 1", "200 2", "200 2 kept", "200 3", "200 4", "200 2 kept", "200 5", "200 6", "200 7", "200 8", "200 5 kept",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Only those get a backup who could read the files of this controller.
func TestBackupsAreForThoseOnTheHost(t *testing.T) {
	h := newHubs(t)
	l := h.lead("hub-1", 1, func(http.ResponseWriter, *http.Request) { t.Error("the request was passed on") })
	f := h.follow(relay.Config{Backup: func(context.Context, io.Writer) error { t.Error("there is a backup"); return nil }}, nil)
	f.Follow(l.Leader)
	if answer, text := f.ask("GET", "/api/v1/backup", ""); answer.StatusCode != http.StatusForbidden || !strings.Contains(text, "only root") {
		t.Errorf("got %s %s", answer.Status, text)
	}
}

// A controller that breaks off before it has asked for the body of a change has not begun it. So the
// change is sent again. A change without a body never comes over a connection that was used.
func TestChangesThatWereNotBegunAreSentAgain(t *testing.T) {
	h := newHubs(t)
	var asked atomic.Int32
	var places sync.Map
	l := h.lead("hub-1", 1, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 && r.ContentLength > 0 {
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				conn.Close()
			}
			return
		}
		if _, used := places.Swap(r.RemoteAddr, true); used && r.Method == http.MethodDelete {
			t.Error("a change without a body came over a connection that was used")
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s", r.Method, body)
	})
	f := h.follow(relay.Config{}, nil)
	f.Follow(l.Leader)
	if answer, text := f.ask("POST", "/api/v1/tokens", "{}"); answer.StatusCode != http.StatusOK || text != "POST {}" || asked.Load() != 2 {
		t.Errorf("got %s %s after %d requests", answer.Status, text, asked.Load())
	}
	for range 2 {
		if answer, text := f.ask("DELETE", "/api/v1/tokens/x", ""); answer.StatusCode != http.StatusOK || text != "DELETE " {
			t.Errorf("got %s %s", answer.Status, text)
		}
	}
}

// A relay that retires waits for the answers to changes, and sends everybody else away.
func TestRetiring(t *testing.T) {
	h := newHubs(t)
	begun, goOn := make(chan struct{}), make(chan struct{})
	l := h.lead("hub-1", 1, func(w http.ResponseWriter, r *http.Request) {
		io.ReadAll(r.Body)
		close(begun)
		<-goOn
		fmt.Fprint(w, "done")
	})
	f := h.follow(relay.Config{}, nil)
	f.Follow(l.Leader)
	_, br := f.begin("POST", "/api/v1/tokens", "{}")
	patience.Closed(t, begun, "the change")
	idle := f.Retire()
	if answer, text := f.ask("GET", "/api/v1/status", ""); answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get(api.NoLeaderHeader) == "" {
		t.Errorf("got %s %s", answer.Status, text)
	}
	select {
	case <-idle:
		t.Error("the relay does not wait for the change")
	default:
	}
	close(goOn)
	if answer, err := http.ReadResponse(br, nil); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("got %v, %v", answer, err)
	}
	patience.Closed(t, idle, "the end of the change")
}
