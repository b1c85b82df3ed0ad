package bus_test

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// serveWebSocket runs e's WebSocket listener on a loopback port and returns its
// address.
func serveWebSocket(t testing.TB, e *bus.Endpoint, cfg bus.WebSocketConfig) (addr string, stop func() error) {
	t.Helper()
	ln := listen(t)
	return ln.Addr().String(), background(t, func(ctx context.Context) error { return e.ServeWebSocket(ctx, ln, cfg) })
}

// pipeWebSocket is serveWebSocket without a network, for synctest.
func pipeWebSocket(t testing.TB, e *bus.Endpoint, cfg bus.WebSocketConfig) *pipeListener {
	t.Helper()
	ln := newPipeListener()
	background(t, func(ctx context.Context) error { return e.ServeWebSocket(ctx, ln, cfg) })
	return ln
}

// dialWebSocket connects a client to addr until the end of the test.
func dialWebSocket(t testing.TB, addr string, topics ...string) *websocket.Client {
	t.Helper()
	c, err := websocket.Dial(t.Context(), "ws://"+addr+websocket.Path, topics, websocket.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// event is an event as Broker::publish sends it: with empty metadata.
func event(name string, args ...zval.Value) zval.Value {
	return eventWith(name, args, zval.Vector())
}

// plainEvent is an event as WebSocket clients see it.
func plainEvent(name string, args ...zval.Value) zval.Value {
	return wire.Event{Name: name, Args: args}.Value()
}

func eventWith(name string, args []zval.Value, meta zval.Value) zval.Value {
	return wire.Event{Name: name, Args: args, Meta: &meta}.Value()
}

// expectMessage reads c's next event, which must be this one.
func expectMessage(t testing.TB, c *websocket.Client, topic string, v zval.Value) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	gotTopic, got, err := c.Receive(ctx)
	if err != nil || gotTopic != topic || !zval.Equal(got, v) {
		t.Fatalf("got %v on %q, error %v; want %v on %q", got, gotTopic, err, v, topic)
	}
}

// pipeListener is a listener without a network.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// dial returns the client's end of a new connection.
func (l *pipeListener) dial() net.Conn {
	ours, theirs := net.Pipe()
	l.conns <- theirs
	return ours
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }
