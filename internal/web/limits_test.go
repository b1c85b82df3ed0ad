package web_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// closed waits until the other side has closed a connection.
func closed(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetDeadline(time.Now().Add(patience.Limit))
	if _, err := io.Copy(io.Discard, c); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the connection is still open: %v", err)
	}
}

func TestAHeaderThatDoesNotEnd(t *testing.T) {
	s := serve(t, web.Config{Limits: web.Limits{HeaderTimeout: 50 * time.Millisecond}}, nil)
	c := s.dial()
	io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
	closed(t, c)
}

func TestABodyThatDoesNotEnd(t *testing.T) {
	s := serve(t, web.Config{Limits: web.Limits{ReadTimeout: 100 * time.Millisecond}, Authority: &office{}}, nil)
	answer, body := s.raw("POST /api/v1/join HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
	if answer.StatusCode != http.StatusRequestTimeout {
		t.Errorf("got %s: %s", answer.Status, body)
	}
}

func TestAConnectionWithoutARequest(t *testing.T) {
	closed(t, serve(t, web.Config{Limits: web.Limits{HeaderTimeout: 50 * time.Millisecond}}, nil).dial())
	c := serve(t, web.Config{Limits: web.Limits{IdleTimeout: 50 * time.Millisecond}}, nil).dial()
	io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	readAnswer(t, bufio.NewReader(c))
	closed(t, c)
}

func TestLongHeaders(t *testing.T) {
	s := serve(t, web.Config{Limits: web.Limits{MaxHeader: 4 << 10}}, nil)
	get := func(n int) int {
		answer, _ := s.raw("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: " + strings.Repeat("x", n) + "\r\n\r\n")
		return answer.StatusCode
	}
	if status := get(4000); status != http.StatusOK {
		t.Errorf("4 KB: got %d", status)
	}
	// net/http adds 4 KiB of its own.
	if status := get(12 << 10); status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("12 KiB: got %d", status)
	}
	c := s.dial()
	go repeat(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n", "X: y\r\n")
	closed(t, c)
}

// repeat sends begin, and then more without end.
func repeat(w io.Writer, begin, more string) {
	io.WriteString(w, begin)
	more = strings.Repeat(more, 1000)
	for {
		if _, err := io.WriteString(w, more); err != nil {
			return
		}
	}
}

func TestLongBodies(t *testing.T) {
	s := serve(t, web.Config{Limits: web.Limits{MaxBody: 100 << 10}, Authority: &office{}}, nil)
	fill := func(path, bearer, before, after string, n int) int {
		text := before + strings.Repeat(" ", n-len(before)-len(after)) + after
		answer, _ := s.ask("POST", path, bearer, text)
		return answer.StatusCode
	}
	for name, tc := range map[string]struct {
		path, bearer, before, after string
		most                        int
	}{
		"of anybody": {"/api/v1/join", "", `{"token":"t",`, `"key":"k"}`, 64<<10 - 1},
		"of a user":  {"/api/v1/tokens", "admin", `{`, `"instance":"x"}`, 100<<10 - 1},
	} {
		if status := fill(tc.path, tc.bearer, tc.before, tc.after, tc.most); status/100 != 2 {
			t.Errorf("%s, %d bytes: got %d", name, tc.most, status)
		}
		if status := fill(tc.path, tc.bearer, tc.before, tc.after, tc.most+1); status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s, a byte more: got %d", name, status)
		}
	}
	c := s.dial()
	go repeat(c, "POST /api/v1/join HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n")
	answer, _ := readAnswer(t, bufio.NewReader(c))
	if answer.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("chunks without end: got %s", answer.Status)
	}
	closed(t, c)
}

// A caller who reads nothing of an answer holds it for WriteTimeout at most.
func TestACallerWhoDoesNotRead(t *testing.T) {
	s := serve(t, web.Config{Limits: web.Limits{WriteTimeout: 200 * time.Millisecond, MaxWait: time.Millisecond}}, nil)
	c := s.dial()
	c.(*net.TCPConn).SetReadBuffer(1)
	stopped := make(chan struct{})
	go func() {
		repeat(c, "", "GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
		close(stopped)
	}()
	patience.Closed(t, stopped, "the end of the connection")
}

func TestOtherFormsOfHTTP(t *testing.T) {
	s := serve(t, web.Config{}, nil)
	for name, tc := range map[string]struct {
		text string
		want int
	}{
		"HTTP/1.0":                     {"GET /healthz HTTP/1.0\r\n\r\n", 200},
		"HTTP/1.0 that stays":          {"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200},
		"HTTP/2 without TLS":           {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 404},
		"an upgrade to HTTP/2":         {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n", 200},
		"a WebSocket on another path":  {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", 200},
		"no Host":                      {"GET /healthz HTTP/1.1\r\n\r\n", 400},
		"two lengths":                  {"POST /api/v1/join HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
		"a length and chunks":          {"POST /api/v1/tokens HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 401},
		"another encoding":             {"POST /api/v1/tokens HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
		"a proxy's request":            {"GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 403},
		"a tunnel":                     {"CONNECT localhost:22 HTTP/1.1\r\nHost: localhost:22\r\n\r\n", 405},
		"an unknown path":              {"GET /admin HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
		"a path with dots":             {"GET /api/v1/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
		"the root":                     {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 303},
		"the WebSocket's own path":     {"GET /v1/messages/json HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
		"another method":               {"PATCH /api/v1/users/ann HTTP/1.1\r\nHost: localhost\r\n\r\n", 405},
		"no HTTP":                      {"\x00\x01\x02\x03\r\n\r\n", 400},
		"a header that huma reads bad": {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nAccept: a;,b\r\n\r\n", 200},
	} {
		t.Run(name, func(t *testing.T) {
			c := s.dial()
			io.WriteString(c, tc.text)
			answer, body := readAnswer(t, bufio.NewReader(c))
			if answer.StatusCode != tc.want {
				t.Errorf("got %s, want %d: %s", answer.Status, tc.want, body)
			}
		})
	}
}

// Requests that come at once are answered one after the other, in their order.
func TestPipelining(t *testing.T) {
	s := serve(t, web.Config{}, nil)
	c := s.dial()
	const n = 200
	io.WriteString(c, strings.Repeat("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", n))
	br := bufio.NewReader(c)
	for i := range 2 * n {
		answer, _ := readAnswer(t, br)
		if want := []int{http.StatusOK, http.StatusNotFound}[i%2]; answer.StatusCode != want {
			t.Fatalf("answer %d: got %s, want %d", i, answer.Status, want)
		}
	}
}

// spread gives each connection of a test an address of its own.
func spread(n *atomic.Uint32) func(*web.Connection) {
	return func(c *web.Connection) {
		i := n.Add(1)
		c.Remote = netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, byte(i >> 16), byte(i >> 8), byte(i)}), 1)
	}
}

// Ten thousand connections of strangers take no more places than there are. A user with
// a token is served meanwhile, and so is a stranger who says something at once.
func TestTenThousandConnections(t *testing.T) {
	var n atomic.Uint32
	s := serve(t, web.Config{Limits: web.Limits{MaxConnections: 50, ReservedConnections: 5, HeaderTimeout: time.Hour}}, spread(&n))
	user := s.dial()
	users := bufio.NewReader(user)
	look := func() {
		t.Helper()
		io.WriteString(user, "GET /api/v1/whoami HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer viewer\r\n\r\n")
		if answer, body := readAnswer(t, users); answer.StatusCode != http.StatusOK {
			t.Fatalf("the user: got %s: %s", answer.Status, body)
		}
	}
	look()
	var strangers []net.Conn
	for i := range 10_000 {
		c := s.dial()
		strangers = append(strangers, c)
		io.WriteString(c, "GET /hea")
		if i%1000 == 999 {
			look()
			if !s.healthy() {
				t.Errorf("after %d connections, a stranger is not served", i)
			}
		}
		if places := s.Places(); places > 50 {
			t.Fatalf("after %d connections %d places are taken", i, places)
		}
	}
	// The oldest have given way. Their header has an hour to come.
	for _, c := range strangers[:9_000] {
		closed(t, c)
	}
}

// healthy asks for the health as a stranger who asks again when others were faster: those
// who have connected before are still on their way to their places.
func (s *site) healthy() bool {
	for range 10 {
		c := s.dial()
		io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if answer, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil && answer.StatusCode == http.StatusOK {
			return true
		}
	}
	return false
}

// open opens a connection and makes a request on it, so that it has its place.
func (s *site) open() (net.Conn, *bufio.Reader) {
	s.t.Helper()
	c := s.dial()
	br := bufio.NewReader(c)
	io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	readAnswer(s.t, br)
	return c, br
}

// alive reports whether a connection still answers.
func alive(c net.Conn, br *bufio.Reader) bool {
	io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	_, err := http.ReadResponse(br, nil)
	return err == nil
}

func TestPlaces(t *testing.T) {
	t.Run("the address with most of them loses its oldest", func(t *testing.T) {
		address := make(chan string, 1)
		s := serve(t, web.Config{Limits: web.Limits{MaxConnections: 3, ReservedConnections: 1}}, func(c *web.Connection) {
			c.Remote = netip.MustParseAddrPort(<-address)
		})
		address <- "192.0.2.1:1"
		one, _ := s.open()
		address <- "192.0.2.2:1"
		two, _ := s.open()
		address <- "192.0.2.2:2"
		third, thirdBR := s.open()
		closed(t, one) // both had one: the oldest goes
		address <- "192.0.2.3:1"
		fourth, fourthBR := s.open()
		closed(t, two)
		if !alive(third, thirdBR) || !alive(fourth, fourthBR) {
			t.Error("a connection was closed that should not be")
		}
	})
	t.Run("networks of IPv6 count as one address", func(t *testing.T) {
		address := make(chan string, 1)
		s := serve(t, web.Config{Limits: web.Limits{MaxConnections: 4, ReservedConnections: 1}}, func(c *web.Connection) {
			c.Remote = netip.MustParseAddrPort(<-address)
		})
		address <- "192.0.2.1:1"
		one, oneBR := s.open()
		address <- "[2001:db8::1]:1"
		two, _ := s.open()
		address <- "[2001:db8::2]:1"
		s.open()
		address <- "[2001:db8::3]:1"
		s.open()
		closed(t, two)
		if !alive(one, oneBR) {
			t.Error("the connection of the other address was closed")
		}
	})
	t.Run("places are kept for root", func(t *testing.T) {
		var own atomic.Bool
		s := serve(t, web.Config{Limits: web.Limits{MaxConnections: 2, ReservedConnections: 1}}, func(c *web.Connection) { c.Own = own.Load() })
		stranger, _ := s.open()
		own.Store(true)
		root, rootBR := s.open()
		own.Store(false)
		s.open()
		closed(t, stranger)
		if !alive(root, rootBR) {
			t.Error("root's connection was closed")
		}
		own.Store(true)
		s.open() // in the place of the stranger
		s.open() // in the place of root's own, which is idle
		closed(t, root)
	})
}

// A connection whose user is known gives way only to another when it is idle.
func TestUsersGiveWayWhenTheyAreIdle(t *testing.T) {
	log := &book{grew: make(chan struct{}), more: make(chan struct{})}
	s := serve(t, web.Config{Audit: log, Limits: web.Limits{MaxConnections: 2, ReservedConnections: 1, MaxWait: time.Minute}}, nil)
	waiting := s.dial()
	io.WriteString(waiting, "GET /api/v1/audit?wait=60 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer admin\r\n\r\n")
	patience.Next(t, log.grew, "a request that waits")
	answer, body := s.raw("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") != "1" || !strings.Contains(body, "too many connections") {
		t.Errorf("got %s: %s", answer.Status, body)
	}
	log.add(mgmt.AuditRecord{Who: "x"})
	log.more <- struct{}{}
	if answer, body := readAnswer(t, bufio.NewReader(waiting)); answer.StatusCode != http.StatusOK {
		t.Errorf("the one that waited: got %s: %s", answer.Status, body)
	}
	if answer, _ := s.ask("GET", "/healthz", "", ""); answer.StatusCode != http.StatusOK {
		t.Errorf("now that it is idle: got %s", answer.Status)
	}
	closed(t, waiting)
}

func TestAttempts(t *testing.T) {
	var n atomic.Uint32
	s := serve(t, web.Config{
		Authority: &office{}, Limits: web.Limits{AttemptsBurst: 2, AttemptInterval: time.Hour, AllAttemptsBurst: 5, AllAttemptInterval: 30 * time.Minute},
	}, func(c *web.Connection) {
		c.Remote = netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(n.Load())}), 1)
	})
	try := func(path string) (int, string) {
		answer, _ := s.ask("POST", path, "", `{"token":"t","key":"k"}`)
		return answer.StatusCode, answer.Header.Get("Retry-After")
	}
	for i, path := range []string{"/api/v1/join", "/api/v1/login"} {
		if status, _ := try(path); status != http.StatusOK {
			t.Errorf("attempt %d: got %d", i, status)
		}
	}
	if status, retry := try("/api/v1/join"); status != http.StatusTooManyRequests || retry != "3600" {
		t.Errorf("the third: got %d, Retry-After %s", status, retry)
	}
	n.Store(1)
	for range 2 {
		if status, _ := try("/api/v1/join"); status != http.StatusOK {
			t.Errorf("another address: got %d", status)
		}
	}
	n.Store(2)
	if status, _ := try("/api/v1/join"); status != http.StatusOK {
		t.Errorf("a third address: got %d", status)
	}
	n.Store(3)
	if status, retry := try("/api/v1/join"); status != http.StatusTooManyRequests || retry != "1800" {
		t.Errorf("all together: got %d, Retry-After %s", status, retry)
	}
	if answer, _ := s.ask("GET", "/healthz", "", ""); answer.StatusCode != http.StatusOK {
		t.Errorf("other requests: got %s", answer.Status)
	}
}
