package leading_test

import (
	"cmp"
	"container/heap"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/leading"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
)

// world is some controllers with a model of the store and of the network, on a clock of its own.
type world struct {
	rng     *rand.Rand
	now     time.Duration
	queue   plans
	seq     int
	store   model
	members []*member
	log     func(who, what string)
	// delay returns how long a message takes, and loses whether it is lost.
	delay func() time.Duration
	loses func() bool
	// unguarded lets the store take writes with old tokens: a test must notice it.
	unguarded bool
	broken    []string
	wrote     time.Duration  // when a write was last acknowledged
	newest    int64          // the greatest token that has written
	expired   map[int64]bool // the leads that ended because their sessions were not renewed
}

type plan struct {
	at  time.Duration
	seq int
	do  func()
}

type plans []plan

func (p plans) Len() int { return len(p) }
func (p plans) Less(i, j int) bool {
	return p[i].at < p[j].at || p[i].at == p[j].at && p[i].seq < p[j].seq
}
func (p plans) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *plans) Push(x any)   { *p = append(*p, x.(plan)) }
func (p *plans) Pop() any {
	last := (*p)[len(*p)-1]
	*p = (*p)[:len(*p)-1]
	return last
}

// model is what the store holds.
type model struct {
	session  quorum.Session
	sessions map[quorum.Session]*modelSession
	lead     quorum.Lead
	holder   quorum.Session
	term     uint64
	token    int64
	doubts   map[string]quorum.Session
	learners map[string]bool
}

type modelSession struct {
	member string
	ends   time.Duration
}

// member is a controller with its core.
type member struct {
	w     *world
	name  string
	core  *leading.Machine // nil: it does not run
	life  int
	clock time.Time // what its clock shows at the beginning of the world
	alarm int
	cfg   leading.Config
	// What is wrong with it.
	paused bool
	held   []func() // while it is paused
	away   bool     // the store
	deaf   map[string]bool
	// disbelieves has those whose certificates it does not believe.
	disbelieves map[string]bool
	failing     bool
	// Its term: zero if none is open.
	open     int64
	closes   time.Duration
	watch    uint64
	told     quorum.Lead
	toldOnce bool
	arrives  time.Duration // of the last thing that the watch has said
	stopped  bool
}

func newWorld(rng *rand.Rand, names ...string) *world {
	w := &world{
		rng: rng, expired: map[int64]bool{}, log: func(string, string) {},
		delay: func() time.Duration { return 10 * time.Millisecond }, loses: func() bool { return false },
		store: model{sessions: map[quorum.Session]*modelSession{}, doubts: map[string]quorum.Session{}, learners: map[string]bool{}},
	}
	for i, name := range names {
		w.members = append(w.members, &member{
			w: w, name: name, deaf: map[string]bool{}, disbelieves: map[string]bool{}, cfg: leading.Config{Name: name}, closes: 50 * time.Millisecond,
			clock: time.Date(2026, 1, 1, i*7, 0, 0, 0, time.UTC), // no two clocks agree
		})
	}
	return w
}

func (w *world) after(d time.Duration, do func()) {
	w.seq++
	heap.Push(&w.queue, plan{w.now + d, w.seq, do})
}

func (w *world) runUntil(at time.Duration) {
	for len(w.queue) > 0 && w.queue[0].at <= at && len(w.broken) == 0 {
		p := heap.Pop(&w.queue).(plan)
		w.now = max(w.now, p.at)
		p.do()
	}
	w.now = max(w.now, at)
}

func (w *world) member(name string) *member {
	for _, m := range w.members {
		if m.name == name {
			return m
		}
	}
	return nil
}

func (w *world) violated(format string, args ...any) {
	w.broken = append(w.broken, fmt.Sprintf("at %v: ", w.now)+fmt.Sprintf(format, args...))
}

// leader returns the member that leads by the store, and knows it.
func (w *world) leader() *member {
	for _, m := range w.members {
		if m.core != nil && !m.paused && m.core.View().Leads && m.core.View().Token == w.store.lead.Token {
			return m
		}
	}
	return nil
}

func (m *member) start() {
	if m.core != nil {
		return
	}
	m.life++
	m.core = leading.New(m.cfg, rand.New(rand.NewPCG(m.w.rng.Uint64(), 1)))
	m.open, m.watch, m.stopped, m.paused, m.held = 0, 0, false, false, nil
	m.step(leading.Tick{})
}

func (m *member) kill() {
	m.core, m.open, m.paused, m.held = nil, 0, false, nil
	m.life++
}

func (m *member) pause(on bool) {
	m.paused = on
	if !on {
		held := m.held
		m.held = nil
		for _, do := range held {
			do()
		}
	}
}

// later does something in this life of the member after a time, and not while it is paused.
func (m *member) later(d time.Duration, do func()) {
	life := m.life
	m.w.after(d, func() { m.wake(life, do) })
}

func (m *member) wake(life int, do func()) {
	switch {
	case m.life != life || m.core == nil:
	case m.paused:
		m.held = append(m.held, func() { m.wake(life, do) })
	default:
		do()
	}
}

func (m *member) step(ev leading.Event) {
	if m.stopped {
		return
	}
	for _, e := range m.core.Step(m.clock.Add(m.w.now), ev) {
		m.perform(e)
	}
	if m.core == nil || m.stopped {
		return
	}
	if v := m.core.View(); v.Leads && m.w.expired[v.Token] {
		m.w.violated("%s believes that it leads in term %d, and its session has ended", m.name, v.Term)
	}
	m.alarm++
	alarm := m.alarm
	if at, ok := m.core.NextWake(); ok {
		m.later(max(0, at.Sub(m.clock)-m.w.now), func() {
			if m.alarm == alarm {
				m.step(leading.Tick{})
			}
		})
	}
}

// call is a call of the store: there, the act, and back. Without an answer it fails after 2 s.
func (m *member) call(id uint64, act func() leading.Done) {
	answered := false
	finish := func(d leading.Done) {
		if !answered {
			answered = true
			d.ID = id
			m.step(d)
		}
	}
	m.later(2*time.Second, func() { finish(leading.Done{How: leading.Failed, Why: "no answer"}) })
	if m.away || m.w.loses() {
		return
	}
	life := m.life
	m.w.after(m.w.delay(), func() {
		m.w.expire()
		d := act()
		m.w.tell()
		if m.away || m.life != life || m.w.loses() {
			return
		}
		m.later(m.w.delay(), func() { finish(d) })
	})
}

// do is a call whose answer is only an outcome.
func (m *member) do(id uint64, act func() leading.Outcome) {
	m.call(id, func() leading.Done { return leading.Done{How: act()} })
}

func (m *member) perform(e leading.Effect) {
	s := &m.w.store
	switch e := e.(type) {
	case leading.Begin:
		m.call(e.ID, func() leading.Done { return leading.Done{Made: m.w.begin(m.name)} })
	case leading.Renew:
		m.do(e.ID, func() leading.Outcome { return m.w.renew(e.Session) })
	case leading.EndSession:
		m.say("ends its session")
		m.do(e.ID, func() leading.Outcome { m.w.endSession(e.Session); return leading.OK })
	case leading.Take:
		m.say("takes the lead, in term %d at least", e.AtLeast)
		m.call(e.ID, func() leading.Done { return m.w.take(m.name, e) })
	case leading.Raise:
		m.say("raises its term to %d", e.Term)
		m.do(e.ID, func() leading.Outcome { return s.raise(e) })
	case leading.Doubt:
		m.say("doubts %s", s.lead.Member)
		m.do(e.ID, func() leading.Outcome { return s.doubt(m.name, e) })
	case leading.Trust:
		m.say("trusts %s", s.lead.Member)
		m.do(e.ID, func() leading.Outcome { return s.trust(m.name, e.Token) })
	case leading.End:
		m.say("ends the lead of %s, doubted by %d", s.lead.Member, e.Doubts)
		m.do(e.ID, func() leading.Outcome { return m.w.endLead(e.Token, e.Doubts, "") })
	case leading.Resign:
		m.say("%s", strings.TrimSuffix("resigns for "+e.Heir, " for "))
		m.do(e.ID, func() leading.Outcome { return m.w.endLead(e.Token, 0, e.Heir) })
	case leading.Count:
		m.call(e.ID, func() leading.Done { return leading.Done{Counted: m.w.count(m.name)} })
	case leading.Ask:
		m.ask(e)
	case leading.Watch:
		m.watch, m.toldOnce = e.ID, false
		m.w.tell()
	case leading.Open:
		m.say("opens term %d", e.Lead.Term)
		m.opened(e.Lead)
	case leading.Depose:
		m.say("closes its term: %s", e.Why)
		m.later(m.closes, func() { m.closed(e.Token, "") })
	case leading.Stopped:
		m.say("has stopped")
		m.stopped = true
	case leading.Note:
		m.say("note: %s: %s", e.Text, cmp.Or(string(e.Peer), e.Err))
	}
}

func (m *member) say(format string, args ...any) { m.w.log(m.name, fmt.Sprintf(format, args...)) }

// ask asks another member whether it leads.
func (m *member) ask(e leading.Ask) {
	answered := false
	finish := func(how leading.Outcome) {
		if !answered {
			answered = true
			m.step(leading.Done{ID: e.ID, How: how})
		}
	}
	m.later(time.Second, func() { finish(leading.Failed) })
	of := m.w.member(e.Of)
	if m.deaf[e.Of] || m.w.loses() {
		return
	}
	m.w.after(m.w.delay(), func() {
		switch {
		case of == nil || of.core == nil || of.stopped:
			m.later(m.w.delay(), func() { finish(leading.Refused) })
		case of.paused:
		case m.w.loses() || of.deaf[m.name]:
		case m.disbelieves[e.Of]:
			m.later(m.w.delay(), func() { finish(leading.Disbelieved) })
		case of.disbelieves[m.name]:
			m.later(m.w.delay(), func() { finish(leading.Failed) })
		case !of.core.View().Holds || of.clock.Add(m.w.now).Sub(of.core.View().Renewed) > 3*time.Second:
			m.later(m.w.delay(), func() { finish(leading.Refused) })
		default:
			m.later(m.w.delay(), func() { finish(leading.OK) })
		}
	})
}

// opened lets a term save again and again, until it has closed.
func (m *member) opened(lead quorum.Lead) {
	if m.open != 0 {
		m.w.violated("%s opens a term while another one is open", m.name)
	}
	m.open = lead.Token
	if m.failing {
		m.later(20*time.Millisecond, func() { m.closed(lead.Token, "the disk is full") })
		return
	}
	m.save(lead)
}

const conflict = "another controller has saved"

func (m *member) closed(token int64, why string) {
	if m.open == token {
		m.open = 0
		m.step(leading.TermEnded{Token: token, Why: why, Conflict: why == conflict})
	}
}

func (m *member) save(lead quorum.Lead) {
	if m.open != lead.Token {
		return
	}
	m.later(50*time.Millisecond, func() { m.save(lead) })
	if m.away {
		return
	}
	m.w.after(m.w.delay(), func() {
		m.w.expire()
		if m.w.store.lead.Token == lead.Token || m.w.unguarded {
			m.w.saved(m, lead.Token)
		} else {
			m.later(m.w.delay(), func() { m.closed(lead.Token, conflict) })
		}
	})
}

// saved notes a save that has succeeded.
func (w *world) saved(m *member, token int64) {
	if token < w.newest {
		w.violated("%s saves with token %d after a save with %d", m.name, token, w.newest)
	}
	w.newest, w.wrote = token, w.now
}

// What follows is the store.

func (w *world) begin(name string) quorum.Session {
	w.store.session++
	w.store.sessions[w.store.session] = &modelSession{name, w.now + 5*time.Second}
	return w.store.session
}

func (w *world) renew(id quorum.Session) leading.Outcome {
	s := w.store.sessions[id]
	if s == nil {
		return leading.Ended
	}
	s.ends = w.now + 5*time.Second
	return leading.OK
}

// expire ends the sessions whose time has come.
func (w *world) expire() {
	for _, id := range slices.Sorted(maps.Keys(w.store.sessions)) {
		if w.store.sessions[id].ends <= w.now {
			if w.store.holder == id {
				w.expired[w.store.lead.Token] = true
			}
			w.endSession(id)
		}
	}
}

func (w *world) endSession(id quorum.Session) {
	delete(w.store.sessions, id)
	maps.DeleteFunc(w.store.doubts, func(_ string, s quorum.Session) bool { return s == id })
	if w.store.holder == id {
		w.over("its session has ended")
	}
}

func (w *world) over(why string) {
	w.log("store", fmt.Sprintf("%s leads no longer: %s", w.store.lead.Member, why))
	w.store.lead, w.store.holder = quorum.Lead{}, 0
	clear(w.store.doubts)
}

func (w *world) take(name string, e leading.Take) leading.Done {
	s := &w.store
	switch {
	case s.sessions[e.Session] == nil:
		return leading.Done{How: leading.Ended}
	case s.lead.Token != 0:
		return leading.Done{How: leading.Taken}
	}
	s.token++
	s.term = max(s.term+1, e.AtLeast)
	s.lead, s.holder = quorum.Lead{Member: name, Token: s.token}, e.Session
	w.log("store", fmt.Sprintf("%s leads in term %d", name, s.term))
	return leading.Done{Lead: s.now()}
}

// now returns the lead with its term and its doubts.
func (s *model) now() quorum.Lead {
	lead := s.lead
	lead.Term = s.term
	lead.Doubts = slices.Sorted(maps.Keys(s.doubts))
	return lead
}

func (s *model) raise(e leading.Raise) leading.Outcome {
	if s.lead.Token != e.Token {
		return leading.Taken
	}
	s.term = max(s.term, e.Term)
	return leading.OK
}

func (s *model) doubt(name string, e leading.Doubt) leading.Outcome {
	switch {
	case s.sessions[e.Session] == nil:
		return leading.Ended
	case s.lead.Token != e.Token:
		return leading.Taken
	}
	s.doubts[name] = e.Session
	return leading.OK
}

func (s *model) trust(name string, token int64) leading.Outcome {
	if s.lead.Token == token {
		delete(s.doubts, name)
	}
	return leading.OK
}

func (w *world) endLead(token int64, doubts int, heir string) leading.Outcome {
	if w.store.lead.Token != token || len(w.store.doubts) < doubts {
		return leading.Taken
	}
	w.over(fmt.Sprintf("%d doubt it", len(w.store.doubts)))
	w.store.lead.Heir = heir
	return leading.OK
}

func (w *world) count(name string) leading.Counted {
	c := leading.Counted{Voters: len(w.members) - len(w.store.learners), Learner: w.store.learners[name]}
	for _, s := range w.store.sessions {
		c.Live = append(c.Live, s.member)
	}
	return c
}

// tell tells every watch that can hear it who leads.
func (w *world) tell() {
	now := w.store.now()
	for _, m := range w.members {
		if m.core == nil || m.away || m.watch == 0 || m.toldOnce && same(m.told, now) {
			continue
		}
		m.told, m.toldOnce = now, true
		m.arrives = max(m.arrives, w.now+w.delay())
		id := m.watch
		m.later(m.arrives-w.now, func() { m.step(leading.Saw{Watch: id, Lead: now}) })
	}
}

func same(a, b quorum.Lead) bool {
	return a.Member == b.Member && a.Term == b.Term && a.Token == b.Token && a.Heir == b.Heir && slices.Equal(a.Doubts, b.Doubts)
}

// every does something again and again.
func (w *world) every(d time.Duration, do func()) {
	w.after(d, func() { do(); w.every(d, do) })
}

// live lets sessions expire in time.
func (w *world) live() {
	w.every(20*time.Millisecond, func() { w.expire(); w.tell() })
}
