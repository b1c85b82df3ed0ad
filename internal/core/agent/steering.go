package agent

import (
	"fmt"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// steering says what users have said of single nodes. Both lists are sorted. They may name
// nodes that this agent does not know: a configuration that has them may come later.
type steering struct {
	stopped []mgmt.NodeName // end, and stay ended
	paused  []mgmt.NodeName // are not started again when they end by themselves
}

func newSteering(stopped, paused []mgmt.NodeName) steering {
	return steering{sortedNames(stopped), sortedNames(paused)}
}

func sortedNames(list []mgmt.NodeName) []mgmt.NodeName {
	return slices.Compact(slices.Sorted(slices.Values(list)))
}

func (s steering) stops(n mgmt.NodeName) bool { return has(s.stopped, n) }

func (s steering) pauses(n mgmt.NodeName) bool { return has(s.paused, n) }

func has(sorted []mgmt.NodeName, n mgmt.NodeName) bool {
	_, ok := slices.BinarySearch(sorted, n)
	return ok
}

func (s steering) equal(o steering) bool {
	return slices.Equal(s.stopped, o.stopped) && slices.Equal(s.paused, o.paused)
}

// within returns s without the nodes that are no part of c on this instance. What was
// said of a node does not hold for another one that gets its name later.
func (s steering) within(c mgmt.Configuration, instance mgmt.InstanceName) steering {
	here := map[mgmt.NodeName]bool{}
	for _, n := range c.Nodes {
		if n.Instance == instance {
			here[n.Name] = true
		}
	}
	strange := func(n mgmt.NodeName) bool { return !here[n] }
	return steering{
		slices.DeleteFunc(slices.Clone(s.stopped), strange), slices.DeleteFunc(slices.Clone(s.paused), strange),
	}
}

// steer saves what users have said of nodes, and does it. The answer goes out when the
// nodes that are stopped have ended, and those that are started are up.
func (m *Machine) steer(r *request, msg mgmt.AgentSteerRequest) {
	most := m.cfg.MaxNodes
	if msg.Adds {
		most *= 2 // those of the configuration before, and those of the next one
		msg.Stopped = slices.Concat(msg.Stopped, m.rollout.steering.stopped)
		msg.Paused = slices.Concat(msg.Paused, m.rollout.steering.paused)
	}
	next := newSteering(msg.Stopped, msg.Paused)
	if len(next.stopped) > most || len(next.paused) > most {
		m.requests.refuse(r, fmt.Sprintf("more than %d nodes are named", most))
		return
	}
	for _, n := range slices.Concat(next.stopped, next.paused) {
		if err := mgmt.CheckName(string(n)); err != nil {
			m.requests.refuse(r, fmt.Sprintf("node %.100q is badly named: %v", string(n), err))
			return
		}
	}
	m.requests.open(r, m.requests.patience(r, m.cfg.RestartTimeout))
	c := change{request: r, purpose: steers, steering: next}
	if next.equal(m.rollout.steering) {
		m.steered(c)
		return
	}
	m.proposals.save(c)
}

// steered does what was saved.
func (m *Machine) steered(c change) {
	m.rollout.steering = c.steering
	var concerned []*node
	for _, n := range m.rollout.nodes.sorted(func(n *node) bool { return n.wanted }) {
		if m.rollout.steer(n) {
			concerned = append(concerned, n)
		}
	}
	m.settle() // earlier requests learn that their nodes were stopped
	for _, n := range concerned {
		if n.unseen != "" {
			m.requests.settle(c.request, n.name(), mgmt.Result{Error: n.unseen})
			continue
		}
		c.request.Await(n.name())
	}
	m.requests.closeIfSettled(c.request)
}

// steer makes n run, or rest, as the steering says. It reports whether somebody should
// wait for n: to end, or to come up.
func (r *rollout) steer(n *node) bool {
	n.paused = r.steering.pauses(n.name())
	switch stop := r.steering.stops(n.name()); {
	case stop && (!n.rests || n.stuck() != ""):
		r.rest(n)
		return n.proc != nil || n.unseen != ""
	case stop:
		return n.proc != nil
	case n.rests:
		n.rests = false
		r.restart(n, "started by a user")
		return true
	case n.held && !n.paused:
		r.restart(n, "resumed by a user")
		return true
	case n.paused && n.proc == nil && (n.unseen != "" || !n.fresh && n.startable()):
		r.hold(n) // it has ended by itself, and its delay is not over, or it may still run
	}
	return false
}

// rest ends n, which stays ended until it is no longer stopped.
func (r *rollout) rest(n *node) {
	began := !n.rests
	n.rests, n.fresh, n.held, n.failures = true, false, false, 0
	r.halt(n)
	if n.unseen == "" {
		r.setState(n, mgmt.Stopped, "stopped by a user")
	}
	if began {
		r.became(n, rests)
	}
}

// restsText is what a result says of a node that a user has stopped.
const restsText = "it was stopped by a user, and stays stopped until it is started"

// hold keeps n down. It has no process, and is paused. If the agent has started just now,
// the process has ended while no agent saw it, or before. A process that cannot be seen may
// still run: n stays down when it has ended.
func (r *rollout) hold(n *node) {
	if n.held {
		return
	}
	n.held, n.fresh = true, false
	if n.unseen != "" || n.state == mgmt.Crashed || n.state == mgmt.Failed {
		return
	}
	r.setState(n, mgmt.Crashed, "it has no process; "+heldText)
	r.emit(Note{Level: Warn, Text: "node is not started: it is paused", Node: n.name()})
	r.tell(mgmt.NotifyError{
		Instance: r.cfg.Name, Node: n.name(),
		Msg: fmt.Sprintf("node %s has no process, and is %s (resume starts it)", n.name(), heldText),
	})
}

// heldText is the reason why a paused node is not started.
const heldText = "paused: not restarted"

// marks says which nodes are stopped or paused. It returns nothing if none is.
func (s *nodes) marks() []string {
	var texts []string
	for _, mark := range []struct {
		text string
		has  func(*node) bool
	}{
		{"stopped by a user, and not started until somebody starts them: ", func(n *node) bool { return n.wanted && n.rests }},
		{"paused, so that they are not restarted when they end: ", func(n *node) bool { return n.wanted && n.paused && (!n.held || n.unseen != "") }},
		{"paused, and not restarted after they have ended (resume starts them): ", func(n *node) bool { return n.wanted && n.held && n.unseen == "" }},
	} {
		if list := s.sorted(mark.has); len(list) > 0 {
			texts = append(texts, mark.text+names(list))
		}
	}
	return texts
}
