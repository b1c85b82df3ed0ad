package web

import (
	"crypto/x509"
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Connection is a connection whose bytes are HTTP.
type Connection struct {
	net.Conn
	// Remote is the address of the other side.
	Remote netip.AddrPort
	// Secure says that the connection is TLS.
	Secure bool
	// Here says that the other side is on this host, Own that it is root or the
	// controller's own user.
	Here, Own bool
	// Certificate is what the other side has shown, with a proof that it has the key. Nil
	// means none. Nobody has judged it.
	Certificate *x509.Certificate
	// Who returns the user for whom the other side asks now, with an API token or without
	// one. Its error is for that user.
	Who func(bearer string) (mgmt.Principal, error)
	// For returns the connection of the user for whom the other side makes a request, from
	// the websocket.ForHeader of the request. The other side must be a controller; its error
	// is for the other side. Nil refuses everybody.
	For func(header string) (Connection, error)
	// By is the name of the controller that passes a request on, if it is not the user's own.
	By string
}

// conn is a connection that the server serves.
type conn struct {
	Connection
	known  atomic.Bool  // somebody has shown here who it is
	active atomic.Int32 // requests that are being answered: 0 or 1
	used   atomic.Int64 // when the last one was answered, in Unix nanoseconds
	once   sync.Once
	leave  func(*conn) // gives its place back
}

func newConn(c Connection, now time.Time, leave func(*conn)) *conn {
	one := &conn{Connection: c, leave: leave}
	one.used.Store(now.UnixNano())
	return one
}

// Close closes the connection. Any goroutine may call it, and more than once.
func (c *conn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		err = c.Connection.Close()
		c.leave(c)
	})
	return err
}

// release gives the place of the connection back, and leaves the connection open.
func (c *conn) release() { c.once.Do(func() { c.leave(c) }) }

// CloseWrite lets net/http end an answer to a request that was not read to its end.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// busy says that a request is being answered until done is called.
func (c *conn) busy() (done func()) {
	c.active.Add(1)
	return func() {
		c.used.Store(time.Now().UnixNano())
		c.active.Add(-1)
	}
}

// handed is a net.Listener. Its connections are those that were handed over.
type handed struct {
	conns chan *conn
	addr  net.Addr
	ended chan struct{}
	once  sync.Once
}

func newHanded() *handed {
	return &handed{conns: make(chan *conn), addr: &net.TCPAddr{}, ended: make(chan struct{})}
}

// take hands a connection to Accept. It returns false if the listener is closed.
func (h *handed) take(c *conn) bool {
	select {
	case h.conns <- c:
		return true
	case <-h.ended:
		return false
	}
}

func (h *handed) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.ended:
		return nil, net.ErrClosed
	}
}

func (h *handed) Close() error {
	h.once.Do(func() { close(h.ended) })
	return nil
}

func (h *handed) Addr() net.Addr { return h.addr }

// turnAway answers a connection for which there is no place, and closes it.
func turnAway(c Connection) {
	const text = "there are too many connections; try again later\n"
	c.SetDeadline(time.Now().Add(time.Second))
	io.WriteString(c, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: "+strconv.Itoa(len(text))+"\r\n\r\n"+text)
	c.Close()
}
