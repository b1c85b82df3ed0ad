package preflight

import (
	"fmt"
	"net/netip"
	"os"
	"os/user"
	"slices"
	"strconv"

	"github.com/zeekfleet/zeekfleet/internal/sockowner"
)

// holder is a process that has a socket open, and the user who made the socket. If
// this process may not see the holder, there is only the user.
type holder struct {
	sockowner.Process
	user uint32
}

// String returns "zeek (pid 4711) of user ann".
func (h holder) String() string {
	if h.PID == 0 {
		return "a process of user " + userName(h.user)
	}
	return fmt.Sprintf("%v of user %s", h.Process, userName(h.user))
}

// isOf reports whether the process is one of these, or belongs to the session of one.
func (h holder) isOf(pids []int) bool {
	return h.PID != 0 && (slices.Contains(pids, h.Session) || slices.Contains(pids, h.PID))
}

func userName(uid uint32) string {
	text := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(text); err == nil {
		return u.Username
	}
	return text
}

// holdersOf returns who has the sockets open. It leaves out a socket of our user whose
// holder it cannot see: the kernel hides the open files of a Zeek with capabilities.
func holdersOf(sockets []sockowner.Socket) []holder {
	var found []holder
	for _, s := range sockets {
		processes := sockowner.Holders(s.Inode)
		if len(processes) == 0 && int64(s.UID) != int64(os.Geteuid()) {
			found = append(found, holder{user: s.UID})
		}
		for _, p := range processes {
			found = append(found, holder{p, s.UID})
		}
	}
	return found
}

// listeners returns who prevents others from listening on the port.
func listeners(p Port) []holder {
	return holdersOf(slices.DeleteFunc(sockowner.Listening(), func(s sockowner.Socket) bool { return !excludes(s, p.Addr, p.Number) }))
}

// strangers returns the processes that are connected with a port which only our nodes
// may use, and are none of our nodes.
func strangers(p Port, cfg Config) []holder {
	if !p.OursAlone {
		return nil
	}
	connected := holdersOf(sockowner.ConnectedWith(netip.AddrPortFrom(p.Addr, p.Number)))
	if len(connected) == 0 {
		return nil
	}
	ours := cfg.Ours() // after the look: a node may have started since
	return slices.DeleteFunc(connected, func(h holder) bool { return h.isOf(ours) })
}

// strangerProblem returns the problem of a port with which strangers are connected, or
// "" if there are none.
func strangerProblem(p Port, strangers []holder) string {
	if len(strangers) == 0 {
		return ""
	}
	return fmt.Sprintf("%v has a connection with %v, which is no node of this agent and can act as one; end that process", p, strangers[0])
}
