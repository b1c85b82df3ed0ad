package etcdstore

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/etcdserver/api/rafthttp"
)

// These bound the connections to the port for other members. Everybody in the network reaches
// it, and each connection is a file of this process. A member has some ten.
const (
	maxPortConns = 1024
	maxHostConns = 128
)

// acceptPause is the pause after this process had no file left for a connection.
const acceptPause = 50 * time.Millisecond

// listenFor opens the port for other members at an address. With TLS, only they get through.
func listenFor(address string, tlsInfo *transport.TLSInfo) (net.Listener, error) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	bounded := newBoundedListener(ln, maxPortConns, maxHostConns)
	if tlsInfo == nil {
		return bounded, nil
	}
	secure, err := transport.NewTLSListener(bounded, tlsInfo)
	if err != nil {
		ln.Close()
	}
	return secure, err
}

// boundedListener closes connections beyond its limits at once.
type boundedListener struct {
	net.Listener
	all, host int

	mu    sync.Mutex
	count int
	hosts map[string]int // connections of a host
}

func newBoundedListener(ln net.Listener, all, host int) *boundedListener {
	return &boundedListener{Listener: ln, all: all, host: host, hosts: map[string]int{}}
}

// Accept implements net.Listener.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ECONNABORTED) {
			time.Sleep(acceptPause) // etcd's listener ends with the first error
			continue
		}
		if err != nil {
			return nil, err
		}
		from := hostOf(conn.RemoteAddr())
		if l.take(from) {
			return &boundedConn{Conn: conn, ended: sync.OnceFunc(func() { l.give(from) })}, nil
		}
		conn.Close()
	}
}

// hostOf returns the host of an address. Who has one IPv6 address often has its whole network.
func hostOf(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return a.String()
	}
	addr := tcp.AddrPort().Addr().Unmap()
	if p, err := addr.Prefix(64); err == nil && addr.Is6() {
		return p.String()
	}
	return addr.String()
}

func (l *boundedListener) take(host string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count >= l.all || l.hosts[host] >= l.host {
		return false
	}
	l.count++
	l.hosts[host]++
	return true
}

func (l *boundedListener) give(host string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count--
	if l.hosts[host]--; l.hosts[host] == 0 {
		delete(l.hosts, host)
	}
}

// boundedConn counts as a connection until it is closed.
type boundedConn struct {
	net.Conn
	ended func()
}

// Read implements net.Conn. A member that says nothing for so long is gone.
func (c *boundedConn) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(rafthttp.ConnReadTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

// Write implements net.Conn.
func (c *boundedConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(rafthttp.ConnWriteTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// Close implements net.Conn.
func (c *boundedConn) Close() error {
	c.ended()
	return c.Conn.Close()
}
