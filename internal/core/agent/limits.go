package agent

import "github.com/zeekfleet/zeekfleet/internal/mgmt"

// limitsOfProcess is what is known of the limits of a process.
type limitsOfProcess struct {
	// asked are the limits with which it was started, or for which the shell was asked last.
	// Nil means that nobody knows its limits: an earlier life of the agent started it.
	asked *mgmt.Limits
	// told says that a person hears of success: the limits of a running process change.
	told bool
	// why says why it could not get them. Empty: it has them, or the shell did not answer yet.
	why string
}

// limits gives running nodes the limits that they are to have.
type limits struct {
	*turn
	rollout *rollout
}

// applyAll asks for the limits of the running nodes that do not have theirs.
func (l *limits) applyAll() {
	for _, tier := range l.rollout.nodes.tiers {
		for _, n := range tier {
			if !n.wanted || n.proc == nil || !n.proc.begun || n.proc.halt != nil {
				continue
			}
			own, want := &n.proc.limits, n.plan.Node.Limits
			if own.asked != nil && *own.asked == want {
				continue // want is not on the heap: this runs in each Step
			}
			*own = limitsOfProcess{asked: new(want), told: own.asked != nil}
			l.emit(Limit{Node: n.name(), Launch: n.proc.launch, Limits: want})
		}
	}
}

// limited takes note of whether a process has got its limits. An answer that came too late
// is about earlier limits.
func (l *limits) limited(ev Limited) {
	n, ok := l.rollout.find(ev.Node, ev.Launch)
	if !ok || n.proc.limits.asked == nil || *n.proc.limits.asked != ev.Limits {
		return
	}
	own := &n.proc.limits
	if own.told && ev.Err == "" {
		l.emit(Note{Level: Info, Text: "node has other limits", Node: ev.Node})
	}
	again := ev.Err == own.why
	own.told, own.why = false, ev.Err
	if again || ev.Err == "" {
		return
	}
	l.emit(Note{Level: Warn, Text: "node does not get its limits", Node: ev.Node, Err: ev.Err})
	l.tell(mgmt.NotifyLog{Instance: l.cfg.Name, Msg: lacksLimits(n), Node: ev.Node})
}

// lacksLimits says that a running node does not have its limits, and why.
func lacksLimits(n *node) string {
	return "cluster node " + string(n.name()) + " does not get its limits: " + n.proc.limits.why
}

// remarks returns the texts about nodes that do not have their limits.
func (l *limits) remarks() []string {
	var texts []string
	for _, n := range l.rollout.nodes.all() {
		if n.proc != nil && n.proc.limits.why != "" {
			texts = append(texts, lacksLimits(n))
		}
	}
	return texts
}
