package bench

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

const (
	peeringTopic = "bench/events"
	chunkTopic   = "chunk/received"
	// The subscribers tell the rate of each window. The first windowsSkipped do not count.
	peeringWindow  = 200 * time.Millisecond
	peeringWindows = 5
	windowsSkipped = 1
)

// A flow is one peering, or many, through which events go from this process to another one.
type flow struct {
	how         string // native or websocket
	secret      bool   // TLS
	subscribers int
	size        int // of the payload of an event, in bytes
}

func (f flow) String() string {
	from := map[string]string{"native": "native peering", "websocket": "WebSocket client"}[f.how]
	how := "one " + from
	if f.subscribers > 1 {
		how = fmt.Sprintf("fan-out to %d %ss", f.subscribers, from)
	}
	if f.secret {
		how += ", TLS"
	}
	return fmt.Sprintf("%s, events of %s", how, size(f.size))
}

// chunk is the number of events that subscribers confirm at a time.
func (f flow) chunk() int { return max(16, min(1024, 1<<20/f.size)) }

// ahead is how many chunks may be on their way, so that no send queue overflows.
func (f flow) ahead() int {
	if f.subscribers > 1 || f.how == "websocket" {
		return 8
	}
	return 30
}

// peering measures the events per second through peerings between two processes.
func peering(ctx context.Context, dir string) (figures []figure, err error) {
	if err := writePeeringKeys(dir); err != nil {
		return nil, err
	}
	for _, f := range []flow{
		{"native", false, 1, 100},
		{"native", false, 1, 1000},
		{"native", false, 1, 64_000},
		{"native", true, 1, 100},
		{"native", true, 1, 1000},
		{"native", true, 1, 64_000},
		{"websocket", false, 1, 100},
		{"websocket", false, 1, 1000},
		{"websocket", false, 1, 64_000},
		{"websocket", true, 1, 1000},
		{"native", false, 100, 1000},
		{"native", true, 100, 1000},
	} {
		each, err := f.measure(ctx, dir)
		if err != nil {
			return nil, fmt.Errorf("%v: %w", f, err)
		}
		budget := 0.0
		if f == (flow{"native", false, 1, 1000}) {
			budget = 300_000
		}
		events := rates(f.String(), each, "events/s", budget)
		events.payload = f.size
		received := figure{what: "… payload that arrives", value: events.value * float64(f.size) / 1e6, unit: "MB/s"}
		figures = append(figures, events, received)
	}
	return figures, nil
}

// measure publishes events until the subscribers have told the rates of all windows. A rate
// is that at which all subscribers together received events.
func (f flow) measure(ctx context.Context, dir string) (each []float64, err error) {
	serving, end := context.WithCancel(ctx)
	endpoint, addr, served, err := f.serve(serving, dir)
	if err != nil {
		end()
		return nil, err
	}
	defer func() {
		end()
		err = errors.Join(err, unlessEnded(serving, <-served))
	}()
	confirmed := endpoint.Subscribe(0, chunkTopic)
	defer confirmed.Close()
	receiver, err := startHelper(ctx, dir, "sink", f.how, addr, strconv.FormatBool(f.secret), strconv.Itoa(f.subscribers), strconv.Itoa(f.chunk()), dir)
	if err != nil {
		return nil, err
	}
	if err := f.await(ctx, receiver, confirmed); err != nil {
		return nil, errors.Join(err, receiver.endHelper())
	}
	publishing, done := context.WithCancel(ctx)
	read := make(chan error, 1)
	go func() {
		var err error
		each, err = receiver.windows()
		done()
		read <- err
	}()
	err = f.publish(publishing, endpoint, confirmed)
	done()
	receiver.stdin.Close() // ends the process, and so the goroutine
	return each, errors.Join(err, <-read, receiver.endHelper())
}

// await returns when both sides know of all subscribers.
func (f flow) await(ctx context.Context, receiver *running, peers *bus.Subscription) error {
	if _, err := receiver.await("^ready"); err != nil {
		return err
	}
	for connected := 0; connected < f.subscribers; {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case ev := <-peers.Events():
			if _, ok := ev.(bus.PeerAdded); ok {
				connected++
			}
		}
	}
	return nil
}

// windows returns the rates that a sink tells.
func (r *running) windows() (each []float64, err error) {
	for i := range windowsSkipped + peeringWindows {
		m, err := r.await(`^rate (\S+)`)
		if err != nil {
			return nil, err
		}
		rate, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return nil, err
		}
		if i >= windowsSkipped {
			each = append(each, rate)
		}
	}
	return each, nil
}

// serve starts the publishing endpoint. served gets the end of it.
func (f flow) serve(ctx context.Context, dir string) (e *bus.Endpoint, addr string, served chan error, err error) {
	queue := (f.ahead() + 2) * f.chunk()
	cfg := bus.Config{SendQueue: queue, SendQueueBytes: 1 << 30, UnsentBytes: 1 << 30, GoodbyeTimeout: 10 * time.Millisecond, Logger: warnings()}
	if f.secret && f.how == "native" {
		if cfg.TLS, err = bus.LoadTLS(peeringFiles(dir)); err != nil {
			return nil, "", nil, err
		}
	}
	if e, err = bus.New(cfg); err != nil {
		return nil, "", nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", nil, err
	}
	served = make(chan error, 1)
	if f.how == "native" {
		transport := bus.TransportPlain
		if f.secret {
			transport = bus.TransportTLS
		}
		go func() { served <- e.Serve(ctx, ln, bus.ListenConfig{Transport: transport}) }()
		return e, ln.Addr().String(), served, nil
	}
	clients := bus.WebSocketConfig{SendQueue: queue, SendQueueBytes: 1 << 30}
	if f.secret {
		cert, key, _ := peeringFiles(dir)
		if clients.TLS, err = bus.WebSocketTLS(cert, key, ""); err != nil {
			return nil, "", nil, errors.Join(err, ln.Close())
		}
	}
	go func() { served <- e.ServeWebSocket(ctx, ln, clients) }()
	return e, ln.Addr().String(), served, nil
}

// publish publishes events until ctx is done.
func (f flow) publish(ctx context.Context, endpoint *bus.Endpoint, confirmed *bus.Subscription) error {
	v := wire.Event{Name: "Bench::event", Args: []zval.Value{zval.String(strings.Repeat("x", f.size))}}.Value()
	for unconfirmed := 0; ctx.Err() == nil; unconfirmed++ {
		for unconfirmed == f.ahead() {
			var ev bus.Event
			select {
			case <-ctx.Done():
				return nil
			case ev = <-confirmed.Events():
			}
			switch ev := ev.(type) {
			case bus.Message:
				unconfirmed--
			case bus.PeerLost:
				return fmt.Errorf("a subscriber was lost: %w", ev.Err)
			}
		}
		for range f.chunk() {
			endpoint.Publish(peeringTopic, v)
		}
	}
	return nil
}

// unlessEnded returns err, unless it is that a context has ended.
func unlessEnded(ctx context.Context, err error) error {
	if err != nil && errors.Is(err, context.Cause(ctx)) {
		return nil
	}
	return err
}

// peeringFiles are the files of the certificate with which both ends of a peering prove
// who they are.
func peeringFiles(dir string) (cert, key, authorities string) {
	return filepath.Join(dir, "peering.pem"), filepath.Join(dir, "peering.key"), filepath.Join(dir, "peering-authorities.pem")
}

// writePeeringKeys makes a certificate, and an authority that has signed it.
func writePeeringKeys(dir string) error {
	now := time.Now()
	authority, err := identity.NewAuthority("bench", now, time.Hour)
	if err != nil {
		return err
	}
	key, err := identity.NewKey()
	if err != nil {
		return err
	}
	cert, err := authority.Issue(identity.Leaf{
		Identity: identity.Identity{Kind: identity.Agent, Name: "bench"}, Key: key.Public(), Hosts: []string{"127.0.0.1", "localhost"}, Life: time.Hour,
	}, now)
	if err != nil {
		return err
	}
	keyText, err := identity.KeyPEM(key)
	if err != nil {
		return err
	}
	certFile, keyFile, authoritiesFile := peeringFiles(dir)
	return errors.Join(
		os.WriteFile(certFile, identity.CertPEM(cert), 0o600),
		os.WriteFile(keyFile, keyText, 0o600),
		os.WriteFile(authoritiesFile, identity.CertPEM([]*x509.Certificate{authority.Cert}...), 0o600))
}
