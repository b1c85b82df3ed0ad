package daemon

import (
	"bufio"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"context"
)

// While a Zeek process ends, it still accepts connections for a moment, and resets
// them.
func TestNodeThatHangsUpAsItEndsIsNotMissed(t *testing.T) {
	for _, ending := range []bool{true, false} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		s := &nodeSocket{
			node: "worker-1", topic: "t", port: uint16(ln.Addr().(*net.TCPAddr).Port),
			log:    slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})),
			ending: new(atomic.Bool), hello: time.Hour,
		}
		s.ending.Store(ending)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); s.run(ctx) }()
		for range 3 { // with the third attempt, the first two have been told of
			conn, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			// A close before the request has come is a reset, as of a node that starts.
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
				t.Fatal(err)
			}
			conn.Close()
		}
		cancel()
		<-done
		ln.Close()
		if told := strings.Contains(log.String(), "not reached"); told == ending {
			t.Errorf("ending %v: told %v: %s", ending, told, log.String())
		}
	}
}
