package daemon

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/sockowner"
)

// Callers says which users of this host may connect to a daemon, and to which
// users the daemon may connect. Its zero value trusts root and the daemon's own
// user.
type Callers struct {
	// Users are trusted as well as root and the daemon's own user.
	Users []uint32
	// Owner returns the owner of the socket at one address that is connected
	// with another address. Nil asks the kernel.
	Owner func(at, peer netip.AddrPort) (sockowner.Owner, error)
	// Here reports whether an address is one of this host. Nil asks the kernel.
	Here func(netip.Addr) bool
	// Holders returns the processes that have a socket open. Nil asks the kernel.
	Holders func(inode uint64) []sockowner.Process
}

// holds reports whether a process has a socket open.
func (c Callers) holds(pid int, inode uint64) (bool, error) {
	if c.Holders == nil {
		return sockowner.Holds(pid, inode)
	}
	return slices.ContainsFunc(c.Holders(inode), func(p sockowner.Process) bool { return p.PID == pid }), nil
}

func (c Callers) holders(inode uint64) []sockowner.Process {
	if c.Holders == nil {
		return sockowner.Holders(inode)
	}
	return c.Holders(inode)
}

// screen is the bus.Screen of these callers. It judges callers of this host
// alone.
func (c Callers) screen(remote, local netip.AddrPort) (bus.Caller, error) {
	of := c.Owner
	if of == nil {
		of = sockowner.Of
	}
	owner, err := of(remote, local)
	elsewhere := errors.Is(err, sockowner.ErrElsewhere) && !c.here(remote.Addr())
	switch {
	case elsewhere && local.Addr().IsLoopback():
		return bus.Caller{}, errors.New("it is on another host, and has come to an address that is for this host alone")
	case elsewhere:
		return bus.Caller{}, nil
	case err != nil:
		return bus.Caller{Local: true}, fmt.Errorf("this host does not say which user it is: %w", err)
	}
	caller := bus.Caller{
		Local: true, Known: true, UID: owner.UID, Inode: owner.Inode,
		Trusted: c.trusts(owner.UID), Own: own(owner.UID),
	}
	if !caller.Trusted {
		return caller, fmt.Errorf("user %d of this host may not connect; allow it with local_users (--local-users %[1]d)", owner.UID)
	}
	return caller, nil
}

func (c Callers) here(addr netip.Addr) bool {
	if c.Here == nil {
		return sockowner.Here(addr)
	}
	return c.Here(addr)
}

func (c Callers) trusts(uid uint32) bool {
	return own(uid) || slices.Contains(c.Users, uid)
}

// own reports whether uid is root or the daemon's own user.
func own(uid uint32) bool { return uid == 0 || int64(uid) == int64(os.Geteuid()) }
