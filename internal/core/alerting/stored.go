package alerting

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// version is the form of the state that this package writes.
const version = 1

// state1 is form 1 of the state of a Machine.
type state1 struct {
	Version  int        `json:"version"`
	Log      string     `json:"log,omitempty"`
	Read     uint64     `json:"read,omitempty"`
	Silence  uint64     `json:"silence,omitempty"` // the highest ID so far
	Alerts   []alert1   `json:"alerts,omitempty"`
	Silences []silence1 `json:"silences,omitempty"`
	Busy     []string   `json:"busy,omitempty"`
	Crashes  []crashes1 `json:"crashes,omitempty"`
}

type mark1 struct {
	Who  string    `json:"who"`
	Time time.Time `json:"time"`
	Note string    `json:"note,omitempty"`
}

type alert1 struct {
	ID           string    `json:"id"`
	Rule         string    `json:"rule"`
	Severity     string    `json:"severity"`
	State        string    `json:"state"`
	Instance     string    `json:"instance,omitempty"`
	Node         string    `json:"node,omitempty"`
	Subject      string    `json:"subject,omitempty"`
	Text         string    `json:"text"`
	Since        time.Time `json:"since"`
	Fired        time.Time `json:"fired"`
	Resolved     time.Time `json:"resolved,omitzero"`
	Value        float64   `json:"value,omitempty"`
	Limit        float64   `json:"limit,omitempty"`
	Unit         string    `json:"unit,omitempty"`
	Acknowledged *mark1    `json:"acknowledged,omitempty"`
	Told         bool      `json:"told,omitempty"`
	Last         time.Time `json:"last,omitzero"`
	Flaps        int       `json:"flaps,omitempty"`
}

type silence1 struct {
	ID       uint64    `json:"id"`
	Rule     string    `json:"rule,omitempty"`
	Instance string    `json:"instance,omitempty"`
	Node     string    `json:"node,omitempty"`
	Subject  string    `json:"subject,omitempty"`
	Until    time.Time `json:"until"`
	By       mark1     `json:"by"`
}

type crashes1 struct {
	Instance string      `json:"instance"`
	Node     string      `json:"node"`
	Times    []time.Time `json:"times"`
	Cause    string      `json:"cause,omitempty"`
}

// encode returns the state as it is saved. An alert that is pending is not: its time begins
// anew.
func (m *Machine) encode() []byte {
	s := state1{Version: version, Log: m.log, Read: m.read, Silence: m.silence}
	for _, id := range m.sorted() {
		it := m.items[id]
		if it.State == mgmt.AlertPending {
			continue
		}
		a := alert1{
			ID: it.ID, Rule: string(it.Rule), Severity: string(it.Severity), State: string(it.State), Instance: string(it.Instance),
			Node: string(it.Node), Subject: it.Subject, Text: it.Text, Since: it.Since, Fired: it.Fired, Resolved: it.Resolved,
			Value: it.Value, Limit: it.Limit, Unit: it.Unit, Told: it.told, Last: it.last, Flaps: it.flaps,
		}
		if it.Acknowledged != nil {
			a.Acknowledged = new(mark1(*it.Acknowledged))
		}
		s.Alerts = append(s.Alerts, a)
	}
	for _, one := range m.silences {
		s.Silences = append(s.Silences, silence1{
			ID: one.ID, Rule: string(one.Rule), Instance: string(one.Instance), Node: string(one.Node), Subject: one.Subject,
			Until: one.Until, By: mark1(one.AlertMark),
		})
	}
	for _, own := range m.flows.of {
		for id, f := range own {
			if f.busy {
				s.Busy = append(s.Busy, id)
			}
		}
	}
	slices.Sort(s.Busy)
	for at, c := range m.crashes {
		if len(c.times) > 0 {
			s.Crashes = append(s.Crashes, crashes1{string(at.instance), string(at.node), c.times, c.cause})
		}
	}
	sort.Slice(s.Crashes, func(i, j int) bool {
		return slices.Compare([]string{s.Crashes[i].Instance, s.Crashes[i].Node}, []string{s.Crashes[j].Instance, s.Crashes[j].Node}) < 0
	})
	return form.Encode(s)
}

// restore takes a state that was saved.
func (m *Machine) restore(text []byte) error {
	if _, err := form.Version(text, version); err != nil {
		return err
	}
	var s state1
	if err := form.Decode(text, &s); err != nil {
		return err
	}
	m.log, m.read, m.silence = s.Log, s.Read, s.Silence
	for _, a := range s.Alerts {
		state := mgmt.AlertState(a.State)
		if state != mgmt.AlertFiring && state != mgmt.AlertResolved || a.ID == "" {
			return fmt.Errorf("the alert %.100q is %.20q", a.ID, a.State)
		}
		it := &item{Alert: mgmt.Alert{
			ID: a.ID, Rule: mgmt.AlertRule(a.Rule), Severity: mgmt.AlertSeverity(a.Severity), State: state,
			Instance: mgmt.InstanceName(a.Instance), Node: mgmt.NodeName(a.Node), Subject: a.Subject, Text: a.Text,
			Since: a.Since, Fired: a.Fired, Resolved: a.Resolved, Value: a.Value, Limit: a.Limit, Unit: a.Unit,
		}, told: a.Told, last: a.Last, flaps: a.Flaps}
		if a.Acknowledged != nil {
			it.Acknowledged = new(mgmt.AlertMark(*a.Acknowledged))
		}
		it.Hint = mgmt.AlertHint(&it.Alert)
		m.put(it)
	}
	for _, one := range s.Silences {
		m.silences = append(m.silences, mgmt.Silence{
			ID: one.ID, Rule: mgmt.AlertRule(one.Rule), Instance: mgmt.InstanceName(one.Instance), Node: mgmt.NodeName(one.Node),
			Subject: one.Subject, Until: one.Until, AlertMark: mgmt.AlertMark(one.By),
		})
	}
	for _, id := range s.Busy {
		m.flows.restore(id)
	}
	for _, c := range s.Crashes {
		m.crashes[place{mgmt.InstanceName(c.Instance), mgmt.NodeName(c.Node)}] = &crashes{c.Times, c.Cause}
	}
	return nil
}
