package sim

import (
	"net/netip"
	"reflect"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// checkSent demands that nothing is deployed before it is saved, and that
// nobody is spoken to who is not there.
func (c *controllerPart) checkSent(e controller.ToAgent) {
	if a := c.holder(e.Instance); a == nil || a.id != e.Peer {
		c.w.violated("controller sends to %s, which does not answer for %s", e.Peer, e.Instance)
	}
	msg, ok := e.Msg.(mgmt.AgentDeployRequest)
	if ok && (c.disk.saved.Deployed == nil || !reflect.DeepEqual(msg.Config, c.disk.saved.Deployed.Config)) {
		c.w.violated("controller deploys %s before it has saved it", msg.Config.ID)
	}
	if ok && slices.Contains(c.disk.saved.Refused, e.Instance) {
		c.w.violated("controller deploys %s on %s again, which has refused it", msg.Config.ID, e.Instance)
	}
}

// checkSave demands that no save undoes another, and that what is kept is
// bounded.
func (c *controllerPart) checkSave(s controller.State) {
	limits := c.w.terms.controller
	if s.Revision < c.disk.saved.Revision || revision(s.Staged) < revision(c.disk.saved.Staged) || revision(s.Deployed) < revision(c.disk.saved.Deployed) {
		c.w.violated("controller saves an earlier revision")
	}
	if limits.History > 0 && len(s.History) > limits.History || limits.Limits.Leaving > 0 && len(s.Leaving) > limits.Limits.Leaving {
		c.w.violated("controller saves %d predecessors and %d leaving", len(s.History), len(s.Leaving))
	}
}

// noteAddresses keeps where the instances of what is deployed are dialed: those
// that are dropped later must be told so there.
func (c *controllerPart) noteAddresses(e *controller.Entry) {
	if e == nil {
		return
	}
	for _, in := range e.Config.Instances {
		delete(c.w.dialable, in.Name)
		if in.ListenPort != nil {
			c.w.dialable[in.Name] = netip.AddrPortFrom(in.Host, in.ListenPort.Number)
		}
	}
}

func revision(e *controller.Entry) uint64 {
	if e == nil {
		return 0
	}
	return e.Revision
}

// checkRemembered demands that a life begins with all that was acknowledged.
func (c *controllerPart) checkRemembered() {
	if revision(c.disk.saved.Staged) < c.book.staged || revision(c.disk.saved.Deployed) < c.book.deployed {
		c.w.violated("controller starts with revisions %d and %d, acknowledged were %d and %d",
			revision(c.disk.saved.Staged), revision(c.disk.saved.Deployed), c.book.staged, c.book.deployed)
	}
}

// checkHeld demands that the core remembers no more than there is.
func (c *controllerPart) checkHeld() {
	held := c.m.Held()
	connected := c.connected()
	agents := len(connected)
	for _, r := range c.book.asked {
		if r.awaitsNobody(connected) {
			c.w.violated("controller waits for answers to %s %q, and nobody is there to give them", r.kind, r.id)
		}
	}
	if held.Peers > len(c.book.met) || held.Requests > len(c.book.asked) || held.Agents > agents ||
		held.Legs > (len(c.book.asked)+4)*agents {
		c.w.violated("controller remembers %+v, has %d peers, %d agents and owes %d answers",
			held, len(c.book.met), agents, len(c.book.asked))
	}
}
