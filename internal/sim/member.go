package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/leading"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
)

// member is the place of a controller among several: what decides whether it leads, and what
// is between it and the others. While its program runs, its endpoint is there. A Machine is
// there while it leads.
type member struct {
	c *controllerPart

	life  int // starts and ends of the program
	core  *leading.Machine
	alarm int
	// What is wrong: the program does not go on, does not reach the store, or does not hear
	// some of the others.
	paused, away bool
	deaf         map[*controllerPart]bool
	held         []func() // while it is paused

	// What is of the present term. token is that of the newest term that was opened.
	token   int64
	term    uint64
	closing bool // the term is to close
	keeper  keeper
	busy    bool     // a save is under way: the term takes no events
	waiting []func() // what the term has not taken yet
	stalled time.Duration

	watch   uint64
	shown   *quorum.Lead  // by the watch
	arrives time.Duration // of what the watch has shown last
}

// callTimeout bounds the calls of the store, pulseTimeout the questions to another controller.
const (
	callTimeout  = 2 * time.Second
	pulseTimeout = time.Second
)

// enter lets the term do something, as soon as it does nothing else.
func (c *controllerPart) enter(do func()) {
	if m := c.member; m != nil && (m.busy || m.paused) {
		m.waiting = append(m.waiting, do)
		return
	}
	was := c.w.controller
	c.w.activate(c)
	do()
	c.w.activate(was)
}

// stalls reports whether the term can do nothing now.
func (m *member) stalls() bool { return m != nil && (m.busy || m.paused) }

// follows reports whether a connection is none of the term's. A client is sent away: the relay
// would look for another controller.
func (m *member) follows(e *end) bool {
	if m == nil || m.c.m != nil {
		return false
	}
	if _, ok := e.far.self.part.(*client); ok {
		m.c.w.after(0, func() { m.c.w.net.lose(e) })
	}
	return true
}

// start starts the program.
func (m *member) start() {
	c := m.c
	if c.ep != nil {
		return
	}
	m.life++
	c.clock = c.w.newClock(c.clock)
	c.ep = &endpoint{id: mgmt.PeerID(fmt.Sprintf("%s.%d", c.name, m.life)), part: c, host: c.host}
	m.core = leading.New(leading.Config{Name: c.name}, c.w.source())
	m.token, m.term, m.closing, m.busy, m.paused = 0, 0, false, false, false
	m.held, m.waiting, m.watch, m.shown = nil, nil, 0, nil
	c.w.did(string(c.ep.id), "starts")
	m.lead(leading.Tick{})
}

// crash ends the program.
func (m *member) crash(how string) {
	c := m.c
	if c.ep == nil {
		return
	}
	c.w.did(string(c.ep.id), how)
	ep := c.ep
	m.life++
	m.core, m.paused, m.busy, m.held, m.waiting = nil, false, false, nil, nil
	c.m, c.ep = nil, nil
	for _, d := range c.dials {
		d.stopped = true
	}
	c.w.net.vanish(ep, false)
}

// pause stops the program, or lets it go on. Then everything that has happened meanwhile
// happens at once.
func (m *member) pause(on bool) {
	if m.c.ep == nil || m.paused == on {
		return
	}
	m.c.w.did(string(m.c.ep.id), map[bool]string{true: "is paused", false: "goes on"}[on])
	m.paused = on
	if on {
		if !m.busy {
			m.stalled = m.c.w.now
		}
		return
	}
	if m.grant(); m.c.m == nil {
		m.goOn() // it was not there for the term that may begin now
	}
	held := m.held
	m.held = nil
	for _, do := range held {
		do()
	}
	if m.core != nil && !m.busy {
		m.goOn()
	}
}

// heal ends what is wrong.
func (m *member) heal() {
	m.away = false
	clear(m.deaf)
	if m.c.host.cut {
		m.c.w.net.mend(m.c.host)
	}
	m.pause(false)
	m.start()
	m.show()
}

// later does something in this life of the program after a time, and not while it is paused.
func (m *member) later(d time.Duration, do func()) {
	life := m.life
	m.c.w.after(d, func() { m.wake(life, do) })
}

func (m *member) wake(life int, do func()) {
	switch {
	case m.life != life:
	case m.paused:
		m.held = append(m.held, func() { m.wake(life, do) })
	default:
		do()
	}
}

// lead hands an event to the core that decides who leads.
func (m *member) lead(ev leading.Event) {
	now := m.c.clock.read(m.c.w.now)
	m.c.w.leads++
	for _, e := range m.core.Step(now, ev) {
		m.perform(e)
		if m.core == nil {
			return
		}
	}
	v := m.core.View()
	if v.Leads && m.c.w.shared.expired[v.Token] {
		m.c.w.violated("%s believes that it leads in term %d, and its session has ended", m.c.name, v.Term)
	}
	m.raised(v)
	m.alarm++
	alarm := m.alarm
	if at, ok := m.core.NextWake(); ok {
		life := m.life
		m.c.w.after(max(0, at.Sub(now)), func() {
			if m.alarm == alarm {
				m.wake(life, func() { m.tick(alarm) })
			}
		})
	}
}

func (m *member) tick(alarm int) {
	if m.alarm == alarm {
		m.lead(leading.Tick{})
	}
}

// delay returns how long a message to the store or to another controller takes.
func (m *member) delay() time.Duration {
	w := m.c.w
	return w.terms.delay + w.between(0, min(w.mood.delay, 200*time.Millisecond))
}

func (m *member) cutOff() bool { return m.away || m.c.host.cut || m.c.w.chance(m.c.w.mood.storeLoss) }

// ask asks the store. Without an answer in time, back gets none: the act may have taken place
// all the same.
func (m *member) ask(timeout time.Duration, act func() any, back func(answer any, ok bool)) {
	answered := false
	finish := func(answer any, ok bool) {
		if !answered {
			answered = true
			back(answer, ok)
		}
	}
	m.later(timeout, func() { finish(nil, false) })
	if m.cutOff() {
		return
	}
	life := m.life
	m.c.w.after(m.delay(), func() {
		if m.life != life {
			return
		}
		fails := m.c.w.chance(m.c.w.mood.storeFails) // and says so at once, before the act or after it
		if fails && m.c.w.chance(0.5) {
			m.later(m.delay(), func() { finish(nil, false) })
			return
		}
		answer := act()
		if m.life == life && !m.cutOff() {
			m.later(m.delay(), func() { finish(answer, !fails) })
		}
	})
}

// call makes a call of the core that decides who leads.
func (m *member) call(id uint64, act func() leading.Done) {
	m.ask(callTimeout, func() any { return act() }, func(answer any, ok bool) {
		d := leading.Done{How: leading.Failed, Why: "no answer"}
		if ok {
			d = answer.(leading.Done)
		}
		d.ID = id
		m.lead(d)
	})
}

func (m *member) perform(effect leading.Effect) {
	s, name := m.c.w.shared, m.c.name
	switch e := effect.(type) {
	case leading.Begin:
		m.call(e.ID, func() leading.Done { return s.begin(name) })
	case leading.Renew:
		m.call(e.ID, func() leading.Done { return s.renew(e.Session) })
	case leading.EndSession:
		m.call(e.ID, func() leading.Done { return s.endSession(e.Session) })
	case leading.Take:
		m.call(e.ID, func() leading.Done { return s.take(name, e) })
	case leading.Raise:
		m.call(e.ID, func() leading.Done { return s.raise(e) })
	case leading.Doubt:
		m.call(e.ID, func() leading.Done { return s.doubt(name, e) })
	case leading.Trust:
		m.call(e.ID, func() leading.Done { return s.trust(name, e.Token) })
	case leading.End:
		m.call(e.ID, func() leading.Done { return s.end(e.Token, e.Doubts, "") })
	case leading.Resign:
		m.call(e.ID, func() leading.Done { return s.end(e.Token, 0, e.Heir) })
	case leading.Count:
		m.call(e.ID, s.count)
	case leading.Ask:
		m.pulse(e)
	case leading.Watch:
		m.watch, m.shown = e.ID, nil
		m.show()
	case leading.Open:
		m.open(e.Lead)
	case leading.Depose:
		m.c.w.did(string(m.c.ep.id), "is to close its term: "+e.Why)
		m.later(m.c.w.between(0, 200*time.Millisecond), func() { m.endTerm(e.Token) })
	case leading.Note:
		m.c.w.did(string(m.c.ep.id), e)
	}
}

// pulse asks another controller whether it leads.
func (m *member) pulse(e leading.Ask) {
	w, answered := m.c.w, false
	finish := func(how leading.Outcome) {
		if !answered {
			answered = true
			m.lead(leading.Done{ID: e.ID, How: how})
		}
	}
	m.later(pulseTimeout, func() { finish(leading.Failed) })
	of := w.controllerNamed(e.Of)
	lost := func() bool { return m.deaf[of] || m.c.host.cut || of.host.cut || w.chance(w.mood.storeLoss) }
	if lost() {
		return
	}
	life := m.life
	w.after(m.delay(), func() {
		how := leading.Refused
		switch {
		case of.member.paused:
			return
		case of.ep == nil:
		case of.member.well():
			how = leading.OK
		}
		if m.life == life && !lost() {
			m.later(m.delay(), func() { finish(how) })
		}
	})
}

// well reports whether the controller may say that it leads.
func (m *member) well() bool {
	v := m.core.View()
	return v.Holds && m.c.clock.read(m.c.w.now).Sub(v.Renewed) < 3*time.Second
}

// show lets the watch of a member show who leads, if it can and has not yet.
func (m *member) show() {
	if m == nil || m.core == nil || m.watch == 0 || m.away || m.c.host.cut {
		return
	}
	now := m.c.w.shared.now()
	if old := m.shown; old != nil && old.Token == now.Token && old.Term == now.Term && slices.Equal(old.Doubts, now.Doubts) {
		return
	}
	m.shown = &now
	m.arrives = max(m.arrives, m.c.w.now+m.delay())
	id := m.watch
	m.later(m.arrives-m.c.w.now, func() { m.lead(leading.Saw{Watch: id, Lead: now}) })
}

func (w *world) controllerNamed(name string) *controllerPart {
	i := slices.IndexFunc(w.controllers, func(c *controllerPart) bool { return c.name == name })
	return w.controllers[i]
}
