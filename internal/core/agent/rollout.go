package agent

import "github.com/zeekfleet/zeekfleet/internal/mgmt"

// rollout starts and stops the processes of this host, so that the desired nodes
// run with their present plans. It keeps what is known of each node and process.
//
// It stops processes tier by tier: workers, proxies, managers, loggers. A tier holds
// up the next one for at most StopGate.
//
// It starts nodes afresh when all of them that ran have ended and are buried, the
// loggers first, the workers last. No tier waits for another: nodes try again every
// second to connect to each other. A node may need a port or a device of a process
// that is about to end. Then it waits for that process alone.
//
// A node that ended by itself has no part in that order. It starts again when its
// delay is over and it is buried.
type rollout struct {
	*turn
	nodes    nodes
	steering steering
	burials  burials
	launches uint64    // the highest number of a launch so far
	outcomes []outcome // that the requests were not told yet
	layouts  *layouts
	last     lastStop
	use      mgmt.LayoutUse // how nodes are launched: as Config.LayoutUse, or as before an upgrade
}

func newRollout(t *turn) *rollout {
	r := &rollout{turn: t, nodes: nodes{named: map[mgmt.NodeName]*node{}}, burials: burials{}, use: t.cfg.LayoutUse}
	r.layouts = &layouts{turn: t, nodes: &r.nodes}
	return r
}

// setState records and announces a change of n's state. why is a sentence for people.
func (r *rollout) setState(n *node, s mgmt.State, why string) { r.setStateOf(n, n.pid(), s, why) }

// setStateOf is setState if the change is about a process that n has no more.
func (r *rollout) setStateOf(n *node, pid int64, s mgmt.State, why string) {
	if n.state == s {
		return
	}
	described := n.plan.Node
	described.State = s
	described.Env, described.Command, described.RunOptions = nil, nil, nil // they may hold secrets, and everyone can subscribe
	r.tell(mgmt.NotifyChange{Instance: r.cfg.Name, Node: described, Old: n.state, New: s})
	r.happened(n.name(), pid, n.state, s, why)
	n.state = s
}

// happened says what has happened to a node, and why. Environments of nodes may hold
// secrets: they are no part of it.
func (r *rollout) happened(node mgmt.NodeName, pid int64, from, to mgmt.State, why string) {
	r.emit(Happened{Happening: mgmt.Happening{
		Time: r.now, Kind: mgmt.HappenedNode, Instance: r.cfg.Name, Node: node,
		From: string(from), To: string(to), Cause: why, PID: pid,
	}})
}

// advance asks for every Stop and every Start that need not wait any longer.
func (r *rollout) advance() {
	r.layouts.tellAll()
	held := r.advanceStops()
	r.advanceStarts(held || r.burialsHold())
}

// advanceStops reports whether a node that is to be started afresh has not ended yet.
// All nodes that are to be started afresh wait for it.
func (r *rollout) advanceStops() (held bool) {
	blocked := false
	for t := range tierCount {
		wait := blocked
		for _, n := range r.nodes.tiers[tierCount-1-t] {
			if !n.stopping() {
				continue
			}
			if n.proc.mayBeStopped() && !wait {
				n.proc.halt.sent = r.now
				r.emit(Stop{Node: n.name(), Launch: n.proc.launch, Within: r.last.within(r.now)})
			}
			blocks := r.blocks(n.proc)
			blocked = blocked || blocks
			held = held || n.wanted && !n.rests && blocks
		}
	}
	return held
}

func (r *rollout) blocks(p *process) bool { return p.blocks(r.now, r.last.stopGate(&r.cfg)) }

func (r *rollout) advanceStarts(held bool) {
	leaving := r.heldByEnding()
	starting := 0
	for _, n := range r.nodes.named {
		if n.proc != nil && n.proc.starts(r.now) {
			starting++
		}
	}
	for _, tier := range r.nodes.tiers {
		for _, n := range tier {
			switch {
			case !n.startable() || n.proc != nil || r.burials.of(n):
			case !n.fresh:
				if !r.now.Before(n.due) {
					r.launch(n)
				}
			case !held && starting < r.cfg.MaxStarting && !leaving.have(n.plan.Node):
				starting++
				r.launch(n)
			}
		}
	}
}

func (r *rollout) launch(n *node) {
	r.launches++
	n.proc = &process{
		launch:      r.launches,
		fingerprint: n.fingerprint,
		layout:      r.layouts.present.Layout,
		options:     optionsOfProcess{known: givenOptions(optionsOf(n.plan.Node))},
		limits:      limitsOfProcess{asked: new(n.plan.Node.Limits)},
		spec:        new(n.plan.Node),
		moment:      r.moment(),
		since:       r.now,
		state:       mgmt.Pending,
		late:        r.now.Add(r.cfg.StartDeadlineOf(n.plan.Node.Role)),
	}
	if n.fresh {
		n.proc.gate = r.now.Add(r.cfg.StartGate)
	}
	n.fresh = false
	r.setState(n, mgmt.Pending, n.whyAgain())
	r.emit(Start{Launch: n.proc.launch, Plan: n.plan, Fingerprint: n.fingerprint})
}

// halt has n's process stopped as soon as its tier may be stopped. A process that
// could not be stopped is asked to end once more. Dispatches no longer wait for the
// node.
func (r *rollout) halt(n *node) {
	switch {
	case n.proc == nil:
	case n.stuck() != "":
		n.proc.halt = &halt{since: r.now}
	case n.proc.halt == nil:
		n.proc.halt = &halt{since: r.now}
		r.silenced(n, "cluster node "+string(n.name())+" was stopped")
	}
}

// wakeUp adds the times at which the rollout has something to decide.
func (r *rollout) wakeUp(w *wake) {
	for _, n := range r.nodes.named {
		switch p := n.proc; {
		case p == nil:
			if n.startable() && !n.fresh && !r.burials.of(n) {
				w.at(n.due)
			}
			w.after(r.now, r.burials.gate(n, r.last.stopGate(&r.cfg)))
		case p.halt != nil:
			if p.halt.stuck == "" {
				w.after(r.now, p.halt.gate(r.last.stopGate(&r.cfg)))
			}
		case p.state == mgmt.Pending:
			w.after(r.now, p.gate)
			w.after(r.now, p.late)
		}
	}
}
