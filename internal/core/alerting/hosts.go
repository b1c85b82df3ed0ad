package alerting

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// hostRules are the rules about what hosts measure.
type hostRules struct{ *turn }

// sampled takes the samples of hosts, which need not be all of them.
func (t hostRules) sampled(hosts []Host) {
	if t.flows.sweep(t.now) && t.dirty.IsZero() {
		t.dirty = t.now
	}
	current, heard := map[string]bool{}, map[mgmt.InstanceName]bool{}
	for i := range hosts {
		h := &hosts[i]
		if t.heard[h.Instance].Equal(h.Heard) {
			continue
		}
		t.heard[h.Instance], heard[h.Instance] = h.Heard, true
		for _, f := range t.host(h) {
			current[f.id()] = true
			t.observe(f)
		}
	}
	for id, it := range t.items {
		if heard[it.Instance] && sampledRule(it.Rule) && !current[id] {
			it.level, it.why = gone, "it is no longer there"
		}
	}
}

// host returns what is seen of a host.
func (t hostRules) host(h *Host) (all []finding) {
	all = append(all, t.clock(h))
	all = append(all, t.disks(h)...)
	byInterface := map[string][]*Flow{}
	for i := range h.Nodes {
		n := &h.Nodes[i]
		byInterface[n.Interface] = append(byInterface[n.Interface], n)
	}
	for i := range h.Interfaces {
		in := &h.Interfaces[i]
		workers := byInterface[in.Name]
		if !in.Capture && len(workers) == 0 {
			continue
		}
		delete(byInterface, in.Name)
		link := t.link(h, in, len(workers))
		quiet := t.quiet(h, finding{kind: "interface", subject: in.Name}, in, link.level == bad)
		all = append(all, link, quiet, t.drops(h, finding{kind: "interface", subject: in.Name}, in, workers))
		for _, w := range workers {
			all = append(all, t.quiet(h, finding{node: mgmt.NodeName(w.Name)}, w, link.level == bad || !in.Known || in.Packets == 0))
		}
	}
	for name, workers := range byInterface { // interfaces of which the host tells nothing
		for _, w := range workers {
			if name == "" && !w.Capture {
				continue
			}
			all = append(all, t.quiet(h, finding{node: mgmt.NodeName(w.Name)}, w, false),
				t.drops(h, finding{node: mgmt.NodeName(w.Name)}, nil, []*Flow{w}))
		}
	}
	return all
}

// graded returns a finding whose value is bad above a limit.
func (t hostRules) graded(f finding, value float64) finding {
	rule := t.cfg.Rules[f.rule]
	f.value, f.limit = math.Round(value*10)/10, rule.Limit
	switch {
	case value > rule.Limit:
		f.level = bad
	case value > rule.Clear:
		f.level = between
	default:
		f.level = good
	}
	if rule.Critical > 0 && value > rule.Critical {
		f.severity = mgmt.AlertCritical
	}
	return f
}

func (t hostRules) clock(h *Host) finding {
	f := t.graded(finding{rule: mgmt.RuleClockSkew, instance: h.Instance, unit: "s"}, math.Abs(h.Skew.Seconds()))
	way := "ahead of"
	if h.Skew < 0 {
		way = "behind"
	}
	f.text = fmt.Sprintf("the clock of %s is %s %s the controller's", h.Instance, h.Skew.Abs().Round(100*time.Millisecond), way)
	if f.level != bad && h.Unsynced {
		f.level, f.text = bad, fmt.Sprintf("nothing keeps the clock of %s right", h.Instance)
	}
	return f
}

// disks returns what is seen of the file systems of a host. Directories on the same one are one
// trouble.
func (t hostRules) disks(h *Host) (all []finding) {
	type system struct{ total, free uint64 }
	at := map[system]int{}
	for _, d := range h.Disks {
		if d.Total == 0 || d.Err != "" {
			all = append(all, finding{rule: mgmt.RuleDisk, instance: h.Instance, subject: clean(d.Use), level: unknown})
			continue
		}
		key := system{d.Total, d.Free >> 20}
		if i, same := at[key]; same {
			all[i].text += ", which also has the directory of " + clean(d.Use)
			continue
		}
		f := t.graded(finding{rule: mgmt.RuleDisk, instance: h.Instance, subject: clean(d.Use), unit: "%"}, 100*float64(d.Total-min(d.Free, d.Total))/float64(d.Total))
		f.text = fmt.Sprintf("the file system of %s (%s) on %s is full to %.1f %%", d.Path, d.Use, h.Instance, f.value)
		at[key] = len(all)
		all = append(all, f)
	}
	return all
}

func (t hostRules) link(h *Host, in *Flow, workers int) finding {
	f := finding{rule: mgmt.RuleInterfaceNoLink, instance: h.Instance, kind: "interface", subject: clean(in.Name), level: good}
	if !in.Link {
		f.level, f.text = bad, fmt.Sprintf("%s of %s is down or has no link: nothing can be captured there", in.Name, h.Instance)
		if workers > 0 {
			f.text += fmt.Sprintf(" (%d workers)", workers)
		}
	}
	return f
}

// quiet returns whether packets are missing. inhibited says that something else explains it.
func (t hostRules) quiet(h *Host, f finding, of *Flow, inhibited bool) finding {
	f.rule, f.instance, f.subject, f.level = mgmt.RuleNoPackets, h.Instance, clean(f.subject), unknown
	s := t.flows.get(h.Instance, f.id(), t.now)
	if s == nil || !of.Known {
		return f
	}
	if t.now.Sub(s.seen) > stale {
		s.from, s.quiet = time.Time{}, time.Time{}
	}
	s.seen = t.now
	if of.Packets > 0 {
		if t.now.Sub(s.last) > shortBreak {
			s.from = time.Time{}
		}
		if s.from.IsZero() {
			s.from = t.now
		}
		s.last, s.quiet = t.now, time.Time{}
		if !s.busy && t.now.Sub(s.from) >= steady {
			s.busy = true
			if t.dirty.IsZero() {
				t.dirty = t.now
			}
		}
		f.level = good
		return f
	}
	if inhibited || !s.busy {
		s.quiet = time.Time{}
		return f
	}
	if s.quiet.IsZero() {
		s.quiet = t.now
	}
	what := f.subject
	if f.node != "" {
		what = string(f.node)
	}
	f.level, f.since = bad, s.quiet
	f.text = fmt.Sprintf("%s on %s gets no packets any more", what, h.Instance)
	return f
}

// drops returns which share of packets is lost on an interface: by the interface itself, or by
// the worst of its workers. in may be nil.
func (t hostRules) drops(h *Host, f finding, in *Flow, workers []*Flow) finding {
	f.rule, f.instance, f.subject, f.unit, f.level = mgmt.RuleDrops, h.Instance, clean(f.subject), "%", unknown
	worst, known := 0.0, false
	var who []string
	limit := t.cfg.Rules[mgmt.RuleDrops].Limit
	take := func(name string, of *Flow) {
		if of == nil || !of.Known {
			return
		}
		known = true
		if share := 100 * of.DropShare; of.Packets >= fewPackets || share >= 100 {
			worst = max(worst, share)
			if share > limit && len(who) < 10 {
				who = append(who, fmt.Sprintf("%s %.1f %%", name, share))
			}
		}
	}
	if in != nil {
		take("the interface "+in.Name, in)
	}
	for _, w := range workers {
		take(w.Name, w)
	}
	if !known {
		return f
	}
	f = t.graded(f, worst)
	f.text = fmt.Sprintf("packets are dropped on %s: %s", h.Instance, strings.Join(who, ", "))
	return f
}

// certificates looks at the ends of certificates.
func (t *turn) certificates() {
	t.look = t.now.Add(certificatesEvery)
	rule := t.cfg.Rules[mgmt.RuleCertificate]
	current := map[string]bool{}
	for _, c := range t.certs {
		f := finding{rule: mgmt.RuleCertificate, instance: c.Instance, subject: clean(c.Subject), unit: "days", level: good}
		left := c.Ends.Sub(t.now)
		days := left.Hours() / 24
		limit := time.Duration(rule.Limit * 24 * float64(time.Hour))
		urgent := time.Duration(rule.Critical * 24 * float64(time.Hour))
		if life := c.Ends.Sub(c.Begins); !c.Begins.IsZero() && life > 0 {
			// A certificate with a short life is renewed when a third of it is left.
			limit, urgent = min(limit, life/4), min(urgent, life/8)
		}
		f.value, f.limit = math.Round(10*days)/10, math.Round(limit.Hours()/2.4)/10
		if left < limit {
			f.level = bad
			f.text = fmt.Sprintf("the certificate of %s ends in %s", c.Subject, brief(left))
			if left <= 0 {
				f.text = fmt.Sprintf("the certificate of %s has ended", c.Subject)
			}
			if left < urgent {
				f.severity = mgmt.AlertCritical
			}
		}
		current[f.id()] = true
		t.observe(f)
	}
	for _, id := range t.sorted() {
		if it := t.items[id]; it.Rule == mgmt.RuleCertificate && !current[id] {
			it.level, it.why = gone, "it is not used any more"
		}
	}
}
