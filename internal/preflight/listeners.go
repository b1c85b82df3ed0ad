package preflight

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/sockowner"
)

// Listeners returns the processes that keep others from listening on the TCP
// port at addr; the zero Addr stands for all addresses. Other users' processes
// are seen by root alone.
func Listeners(addr netip.Addr, port uint16) []sockowner.Process {
	var found []sockowner.Process
	for _, s := range sockowner.Listening() {
		if excludes(s, addr, port) {
			found = append(found, sockowner.Holders(s.Inode)...)
		}
	}
	return found
}

// excludes tells whether a socket keeps others from listening on the port at
// addr.
func excludes(s sockowner.Socket, addr netip.Addr, port uint16) bool {
	return s.At.Port() == port && overlap(s.At.Addr(), addr)
}

// hides reports whether one of the living processes does not show what it has
// open. To all users but root that is so with a program that has capabilities of
// its own, although it is the user's.
func hides(pids []int) bool {
	return slices.ContainsFunc(pids, func(pid int) bool {
		_, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		return err != nil && !errors.Is(unix.Kill(pid, 0), unix.ESRCH)
	})
}

// couldBeOurs reports whether a port that is in use by nobody who is seen may be
// in use by a process of this user's that hides what it has open.
func couldBeOurs(p Port, listening []sockowner.Socket, uid int, hidden bool) bool {
	held := slices.DeleteFunc(slices.Clone(listening), func(s sockowner.Socket) bool { return !excludes(s, p.Addr, p.Number) })
	others := slices.ContainsFunc(held, func(s sockowner.Socket) bool { return int64(s.UID) != int64(uid) })
	return hidden && len(held) > 0 && !others
}
