package carry_test

import (
	"bytes"
	"context"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/carry"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// line is one direction of a connection: so many bytes a second, and a delay.
type line struct {
	perSecond int
	delay     time.Duration
	arrive    func(any)

	mu    sync.Mutex
	free  time.Time // when the last bit of everything so far is on the line
	queue []onLine
	wake  chan struct{}
}

type onLine struct {
	at  time.Time
	msg any
}

func newLine(perSecond int, delay time.Duration, arrive func(any)) *line {
	return &line{perSecond: perSecond, delay: delay, arrive: arrive, wake: make(chan struct{}, 1)}
}

// send puts a message behind all others. It returns how long the message waits for them.
func (l *line) send(msg any, size int) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	begins := now
	if l.free.After(now) {
		begins = l.free
	}
	l.free = begins.Add(time.Duration(size) * time.Second / time.Duration(l.perSecond))
	l.queue = append(l.queue, onLine{l.free.Add(l.delay), msg})
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return begins.Sub(now)
}

func (l *line) run(ctx context.Context) {
	for {
		l.mu.Lock()
		var next onLine
		if len(l.queue) > 0 {
			next, l.queue = l.queue[0], l.queue[1:]
		}
		l.mu.Unlock()
		if next.msg == nil {
			select {
			case <-ctx.Done():
				return
			case <-l.wake:
			}
			continue
		}
		time.Sleep(time.Until(next.at))
		l.arrive(next.msg)
	}
}

// gentleTransfers sends so many bytes to each of some readers over one line, and returns how
// long that took and how long other messages had to wait, sorted.
func gentleTransfers(t *testing.T, readers, size, perSecond int, delay time.Duration, rate int) (took time.Duration, waits []time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var tasks sync.WaitGroup
	cfg := carry.Config{Gentle: true, Sender: "controller"}
	var there, back *line
	openers := map[string]*carry.Opener{}
	type addressed struct {
		peer string
		msg  mgmt.Message
	}
	there = newLine(perSecond, delay, func(m any) { openers[m.(addressed).peer].Take("controller", m.(addressed).msg) })
	server, err := carry.NewServer(cfg, func(peer string, msg mgmt.Message) bool {
		length := 60
		if chunk, ok := msg.(mgmt.StreamChunk); ok {
			length += len(chunk.Data)
		}
		there.send(addressed{peer, msg}, length)
		return true
	}, map[mgmt.StreamKind]carry.Source{mgmt.StreamBundle: func(ctx context.Context, _ []byte, to *carry.Writer) error {
		return to.Write(ctx, make([]byte, size))
	}}, tasks.Go)
	if err != nil {
		t.Fatal(err)
	}
	back = newLine(perSecond, delay, func(m any) { server.Take(ctx, m.(addressed).peer, m.(addressed).msg) })
	tasks.Go(func() { there.run(ctx) })
	tasks.Go(func() { back.run(ctx) })
	begun := time.Now()
	var reading sync.WaitGroup
	for i := range readers {
		name := string(rune('a' + i))
		openers[name], err = carry.NewOpener(cfg, func(_ string, msg mgmt.Message) bool {
			back.send(addressed{name, msg}, 60)
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range openers {
		reading.Go(func() {
			s, err := o.Open(ctx, "controller", mgmt.StreamBundle, nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			var got bytes.Buffer
			if _, err := io.Copy(&got, keeping{s, rate}); err != nil || got.Len() != size {
				t.Errorf("%d bytes have arrived: %v", got.Len(), err)
			}
		})
	}
	over := make(chan struct{})
	var probing sync.WaitGroup
	probing.Go(func() {
		probe(over, func() { waits = append(waits, there.send(addressed{"a", mgmt.StreamEnd{}}, 200)) })
	})
	reading.Wait()
	took = time.Since(begun)
	close(over)
	probing.Wait()
	cancel()
	tasks.Wait()
	slices.Sort(waits)
	return took, waits
}

// keeping reads so many bytes a second, or all if rate is 0.
type keeping struct {
	io.Reader
	rate int
}

func (k keeping) Read(p []byte) (int, error) {
	if k.rate == 0 {
		return k.Reader.Read(p)
	}
	n, err := k.Reader.Read(p[:min(len(p), 8<<10)])
	time.Sleep(time.Duration(n) * time.Second / time.Duration(k.rate))
	return n, err
}

// probe calls send now and then.
func probe(over <-chan struct{}, send func()) {
	every := time.NewTicker(7 * time.Millisecond)
	defer every.Stop()
	for {
		select {
		case <-over:
			return
		case <-every.C:
			send()
		}
	}
}

// A request that goes over the same line as bundles waits for about 20 ms at most if the
// bundles fill the line, and hardly at all if their readers keep a rate below that.
func TestGentleStreamsTakeWhatOthersLeave(t *testing.T) {
	for name, tt := range map[string]struct {
		readers, size, perSecond int
		delay                    time.Duration
		rate                     int // bytes a second that each reader takes; 0: all
		atMost, wait             time.Duration
	}{
		"40 Mbit/s, 100 ms there and back":              {1, 50 << 20, 5e6, 50 * time.Millisecond, 0, 15 * time.Second, 25 * time.Millisecond},
		"two readers behind one line":                   {2, 25 << 20, 5e6, 50 * time.Millisecond, 0, 15 * time.Second, 25 * time.Millisecond},
		"two readers that keep a rate":                  {2, 25 << 20, 5e6, 50 * time.Millisecond, 2 << 20, 16 * time.Second, 5 * time.Millisecond},
		"10 Gbit/s, half a millisecond there and back":  {1, 50 << 20, 1.25e9, 250 * time.Microsecond, 0, time.Second, time.Millisecond},
		"2 Mbit/s: a chunk alone takes 16 milliseconds": {1, 1 << 20, 250e3, 20 * time.Millisecond, 0, 10 * time.Second, 120 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				took, waits := gentleTransfers(t, tt.readers, tt.size, tt.perSecond, tt.delay, tt.rate)
				t.Logf("%v; others waited for %v (median), %v (p99)", took, waits[len(waits)/2], waits[len(waits)*99/100])
				if took > tt.atMost {
					t.Errorf("the transfer took %v, longer than %v", took, tt.atMost)
				}
				if p99 := waits[len(waits)*99/100]; p99 > tt.wait {
					t.Errorf("others waited for %v (p99), longer than %v", p99, tt.wait)
				}
			})
		})
	}
}
