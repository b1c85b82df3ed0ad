package sim

import (
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// steer sets the lists that the agent must save.
func (r *asked) steer(msg mgmt.AgentSteerRequest, saved agent.State) {
	r.stopped, r.paused = msg.Stopped, msg.Paused
	if msg.Adds {
		r.stopped, r.paused = slices.Concat(r.stopped, saved.Stopped), slices.Concat(r.paused, saved.Paused)
	}
	r.stopped, r.paused = sortedNames(r.stopped), sortedNames(r.paused)
}

func sortedNames(names []mgmt.NodeName) []mgmt.NodeName {
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

// checkMarks demands that the agent saves nodes as stopped and paused only as a controller
// says. A node that a deployment removes loses what was said of it.
func (b *agentBook) checkMarks(s agent.State) {
	had := b.agent.disk.saved
	steers := func(r asked) bool {
		return r.kind == "steer" && slices.Equal(s.Stopped, r.stopped) && slices.Equal(s.Paused, r.paused)
	}
	deployed := slices.Equal(s.Stopped, b.here(s, had.Stopped)) && slices.Equal(s.Paused, b.here(s, had.Paused))
	unchanged := slices.Equal(s.Stopped, had.Stopped) && slices.Equal(s.Paused, had.Paused) && s.Term != had.Term
	if !deployed && !unchanged && !slices.ContainsFunc(b.asked, steers) {
		b.w.violated("%s saves %v as stopped and %v as paused, before they were %v and %v", b.agent.label, s.Stopped, s.Paused, had.Stopped, had.Paused)
	}
}

// here returns those of the names that are nodes of this instance.
func (b *agentBook) here(s agent.State, names []mgmt.NodeName) []mgmt.NodeName {
	return slices.DeleteFunc(slices.Clone(names), func(n mgmt.NodeName) bool {
		node, ok := s.Desired.Node(n)
		return !ok || node.Instance != b.agent.name
	})
}

// checkMayStart demands that no node is started that users have stopped, or that is paused
// and has ended by itself.
func (b *agentBook) checkMayStart(n mgmt.NodeName) {
	switch saved := b.agent.disk.saved; {
	case slices.Contains(saved.Stopped, n):
		b.w.violated("%s starts %s, which a user has stopped", b.agent.label, n)
	case slices.Contains(saved.Paused, n) && b.agent.procs.fell(n):
		b.w.violated("%s starts %s again, which is paused", b.agent.label, n)
	}
}

// checkSteered demands that nodes that were stopped have ended, if nothing else was said
// since. One that was started again may run.
func (b *agentBook) checkSteered(r asked, results []mgmt.Result) {
	if r.id != b.steered {
		return
	}
	for _, res := range results {
		p := b.agent.procs.running(res.Node)
		stopped := slices.Contains(r.stopped, res.Node) && slices.Contains(b.agent.disk.saved.Stopped, res.Node)
		if res.Success && res.Node != "" && stopped && p != nil && b.w.launched[place{b.agent.name, res.Node}] < r.since {
			b.w.violated("%s says that %s was stopped, and it runs", b.agent.label, p)
		}
	}
}

// purity says that the event that comes next must change nothing. preflights and fetches are
// those that belong to plans.
type purity struct {
	next                bool
	preflights, fetches map[uint64]bool
}

// beginPurely does everything that is due, if the next event must change nothing. It returns
// false if the agent's life has ended by that.
func (a *agentPart) beginPurely(pure bool) bool {
	if life := a.life; pure {
		a.step(agent.Tick{})
		a.pure.next = a.alive(life)
		return a.pure.next
	}
	return true
}

// checkPure demands that the effects of an event that must change nothing do not.
func (a *agentPart) checkPure(ev agent.Event, effects []agent.Effect) {
	if !a.pure.next {
		return
	}
	a.pure.next = false
	for _, effect := range effects {
		switch e := effect.(type) {
		case agent.Note, agent.RefusedOrder:
		case agent.Preflight:
			if a.pure.preflights == nil {
				a.pure.preflights = map[uint64]bool{}
			}
			a.pure.preflights[e.ID] = true
		case agent.Fetch:
			if a.pure.fetches == nil {
				a.pure.fetches = map[uint64]bool{}
			}
			a.pure.fetches[e.ID] = true
		case agent.ToController:
			switch e.Msg.(type) {
			case mgmt.AgentPlanResponse, mgmt.NotifyFetching, mgmt.NotifyError:
			default:
				a.w.violated("%s says %T upon %T, which is about a plan", a.label, e.Msg, ev)
			}
		default:
			a.w.violated("%s does %T upon %T, which is about a plan", a.label, effect, ev)
		}
	}
}
