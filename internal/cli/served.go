package cli

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"

	"github.com/zeekfleet/zeekfleet/internal/sockowner"
)

// EnvControllerUser names the user, besides root and the user of the command, who may run
// the controller of this host.
const EnvControllerUser = "ZEEKFLEET_CONTROLLER_USER"

// systemUser runs the controller that a package has installed. The package makes it with a
// number below firstPersonal, as no ordinary user can. So it counts as root does.
const (
	systemUser    = "zeekfleet"
	firstPersonal = 1000
)

// connector connects in plain text. On this host, any user can listen on a port that the
// controller has left, and answer in its place. So a program of this host counts only if
// it is root's, or the user's own, or of the system's user zeekfleet, or of the user of
// EnvControllerUser.
type connector struct {
	user string // of EnvControllerUser; may be empty
	// doubt is told of a program that does not count, when it answers, and the connection
	// goes on all the same. Nil means that it ends, and that nothing is sent to a listener
	// that does not count.
	doubt func(error)
	// here, listening and owner ask the kernel.
	here      func(netip.Addr) bool
	listening func() []sockowner.Socket
	owner     func(at, peer netip.AddrPort) (sockowner.Owner, error)
}

func newConnector(user string, doubt func(error)) connector {
	return connector{user, doubt, sockowner.Here, sockowner.Listening, sockowner.Of}
}

// connect connects. Without doubt it checks who listens before anything is sent. Who has
// answered is checked at the first byte: only then a process has the other end.
func (k connector) connect(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	server, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok || !k.here(server.AddrPort().Addr()) {
		return conn, nil
	}
	if k.doubt != nil { // the listeners of a host take milliseconds to read
		return &servedConn{Conn: conn, check: sync.OnceValue(func() error {
			if err := k.answerer(conn, true); err != nil {
				k.doubt(err)
			}
			return nil
		})}, nil
	}
	seen, err := k.listener(server.AddrPort())
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &servedConn{Conn: conn, check: sync.OnceValue(func() error { return k.answerer(conn, seen) })}, nil
}

// listener returns an error if a user listens there whose programs do not count. seen says
// that somebody listens.
func (k connector) listener(at netip.AddrPort) (seen bool, err error) {
	addr := at.Addr().Unmap().WithZone("")
	for _, s := range k.listening() {
		if s.At.Port() != at.Port() || s.At.Addr() != addr && !s.At.Addr().IsUnspecified() {
			continue
		}
		if err := k.check(at, s.UID); err != nil {
			return false, err
		}
		seen = true
	}
	return seen, nil
}

// answerer returns an error if the process at the other end of a connection does not
// count. A process may have closed its end already, or have bound it to a device, so that
// it is not found. Then it counts if its listener was seen.
func (k connector) answerer(conn net.Conn, seen bool) error {
	server, client := conn.RemoteAddr().(*net.TCPAddr).AddrPort(), conn.LocalAddr().(*net.TCPAddr).AddrPort()
	owner, err := k.owner(server, client)
	switch {
	case err == nil:
		return k.check(server, owner.UID)
	case seen:
		return nil
	}
	return fmt.Errorf("this host does not say whose program answers at %s: %w", server, err)
}

func (k connector) check(at netip.AddrPort, uid uint32) error {
	name, number := nameOfUser(uid), strconv.FormatUint(uint64(uid), 10)
	if uid == 0 || int64(uid) == int64(os.Geteuid()) || k.user != "" && (k.user == name || k.user == number) || isSystems(name, uid) {
		return nil
	}
	return fmt.Errorf("the program there is that of user %q, and not root's or your own; if that user runs the controller, set %s=%s", name, EnvControllerUser, name)
}

// isSystems reports whether this is the user of the controller that a package has installed.
func isSystems(name string, uid uint32) bool { return name == systemUser && uid < firstPersonal }

// servedConn is a connection whose first bytes are read only if the other side counts.
type servedConn struct {
	net.Conn
	check func() error
}

func (c *servedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if wrong := c.check(); n > 0 && wrong != nil {
		return 0, wrong
	}
	return n, err
}
