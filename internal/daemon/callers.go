package daemon

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/user"
	"slices"
	"strconv"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/sockowner"
)

// Callers says which users of this host may connect to a daemon, and what they may do.
// The daemon connects to programs of these users alone. Root and the daemon's own user are
// admins. With its zero value nobody else may connect.
type Callers struct {
	// Users are the roles of further users, by number.
	Users map[uint32]mgmt.UserRole
	// Groups are the roles of the members of groups, by number. A user has the highest
	// role of all.
	Groups map[uint32]mgmt.UserRole
	// GroupsOf returns the numbers of a user's groups. Nil asks the system.
	GroupsOf func(uid uint32) []uint32
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

// screen returns the bus.Screen of a daemon with these callers. It judges callers of this
// host alone. daemon is "controller" or "agent".
func (c Callers) screen(daemon string) bus.Screen {
	return func(remote, local netip.AddrPort) (bus.Caller, error) {
		of := c.Owner
		if of == nil {
			of = sockowner.Of
		}
		owner, elsewhere, err := sockowner.Caller(remote, local, of, c.here)
		switch {
		case elsewhere:
			return bus.Caller{}, err
		case err != nil:
			return bus.Caller{Local: true}, fmt.Errorf("this host does not say which user it is (%w): only a certificate can (zeekfleet login, zeekfleet agent --join)", err)
		}
		caller := bus.Caller{
			Local: true, Known: true, UID: owner.UID, Inode: owner.Inode,
			Trusted: c.role(owner.UID) > mgmt.NoUser, Own: own(owner.UID),
		}
		if !caller.Trusted {
			return caller, errors.New(notAllowed(owner.UID, "connect to this "+daemon, leastRole[daemon]))
		}
		return caller, nil
	}
}

// leastRole is the role that a message offers to somebody who may not connect to a daemon.
// A viewer has no business with an agent.
var leastRole = map[string]mgmt.UserRole{"controller": mgmt.Viewer, "agent": mgmt.Operator}

// notAllowed says that a user of this host may not do something, and which role would do.
func notAllowed(uid uint32, what string, role mgmt.UserRole) string {
	name, known := account(uid)
	who := fmt.Sprintf("user %q", name)
	if !known {
		name = strconv.FormatUint(uint64(uid), 10)
		who = fmt.Sprintf("user \"unknown\" (uid %s)", name)
	}
	return fmt.Sprintf("%s may not %s; root can allow it with local_users (--local-users %s=%s)", who, what, name, role)
}

// role returns the role of a user of this host.
func (c Callers) role(uid uint32) mgmt.UserRole {
	if own(uid) {
		return mgmt.Admin
	}
	role := c.Users[uid]
	if len(c.Groups) == 0 {
		return role
	}
	groupsOf := c.GroupsOf
	if groupsOf == nil {
		groupsOf = groupsOfUser
	}
	for _, gid := range groupsOf(uid) {
		role = max(role, c.Groups[gid])
	}
	return role
}

// groupsOfUser returns the groups of a user that /etc/passwd and /etc/group know: this
// program is built without cgo, and os/user reads these files.
func groupsOfUser(uid uint32) []uint32 {
	found, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return nil
	}
	ids, err := found.GroupIds()
	if err != nil {
		return nil
	}
	var gids []uint32
	for _, id := range ids {
		if gid, err := strconv.ParseUint(id, 10, 32); err == nil {
			gids = append(gids, uint32(gid))
		}
	}
	return gids
}

func (c Callers) here(addr netip.Addr) bool {
	if c.Here == nil {
		return sockowner.Here(addr)
	}
	return c.Here(addr)
}

// own reports whether uid is root or the daemon's own user.
func own(uid uint32) bool { return uid == 0 || int64(uid) == int64(os.Geteuid()) }
