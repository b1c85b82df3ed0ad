package leading

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
)

// Machine decides for one controller. One goroutine owns it.
type Machine struct {
	cfg   Config
	rng   *rand.Rand
	last  time.Time // of the latest Step
	wake  time.Time // when the Machine asked to be woken after it
	ids   uint64
	calls calls
	tries [kinds]try // when each kind of call is due again

	session quorum.Session // zero: none
	renewed time.Time      // when the last good renewal began

	watch   uint64    // the ID of the newest one
	watched bool      // it has not ended
	known   bool      // a watch has shown who leads
	lead    lead      // as far as it is known
	gone    int64     // every lead up to this token has ended
	rewatch time.Time // when the watch is to begin anew; zero: it need not
	atLeast uint64    // the greatest term that an agent has obeyed
	counted Counted
	// countedAt is when that count began. The zero time means that it counts no longer.
	countedAt time.Time
	behind    bool
	vacant    time.Time // since when nobody leads

	own      *term // that of this controller; it may be closing
	rest     time.Time
	mute     time.Time // until when it doubts nobody
	failures int       // terms that failed in a row
	stopping bool
	stopBy   time.Time
	stopped  bool
	shown    View
}

// lead is the lead of another controller, or of an earlier life of this one. Its zero value says
// that nobody leads.
type lead struct {
	quorum.Lead
	heard   time.Time // when it has answered last, or was seen first
	refused int       // times in a row
	doubted quorum.Session
	noted   bool   // that this controller doubts it
	why     string // it was not heard when it was asked last
	// disbelieved says that this controller has not believed its certificate. That may be a
	// fault of this one, so another one must doubt the lead, too.
	disbelieved bool
}

// term is a term of this controller, until it has closed and the lead has ended.
type term struct {
	quorum.Lead
	began time.Time
	// seen says that the watch has shown this lead. watch is the first one that can show
	// nothing older.
	seen  bool
	watch uint64
	// over says that the term was told to end, or has ended. closed says that it has closed.
	over, closed bool
	since        time.Time // when it was told to end
	// resign says that the lead is to be ended in the store: now, or when the term has closed.
	resign, wait bool
	heir         string // who is to lead next
	slow         bool   // that it closes slowly was noted
}

// View is who leads, as far as this controller knows.
type View struct {
	Leader string // empty: nobody
	Term   uint64
	Token  int64
	Leads  bool // this controller leads
	// Holds says that it leads, or closes its term in good order. It tells the others so when
	// they ask: they wait for its last saves.
	Holds bool
	// Since is when this controller learned of it.
	Since time.Time
	// Renewed is when the last good renewal of the session began.
	Renewed time.Time
}

// New returns a Machine that knows nothing. rng is only for pauses.
func New(cfg Config, rng *rand.Rand) *Machine {
	return &Machine{cfg: cfg.withDefaults(), rng: rng}
}

// View returns who leads.
func (m *Machine) View() View { return m.shown }

// turn is one Step.
type turn struct {
	*Machine
	now     time.Time
	effects []Effect
}

func (t *turn) emit(e Effect) { t.effects = append(t.effects, e) }

// Step applies an event and returns what must be done, in order.
func (m *Machine) Step(now time.Time, ev Event) []Effect {
	t := &turn{Machine: m, now: now}
	t.awake()
	t.expire()
	switch ev := ev.(type) {
	case Done:
		t.done(ev)
	case Saw:
		t.saw(ev)
	case WatchEnded:
		t.watchEnded(ev)
	case TermEnded:
		t.termEnded(ev)
	case TermSeen:
		t.termSeen(ev.Term)
	case Standing:
		m.behind = ev.Behind
	case HandOver:
		t.handOver(ev.To)
	case Stop:
		t.stop()
	case Tick:
	default:
		panic(fmt.Sprintf("leading: unhandled event %T", ev))
	}
	t.settle()
	t.show()
	m.last = now
	m.wake = m.nextWake()
	return t.effects
}

// awake notices that this controller itself was stopped for a while. It has heard nobody then,
// which says nothing about the others.
func (t *turn) awake() {
	if !t.wake.IsZero() && t.now.Sub(t.wake) >= t.cfg.Silence/2 {
		t.lead.heard, t.lead.refused = t.now, 0
	}
}

// expire gives the own lead up before the session can have ended.
func (t *turn) expire() {
	if t.leads() && !t.now.Before(t.lost()) {
		t.depose(fmt.Sprintf("the session with the store could not be renewed for %v", t.now.Sub(t.renewed).Round(time.Millisecond)))
		t.resignNow()
	}
}

// lost returns when the own lead counts as lost.
func (m *Machine) lost() time.Time { return m.renewed.Add(m.cfg.SessionTTL - m.cfg.Margin) }

// leads reports whether a term runs that nobody has ended.
func (m *Machine) leads() bool { return m.own != nil && !m.own.over }

// show tells of a changed view.
func (t *turn) show() {
	v := View{Leader: t.lead.Member, Term: t.lead.Term, Token: t.lead.Token, Since: t.now, Renewed: t.renewed}
	if t.leads() {
		v.Leader, v.Term, v.Token, v.Leads, v.Holds = t.cfg.Name, t.own.Term, t.own.Token, true, true
	} else if v.Leader == t.cfg.Name {
		v.Leader, v.Token = "", 0 // its term is over, or was of an earlier life
		v.Holds = t.own != nil && t.waits()
	}
	old := t.shown
	same := v.Leader == old.Leader && v.Term == old.Term && v.Token == old.Token && v.Leads == old.Leads && v.Holds == old.Holds
	if same {
		v.Since = old.Since
	}
	t.shown = v
	if !same || !v.Renewed.Equal(old.Renewed) {
		t.emit(Changed{v})
	}
}

// handOver resigns, if this controller leads, and lets the others go first.
func (t *turn) handOver(to string) {
	t.rest = t.now.Add(t.cfg.Rest)
	if t.leads() {
		t.own.heir = to
		t.endTerm("it was asked to hand over", true)
		t.resignClosed()
	}
}

func (t *turn) stop() {
	if t.stopping {
		return
	}
	t.stopping, t.stopBy = true, t.now.Add(t.cfg.Stop)
	if t.leads() {
		t.endTerm("the controller stops", true)
		t.resignClosed()
	}
}

// termSeen takes the greatest term that an agent has obeyed. The lead of that term is not this
// one, so the term of this one must be greater.
func (t *turn) termSeen(term uint64) {
	switch {
	case term >= MaxTerm:
		t.emit(Note{Level: 4, Text: "an agent names a term that no controller can have: it is ignored", Err: strconv.FormatUint(term, 10)})
	case t.own == nil || term > t.own.Term:
		t.atLeast = max(t.atLeast, term+1)
	}
}

// NextWake returns when the Machine next needs a Tick. A new one needs it at once.
func (m *Machine) NextWake() (time.Time, bool) { return m.wake, !m.wake.IsZero() || m.last.IsZero() }

// nextWake returns when the Machine needs a Tick after this Step.
func (m *Machine) nextWake() (next time.Time) {
	if m.stopped {
		return next
	}
	// at takes a time at which something may be due. If it has passed, what was due then waits
	// for an event.
	at := func(when time.Time) {
		if when.After(m.last) && (next.IsZero() || when.Before(next)) {
			next = when
		}
	}
	for k := range kinds {
		if !m.calls.busy(k) {
			at(m.tries[k].next)
		}
	}
	at(m.rewatch)
	at(m.rest)
	at(m.mute)
	at(m.stopBy)
	if m.leads() {
		at(m.lost())
	}
	if m.own != nil && m.own.over {
		at(m.own.since.Add(m.cfg.Close))
		at(m.own.since.Add(slowClose))
	}
	if m.lead.Token != 0 {
		at(m.lead.heard.Add(m.cfg.Silence))
	} else {
		at(m.vacant.Add(m.cfg.Unfit))
		at(m.vacant.Add(m.cfg.Heir))
	}
	return next
}

// SessionTTL returns how long a session is to last without a renewal.
func (m *Machine) SessionTTL() time.Duration { return m.cfg.SessionTTL }
