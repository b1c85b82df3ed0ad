package node

import (
	"fmt"
	"net/netip"
	"os"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/sockowner"
)

// screen refuses programs of this host that belong to other users than root and the
// node's own. The kernel says whose they are. Callers from other hosts are not its
// business, except at a loopback address.
func screen(remote, local netip.AddrPort) (bus.Caller, error) {
	owner, elsewhere, err := sockowner.Caller(remote, local, sockowner.Of, sockowner.Here)
	switch {
	case elsewhere:
		return bus.Caller{}, err
	case err != nil:
		return bus.Caller{Local: true}, fmt.Errorf("this host does not say which user it is: %w", err)
	}
	own := owner.UID == 0 || int64(owner.UID) == int64(os.Geteuid())
	caller := bus.Caller{Local: true, Known: true, UID: owner.UID, Inode: owner.Inode, Trusted: own, Own: own}
	if !own {
		return caller, fmt.Errorf("user %d may not connect to this node: root and the node's own user may", owner.UID)
	}
	return caller, nil
}
