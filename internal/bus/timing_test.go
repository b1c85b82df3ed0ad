package bus_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// after checks how much time has passed since start, to the nanosecond.
func after(t testing.TB, start time.Time, want time.Duration, what string) {
	t.Helper()
	if got := time.Since(start); got != want {
		t.Errorf("%s after %v, want exactly %v", what, got, want)
	}
}

func TestUnfinishedHandshakeIsCutOffAfterTenSeconds(t *testing.T) {
	for name, begin := range map[string]func(*rawPeer){
		"silent from the start": func(*rawPeer) {},
		"silent after hello": func(p *rawPeer) {
			p.hello()
			p.hears(wire.VersionSelect{ID: middleID, Version: 1})
			p.hears(wire.OriginatorSyn{})
		},
		"half a frame": func(p *rawPeer) { p.send([]byte{0, 0}) },
		"one byte each second": func(p *rawPeer) {
			hello := wire.AppendHandshake(nil, wire.Hello{ID: p.id, MinVersion: 1, MaxVersion: 1})
			for _, b := range hello[:9] {
				time.Sleep(time.Second)
				p.send([]byte{b})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ln, _ := servePipe(t, newEndpoint(t, bus.Config{ID: middleID}))
				start := time.Now()
				p := connectRaw(t, ln, largeID)
				p.hears(wire.Probe{})
				begin(p)
				p.gone()
				after(t, start, 10*time.Second, "cut off")
			})
		})
	}
}

func TestSilentPeerIsPingedAndThenLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{ID: middleID, MaxSilence: time.Minute})
		events := subscribe(t, e)
		ln, _ := servePipe(t, e)
		p := connectPeer(t, ln, largeID)
		next[bus.PeerAdded](t, events)
		start := time.Now()
		p.message(wire.TypePing)
		after(t, start, 30*time.Second, "pinged")
		p.gone()
		after(t, start, time.Minute, "lost")
		if lost := next[bus.PeerLost](t, events); !errors.Is(lost.Err, bus.ErrSilent) {
			t.Errorf("lost because of %v", lost.Err)
		}
	})
}

func TestPeerThatAnswersPingsStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{ID: middleID, MaxSilence: time.Minute})
		ln, _ := servePipe(t, e)
		p := connectPeer(t, ln, largeID, "news")
		start := time.Now()
		for range 100 {
			p.pong()
		}
		after(t, start, 100*30*time.Second, "still there")
		e.Publish("news", text("good"))
		p.message(wire.TypeData)
	})
}

func TestPeerThatTakesNothingIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{ID: middleID, MaxSilence: time.Minute})
		events := subscribe(t, e)
		ln, _ := servePipe(t, e)
		p := connectPeer(t, ln, largeID, "news")
		next[bus.PeerAdded](t, events)
		start := time.Now()
		e.Publish("news", text("unread"))
		for range 5 { // the endpoint sends much itself
			time.Sleep(10 * time.Second)
			p.send(p.data("ignored", text("x")))
		}
		if lost := next[bus.PeerLost](t, events); !errors.Is(lost.Err, bus.ErrSilent) {
			t.Errorf("lost because of %v", lost.Err)
		}
		after(t, start, time.Minute, "lost")
	})
}

func TestGoodbye(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(*rawPeer)
		takes  time.Duration
	}{
		"ends with the pong": {answer: (*rawPeer).pong, takes: 0},
		"ends when the peer closes": {answer: func(p *rawPeer) {
			p.message(wire.TypePing)
			p.conn.Close()
		}},
		"is not ended by another pong": {takes: 3 * time.Second, answer: func(p *rawPeer) {
			ping := p.message(wire.TypePing)
			ping.Payload = []byte("other")
			p.send(wire.AppendPong(nil, p.id, ping))
		}},
		"ends without an answer after three seconds":  {answer: func(p *rawPeer) { p.message(wire.TypePing) }, takes: 3 * time.Second},
		"ends without being read after three seconds": {answer: func(*rawPeer) {}, takes: 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEndpoint(t, bus.Config{ID: middleID})
				events := subscribe(t, e)
				ln, stop := servePipe(t, e)
				p := connectPeer(t, ln, smallID)
				next[bus.PeerAdded](t, events)
				start := time.Now()
				go c.answer(p)
				if err := stop(); !errors.Is(err, context.Canceled) {
					t.Errorf("Serve returned %v", err)
				}
				after(t, start, c.takes, "ended")
				lost := next[bus.PeerLost](t, events)
				if !errors.Is(lost.Err, bus.ErrClosed) && !errors.Is(lost.Err, bus.ErrPeerClosed) {
					t.Errorf("lost because of %v", lost.Err)
				}
			})
		})
	}
}

func TestEndpointEndsWithinThreeSecondsThoughNobodyReadsItsEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{ID: middleID})
		stuck := e.Subscribe(1, "news")
		defer stuck.Close()
		ln, stop := servePipe(t, e)
		p := connectPeer(t, ln, largeID) // its PeerAdded fills the queue
		go p.send(append(p.data("news", text("a")), p.data("news", text("b"))...))
		synctest.Wait()
		start := time.Now()
		stop()
		after(t, start, 3*time.Second, "ended")
	})
}

// attempts dials. It calls each for the first connections, up to number, and refuses the
// others. It returns the times of the attempts.
func attempts(t *testing.T, e *bus.Endpoint, number int, each func(n int, conn net.Conn) error) <-chan time.Duration {
	start, times, n := time.Now(), make(chan time.Duration, 100), 0
	dial(t, e, "scripted:1", bus.DialConfig{Connect: func(context.Context, string) (net.Conn, error) {
		times <- time.Since(start)
		ours, theirs := net.Pipe()
		if n++; n > number {
			return nil, errors.New("the script is at its end")
		}
		if err := each(n, theirs); err != nil {
			return nil, err
		}
		return ours, nil
	}})
	return times
}

// firstThen lets peer serve the first connection, and refuses the others.
func firstThen(peer func(net.Conn)) func(int, net.Conn) error {
	return func(n int, conn net.Conn) error {
		if n > 1 {
			return errRefused
		}
		go peer(conn)
		return nil
	}
}

// always lets peer serve every connection.
func always(peer func(net.Conn)) func(int, net.Conn) error {
	return func(_ int, conn net.Conn) error {
		go peer(conn)
		return nil
	}
}

// drops says hello, and ends the connection with m.
func drops(t *testing.T, m wire.DropConn) func(net.Conn) {
	return func(conn net.Conn) {
		p := newRawPeer(t, conn, largeID)
		p.read()
		p.say(m)
		conn.Close()
	}
}

// staysFor completes a handshake, and ends the connection after d.
func staysFor(t *testing.T, d time.Duration) func(net.Conn) {
	return func(conn net.Conn) {
		newRawPeer(t, conn, largeID).shake(wire.Acceptor)
		time.Sleep(d)
		conn.Close()
	}
}

var errRefused = errors.New("refused")

func TestDialRetries(t *testing.T) {
	incompatible := wire.DropConn{ID: largeID, Code: wire.DropPeerIncompatible, Text: "unsupported versions offered"}
	full := wire.DropConn{ID: largeID, Code: wire.DropPeerUnavailable, Text: "too many peers"}
	redundant := wire.DropConn{ID: largeID, Code: wire.DropRedundant, Text: "redundant connection"}
	for name, c := range map[string]struct {
		each func(t *testing.T) func(n int, conn net.Conn) error
		want []time.Duration
	}{
		"every second while nobody answers": {
			each: func(*testing.T) func(int, net.Conn) error { return func(int, net.Conn) error { return errRefused } },
			want: []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second},
		},
		"at once after a peering has ended, then every second": {
			each: func(t *testing.T) func(int, net.Conn) error { return firstThen(staysFor(t, 5*time.Second)) },
			want: []time.Duration{0, 5 * time.Second, 6 * time.Second, 7 * time.Second},
		},
		"every second though each peering ends at once": {
			each: func(t *testing.T) func(int, net.Conn) error { return always(staysFor(t, 0)) },
			want: []time.Duration{0, time.Second, 2 * time.Second},
		},
		"every minute while the peer is incompatible": {
			each: func(t *testing.T) func(int, net.Conn) error { return always(drops(t, incompatible)) },
			want: []time.Duration{0, time.Minute, 2 * time.Minute},
		},
		"more and more rarely while its handshakes fail": {
			each: func(*testing.T) func(int, net.Conn) error {
				return always(func(conn net.Conn) { conn.Close() })
			},
			want: []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second, 23 * time.Second},
		},
		"more and more rarely while there are too many peers": {
			each: func(t *testing.T) func(int, net.Conn) error { return always(drops(t, full)) },
			want: []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second, 23 * time.Second},
		},
		"every second while it is dropped as redundant, without being so": {
			each: func(t *testing.T) func(int, net.Conn) error { return always(drops(t, redundant)) },
			want: []time.Duration{0, time.Second, 2 * time.Second},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				times := attempts(t, newEndpoint(t, bus.Config{ID: middleID}), len(c.want), c.each(t))
				for i, want := range c.want {
					if got := take(t, times); got != want {
						t.Errorf("attempt %d after %v, want %v", i+1, got, want)
					}
				}
				synctest.Wait()
			})
		})
	}
}

// Many who dial the same peer must not all do it at the same time.
func TestPausesBetweenAttemptsAreSpread(t *testing.T) {
	for name, c := range map[string]struct {
		chance float64
		want   []time.Duration
	}{
		"shortest": {0, []time.Duration{0, 750 * time.Millisecond, 1500 * time.Millisecond}},
		"longest":  {1, []time.Duration{0, 1250 * time.Millisecond, 2500 * time.Millisecond}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []time.Duration
				start := time.Now()
				background(t, func(ctx context.Context) error {
					return newEndpoint(t, bus.Config{ID: middleID}).Dial(ctx, "nobody:1", bus.DialConfig{
						Spread: func() float64 { return c.chance },
						Connect: func(context.Context, string) (net.Conn, error) {
							got = append(got, time.Since(start))
							return nil, errRefused
						},
					})
				})
				time.Sleep(c.want[len(c.want)-1])
				synctest.Wait()
				if !slices.Equal(got, c.want) {
					t.Errorf("attempts after %v, want %v", got, c.want)
				}
			})
		})
	}
}
