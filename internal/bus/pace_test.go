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

	"github.com/zeekfleet/zeekfleet/internal/bus"
)

// pace lets a newcomer send 10 messages at once, and one in each second. It lets all
// newcomers together send 100 more in each second, but at most 5 of them at once.
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

// A Zeek sends its log writes to every peer (spec broker-wire 7.7).
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

// An endpoint must handle frames that are no messages, too. A peer can send hundreds of
// thousands of them in a second.
func TestFramesThatAreNoMessagesArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{ID: middleID, Pace: pace})
		events := subscribe(t, e, "news")
		peers, _ := servePipe(t, e)
		p := connectPeer(t, peers, largeID)
		next[bus.PeerAdded](t, events)
		start := time.Now()
		go p.conn.Write(append(make([]byte, 4*109), p.data("news", text("x"))...))
		next[bus.Message](t, events)
		after(t, start, 930*time.Millisecond, "a message after 109 empty frames")
	})
	for name, tt := range map[string]struct {
		frames string // of 109
		answer int    // how many frames the server sends for them
	}{
		"pings":           {strings.Repeat(maskedFrame(opPing, "x"), 109), 109},
		"pongs":           {strings.Repeat(maskedFrame(opPong, "x"), 109), 0},
		"empty fragments": {maskedFrame(0x01, "") + strings.Repeat(maskedFrame(0x00, ""), 108) + maskedFrame(0x80, "{}"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEndpoint(t, bus.Config{ID: middleID, Pace: pace})
				events := subscribe(t, e, "news")
				w := pipeClient(t, pipeWebSocket(t, e, bus.WebSocketConfig{}), "[]")
				next[bus.PeerAdded](t, events)
				time.Sleep(2 * time.Second) // the allowance for the topics comes back
				start := time.Now()
				go io.WriteString(w.c, tt.frames+maskedFrame(opText, eventText("news", "x")))
				go func() {
					for range tt.answer {
						w.next()
					}
				}()
				next[bus.Message](t, events)
				if took := time.Since(start); took < 900*time.Millisecond || took > time.Second {
					t.Errorf("a message after 109 of them took %v, want about a second", took)
				}
			})
		})
	}
}

func TestLongFragmentsArePaidForByTheirMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{ID: middleID, Pace: pace})
		events := subscribe(t, e, "news")
		w := pipeClient(t, pipeWebSocket(t, e, bus.WebSocketConfig{}), "[]")
		next[bus.PeerAdded](t, events)
		start := time.Now()
		message := eventText("news", strings.Repeat("x", 8<<10))
		var frames strings.Builder
		frames.WriteString(maskedFrame(0x01, message[:10]))
		message = message[10:]
		for len(message) > 1024 {
			frames.WriteString(maskedFrame(0x00, message[:1024]))
			message = message[1024:]
		}
		go io.WriteString(w.c, frames.String()+maskedFrame(0x80, message))
		next[bus.Message](t, events)
		after(t, start, 0, "a message in fragments")
	})
}
