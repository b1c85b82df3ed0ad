package bus

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// HTTPConn is a connection of a WebSocket listener whose first request asks for no
// WebSocket.
type HTTPConn struct {
	// Conn begins with the first request. Whoever gets it closes it. At the end of
	// ServeWebSocket there is Config.GoodbyeTimeout for that.
	net.Conn
	// Peer describes the other side. No peer of the endpoint has its ID.
	Peer Peer
	// Denied is Peer.Denied: why Config.Screen has refused the other side. Nobody else has
	// judged the other side: it may be anyone.
	Denied error
	// Secure says that the connection is TLS.
	Secure bool
}

// handOver gives a connection to WebSocketConfig.HTTP, and waits for the end of the
// connection. The caller closes the connection then.
func (s *wsServer) handOver(ctx context.Context, up wsUpgraded) {
	turn, leave := listFor(s.http, up.self).enter(context.WithoutCancel(ctx), up.self.Addr.Addr())
	defer leave()
	conn := &httpConn{
		Conn:   up.conn.Conn,
		src:    io.MultiReader(bytes.NewReader(up.http), up.conn.Conn),
		closed: make(chan struct{}),
	}
	conn.allowance.of = &s.e.pacer
	_, secure := up.conn.Conn.(*tls.Conn)
	s.cfg.HTTP(HTTPConn{Conn: conn, Peer: up.self, Denied: up.self.Denied, Secure: secure})
	select {
	case <-conn.closed:
		return
	case <-turn.Done():
		s.log.Debug("http connection closed", "peer", up.self.Addr.String(), "why", context.Cause(turn))
		return
	case <-ctx.Done():
	}
	timer := time.NewTimer(s.e.cfg.GoodbyeTimeout)
	defer timer.Stop()
	select {
	case <-conn.closed:
	case <-timer.C:
	}
}

// httpConn is a connection that begins with bytes that were read before. What comes in
// on it counts against the allowance of a newcomer; see Pace.
type httpConn struct {
	net.Conn
	src       io.Reader // first the bytes that were read before, then Conn
	allowance allowance
	once      sync.Once
	closed    chan struct{}
}

// Pace says whether what comes in counts. At first it does. While a user who has proved to
// have a role sends something large, it need not. Any goroutine may call it.
func (c *httpConn) Pace(counts bool) { c.allowance.known.Store(!counts) }

// Read waits as long as the allowance demands before it returns what it has read.
func (c *httpConn) Read(p []byte) (int, error) {
	n, err := c.src.Read(p)
	if n == 0 {
		return n, err
	}
	if wait := c.allowance.spend(messageCost(n)); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.closed:
		}
	}
	return n, err
}

// Close closes the connection. It is then no longer counted.
func (c *httpConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// CloseWrite closes the sending half of the connection, if the connection can do
// that.
func (c *httpConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
