package web_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

func TestConfig(t *testing.T) {
	for want, cfg := range map[string]web.Config{
		"Cluster is missing":          {},
		"MaxBody is negative":         {Cluster: &fleet{}, Limits: web.Limits{MaxBody: -1}},
		"IdleTimeout is negative":     {Cluster: &fleet{}, Limits: web.Limits{IdleTimeout: -1}},
		"is not below MaxConnections": {Cluster: &fleet{}, Limits: web.Limits{MaxConnections: 16}},
		"is not below WriteTimeout":   {Cluster: &fleet{}, Limits: web.Limits{WriteTimeout: time.Second}},
	} {
		if _, err := web.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// At the end, a request that waits is answered, and idle connections are closed.
func TestStop(t *testing.T) {
	log := newBook()
	s := serve(t, web.Config{Audit: log}, nil)
	idle := s.dial()
	io.WriteString(idle, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	readAnswer(t, bufio.NewReader(idle))
	waiting := s.dial()
	io.WriteString(waiting, "GET /api/v1/audit?wait=60 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer admin\r\n\r\n")
	patience.Next(t, log.grew, "a request that waits")
	why := errors.New("a signal")
	s.stop(why)
	if answer, body := readAnswer(t, bufio.NewReader(waiting)); answer.StatusCode != http.StatusOK || body != "{\"items\":[]}\n" {
		t.Errorf("got %s: %s", answer.Status, body)
	}
	closed(t, idle)
	if err := patience.Next(t, s.ended, "the end"); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
	ours, theirs := net.Pipe()
	defer ours.Close()
	if s.Take(web.Connection{Conn: theirs}) {
		t.Error("a connection is taken after the end")
	}
	go theirs.Write([]byte{1})
	if _, err := ours.Read(make([]byte, 1)); err != nil {
		t.Errorf("a connection that was not taken: got %v", err)
	}
}

// A server that retires answers who waits on purpose, and refuses what comes then, so that another
// controller can be asked.
func TestRetiring(t *testing.T) {
	log := newBook()
	s := serve(t, web.Config{Audit: log}, nil)
	waiting := s.dial()
	io.WriteString(waiting, "GET /api/v1/audit?wait=60 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer admin\r\n\r\n")
	patience.Next(t, log.grew, "a request that waits")
	idle := s.Retire()
	if answer, body := readAnswer(t, bufio.NewReader(waiting)); answer.StatusCode != http.StatusOK || body != "{\"items\":[]}\n" {
		t.Errorf("got %s: %s", answer.Status, body)
	}
	patience.Closed(t, idle, "the last answer")
	for _, path := range []string{"/api/v1/audit", api.PathControllers + "/hub-2/lead", api.PathEventStream} {
		method := http.MethodGet
		if strings.HasSuffix(path, "/lead") {
			method = http.MethodPost
		}
		if answer, body := s.ask(method, path, "admin", ""); answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get(api.NoLeaderHeader) == "" {
			t.Errorf("%s: got %s: %s", path, answer.Status, body)
		}
	}
}

// The end of a server cuts off what takes too long. Who has asked for something that changes nothing
// is told to ask another controller.
func TestPlansThatAreCutOffAreMadeElsewhere(t *testing.T) {
	for path, harmless := range map[string]bool{api.PathPlans: true, api.PathOperations: false} {
		f := &fleet{hangs: make(chan struct{}, 1)}
		s := serve(t, web.Config{Cluster: f}, nil)
		c := s.dial()
		body := map[bool]string{true: `{"configuration":{"instances":[],"nodes":[]}}`, false: `{"kind":"stop"}`}[harmless]
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer admin\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
		patience.Next(t, f.hangs, "the request")
		s.stop(errors.New("the term is over"))
		answer, text := readAnswer(t, bufio.NewReader(c))
		if answer.StatusCode != http.StatusServiceUnavailable || (answer.Header.Get(api.NoLeaderHeader) != "") != harmless {
			t.Errorf("%s: got %s, %v: %s", path, answer.Status, answer.Header, text)
		}
	}
}
