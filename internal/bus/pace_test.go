package bus_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"zeekfleet/internal/bus"
)

// pace lets a newcomer send 10 messages at once and one each second, and all of
// them 100 more each second, 5 of those at once.
var pace = bus.Pace{Burst: 10, PerSecond: 1, Shared: 100}

func TestNewcomersArePaced(t *testing.T) {
	tests := map[string]struct {
		pace     bus.Pace
		size     int // of each message, in KiB
		known    bool
		messages int
		atOnce   int           // of them
		last     time.Duration // when the last one comes
	}{
		"no bounds":                     {bus.Pace{}, 0, false, 1000, 1000, 0},
		"within its burst":              {pace, 0, false, 10, 10, 0},
		"beyond it as all together may": {pace, 0, false, 110, 16, 930 * time.Millisecond},
		"long messages count for more":  {pace, 9, false, 11, 2, 750 * time.Millisecond},
		"very long ones up to a second": {pace, 900, false, 3, 2, 950 * time.Millisecond},
		"one that has been introduced":  {pace, 0, true, 1000, 1000, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEndpoint(t, bus.Config{ID: middleID, Pace: tt.pace})
				events := subscribe(t, e, "news")
				ln, _ := servePipe(t, e)
				p := connectPeer(t, ln, largeID)
				next[bus.PeerAdded](t, events)
				if tt.known {
					e.Meet(largeID.String())
				}
				start := time.Now()
				go p.conn.Write(bytes.Repeat(p.data("news", text(strings.Repeat("x", tt.size<<10))), tt.messages))
				var at []time.Duration
				for range tt.messages {
					next[bus.Message](t, events)
					at = append(at, time.Since(start))
				}
				if at[tt.atOnce-1] != 0 || tt.atOnce < len(at) && at[tt.atOnce] == 0 || at[len(at)-1] != tt.last {
					t.Errorf("messages came at %v, want the first %d at once and the last at %v", at, tt.atOnce, tt.last)
				}
			})
		})
	}
}

// A Zeek sends what it logs to whoever peers with it (spec broker-wire 7.7).
func TestWhatNobodyWantsHardlyCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{ID: middleID, Pace: pace})
		events := subscribe(t, e, "news")
		ln, _ := servePipe(t, e)
		p := connectPeer(t, ln, largeID)
		next[bus.PeerAdded](t, events)
		unwanted, wanted := p.data("logs", text("x")), p.data("news", text("x"))
		start := time.Now()
		for _, tt := range []struct {
			messages int
			last     time.Duration
		}{{640, 0}, {6400, 950 * time.Millisecond}} {
			go p.conn.Write(append(bytes.Repeat(unwanted, tt.messages), wanted...))
			next[bus.Message](t, events)
			after(t, start, tt.last, "the message after them")
		}
	})
}

func TestDialedPeerIsNoNewcomer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dialer, listener := newEndpoint(t, bus.Config{Pace: pace}), newEndpoint(t, bus.Config{})
		events := subscribe(t, dialer, "news")
		ln, _ := servePipe(t, listener)
		dial(t, dialer, "pipe", bus.DialConfig{Connect: func(ctx context.Context, _ string) (net.Conn, error) { return ln.dialWith(ctx) }})
		next[bus.PeerAdded](t, events)
		synctest.Wait()
		start := time.Now()
		for range 1000 {
			listener.Publish("news", text("x"))
		}
		for range 1000 {
			next[bus.Message](t, events)
		}
		after(t, start, 0, "all messages")
	})
}

func TestBusyNewcomersDoNotDelayQuietOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{ID: middleID, Pace: pace})
		events := subscribe(t, e, "news", "quiet")
		peers, _ := servePipe(t, e)
		clients := pipeWebSocket(t, e, bus.WebSocketConfig{})
		busyPeer, busyClient := connectPeer(t, peers, smallID), pipeClient(t, clients, "[]")
		quietPeer, quietClient := connectPeer(t, peers, largeID), pipeClient(t, clients, "[]")
		for range 4 {
			next[bus.PeerAdded](t, events)
		}
		go busyPeer.conn.Write(bytes.Repeat(busyPeer.data("news", text("x")), 1000))
		go io.WriteString(busyClient.c, strings.Repeat(maskedFrame(opText, eventText("news", "x")), 1000))
		go func() {
			time.Sleep(time.Second)
			quietPeer.send(quietPeer.data("quiet", text("x")))
			time.Sleep(time.Second)
			quietClient.frame(opText, eventText("quiet", "x"))
		}()
		start, seen := time.Now(), map[time.Duration]int{}
		for len(seen) < 2 {
			if next[bus.Message](t, events).Topic == "quiet" {
				seen[time.Since(start)]++
			}
		}
		if seen[time.Second] != 1 || seen[2*time.Second] != 1 {
			t.Errorf("quiet messages came at %v, want one each second", seen)
		}
	})
}
