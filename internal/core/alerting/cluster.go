package alerting

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// clusterRules are the rules about nodes and agents.
type clusterRules struct{ *turn }

// crashes are those of one node.
type crashes struct {
	times []time.Time // the latest, oldest first; at most as many as make a loop
	cause string
}

// logged takes what was written into the log.
func (t clusterRules) logged(ev Logged) {
	if ev.Log != t.log || ev.Upto != t.read {
		if ev.Log != t.log {
			t.urgent = true // from now on the log says what was told
		}
		t.log, t.read = ev.Log, ev.Upto
		if t.dirty.IsZero() {
			t.dirty = t.now
		}
	}
	for _, h := range ev.Records {
		ended := h.To == string(mgmt.Crashed) || h.To == string(mgmt.Failed)
		switch {
		case h.Kind == mgmt.HappenedAlert && ev.Replayed:
			t.toldBefore(h)
		case h.Kind == mgmt.HappenedNode && ended && t.now.Sub(h.Time) < lateCrash:
			t.crashed(h)
		}
	}
}

// toldBefore takes what an earlier Machine has told after it had saved its state.
func (t *turn) toldBefore(h mgmt.Happening) {
	rule, rest, _ := strings.Cut(h.Alert, "/")
	it := t.items[h.Alert]
	if it == nil {
		if h.Alert == "" || !t.room(h.Instance) {
			return
		}
		it = &item{Alert: mgmt.Alert{
			ID: h.Alert, Rule: mgmt.AlertRule(rule), Instance: h.Instance, Node: h.Node, Since: h.Time, Fired: h.Time, Text: h.Cause,
		}}
		if h.Node == "" {
			it.Subject = rest[strings.LastIndexByte(rest, '/')+1:]
		}
		it.Hint = mgmt.AlertHint(&it.Alert)
		t.put(it)
	}
	it.Severity = h.Severity
	switch h.To {
	case string(mgmt.AlertFiring), mgmt.AlertToldSilenced:
		if it.State != mgmt.AlertFiring {
			it.Fired = h.Time
		}
		it.State, it.Resolved = mgmt.AlertFiring, time.Time{}
		if h.To == string(mgmt.AlertFiring) {
			it.told, it.last = true, h.Time
		}
	case mgmt.AlertToldAcknowledged:
		it.Acknowledged = &mgmt.AlertMark{Who: h.Who, Time: h.Time}
	case string(mgmt.AlertResolved):
		it.State, it.Resolved = mgmt.AlertResolved, h.Time
	}
	t.changed = true
}

// crashed takes that a node has ended by itself.
func (t clusterRules) crashed(h mgmt.Happening) {
	at := place{h.Instance, h.Node}
	if t.seen != nil && !t.watched(at) {
		return
	}
	c := t.crashes[at]
	if c == nil {
		if len(t.crashes) >= t.cfg.MaxFlows {
			return
		}
		c = &crashes{}
		t.crashes[at] = c
	}
	c.cause = clean(h.Cause)
	if h.To == string(mgmt.Crashed) {
		most := max(1, int(t.cfg.Rules[mgmt.RuleCrashLoop].Limit))
		c.times = append(c.times, h.Time)
		c.times = c.times[max(0, len(c.times)-most):]
	}
	t.crash(at, c, h.To == string(mgmt.Failed), 0)
}

// watched reports whether a node is to run: it is deployed there, and no user has stopped or
// paused it.
func (t clusterRules) watched(at place) bool {
	if t.seen == nil || t.seen.Deployed == nil || slices.Contains(t.seen.Stopped, at.node) || slices.Contains(t.seen.Paused, at.node) {
		return false
	}
	n, ok := t.seen.Deployed.Config.Node(at.node)
	return ok && n.Instance == at.instance
}

// loops reports whether a node crashes again and again.
func (t clusterRules) loops(c *crashes) bool {
	rule := t.cfg.Rules[mgmt.RuleCrashLoop]
	return len(c.times) > 0 && len(c.times) >= int(rule.Limit) && t.now.Sub(c.times[0]) <= rule.For
}

// crash observes that a node has crashed: as a crash, or as a loop of crashes. wait is how long
// the alert waits for the cause.
func (t clusterRules) crash(at place, c *crashes, failed bool, wait time.Duration) {
	excuse := t.excused[at.node]
	if failed || t.loops(c) {
		text := fmt.Sprintf("%s on %s has crashed %d times within %s", at.node, at.instance, len(c.times), brief(t.cfg.Rules[mgmt.RuleCrashLoop].For))
		if failed {
			text = fmt.Sprintf("%s on %s has failed, and is not started again", at.node, at.instance)
		}
		loop := t.observe(finding{
			rule: mgmt.RuleCrashLoop, instance: at.instance, node: at.node, level: bad, text: withCause(text, c.cause), excuse: excuse, wait: wait,
			value: float64(len(c.times)), limit: t.cfg.Rules[mgmt.RuleCrashLoop].Limit, unit: "crashes",
		})
		if loop != nil {
			t.observe(finding{rule: mgmt.RuleNodeCrashed, instance: at.instance, node: at.node, level: gone, why: "it is a crash loop now"})
			return
		}
	}
	t.observe(finding{
		rule: mgmt.RuleNodeCrashed, instance: at.instance, node: at.node, level: bad, excuse: excuse, wait: wait,
		text: withCause(fmt.Sprintf("%s on %s has crashed", at.node, at.instance), c.cause),
	})
}

func withCause(text, cause string) string {
	if cause == "" {
		return text
	}
	return text + ": " + cause
}

// cluster takes what the cluster is now. A node without troubles costs next to nothing here, because
// the cluster is looked at several times a second while nodes change (BenchmarkCluster).
func (t clusterRules) cluster(snap *mgmt.Snapshot) {
	t.seen = snap
	t.excuses()
	known := map[mgmt.InstanceName]bool{}
	nodes, instances := map[place]bool{}, map[mgmt.InstanceName]bool{}
	if snap.Deployed != nil {
		count := map[mgmt.InstanceName]int{}
		stopped, paused := setOf(snap.Stopped), setOf(snap.Paused)
		states := statesOf(snap)
		for _, n := range snap.Deployed.Config.Nodes {
			at := place{n.Instance, n.Name}
			count[n.Instance]++
			switch {
			case stopped[n.Name]:
				t.excuseNode(at, "a user has stopped it")
			case paused[n.Name]:
				t.excuseNode(at, "a user has paused its restarts")
			default:
				t.node(at, states[at])
			}
			if t.about[at] > 0 {
				nodes[at] = true
			}
		}
		for _, in := range snap.Deployed.Config.Instances {
			known[in.Name], instances[in.Name] = true, true
			t.observe(t.instance(snap.Instance(in.Name), in.Name, count[in.Name]))
		}
	}
	for _, in := range snap.Instances {
		known[in.Name] = true
	}
	t.forget(func(it *item) bool {
		if it.Node != "" {
			return nodes[it.place()]
		}
		return instances[it.Instance]
	}, known)
}

// excuseNode ends the alerts of a node that is not to run.
func (t clusterRules) excuseNode(at place, why string) {
	delete(t.crashes, at)
	t.observeAll(at, gone, why)
}

// findings returns the three troubles that a node can have: crashed, loop, down.
func (at place) findings() (found [3]finding) {
	for i, rule := range [...]mgmt.AlertRule{mgmt.RuleNodeCrashed, mgmt.RuleCrashLoop, mgmt.RuleNodeDown} {
		found[i] = finding{rule: rule, instance: at.instance, node: at.node}
	}
	return found
}

// observeAll observes that a node has none of its troubles, or that nobody knows.
func (t clusterRules) observeAll(at place, l level, why string) {
	if t.about[at] == 0 {
		return
	}
	for _, f := range at.findings() {
		f.level, f.why = l, why
		t.observe(f)
	}
}

// forget ends the alerts about what is no longer there.
// deployed reports whether what an item is about is deployed.
func (t clusterRules) forget(deployed func(*item) bool, known map[mgmt.InstanceName]bool) {
	for _, id := range t.sorted() {
		it := t.items[id]
		if it.Rule == mgmt.RuleCertificate || memberRule(it.Rule) || deployed(it) || sampledRule(it.Rule) && known[it.Instance] {
			continue
		}
		it.level, it.why = gone, "it is no longer deployed"
	}
	for at := range t.crashes {
		if !t.watched(at) {
			delete(t.crashes, at)
		}
	}
}

func setOf(nodes []mgmt.NodeName) map[mgmt.NodeName]bool {
	set := map[mgmt.NodeName]bool{}
	for _, n := range nodes {
		set[n] = true
	}
	return set
}

// statesOf returns the states of the nodes that connected agents have told.
func statesOf(snap *mgmt.Snapshot) map[place]mgmt.State {
	states := map[place]mgmt.State{}
	for _, in := range snap.Instances {
		if in.Standing != mgmt.Ready {
			continue
		}
		for _, n := range in.Nodes {
			states[place{in.Name, n.Node}] = n.State
		}
	}
	return states
}

// excuses finds the nodes that an operation is at work on. What it does with them needs no
// person: the operation itself says what becomes of it.
func (t clusterRules) excuses() {
	clear(t.excused)
	for _, o := range t.seen.Operations {
		if o.State.Ends() || t.now.Sub(o.Begun) > longOperation {
			continue
		}
		for _, s := range o.Steps {
			if s.State == mgmt.StepRunning && s.Node != "" && s.Action != mgmt.ActionNone {
				t.excused[s.Node] = fmt.Sprintf("operation %d (%s by %s)", o.ID, o.Kind, o.Who)
			}
		}
	}
}

// node observes a node that is to run.
func (t clusterRules) node(at place, state mgmt.State) {
	c := t.crashes[at]
	switch state {
	case mgmt.Crashed, mgmt.Failed:
		if c == nil {
			c = &crashes{}
		}
		wait := time.Duration(0)
		if c.cause == "" {
			wait = causeWait
		}
		t.crash(at, c, state == mgmt.Failed, wait)
	case mgmt.Running:
		t.runs(at, c)
		return
	case "", mgmt.Unknown: // nobody knows
		t.observeAll(at, unknown, "")
		return
	}
	troubled := t.about[at] > 0
	if !troubled && t.excused[at.node] != "" {
		return // a node that a deployment starts
	}
	found := at.findings()
	if troubled && state != mgmt.Crashed && state != mgmt.Failed {
		t.await(found[:2])
	}
	down := found[2]
	down.level, down.text = bad, fmt.Sprintf("%s on %s is %s", at.node, at.instance, state)
	crashed := troubled && (t.crashing(found[0]) || t.crashing(found[1]))
	if crashed || t.excused[at.node] != "" {
		down.level = unknown
	}
	t.observe(down)
}

// runs observes a node that runs. c are its crashes, or nil.
func (t clusterRules) runs(at place, c *crashes) {
	if c != nil {
		c.cause = "" // the next crash has another one
	}
	if t.about[at] == 0 {
		return
	}
	for _, f := range at.findings() {
		if it := t.items[f.id()]; it != nil && it.State == mgmt.AlertPending && it.wait > 0 && it.excuse == "" {
			t.fire(it) // the node runs again before the log has told the cause
		}
		f.level = good
		t.observe(f)
	}
}

// await says that a node that has crashed is not up yet.
func (t clusterRules) await(found []finding) {
	for _, f := range found {
		if it := t.items[f.id()]; it != nil && it.State != mgmt.AlertResolved {
			it.calm, it.excuse = time.Time{}, t.excused[f.node]
			if it.level == good {
				it.level = between
			}
		}
	}
}

// crashing reports whether an alert says why a node is down.
func (t clusterRules) crashing(f finding) bool {
	it := t.items[f.id()]
	return it != nil && it.State != mgmt.AlertResolved && it.level != gone
}

// instance observes whether the agent of an instance with nodes takes part.
func (t clusterRules) instance(in *mgmt.ObservedInstance, name mgmt.InstanceName, nodes int) finding {
	f := finding{rule: mgmt.RuleInstanceAway, instance: name, level: bad}
	standing := mgmt.Absent
	if in != nil {
		standing = in.Standing
	}
	what := "is not connected"
	switch {
	case nodes == 0:
		f.level, f.why = gone, "it has no nodes"
		return f
	case standing == mgmt.Ready:
		f.level = good
		return f
	case standing == mgmt.Incompatible:
		what = "speaks another version of the Management API"
	case standing == mgmt.Newcomer:
		what = "is connected, and not ready"
	case standing == mgmt.StandsBy:
		what = "runs no nodes"
	}
	f.text = fmt.Sprintf("the agent of %s %s: the states of its %d nodes are not known", name, what, nodes)
	if nodes == 1 {
		f.text = fmt.Sprintf("the agent of %s %s: the state of its node is not known", name, what)
	}
	return f
}
