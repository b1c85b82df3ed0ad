package notify_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/notify"
)

// network is one in memory, with the hosts of webhooks.
type network struct {
	mu    sync.Mutex
	hosts map[string]*hook // by address
}

func (n *network) dial(ctx context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	h := n.hosts[address]
	n.mu.Unlock()
	if h == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: fmt.Errorf("nobody listens at %s", address)}
	}
	ours, theirs := net.Pipe()
	select {
	case h.conns <- theirs:
		return receiving(ours), nil
	case <-h.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// buffered is a connection that takes what the other end writes although nobody reads it yet, as
// those of a real network do.
type buffered struct {
	net.Conn
	came chan []byte
	rest []byte
}

// receiving returns a connection that takes at most 4 MiB ahead, until it is closed.
func receiving(c net.Conn) *buffered {
	b := &buffered{Conn: c, came: make(chan []byte, 1024)}
	go func() {
		defer close(b.came)
		for {
			chunk := make([]byte, 4096)
			size, err := c.Read(chunk)
			if size > 0 {
				b.came <- chunk[:size]
			}
			if err != nil {
				return
			}
		}
	}()
	return b
}

func (b *buffered) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		chunk, ok := <-b.came
		if !ok {
			return 0, io.EOF
		}
		b.rest = chunk
	}
	size := copy(p, b.rest)
	b.rest = b.rest[size:]
	return size, nil
}

// hook is a webhook that answers as a test says, and hands over what it has taken.
type hook struct {
	url    string
	taken  chan request
	conns  chan net.Conn
	closed chan struct{}

	mu     sync.Mutex
	answer func(w http.ResponseWriter, r *http.Request) bool // nil: takes everything
	tried  []time.Duration                                   // when attempts came, since the hook began
	began  time.Time
}

type request struct {
	header http.Header
	body   string
	notify.Message
}

// newHook puts a webhook into the network, which serves until the test ends. secure is nil for
// plain HTTP.
func newHook(t *testing.T, n *network, host string, secure *tls.Config) *hook {
	h := &hook{
		url: "http://" + host + "/secret-token", taken: make(chan request, 10_000), conns: make(chan net.Conn), closed: make(chan struct{}), began: time.Now(),
	}
	address := host + ":80"
	server := &http.Server{Handler: h, TLSConfig: secure, ErrorLog: log.New(t.Output(), "", 0), TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}}
	serve := server.Serve
	if secure != nil {
		h.url, address = "https://"+host+"/secret-token", host+":443"
		serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hosts == nil {
		n.hosts = map[string]*hook{}
	}
	n.hosts[address] = h
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		serve(h)
	}()
	t.Cleanup(func() {
		server.Close()
		<-ended
	})
	return h
}

// Accept, Close and Addr make a net.Listener of a hook.
func (h *hook) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

func (h *hook) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.closed:
	default:
		close(h.closed)
	}
	return nil
}

func (h *hook) Addr() net.Addr { return &net.TCPAddr{} }

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	h.mu.Lock()
	h.tried = append(h.tried, time.Since(h.began))
	answer := h.answer
	h.mu.Unlock()
	if answer != nil && !answer(w, r) {
		return
	}
	one := request{header: r.Header, body: string(body)}
	json.Unmarshal(body, &one.Message)
	h.taken <- one
}

// set changes how the webhook answers.
func (h *hook) set(answer func(http.ResponseWriter, *http.Request) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = answer
}

// attempts returns when attempts came, since the hook began.
func (h *hook) attempts() []time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]time.Duration(nil), h.tried...)
}

// limit is the longest time for which these tests wait. It is virtual.
const limit = 24 * time.Hour

func (h *hook) next(t *testing.T) request {
	t.Helper()
	select {
	case r := <-h.taken:
		return r
	case <-time.After(limit):
		t.Fatal("no message came")
		return request{}
	}
}

// wantNodes reads the messages about nodes, in order.
func (h *hook) wantNodes(t *testing.T, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if m := h.next(t); m.Node != fmt.Sprintf("w-%d", i) {
			t.Fatalf("got %+v, want that of w-%d", m.Message, i)
		}
	}
}

// wantNone checks that no message is left.
func (h *hook) wantNone(t *testing.T) {
	t.Helper()
	select {
	case r := <-h.taken:
		t.Errorf("also got %+v", r.Message)
	default:
	}
}

func refuses(status int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(status); return false }
}

func receiver(name string, h *hook) notify.Receiver {
	return notify.Receiver{Name: name, Kind: mgmt.ReceiverWebhook, URL: h.url}
}
