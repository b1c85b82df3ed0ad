package sockowner

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Owner is who has a socket.
type Owner struct {
	// UID is the user who made the socket.
	UID uint32
	// Inode identifies the socket among those that are open; see Holds.
	Inode uint64
}

// ErrElsewhere says that the socket is not one of this host, or not any more.
var ErrElsewhere = errors.New("no such socket on this host")

// ErrOrphan says that the socket is one of this host, but that no process has it
// any more, or not yet a connection.
var ErrOrphan = errors.New("the socket is closed already")

// Of returns who has the TCP socket at one address that is connected with
// another. The errors are ErrElsewhere, ErrOrphan, and what keeps the kernel from
// answering.
func Of(at, peer netip.AddrPort) (Owner, error) {
	at, peer = unmap(at), unmap(peer)
	owner, err := diagnose(at, peer)
	if errors.Is(err, ErrElsewhere) && reachesNobody(at, peer) {
		return fromTables(at, peer)
	}
	if unanswered(err) {
		return fromTables(at, peer)
	}
	return known(owner, err)
}

// reachesNobody reports whether sock_diag knows of no TCP socket at all, which a
// kernel without the module for them answers like the absence of one socket. It
// asks for the other end of the connection, which is this process's own.
func reachesNobody(at, peer netip.AddrPort) bool {
	_, err := diagnose(peer, at)
	return errors.Is(err, ErrElsewhere)
}

// unanswered reports whether the kernel has no sock_diag for this process.
func unanswered(err error) bool {
	return err != nil && !errors.Is(err, ErrElsewhere)
}

// known refuses an owner of which the kernel knows no more than that there was
// one.
func known(o Owner, err error) (Owner, error) {
	if err == nil && o.Inode == 0 {
		err = ErrOrphan
	}
	if err != nil {
		return Owner{}, err
	}
	return o, nil
}

// Here reports whether an address is one of this host's, or whether that cannot be
// found out. A socket that was bound to a device is not found by its addresses.
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

// answerTimeout bounds the wait for the kernel, which answers before the question
// has been sent.
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
		return Owner{}, fmt.Errorf("hear from sock_diag: %w", err)
	}
	if kernel, ok := from.(*unix.SockaddrNetlink); !ok || kernel.Pid != 0 {
		return Owner{}, errors.New("hear from sock_diag: somebody else than the kernel answers")
	}
	return answer(buf[:n])
}
