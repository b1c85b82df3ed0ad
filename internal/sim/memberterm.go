package sim

import (
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/core/leading"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
)

// announcement is what a controller tells agents of its subscriptions: nothing if it is alone,
// its term while it leads, and that it has none while it follows.
type announcement struct {
	mgmt.Message // never there: it is no message, and keeps the order among messages
	name         string
	term         uint64
	mute         bool
}

// obeys is what an agent tells controllers of the greatest term that it has obeyed.
type obeys struct {
	mgmt.Message // as in announcement
	term         uint64
}

// announces reports whether a message is an announcement, of which no dialogue tells.
func announces(msg mgmt.Message) bool {
	switch msg.(type) {
	case announcement, obeys:
		return true
	}
	return false
}

// announces returns what the controller tells of its subscriptions now.
func (c *controllerPart) announces() announcement {
	if c.member == nil {
		return announcement{}
	}
	if c.m == nil {
		return announcement{name: c.name, mute: true}
	}
	return announcement{name: c.name, term: c.member.term}
}

// announcedBy returns what the program at an end tells when the other end comes up.
func announcedBy(e *end) announcement {
	if c, ok := e.self.part.(*controllerPart); ok {
		return c.announces()
	}
	return announcement{}
}

// announce tells all agents of the subscriptions.
func (m *member) announce() { m.c.w.net.announce(m.c.ep, m.c.announces()) }

// announce tells the programs between which announcements matter: controllers and agents.
func (n *network) announce(from *endpoint, told mgmt.Message) {
	for _, e := range from.ends {
		_, toAgent := e.far.self.part.(*agentPart)
		_, toController := e.far.self.part.(*controllerPart)
		if e.state != down && (toAgent || toController) { // one that comes up hears it after the handshake
			to := e.far
			to.arrives = max(to.arrives, n.now+n.delay())
			n.at(to.arrives, func() { n.arrive(to, parcel{msg: told}) })
		}
	}
}

// hears takes the greatest term that an agent has obeyed.
func (m *member) hears(term uint64) {
	m.later(0, func() {
		if m.c.m != nil && term > m.term {
			m.lead(leading.TermSeen{Term: term})
		}
	})
}

// raised takes that the term of the lead has become greater.
func (m *member) raised(v leading.View) {
	if m.c.m != nil && v.Leads && v.Token == m.token && v.Term > m.term {
		m.term = v.Term
		m.announce()
	}
}

// open opens a term: it loads the state, and takes the agents that are connected.
func (m *member) open(lead quorum.Lead) {
	c := m.c
	if c.m != nil {
		c.w.violated("%s opens term %d while term %d is open", c.name, lead.Term, m.term)
	}
	m.token, m.term, m.closing = lead.Token, lead.Term, false
	type loaded struct {
		values disk
		rev    uint64
		before acknowledged
	}
	m.ask(callTimeout, func() any {
		values, rev := c.w.shared.load(lead.Token)
		return loaded{values, rev, c.w.acknowledged}
	}, func(answer any, ok bool) {
		switch {
		case !ok:
			m.lead(leading.TermEnded{Token: lead.Token, Why: "the state cannot be loaded"})
		case m.closing:
			m.lead(leading.TermEnded{Token: lead.Token})
		default:
			state := answer.(loaded)
			m.keeper = keeper{rev: state.rev, stored: state.values}
			c.enter(func() { m.opened(state.values, state.before) })
		}
	})
}

// opened begins the term.
func (m *member) opened(values disk, before acknowledged) {
	c := m.c
	c.disk.values, c.disk.saved = values, restore(c.w, values)
	c.begin(c.disk.saved, before)
	c.w.did(string(c.ep.id), "leads")
	m.announce()
	life := c.life
	for _, e := range slices.Clone(c.ep.ends) {
		if e.state == up && c.alive(life) {
			c.enter(func() { c.meets(e) })
		}
	}
	if c.alive(life) && !m.busy {
		c.arm()
	}
}

// endTerm closes the term with a token, as soon as no save is under way.
func (m *member) endTerm(token int64) {
	switch {
	case m.token != token:
	case m.busy:
		m.closing = true
	case m.c.m != nil:
		m.close("", false)
	default:
		m.closing = true // it is not open yet, or has closed
	}
}

// close closes the term. why says why it has ended by itself.
func (m *member) close(why string, conflict bool) {
	c := m.c
	c.w.did(string(c.ep.id), "has closed its term")
	c.m, m.waiting, m.closing = nil, nil, false
	for _, d := range c.dials {
		c.w.net.hangUp(d.dialer)
	}
	c.dials = nil
	for _, e := range slices.Clone(c.ep.ends) {
		if _, ok := e.far.self.part.(*client); ok {
			c.w.after(0, func() { c.w.net.lose(e) })
		}
	}
	m.announce()
	token := m.token
	m.later(0, func() { m.lead(leading.TermEnded{Token: token, Why: why, Conflict: conflict}) })
}

// grant lets the term owe later what it could not do meanwhile.
func (m *member) grant() {
	c, late := m.c, m.c.w.now-m.stalled
	for i := range c.book.asked {
		c.book.asked[i].late += late
	}
	for i := range c.opened.open {
		c.opened.open[i].until += late
	}
	m.stalled = c.w.now
}

// goOn lets the term go on after a save or a pause.
func (m *member) goOn() {
	c := m.c
	if m.closing && c.m != nil {
		m.close("", false)
	}
	for len(m.waiting) > 0 && !m.busy && !m.paused {
		do := m.waiting[0]
		m.waiting = m.waiting[1:]
		c.enter(do)
	}
}

// first lets the term do something before all that it has not taken yet.
func (m *member) first(do func()) { m.waiting = slices.Insert(m.waiting, 0, do) }

// keeper keeps the state of a term in the store, as the keeper of package daemon does: a save
// without an answer may have taken place, and what the core was told to have failed is undone.
type keeper struct {
	rev      uint64
	stored   disk // at that revision
	doubt    *keeperDoubt
	undo     []controller.Change
	conflict bool
}

type keeperDoubt struct{ changes, undo []controller.Change }

// saveAnswer is the answer of the store to a save.
type saveAnswer struct {
	how saveOutcome
	rev uint64
}

type saveOutcome int

const (
	saveDone saveOutcome = iota
	saveConflicts
	saveFails
)

// save saves for the core. The term takes no other event until the outcome is there.
func (m *member) save(changes []controller.Change, t controllerTurn) {
	m.busy, m.stalled = true, m.c.w.now
	m.settleDoubt(func(how saveOutcome) {
		if how != saveDone {
			m.saved(how, changes, t)
			return
		}
		m.replace(slices.Concat(m.keeper.undo, changes), changes, func(how saveOutcome) { m.saved(how, changes, t) })
	})
}

// saved hands the outcome of a save to the core.
func (m *member) saved(how saveOutcome, changes []controller.Change, t controllerTurn) {
	c := m.c
	m.busy = false
	if !c.alive(t.life) {
		return
	}
	m.grant()
	was := c.w.controller
	c.w.activate(c)
	var outcome controller.Event = controller.Saved{}
	switch how {
	case saveConflicts:
		m.keeper.conflict = true
		c.deposed, outcome = true, controller.Deposed{}
	case saveFails:
		outcome = controller.Saved{Err: "disk full"}
	default:
		m.keeper.undo = nil
		values := c.disk.changed(changes)
		if !same(values, m.keeper.stored) {
			c.w.violated("%s has saved something else than it believes", c.name)
		}
		c.adopt(values, restore(c.w, values))
	}
	t.queue = slices.Insert(t.queue, 0, outcome)
	c.proceed(t)
	c.w.activate(was)
	if m.core != nil && !m.busy {
		m.goOn()
	}
}

// settleDoubt finds out what became of a save without an answer.
func (m *member) settleDoubt(then func(saveOutcome)) {
	k := &m.keeper
	switch {
	case k.conflict:
		m.later(0, func() { then(saveConflicts) })
	case k.doubt == nil:
		then(saveDone)
	default:
		undo := k.doubt.undo
		m.settle(func(took bool, how saveOutcome) {
			if took {
				k.undo = slices.Concat(undo, k.undo)
			}
			then(how)
		})
	}
}

// settle ends the doubt, and says whether the save took place.
func (m *member) settle(then func(took bool, how saveOutcome)) {
	type loaded struct {
		values disk
		rev    uint64
	}
	k, token := &m.keeper, m.token
	m.ask(callTimeout, func() any {
		values, rev := m.c.w.shared.load(token)
		return loaded{values, rev}
	}, func(answer any, ok bool) {
		if !ok {
			then(false, saveFails)
			return
		}
		now, wanted := answer.(loaded), after(k.stored, k.doubt.changes)
		switch {
		case now.rev == k.rev && same(now.values, k.stored):
			k.doubt = nil
			then(false, saveDone)
		case now.rev > k.rev && same(now.values, wanted):
			k.doubt, k.rev, k.stored = nil, now.rev, wanted
			then(true, saveDone)
		default:
			then(false, saveConflicts)
		}
	})
}

// replace makes the changes in the store. asked are those of the core among them.
func (m *member) replace(changes, asked []controller.Change, then func(saveOutcome)) {
	k, c, token := &m.keeper, m.c, m.token
	undo := undoOf(k.stored, changes)
	m.ask(3*time.Second, func() any { return m.store(token, changes, asked) }, func(answer any, ok bool) {
		got := saveAnswer{how: saveFails}
		if ok {
			got = answer.(saveAnswer)
		}
		switch got.how {
		case saveDone:
			k.rev, k.stored = got.rev, after(k.stored, changes)
			then(saveDone)
			return
		case saveConflicts:
			then(saveConflicts)
			return
		}
		c.w.did(string(c.ep.id), "does not know whether it has saved")
		k.doubt = &keeperDoubt{changes, undo}
		m.settle(func(took bool, how saveOutcome) {
			if how == saveDone && !took {
				how = saveFails
			}
			then(how)
		})
	})
}

// store is a save as it reaches the store.
func (m *member) store(token int64, changes, asked []controller.Change) saveAnswer {
	c := m.c
	stored, survived := c.w.saves(c.disk.state)
	answer := saveAnswer{how: saveFails}
	if stored {
		answer = c.w.shared.save(token, m.keeper.rev, changes)
	}
	if answer.how == saveDone && c.m != nil {
		was := c.w.controller
		c.w.activate(c)
		c.checkSaved(c.disk.changed(asked))
		c.w.activate(was)
	}
	if !survived {
		c.disk.state = diskWorks
		c.end("crashes while saving")
	}
	return answer
}

func after(values disk, changes []controller.Change) disk {
	next := values.clone()
	for _, c := range changes {
		next.set(c.Key, c.Value)
	}
	return next
}

// undoOf returns the changes that reverse the given ones.
func undoOf(values disk, changes []controller.Change) []controller.Change {
	var undo []controller.Change
	for _, c := range changes {
		undo = append(undo, controller.Change{Key: c.Key, Value: values[c.Key]})
	}
	return undo
}
