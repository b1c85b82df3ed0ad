package sim

import (
	"net/netip"
	"reflect"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// checkSent demands that the controller saves a configuration before it deploys
// it, and that it sends only to agents that are connected.
func (b *controllerBook) checkSent(e controller.ToAgent) {
	if a := b.controller.peers.holder(e.Instance); a == nil || a.id != e.Peer {
		b.w.violated("controller sends to %s, which does not answer for %s", e.Peer, e.Instance)
	}
	if list, ok := e.Msg.(mgmt.AgentGetNodesRequest); ok {
		b.askedList(e, list.ReqID)
	}
	switch msg := e.Msg.(type) {
	case mgmt.AgentRestartRequest:
		b.w.ops.restarting(e.Instance, msg.ReqID, msg.Nodes)
	case mgmt.AgentSteerRequest:
		b.checkSteer(e.Instance, msg)
	case mgmt.AgentDeployRequest:
		b.checkSteered(e.Instance, msg.Config)
	}
	msg, ok := e.Msg.(mgmt.AgentDeployRequest)
	if ok && (b.controller.disk.saved.Deployed == nil || !reflect.DeepEqual(msg.Config, b.controller.disk.saved.Deployed.Config)) {
		b.w.violated("controller deploys %s before it has saved it", msg.Config.ID)
	}
	if ok && slices.Contains(b.controller.disk.saved.Refused, e.Instance) {
		b.w.violated("controller deploys %s on %s again, which has refused it", msg.Config.ID, e.Instance)
	}
}

// checkSave demands that no revision goes back, and that the lists are bounded.
func (b *controllerBook) checkSave(s controller.State) {
	limits := b.w.terms.controller
	if s.Revision < b.controller.disk.saved.Revision || revision(s.Staged) < revision(b.controller.disk.saved.Staged) || revision(s.Deployed) < revision(b.controller.disk.saved.Deployed) {
		b.w.violated("controller saves an earlier revision")
	}
	if limits.History > 0 && len(s.History) > limits.History || limits.Limits.Leaving > 0 && len(s.Leaving) > limits.Limits.Leaving {
		b.w.violated("controller saves %d predecessors and %d leaving", len(s.History), len(s.Leaving))
	}
}

// noteAddresses notes where the deployed instances are dialed. If an instance is
// dropped later, the controller tells its agent at this address.
func (b *controllerBook) noteAddresses(e *controller.Entry) {
	if e == nil {
		return
	}
	for _, in := range e.Config.Instances {
		delete(b.w.dialable, in.Name)
		if in.ListenPort != nil {
			b.w.dialable[in.Name] = netip.AddrPortFrom(in.Host, in.ListenPort.Number)
		}
	}
}

func revision(e *controller.Entry) uint64 {
	if e == nil {
		return 0
	}
	return e.Revision
}

// checkRemembered demands that a life begins with the revisions that were
// acknowledged before its state was loaded, or with later ones. A controller among several may
// be paused between the two, and another one leads meanwhile.
func (b *controllerBook) checkRemembered(before acknowledged) {
	if revision(b.controller.disk.saved.Staged) < before.staged || revision(b.controller.disk.saved.Deployed) < before.deployed {
		b.w.violated("controller starts with revisions %d and %d, acknowledged were %d and %d",
			revision(b.controller.disk.saved.Staged), revision(b.controller.disk.saved.Deployed), before.staged, before.deployed)
	}
}

// checkHeld demands that the core holds no more peers, requests and agents than
// there are.
func (b *controllerBook) checkHeld() {
	held := b.controller.m.Held()
	connected := b.controller.peers.connected()
	agents := len(connected)
	for _, r := range b.asked {
		if r.awaitsNobody(connected) {
			b.w.violated("controller waits for answers to %s %q, and nobody is there to give them", r.kind, r.id)
		}
	}
	if held.Peers > len(b.controller.peers) || held.Requests > len(b.asked) || held.Agents > agents ||
		held.Legs > (len(b.asked)+held.Operations+4)*agents {
		b.w.violated("controller remembers %+v, has %d peers, %d agents and owes %d answers",
			held, len(b.controller.peers), agents, len(b.asked))
	}
}
