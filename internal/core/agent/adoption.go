package agent

import "github.com/zeekfleet/zeekfleet/internal/mgmt"

// adopted takes over the processes that an earlier life of the agent started. Then
// it begins the rollout of the configuration that was saved.
func (m *Machine) adopted(ev Adopted) {
	if m.mode != waiting {
		m.emit(Note{Level: Warn, Text: "processes adopted twice"})
		return
	}
	m.mode = serving
	m.rollout.adopt(ev)
	if m.told {
		m.emit(Use{m.desired.BundlesOf(m.cfg.Name)})
		m.rollout.setDesired(m.desired, false, agentStarted)
	} else {
		m.rollout.keepAll()
	}
	for _, p := range m.peers.oldestFirst() {
		if m.terms.refusal(p) == "" {
			m.sayHello(p.id)
		}
		if p.node != "" {
			m.claim(p)
		}
	}
}

// adopt takes over the processes that an earlier life of the agent started.
func (r *rollout) adopt(ev Adopted) {
	for _, p := range ev.Processes {
		r.launches = max(r.launches, p.Launch)
		if _, dup := r.nodes.named[p.Node]; dup {
			r.emit(Stop{Node: p.Node, Launch: p.Launch})
			continue
		}
		r.nodes.named[p.Node] = &node{
			plan:  planless(r.cfg.Name, p.Node),
			state: mgmt.Unknown,
			proc: &process{
				launch: p.Launch, fingerprint: p.Fingerprint, pid: p.PID, since: p.Started, begun: true, state: mgmt.Unknown,
				exposed: p.Exposed,
			},
		}
		r.happened(p.Node, p.PID, "", mgmt.Unknown, "adopted: it has run on while its agent was away")
	}
	r.cannotSee(ev.Unseen)
}

// planless is the plan of a node if the agent knows only its name.
func planless(instance mgmt.InstanceName, name mgmt.NodeName) mgmt.Plan {
	return mgmt.Plan{Node: mgmt.Node{Name: name, Instance: instance, Role: mgmt.ClusterNone}}
}

// cannotSee has nodes wait for processes that may run and that the agent cannot
// watch. The agent starts no second process of such a node.
func (r *rollout) cannotSee(unseen []Unseen) {
	for _, u := range unseen {
		r.launches = max(r.launches, u.Launch)
		n := r.nodes.named[u.Node]
		if n == nil {
			n = &node{plan: planless(r.cfg.Name, u.Node), state: mgmt.Unknown}
			r.nodes.named[u.Node] = n
		}
		n.unseen = u.Why
		r.happened(u.Node, n.pid(), "", mgmt.Unknown, u.Why)
		r.emit(Note{Level: Error, Text: "node is not started: it may run already", Node: u.Node, Err: u.Why})
		r.tell(mgmt.NotifyError{Instance: r.cfg.Name, Msg: u.Why, Node: u.Node})
	}
}

// freed takes note that an Unseen process is gone. After the last one the node may
// start.
func (r *rollout) freed(ev Freed) {
	r.burials.begin(r.now, ev.Node, ev.Launch)
	if !ev.Last {
		return
	}
	n := r.nodes.named[ev.Node]
	if n == nil || n.unseen == "" {
		r.emit(Note{Level: Debug, Text: "report about a process that is not known", Node: ev.Node})
		return
	}
	n.unseen = ""
	r.emit(Note{Level: Info, Text: "node has no process any more that cannot be seen", Node: ev.Node})
	r.became(n, gone)
	switch {
	case n.proc != nil:
	case n.wanted && n.rests:
		r.setState(n, mgmt.Stopped, "its process that the agent could not see is gone; it was stopped by a user")
	case n.wanted && n.held:
		n.held = false
		r.hold(n)
	case n.wanted:
		n.fresh, n.due = false, r.now // it has ended by itself: if it is paused before it starts, it stays down
		r.setState(n, mgmt.Pending, "its process that the agent could not see is gone")
	default:
		r.setState(n, mgmt.Stopped, "its process that the agent could not see is gone")
		r.nodes.forget(n)
	}
}
