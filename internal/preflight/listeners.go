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

// Listeners returns the processes whose sockets prevent others from listening on the
// TCP port at addr. The zero Addr means all addresses. Only root sees the processes
// of other users.
func Listeners(addr netip.Addr, port uint16) []sockowner.Process {
	var found []sockowner.Process
	for _, s := range sockowner.Listening() {
		if excludes(s, addr, port) {
			found = append(found, sockowner.Holders(s.Inode)...)
		}
	}
	return found
}

// excludes tells whether a socket prevents others from listening on the port at addr.
func excludes(s sockowner.Socket, addr netip.Addr, port uint16) bool {
	return s.At.Port() == port && overlap(s.At.Addr(), addr)
}

// hides reports whether this process cannot read the open files of one of the living
// processes. The kernel shows the open files of a program with capabilities only to
// root, even if the process belongs to our user.
func hides(pids []int) bool {
	return slices.ContainsFunc(pids, func(pid int) bool {
		_, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		return err != nil && !errors.Is(unix.Kill(pid, 0), unix.ESRCH)
	})
}

// couldBeOurs reports whether a port whose holder is not visible may be held by one of
// our processes. That is so if one of our processes hides its open files (hidden), and
// all sockets that hold the port belong to the user uid.
func couldBeOurs(p Port, listening []sockowner.Socket, uid int, hidden bool) bool {
	held := slices.DeleteFunc(slices.Clone(listening), func(s sockowner.Socket) bool { return !excludes(s, p.Addr, p.Number) })
	others := slices.ContainsFunc(held, func(s sockowner.Socket) bool { return int64(s.UID) != int64(uid) })
	return hidden && len(held) > 0 && !others
}
