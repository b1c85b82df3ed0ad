package sockowner

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Owner identifies the owner of a socket.
type Owner struct {
	// UID is the user who made the socket.
	UID uint32
	// Inode is the number of the socket, for Holds and Holders.
	Inode uint64
}

// ErrElsewhere says that this host has no such socket, or no longer has it.
var ErrElsewhere = errors.New("no such socket on this host")

// ErrOrphan says that this host has the socket, but that its process has closed it,
// or that its connection is not established yet.
var ErrOrphan = errors.New("the socket is closed already")

// Of returns the owner of the TCP socket at the address at that is connected with
// the address peer. The errors are ErrElsewhere, ErrOrphan, and errors in asking the
// kernel.
func Of(at, peer netip.AddrPort) (Owner, error) {
	at, peer = unmap(at), unmap(peer)
	owner, err := diagnose(at, peer)
	if errors.Is(err, ErrElsewhere) && lacksTCP(at, peer) {
		return fromTables(at, peer)
	}
	if unanswered(err) {
		return fromTables(at, peer)
	}
	return known(owner, err)
}

// lacksTCP reports whether the kernel's sock_diag knows no TCP sockets. A kernel
// without the module for TCP answers as if each socket did not exist. So lacksTCP
// asks for the other end of the connection, which this process has and which must
// exist.
func lacksTCP(at, peer netip.AddrPort) bool {
	_, err := diagnose(peer, at)
	return errors.Is(err, ErrElsewhere)
}

// unanswered reports whether asking sock_diag failed.
func unanswered(err error) bool {
	return err != nil && !errors.Is(err, ErrElsewhere)
}

// known returns ErrOrphan for an owner without an inode: the kernel no longer knows
// whose socket it was.
func known(o Owner, err error) (Owner, error) {
	if err == nil && o.Inode == 0 {
		err = ErrOrphan
	}
	if err != nil {
		return Owner{}, err
	}
	return o, nil
}

// Here reports whether an address belongs to this host. It returns true if it cannot
// find out. An address of this host does not mean that Of finds the socket: it does
// not find one that is bound to a device.
func Here(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if addr.IsLoopback() {
		return true
	}
	own, err := net.InterfaceAddrs()
	return err != nil || slices.ContainsFunc(own, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err == nil && prefix.Addr().Unmap().WithZone("") == addr
	})
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// answerTimeout bounds the wait for the kernel's answer. The kernel answers while
// the question is being sent, so it should never pass.
var answerTimeout = unix.Timeval{Sec: 1}

// diagnose asks sock_diag for one socket.
func diagnose(at, peer netip.AddrPort) (Owner, error) {
	if !at.IsValid() || !peer.IsValid() || at.Addr().Is4() != peer.Addr().Is4() {
		return Owner{}, ErrElsewhere
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return Owner{}, fmt.Errorf("open a sock_diag socket: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &answerTimeout); err != nil {
		return Owner{}, fmt.Errorf("bound the wait for sock_diag: %w", err)
	}
	if err := unix.Sendto(fd, question(at, peer), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return Owner{}, fmt.Errorf("ask sock_diag: %w", err)
	}
	var buf [512]byte
	n, from, err := unix.Recvfrom(fd, buf[:], 0)
	if err != nil {
		return Owner{}, fmt.Errorf("read the answer of sock_diag: %w", err)
	}
	if kernel, ok := from.(*unix.SockaddrNetlink); !ok || kernel.Pid != 0 {
		return Owner{}, errors.New("read the answer of sock_diag: it does not come from the kernel")
	}
	return answer(buf[:n])
}

// errAstray refuses a caller that cannot have come to a loopback address.
var errAstray = errors.New("it is on another host, and has come to an address that is for this host alone")

// Caller returns the owner of the socket at remote, which is connected with the socket of
// this host at local. elsewhere says that the caller is on another host: then it has no
// owner here, and an error says that it may not be at a loopback address. Any other error
// says that this host does not tell. The functions of and here are Of and Here, or take
// their place.
func Caller(
	remote, local netip.AddrPort, of func(at, peer netip.AddrPort) (Owner, error), here func(netip.Addr) bool,
) (owner Owner, elsewhere bool, err error) {
	owner, err = of(remote, local)
	switch {
	case !errors.Is(err, ErrElsewhere) || here(remote.Addr()):
		return owner, false, err
	case local.Addr().IsLoopback():
		return Owner{}, true, errAstray
	}
	return Owner{}, true, nil
}
