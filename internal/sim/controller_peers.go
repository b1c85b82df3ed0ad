package sim

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// acquaintances is the native peers of the controller.
type acquaintances []*acquaintance

// acquaintance is a native peer of the controller.
type acquaintance struct {
	id      mgmt.PeerID
	addr    netip.AddrPort
	dialed  bool
	fleet   bool              // the controller knows it as one of ours
	name    mgmt.InstanceName // the name in its hello; empty before
	since   time.Duration     // when its first hello came
	retired bool              // the controller hung up on it
	holds   bool              // it was found to answer for its instance
	// listed is the ID of the controller's first request for all its nodes. It is
	// empty before that request.
	listed mgmt.ReqID
	// stopped and paused are what it was told last.
	stopped, paused []mgmt.NodeName
}

// meet notes the hello of a peer.
func (l acquaintances) meet(now time.Duration, from mgmt.PeerID, got parcel) {
	hello, ok := got.msg.(mgmt.NotifyAgentHello)
	if !ok || hello.ID != string(from) || hello.Instance != got.topic.instance {
		return
	}
	for _, a := range l {
		if a.id == from && a.name == "" && !a.retired {
			l.holder(hello.Instance) // it stays, also if both say hello at the same time
			a.name, a.since = hello.Instance, now
		}
	}
}

// holder returns the peer that answers for an instance, or nil. It is the first
// peer that said to be the instance.
func (l acquaintances) holder(name mgmt.InstanceName) *acquaintance {
	var first *acquaintance
	for _, a := range l {
		if a.name == name && !a.retired && a.holds {
			return a
		}
		if a.name == name && !a.retired && (first == nil || cmp.Or(cmp.Compare(a.since, first.since), cmp.Compare(a.id, first.id)) < 0) {
			first = a
		}
	}
	if first != nil && name != "" {
		first.holds = true
	}
	return first
}

// retire notes that a Disconnect ends the role of the agent that was dialed, and returns it.
func (l acquaintances) retire(e controller.Disconnect) *acquaintance {
	a := l.holder(e.Instance)
	if a == nil || !a.dialed || a.addr != e.Addr {
		return nil
	}
	a.retired = true
	return a
}

// connected returns the instances with an agent, sorted.
func (l acquaintances) connected() []mgmt.InstanceName {
	var names []mgmt.InstanceName
	for _, a := range l {
		if a.name != "" && !a.retired {
			names = append(names, a.name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
