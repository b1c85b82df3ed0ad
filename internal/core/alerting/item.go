package alerting

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// level says how a trouble is.
type level int

const (
	unknown level = iota // nobody can say; what fires goes on firing
	gone                 // what it was about is no more
	good
	between // no trouble, and not good enough for an alert to end
	bad
)

// item is an alert with what the Machine has to know beside it.
type item struct {
	mgmt.Alert
	level    level
	observed time.Time
	calm     time.Time     // since when the trouble is gone; zero: it is not
	why      string        // it is gone
	told     bool          // people were told that it fires
	last     time.Time     // when people were told last
	flaps    int           // how often it came back soon after it had ended
	excuse   string        // the operation because of which it does not fire
	wait     time.Duration // for its cause, before it fires
}

func (it *item) place() place { return place{it.Instance, it.Node} }

// finding is what was seen of a trouble.
type finding struct {
	rule     mgmt.AlertRule
	instance mgmt.InstanceName
	node     mgmt.NodeName
	// kind stands before subject in the ID: a node may have the name of an interface.
	kind, subject string
	level         level
	since         time.Time // zero: now
	text          string
	why           string // with gone
	severity      mgmt.AlertSeverity
	value, limit  float64
	unit          string
	excuse        string
	wait          time.Duration // for its cause
}

// id returns the ID of an alert.
func (f *finding) id() string {
	parts := []string{string(f.rule)}
	for _, p := range []string{string(f.instance), string(f.node), f.kind, f.subject} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, "/")
}

// observe takes what was seen. Nothing happens to people before settle.
func (t *turn) observe(f finding) *item {
	if t.cfg.Rules[f.rule].Off {
		f.level, f.why = gone, "the rule is off"
	}
	if f.level != bad && t.about[place{f.instance, f.node}] == 0 {
		return nil // almost everything that is seen: it needs no ID
	}
	id := f.id()
	it := t.items[id]
	if it == nil || it.State == mgmt.AlertResolved {
		if f.level != bad {
			return nil
		}
		if it = t.begin(id, it, f); it == nil {
			return nil
		}
	}
	before := it.Alert
	it.level, it.observed, it.excuse = f.level, t.now, f.excuse
	if f.level == gone {
		it.why = f.why
	}
	if f.unit != "" && f.level != unknown && f.level != gone {
		it.Value, it.Limit, it.Unit = f.value, f.limit, f.unit
	}
	if f.level == bad {
		it.Text, it.Hint = clean(f.text), mgmt.AlertHint(&it.Alert)
		it.wait = f.wait
		t.rise(it, severityOf(f))
	}
	if it.Text != before.Text || it.Value != before.Value {
		t.shown = true
	}
	return it
}

func severityOf(f finding) mgmt.AlertSeverity {
	if f.severity != "" {
		return f.severity
	}
	return mgmt.AlertRuleInfo(f.rule).Severity
}

// rise makes an alert more severe. Who acknowledged it has acknowledged less.
func (t *turn) rise(it *item, to mgmt.AlertSeverity) {
	if it.Severity == to || it.Severity == mgmt.AlertCritical {
		return
	}
	it.Severity = to
	if it.State != mgmt.AlertFiring {
		return
	}
	it.Acknowledged = nil
	t.announce(it, mgmt.AlertFiring, "")
}

// begin returns the item of a trouble that is new, or that has come back.
func (t *turn) begin(id string, it *item, f finding) *item {
	if it == nil {
		if !t.room(f.instance) {
			return nil
		}
		it = &item{Alert: mgmt.Alert{ID: id, Rule: f.rule, Instance: f.instance, Node: f.node, Subject: f.subject}}
		t.put(it)
	}
	it.State, it.Severity, it.Since, it.calm, it.Acknowledged = mgmt.AlertPending, severityOf(f), t.now, time.Time{}, nil
	if !f.since.IsZero() && f.since.Before(t.now) {
		it.Since = f.since
	}
	t.changed = true
	return it
}

// hold returns how long the trouble of an alert must be gone.
func (m *Machine) hold(it *item) time.Duration {
	hold := m.cfg.Rules[it.Rule].Hold
	for range it.flaps {
		if hold >= maxHold {
			break
		}
		hold = min(2*hold, maxHold)
	}
	return hold
}

// due returns when something about an alert is to be decided, or zero.
func (m *Machine) due(it *item) time.Time {
	rule := m.cfg.Rules[it.Rule]
	switch it.State {
	case mgmt.AlertPending:
		if it.level == bad && it.excuse == "" {
			return it.Since.Add(forOf(it.Rule, rule) + it.wait)
		}
	case mgmt.AlertResolved:
		return it.Resolved.Add(kept)
	case mgmt.AlertFiring:
		if it.level == good && !it.calm.IsZero() {
			return it.calm.Add(m.hold(it))
		}
		if m.repeats(it) && m.covering(it, m.clock) == nil {
			return it.last.Add(m.cfg.Repeat)
		}
	}
	return time.Time{}
}

// repeats reports whether people are told again of an alert that fires.
func (m *Machine) repeats(it *item) bool {
	return m.cfg.Repeat > 0 && it.told && it.Severity == mgmt.AlertCritical && it.Acknowledged == nil
}

// forOf returns how long a trouble lasts before the alert fires. Of a crash loop, it is the time
// in which crashes are counted.
func forOf(name mgmt.AlertRule, rule Rule) time.Duration {
	if name == mgmt.RuleCrashLoop {
		return 0
	}
	return rule.For
}

// sampledRule reports whether samples tell of the troubles of a rule.
func sampledRule(r mgmt.AlertRule) bool {
	switch r {
	case mgmt.RuleNoPackets, mgmt.RuleDrops, mgmt.RuleDisk, mgmt.RuleClockSkew, mgmt.RuleInterfaceNoLink:
		return true
	}
	return false
}

// settle decides about every alert.
func (t *turn) settle() {
	t.endSilences()
	if !t.look.IsZero() && !t.now.Before(t.look) {
		t.certificates()
	}
	for _, id := range t.sorted() {
		it := t.items[id]
		switch it.State {
		case mgmt.AlertPending:
			t.settlePending(it)
		case mgmt.AlertFiring:
			t.settleFiring(it)
		case mgmt.AlertResolved:
			if !t.now.Before(it.Resolved.Add(kept)) {
				t.remove(it)
				t.changed = true
			}
		}
	}
}

func (t *turn) settlePending(it *item) {
	old := sampledRule(it.Rule) && t.now.Sub(it.observed) > stale
	switch {
	case it.level != bad || old:
		t.changed = true
		if it.Resolved.IsZero() {
			t.remove(it)
			return
		}
		it.State = mgmt.AlertResolved // as before
	case it.excuse == "" && !t.now.Before(t.due(it)):
		t.fire(it)
	}
}

func (t *turn) fire(it *item) {
	it.flaps++
	if it.Resolved.IsZero() || t.now.Sub(it.Resolved) > flapMemory {
		it.flaps = 0
	}
	it.State, it.Fired, it.Resolved, it.told = mgmt.AlertFiring, t.now, time.Time{}, false
	t.announce(it, "", "")
}

// announce says that an alert fires: to people, unless it is silenced.
func (t *turn) announce(it *item, from mgmt.AlertState, why string) {
	to := string(mgmt.AlertFiring)
	if t.covering(it, t.now) != nil {
		if from == mgmt.AlertFiring {
			return
		}
		to = mgmt.AlertToldSilenced
	} else {
		it.told, it.last = true, t.now
	}
	t.happened(it, string(from), to, why+it.Text, "")
}

func (t *turn) settleFiring(it *item) {
	switch it.level {
	case gone:
		t.resolve(it, it.why)
	case good:
		if it.calm.IsZero() {
			it.calm = t.now
		}
		if !t.now.Before(it.calm.Add(t.hold(it))) {
			t.resolve(it, "")
			return
		}
	default:
		it.calm = time.Time{}
	}
	if it.State != mgmt.AlertFiring || t.covering(it, t.now) != nil {
		return
	}
	switch {
	case !it.told:
		t.happened(it, mgmt.AlertToldSilenced, string(mgmt.AlertFiring), it.Text, "")
		it.told, it.last = true, t.now
	case t.repeats(it) && !t.now.Before(it.last.Add(t.cfg.Repeat)):
		t.announce(it, mgmt.AlertFiring, fmt.Sprintf("still, since %s: ", brief(t.now.Sub(it.Fired))))
	}
}

func (t *turn) resolve(it *item, why string) {
	from := string(mgmt.AlertFiring)
	switch {
	case !it.told:
		from = mgmt.AlertToldSilenced
	case it.Acknowledged != nil:
		from = mgmt.AlertToldAcknowledged
	}
	it.State, it.Resolved, it.calm = mgmt.AlertResolved, t.now, time.Time{}
	text := fmt.Sprintf("over after %s", brief(t.now.Sub(it.Fired)))
	if why != "" {
		text += " (" + why + ")"
	}
	t.happened(it, from, string(mgmt.AlertResolved), text+": "+it.Text, "")
}

// happened writes down that an alert has another state.
func (t *turn) happened(it *item, from, to, cause, who string) {
	t.changed = true
	t.tell = append(t.tell, mgmt.Happening{
		Time: t.now, Kind: mgmt.HappenedAlert, Instance: it.Instance, Node: it.Node, From: from, To: to,
		Cause: cause, Alert: it.ID, Severity: it.Severity, Who: who,
	})
}

// brief writes a time that has passed, for people.
func brief(d time.Duration) string {
	switch {
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < 48*time.Hour:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// clean makes one bounded line of a text that others have written.
func clean(text string) string {
	return mgmt.LineText(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r < ' ' {
			return ' '
		}
		return r
	}, text), maxText)
}

// maxText bounds the text of an alert, in bytes.
const maxText = 700
