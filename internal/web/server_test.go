package web_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

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
	s.Take(web.Connection{Conn: theirs})
	if _, err := ours.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("a connection after the end: got %v", err)
	}
}
