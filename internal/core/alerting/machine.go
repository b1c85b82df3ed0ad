package alerting

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Machine decides about alerts. One goroutine owns it.
type Machine struct {
	cfg      Config
	log      string // of happenings, and how far it was read
	read     uint64
	items    map[string]*item
	count    map[mgmt.InstanceName]int // of items
	about    map[place]int             // of items; without a node: of those about an instance
	silences []mgmt.Silence
	silence  uint64 // the highest ID so far
	flows    flows
	crashes  map[place]*crashes
	// excused are the nodes that an operation is at work on, with the operation.
	excused map[mgmt.NodeName]string
	seen    *mgmt.Snapshot // nil: not yet
	certs   []Certificate
	look    time.Time // when certificates are looked at next
	heard   map[mgmt.InstanceName]time.Time
	untold  []mgmt.Happening
	retry   time.Time
	full    map[mgmt.InstanceName]time.Time // when it was noted that there is no room for it
	clock   time.Time                       // of the latest Step
	// dirty says since when the state differs from the saved one.
	dirty   time.Time
	waiting []Reply // for Saved
	saveErr string
}

// place is where a node is.
type place struct {
	instance mgmt.InstanceName
	node     mgmt.NodeName
}

// New returns a Machine that goes on where the one before has saved its state. Nil means that
// there was none. An error means that the state is damaged, or of a newer program.
func New(cfg Config, saved []byte) (*Machine, error) {
	cfg = cfg.withDefaults()
	m := &Machine{
		cfg: cfg, items: map[string]*item{}, count: map[mgmt.InstanceName]int{}, about: map[place]int{}, crashes: map[place]*crashes{},
		flows:   flows{of: map[mgmt.InstanceName]map[string]*flow{}, most: cfg.MaxFlows, own: cfg.MaxInstanceFlows},
		excused: map[mgmt.NodeName]string{}, heard: map[mgmt.InstanceName]time.Time{}, full: map[mgmt.InstanceName]time.Time{},
	}
	if saved == nil {
		return m, nil
	}
	return m, m.restore(saved)
}

// Log returns the log of happenings that was read last, and the number up to which it was.
func (m *Machine) Log() (log string, upto uint64) { return m.log, m.read }

// turn is one Step. The rules and the requests share it.
type turn struct {
	*Machine
	now     time.Time
	tell    []mgmt.Happening
	effects []Effect
	// changed says that the state is another one, shown that the book is.
	changed, shown bool
	urgent         bool // the state is to be saved now
	// stuck are the instances for which there is no room, as no alert that could go has ended.
	stuck map[mgmt.InstanceName]bool
}

// Step applies an event and returns what must be done, in order.
func (m *Machine) Step(now time.Time, ev Event) []Effect {
	t := &turn{Machine: m, now: now}
	m.clock = now
	switch ev := ev.(type) {
	case Seen:
		clusterRules{t}.cluster(ev.Snapshot)
	case Logged:
		clusterRules{t}.logged(ev)
	case Sampled:
		hostRules{t}.sampled(ev.Hosts)
	case Certificates:
		m.certs = ev.List
		t.certificates()
	case Members:
		t.members(ev.Report)
	case Asked:
		requests{t}.asked(ev)
	case Saved:
		t.saved(ev.Err)
	case Untold:
		m.untold = append(ev.List, m.untold...)
		m.untold = m.untold[max(0, len(m.untold)-maxUntold):]
		m.retry = now.Add(retell)
	case Tick:
	default:
		panic(fmt.Sprintf("alerting: unhandled event %T", ev))
	}
	t.settle()
	return t.finish()
}

// finish returns the effects of a turn.
func (t *turn) finish() []Effect {
	if len(t.untold) > 0 && !t.now.Before(t.retry) {
		t.tell = append(t.untold, t.tell...)
		t.untold, t.retry = nil, time.Time{}
	} else if len(t.untold) > 0 {
		t.untold = append(t.untold, t.tell...) // in order
		t.tell = nil
	}
	var effects []Effect
	if t.changed || t.shown {
		effects = append(effects, Changed{}) // who is told can look
	}
	if len(t.tell) > 0 {
		effects = append(effects, Tell{t.tell})
	}
	effects = append(effects, t.effects...)
	if t.changed && t.dirty.IsZero() {
		t.dirty = t.now
	}
	if t.urgent || !t.dirty.IsZero() && !t.now.Before(t.dirty.Add(t.cfg.SaveDelay)) {
		t.dirty = time.Time{}
		effects = append(effects, Save{t.encode()})
	}
	return effects
}

func (t *turn) emit(e Effect) { t.effects = append(t.effects, e) }

// saved takes the outcome of a Save.
func (t *turn) saved(err string) {
	for _, r := range t.waiting {
		if err != "" {
			r.Answer = access.Refusal{Why: access.Failed, Reason: "this counts until the controller restarts, because it cannot be saved: " + err}
		}
		t.emit(r)
	}
	t.waiting = nil
	if err != "" {
		t.dirty = t.now // again after SaveDelay
		if t.saveErr == "" {
			t.emit(Note{Level: 4, Text: "the state of alerts is not saved", Err: err})
		}
	}
	t.saveErr = err
}

// NextWake returns when the Machine next needs a Tick.
func (m *Machine) NextWake() (time.Time, bool) {
	var next time.Time
	at := func(when time.Time) {
		if !when.IsZero() && (next.IsZero() || when.Before(next)) {
			next = when
		}
	}
	for _, it := range m.items {
		at(m.due(it))
	}
	for _, s := range m.silences {
		at(s.Until)
	}
	at(m.retry)
	at(m.look)
	if !m.dirty.IsZero() {
		at(m.dirty.Add(m.cfg.SaveDelay))
	}
	return next, !next.IsZero()
}

// Book returns what is known of alerts.
func (m *Machine) Book(now time.Time) *mgmt.AlertBook {
	book := &mgmt.AlertBook{Silences: slices.Clone(m.silences)}
	for _, it := range m.items {
		a := it.Alert
		if it.excuse != "" && a.State == mgmt.AlertPending {
			a.Text += " (it is not told while " + it.excuse + " is at work)"
		}
		a.Silenced = m.covering(it, now)
		book.Alerts = append(book.Alerts, a)
	}
	mgmt.SortAlerts(book.Alerts)
	return book
}

// sorted returns the items in the order of their IDs.
func (m *Machine) sorted() []string { return slices.Sorted(maps.Keys(m.items)) }

// covering returns the silence that covers an alert, or nil.
func (m *Machine) covering(it *item, now time.Time) *mgmt.Silence {
	for i := range m.silences {
		if m.silences[i].Matches(&it.Alert, now) {
			return new(m.silences[i])
		}
	}
	return nil
}
