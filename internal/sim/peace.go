package sim

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// populate makes the parts of a world, and starts them.
func (w *world) populate() {
	w.terms = w.newTerms()
	for i := range w.terms.agents {
		h := &host{addr: netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)})}
		if i == 0 && w.chance(0.3) {
			h = w.controller.host
		}
		w.newAgent(string(instancePool[i]), instancePool[i], h, w.chance(0.6))
	}
	for i := range w.terms.clients {
		w.newClient(fmt.Sprintf("c%d", i+1))
	}
	w.controller.start()
	for _, a := range w.agents {
		a.start()
	}
}

// episode is a time of mischief and a time of peace.
func (w *world) episode() {
	w.mood = w.newMood()
	for _, c := range w.clients {
		w.behave(c)
	}
	w.harass()
	for _, stage := range []func(){
		func() { w.run(w.now + w.between(5*time.Second, 4*time.Minute)) },
		w.heal,
		func() { w.run(w.now + w.terms.settling()) },
		w.checkPlacement,
		func() { w.run(w.now + w.terms.recovery()) },
		w.checkRecovery,
	} {
		if w.broken == nil {
			stage()
		}
	}
}

// heal ends all mischief. What is broken beyond repair ends.
func (w *world) heal() {
	w.mood = mood{}
	w.did("world", "is at peace")
	w.controller.disk.state = diskWorks
	if w.controller.disk.foreign() {
		w.controller.end("crashes, and does not know yet that another has saved")
	}
	w.controller.start()
	for _, a := range slices.Clone(w.agents) {
		a.disk.state = diskWorks
		if a.host.cut {
			w.mend(a.host)
		}
		if a.label != string(a.name) {
			a.powerOff()
			w.agents = slices.DeleteFunc(w.agents, func(o *agentPart) bool { return o == a })
			continue
		}
		if a.book.shutdown {
			a.end("ends", false)
		}
		a.start()
		for _, p := range slices.Clone(a.procs) {
			if p.phase == launching {
				p.fate = w.newFate()
			} else if !p.sound() || p.unseen == a.life {
				p.exit("killed by SIGKILL")
			}
		}
	}
	w.findOut()
}

// findOut has every end of a connection that exists no more notice before long.
func (w *world) findOut() {
	for _, ep := range w.endpoints() {
		for _, e := range ep.ends {
			if e.far.state == down {
				w.resend(e)
			}
		}
	}
}

// sound reports whether a process is as it should be.
func (p *process) sound() bool {
	return !p.fate.mute && !p.fate.deaf && !p.fate.hangs && p.fate.guard == guardNone && p.fate.work < time.Second && p.fate.life == 0
}

// reachable reports whether controller and agent can find each other, or could
// when the controller last deployed anything there. An instance that is dialed
// may have been hung up on because its double agreed to stand by.
func (w *world) reachable(a *agentPart) bool {
	dialed := slices.ContainsFunc(w.controller.dials, func(d *instanceDial) bool { return d.addr == a.addr })
	return a.dials || dialed || w.dialable[a.name] == a.addr && w.doubled != a.name
}

// checkPlacement demands that nothing runs but what is deployed, where it is
// deployed, once.
func (w *world) checkPlacement() {
	d := w.controller.disk.saved.Deployed
	if d == nil {
		return
	}
	for _, a := range w.agents {
		seen := map[mgmt.NodeName]bool{}
		for _, p := range a.procs {
			n, ok := d.Config.Node(p.name)
			if w.reachable(a) && !w.refused(a.name) && (!ok || n.Instance != a.name) {
				w.violated("%s runs although it is not deployed there, %v after the last fault", p, w.terms.settling())
			}
			if seen[p.name] {
				w.violated("%s runs twice on %s", p.name, a.label)
			}
			seen[p.name] = true
		}
	}
}

// checkRecovery demands that everything desired runs, and that a client is told
// so.
func (w *world) checkRecovery() {
	w.checkPlacement()
	d := w.controller.disk.saved.Deployed
	if d == nil || w.broken != nil {
		return
	}
	for _, n := range d.Config.Nodes {
		w.checkNode(d.Config, n)
	}
	w.checkSnapshot(d.Config)
	c := w.clients[0]
	c.connect()
	w.run(w.now + 5*time.Second)
	if w.broken != nil {
		return
	}
	clear(c.heard)
	for _, msg := range []mgmt.Message{
		mgmt.GetNodesRequest{ReqID: w.newReqID()},
		mgmt.GetIDValueRequest{ReqID: w.newReqID(), ID: "Cluster::node"},
		mgmt.GetConfigurationRequest{ReqID: w.newReqID(), Deployed: true},
	} {
		if w.broken == nil {
			c.ask(msg, true)
			w.run(w.now + time.Second)
		}
	}
	w.checkHeard(c, d.Config)
	c.leave()
}

// checkSnapshot demands that the controller has observed the whole truth although
// nobody has asked for it, if it knows its agents as ones of ours.
func (w *world) checkSnapshot(config mgmt.Configuration) {
	if !w.terms.fleetAgents || w.broken != nil {
		return
	}
	states := map[mgmt.NodeName]mgmt.State{}
	for _, in := range w.controller.m.Snapshot().Instances {
		for _, n := range in.Nodes {
			if n.MgmtRole == mgmt.RoleNone {
				states[n.Node] = n.State
			}
		}
	}
	for _, n := range config.Nodes {
		a := w.agent(n.Instance)
		if a != nil && w.reachable(a) && !w.refused(a.name) && states[n.Name] != mgmt.Running {
			w.violated("in peace the controller's snapshot has %s as %q", n.Name, states[n.Name])
		}
		delete(states, n.Name)
	}
	if w.everybodyReachable() && len(states) > 0 {
		w.violated("in peace the controller's snapshot has nodes that are not deployed: %v", states)
	}
}

// refused reports whether the instance keeps what it ran until somebody deploys
// again, because its agent refused what is deployed.
func (w *world) refused(name mgmt.InstanceName) bool {
	return slices.Contains(w.controller.disk.saved.Refused, name)
}

// checkNode demands that a node runs with its present plan.
func (w *world) checkNode(config mgmt.Configuration, n mgmt.Node) {
	a := w.agent(n.Instance)
	if a == nil || !w.reachable(a) || w.refused(n.Instance) {
		return
	}
	plan, _ := mgmt.PlanFor(config, n.Name)
	if p := a.running(n.Name); p == nil || p.plan != plan.Fingerprint() {
		w.violated("%s does not run on %s as deployed, %v after the last fault", n.Name, n.Instance, w.terms.settling()+w.terms.recovery())
	}
}

func (w *world) agent(name mgmt.InstanceName) *agentPart {
	for _, a := range w.agents {
		if a.label == string(name) {
			return a
		}
	}
	return nil
}

// checkHeard demands that what a client was told in peace is the whole truth.
func (w *world) checkHeard(c *client, config mgmt.Configuration) {
	if w.broken != nil {
		return
	}
	states := map[mgmt.NodeName]mgmt.State{}
	for _, res := range c.heard["get_nodes"] {
		statuses, _ := res.Data.(mgmt.NodeStatuses)
		for _, s := range statuses {
			if s.MgmtRole == mgmt.RoleNone {
				states[s.Node] = s.State
			}
		}
	}
	answered := map[mgmt.NodeName]bool{}
	for _, res := range c.heard["get_id_value"] {
		answered[res.Node] = res.Success
	}
	reached := 0
	for _, n := range config.Nodes {
		a := w.agent(n.Instance)
		here := a != nil && w.reachable(a) && !w.refused(a.name)
		if here && (states[n.Name] != mgmt.Running || !answered[n.Name]) {
			w.violated("in peace %s is reported %q, and answers a client: %t", n.Name, states[n.Name], answered[n.Name])
		}
		if here {
			reached++
		}
		delete(states, n.Name)
	}
	if w.everybodyReachable() && len(states) > 0 {
		w.violated("in peace %d nodes are reported that are not deployed", len(states))
	}
	if res := c.heard["get_configuration"]; len(res) != 1 || !res[0].Success {
		w.violated("in peace the deployed configuration cannot be had")
	}
}

func (w *world) everybodyReachable() bool {
	return !slices.ContainsFunc(w.agents, func(a *agentPart) bool { return !w.reachable(a) || w.refused(a.name) })
}
