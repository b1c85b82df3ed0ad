package sim

import (
	"bytes"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/leading"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
)

// populateControllers makes the controllers of a cluster that has several.
func (w *world) populateControllers() {
	w.terms.fleet = true // only agents of ours know several controllers
	for i, name := range []string{"second", "third"} {
		w.newController(name, &host{addr: netip.AddrFrom4([4]byte{127, 0, 0, byte(i + 2)})})
	}
	for _, c := range w.controllers {
		c.member = &member{c: c, deaf: map[*controllerPart]bool{}}
	}
}

// clientHost returns the host of the clients.
func (w *world) clientHost() *host {
	if w.shared == nil {
		return w.controllers[0].host
	}
	return &host{addr: netip.AddrFrom4([4]byte{127, 0, 0, 9})}
}

// server returns what a client reaches at the address that it has chosen. A controller that
// follows passes the client on to the one that leads, if it knows and reaches it.
func (c *client) server() func() *endpoint {
	w := c.w
	if w.shared == nil {
		return func() *endpoint { return w.controllers[0].ep }
	}
	via := pick(w.dice, w.controllers)
	return func() *endpoint {
		if via.ep == nil || via.member.paused || via.host.cut {
			return nil
		}
		for _, to := range w.controllers {
			if to.name == via.member.core.View().Leader && to.m != nil && !to.member.paused && (to == via || !to.host.cut) {
				return to.ep
			}
		}
		return nil
	}
}

// patience is how long a client waits for an answer. A controller among several may be paused
// meanwhile, and the store may not answer.
func (w *world) patience() time.Duration {
	if w.shared == nil {
		return patience
	}
	return 2 * patience
}

// hasController reports whether a controller is on a host.
func (w *world) hasController(h *host) bool {
	return slices.ContainsFunc(w.controllers, func(c *controllerPart) bool { return c.host == h })
}

// someController returns a controller, more often the one that leads.
func (ch *chaos) someController() *controllerPart {
	if ch.shared == nil || ch.chance(0.5) {
		return ch.controller
	}
	return pick(ch.dice, ch.controllers)
}

// isController reports whether a part is a controller that serves agents.
func isController(p part) bool {
	c, ok := p.(*controllerPart)
	return ok && c.m != nil
}

func same(a, b disk) bool { return maps.EqualFunc(a, b, bytes.Equal) }

// checkOrdered demands that the agent does nothing for a controller of an earlier term than the
// one that it has done something for, and that a term has one controller.
func (a *agentPart) checkOrdered(e agent.Ordered) {
	d := &a.disk
	switch {
	case e.Term < d.ordered:
		a.w.violated("%s does %T for %s in term %d, and has obeyed %s in term %d", a.label, e.Order, e.Controller, e.Term, d.orderedBy, d.ordered)
	case e.Term == d.ordered && e.Controller != d.orderedBy && e.Term > a.w.shared.forgotten:
		a.w.violated("%s does %T for %s in term %d, in which it has obeyed %s", a.label, e.Order, e.Controller, e.Term, d.orderedBy)
	}
	d.ordered, d.orderedBy = e.Term, e.Controller
}

// checkLead demands that one controller leads in peace, that all know it, and that it goes on.
func (r *referee) checkLead(settled bool) {
	s := r.shared
	if s == nil || r.broken != nil {
		return
	}
	lead := s.now()
	if lead.Token == 0 || r.leader().m == nil {
		r.violated("in peace nobody leads: %+v", lead)
		return
	}
	if settled && lead.Token != s.settled {
		r.violated("in peace another controller leads: %+v", lead)
	}
	s.settled = lead.Token
	for _, c := range r.controllers {
		v := c.member.core.View()
		if leads := c == r.leader(); v.Leader != lead.Member || v.Term != lead.Term || v.Leads != leads || leads != (c.m != nil) {
			r.violated("in peace %s sees %+v, and %+v leads", c.name, v, lead)
		}
	}
}

// clusterMischief is what goes wrong only among several controllers.
func clusterMischief() []mischief {
	return []mischief{
		(*chaos).pauseController,
		(*chaos).cutStore,
		(*chaos).cutControllers,
		(*chaos).isolateController,
		(*chaos).handOver,
		(*chaos).restoreStore,
	}
}

// pauseController stops a controller for a while.
func (ch *chaos) pauseController() {
	c := ch.someController()
	c.member.pause(true)
	ch.after(ch.between(100*time.Millisecond, 20*time.Second), func() { c.member.pause(false) })
}

// cutStore lets a controller not reach the store for a while.
func (ch *chaos) cutStore() {
	c := ch.someController()
	if c.member.away {
		return
	}
	c.member.away = true
	ch.did(c.name, "does not reach the store")
	ch.after(ch.between(100*time.Millisecond, 20*time.Second), func() {
		if c.member.away {
			c.member.away = false
			ch.did(c.name, "reaches the store again")
			c.member.show()
		}
	})
}

// cutControllers lets one or two controllers not hear another one.
func (ch *chaos) cutControllers() {
	of := ch.someController()
	for _, c := range ch.controllers {
		if c != of && ch.chance(0.7) {
			ch.did(c.name, "does not hear "+of.name)
			c.member.deaf[of] = true
			ch.after(ch.between(100*time.Millisecond, 40*time.Second), func() { delete(c.member.deaf, of) })
		}
	}
}

// isolateController cuts the host of a controller off.
func (ch *chaos) isolateController() {
	c := ch.someController()
	if c.host.cut {
		return
	}
	ch.net.cutOff(c.host)
	ch.after(ch.between(100*time.Millisecond, 40*time.Second), func() {
		if c.host.cut {
			ch.net.mend(c.host)
			c.member.show()
		}
	})
}

// restoreStore ends all controllers, and starts them with a store that has forgotten the latest
// terms. Nobody who led before comes back, so terms may have other controllers from now on.
func (ch *chaos) restoreStore() {
	if ch.chance(0.7) {
		return // once in a while
	}
	s := ch.shared
	for _, c := range ch.controllers {
		c.end("is stopped for a restore")
		ch.after(ch.pause(), c.start)
	}
	s.lead, s.holder = quorum.Lead{}, 0
	clear(s.sessions)
	clear(s.doubts)
	s.forgotten = max(s.forgotten, s.term)
	s.term = uint64(ch.rng.IntN(int(s.term) + 1))
	for _, a := range ch.agents {
		a.disk.ordered, a.disk.orderedBy = 0, ""
	}
	ch.did("store", "has forgotten the latest terms")
}

// handOver lets the controller that leads resign.
func (ch *chaos) handOver() {
	m := ch.controller.member
	if m.core != nil && !m.paused {
		m.lead(leading.HandOver{})
	}
}
