package bus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// logged returns an endpoint whose log has no attributes that differ from run to run.
func logged(t *testing.T) (*bus.Endpoint, *bytes.Buffer) {
	log := new(bytes.Buffer)
	plain := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "peer" || a.Key == "id" {
			return slog.Attr{}
		}
		return a
	}}
	return newEndpoint(t, bus.Config{Logger: slog.New(slog.NewTextHandler(log, plain))}), log
}

func TestPeerThatIsNotReachedIsWarnedOfAtGrowingIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, log := logged(t)
		attempts := 0
		stop := dial(t, e, "nobody:1", bus.DialConfig{Connect: func(context.Context, string) (net.Conn, error) {
			attempts++
			if attempts == 100 {
				return nil, errors.New("no route to host")
			}
			return nil, fmt.Errorf("127.0.0.1:%d: connection refused", 40_000+attempts) // as the system words it
		}})
		time.Sleep(3 * time.Hour)
		stop()
		const want = `level=WARN msg="peer not reached" for=0s err="127.0.0.1:40001: connection refused"
level=WARN msg="peer not reached" for=1m0s err="127.0.0.1:40061: connection refused"
level=WARN msg="peer not reached" for=1m39s err="no route to host"
level=WARN msg="peer not reached" for=11m0s err="127.0.0.1:40661: connection refused"
level=WARN msg="peer not reached" for=1h11m0s err="127.0.0.1:44261: connection refused"
level=WARN msg="peer not reached" for=2h11m0s err="127.0.0.1:47861: connection refused"
`
		if got := log.String(); got != want {
			t.Errorf("logged\n%swant\n%s", got, want)
		}
	})
}

func TestFewKindsOfFailuresAreToldForBeingNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, log := logged(t)
		attempts := 0
		stop := dial(t, e, "nobody:1", bus.DialConfig{Connect: func(context.Context, string) (net.Conn, error) {
			attempts++
			return nil, errors.New(strings.Repeat("x", attempts))
		}})
		time.Sleep(50 * time.Second)
		stop()
		if got := strings.Count(log.String(), "\n"); got != 5 {
			t.Errorf("%d lines, want 5", got)
		}
	})
}

func TestPeerThatIsReachedAfterAllIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, log := logged(t)
		stop := dial(t, e, "late:1", bus.DialConfig{Connect: func() func(context.Context, string) (net.Conn, error) {
			attempts := 0
			return func(context.Context, string) (net.Conn, error) {
				if attempts++; attempts <= 3 {
					return nil, errors.New("connection refused")
				}
				ours, theirs := net.Pipe()
				go func() {
					newRawPeer(t, theirs, largeID).shake(wire.Acceptor)
					time.Sleep(10 * time.Second)
					theirs.Close()
				}()
				return ours, nil
			}
		}()})
		time.Sleep(12 * time.Second)
		stop()
		time.Sleep(time.Minute) // for the peer
		const want = `level=WARN msg="peer not reached" for=0s err="connection refused"
level=WARN msg="peer reached after all" for=3s
`
		if got := log.String(); got != want {
			t.Errorf("logged\n%swant\n%s", got, want)
		}
	})
}

func TestPeerThatHangsUpOnEverybodyIsNotLoggedEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, log := logged(t)
		attempts := 0
		stop := dial(t, e, "moody:1", bus.DialConfig{Connect: func(context.Context, string) (net.Conn, error) {
			attempts++
			stays := time.Duration(0)
			if attempts > 70 {
				stays = 30 * time.Second
			}
			ours, theirs := net.Pipe()
			go func() {
				newRawPeer(t, theirs, largeID).shake(wire.Acceptor)
				time.Sleep(stays)
				theirs.Close()
			}()
			return ours, nil
		}})
		time.Sleep(90 * time.Second)
		stop()
		time.Sleep(time.Minute) // for the peer
		const want = `level=INFO msg="peer connected"
level=INFO msg="peer disconnected" why="peer closed the connection"
level=WARN msg="peer does not stay connected" for=0s err="peer closed the connection"
level=WARN msg="peer does not stay connected" for=1m0s err="peer closed the connection"
level=WARN msg="peer reached after all" for=1m14s
`
		if got := log.String(); got != want {
			t.Errorf("logged\n%swant\n%s", got, want)
		}
	})
}

// serveEach calls serve for each connection of a listener.
func serveEach(t *testing.T, serve func(net.Conn)) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			serve(conn)
			conn.Close()
		}
	}()
	return ln.Addr().String()
}

// answerWith reads once, and writes text.
func answerWith(text string) func(net.Conn) {
	return func(conn net.Conn) {
		conn.Read(make([]byte, 4096))
		conn.Write([]byte(text))
	}
}

func TestWhyAPeerIsNotReachedSaysWhatToDo(t *testing.T) {
	for name, tt := range map[string]struct {
		transport bus.Transport
		serve     func(net.Conn)
		want      string
	}{
		// A Zeek that has only anonymous ciphers, up to TLS 1.2, sends this.
		"anonymous TLS of old": {bus.TransportTLS, answerWith("\x15\x03\x01\x00\x02\x02\x46"), "tls: protocol version not supported (a Zeek without certificates speaks anonymous TLS, which cannot be dialed from here: "},
		"anonymous TLS":        {bus.TransportTLS, answerWith("\x15\x03\x03\x00\x02\x02\x28"), "tls: handshake failure (a Zeek without certificates speaks anonymous TLS, which cannot be dialed from here: "},
		"TLS to plain":         {bus.TransportPlain, answerWith("\x15\x03\x01\x00\x02\x02\x46"), "the peer speaks TLS, and was spoken to without (set the transport to tls here, "},
		"plain to TLS":         {bus.TransportTLS, answerWith("\x00\x00\x00\x10hello"), "(the peer speaks plain TCP: set the transport to plain here"},
		"no certificate":       {bus.TransportTLS, answerWith("\x15\x03\x03\x00\x02\x02\x74"), "tls: certificate required (the peer does not take our certificate, or the lack of one)"},
		"not a word":           {bus.TransportPlain, func(net.Conn) {}, "without a word (it may be no Broker, or expect TLS: "},
		"another protocol":     {bus.TransportPlain, answerWith("HTTP/1.1 400 Bad Request\r\n\r\n"), "err="},
		"not a word, of TLS":   {bus.TransportTLS, func(net.Conn) {}, "TLS handshake: "},
		"advice":               {bus.TransportTLS, answerWith("\x15\x03\x03\x00\x02\x02\x2a"), "tls: bad certificate (join again)"},
	} {
		t.Run(name, func(t *testing.T) {
			lines := make(chan string, 100)
			log := slog.New(slog.NewTextHandler(lineWriter(lines), nil))
			e := newEndpoint(t, bus.Config{Logger: log})
			var advice bus.Advice
			if name == "advice" {
				advice.OursRefused = "join again"
			}
			stop := dial(t, e, serveEach(t, tt.serve), bus.DialConfig{Transport: tt.transport, Advice: advice})
			defer stop()
			if got := take(t, lines); !strings.Contains(got, `level=WARN msg="peer not reached"`) || !strings.Contains(got, tt.want) {
				t.Errorf("logged %s, want %s", got, tt.want)
			}
		})
	}
}

func TestAPeerOfAnotherAuthoritySaysWhatToDo(t *testing.T) {
	lines := make(chan string, 100)
	e := newEndpoint(t, bus.Config{Logger: slog.New(slog.NewTextHandler(lineWriter(lines), nil)), TLS: newAuthority(t).identity()})
	addr, stop := serve(t, newEndpoint(t, bus.Config{}), bus.ListenConfig{Transport: bus.TransportTLS})
	defer stop()
	defer dial(t, e, addr, bus.DialConfig{Transport: bus.TransportTLS})()
	want := "unknown authority (none of our authorities has signed the peer's certificate, or the peer was given none)"
	if got := take(t, lines); !strings.Contains(got, want) {
		t.Errorf("logged %s, want %s", got, want)
	}
}

type lineWriter chan<- string

func (w lineWriter) Write(p []byte) (int, error) {
	w <- string(p)
	return len(p), nil
}
