package leading

import (
	"time"
)

// took takes the outcome of a Take.
func (t *turn) took(ev Done, c call) {
	switch ev.How {
	case OK:
		t.again(taking, 0)
		seen := t.lead.Token == ev.Lead.Token
		t.own = &term{Lead: ev.Lead, began: t.now, seen: seen, watch: t.watch + 1}
		if !seen {
			t.learn(ev.Lead)
			t.rewatchSoon()
		}
		if c.session != t.session || !t.now.Before(t.lost()) || t.stopping || t.lead.Token != ev.Lead.Token {
			// It came too late to count on it.
			t.own.over, t.own.closed, t.own.since = true, true, t.now
			t.resignNow()
			return
		}
		t.emit(Open{ev.Lead})
	case Ended:
		if c.session == t.session {
			t.sessionEnded()
		}
	case Taken:
		t.retry(taking)
		t.rewatchSoon()
	default:
		t.complain(taking, "the lead cannot be taken", ev.Why)
		t.retry(taking)
	}
}

// depose ends the own term. The lead in the store may go on.
func (t *turn) depose(why string) { t.endTerm(why, false) }

// endTerm ends the own term, perhaps in good order.
func (t *turn) endTerm(why string, inOrder bool) {
	t.own.over, t.own.since = true, t.now
	if t.now.Sub(t.own.began) >= t.cfg.Sound {
		t.failures = 0
	}
	t.emit(Depose{t.own.Token, why, inOrder})
}

// resignNow lets the lead be ended in the store, also while the term closes.
func (t *turn) resignNow() { t.own.resign, t.own.wait = true, false }

// resignClosed lets the lead be ended when the term has closed: then its requests get answers,
// and nobody disturbs its last saves.
func (t *turn) resignClosed() { t.own.resign, t.own.wait = true, true }

// termEnded takes that the own term has closed.
func (t *turn) termEnded(ev TermEnded) {
	own := t.own
	if own == nil || own.Token != ev.Token || own.closed {
		return
	}
	if !own.over {
		t.failed(ev)
	}
	own.closed = true
}

// failed takes that the term has ended by itself. Another controller gets the time to try.
func (t *turn) failed(ev TermEnded) {
	own := t.own
	own.over, own.since = true, t.now
	if t.now.Sub(own.began) >= t.cfg.Sound {
		t.failures = 0
	}
	t.resignNow()
	if ev.Conflict {
		t.rest = t.now.Add(t.cfg.Rest)
		t.emit(Note{Level: 4, Text: "this controller leads no longer", Err: ev.Why})
		return
	}
	t.rest = t.now.Add(min(t.cfg.Rest<<min(t.failures, 10), t.cfg.MaxRest))
	t.failures++
	t.emit(Note{Level: 8, Text: "the term of this controller has ended: another one may lead", Err: ev.Why})
}

func (t *turn) resigned(ev Done, c call) {
	if ev.How != OK && ev.How != Taken {
		t.retry(resigning)
		return
	}
	t.again(resigning, 0)
	if t.own != nil && t.own.Token == c.token {
		t.own.resign = false
	}
	t.nobody(c.token)
}

func (t *turn) raised(ev Done, c call) {
	switch {
	case t.own == nil || t.own.Token != c.token:
		t.again(raising, 0)
	case ev.How == OK:
		t.own.Term = max(t.own.Term, c.term)
		t.again(raising, t.cfg.Renew) // an agent that lies must not make the store write all the time
	default:
		t.retry(raising)
	}
}

// settle makes the calls that are due.
func (t *turn) settle() {
	if t.stopped {
		return
	}
	if t.own != nil && t.own.closed && !t.own.resign {
		t.own = nil
	}
	t.keepWatch()
	t.keepSession()
	t.closing()
	if t.stopping {
		t.leave()
	}
	if t.stopped {
		return
	}
	foreign := t.lead.Token != 0 && (t.own == nil || t.own.Token != t.lead.Token)
	switch {
	case t.leads():
		t.raise()
	case foreign && t.lead.Member == t.cfg.Name:
		t.resignOld()
	case foreign && !t.stopping:
		follower{t}.follow()
	case t.lead.Token == 0 && t.known && t.own == nil && !t.stopping:
		t.stand()
	}
}

func (t *turn) keepWatch() {
	if t.stopping {
		return
	}
	anew := !t.rewatch.IsZero() && !t.now.Before(t.rewatch)
	if !anew && (t.watched || !t.due(watching)) {
		return
	}
	t.ids++
	t.watch, t.watched, t.rewatch = t.ids, true, time.Time{}
	t.emit(Watch{t.watch})
}

func (t *turn) keepSession() {
	switch {
	case t.session == 0 && !t.stopping && t.due(beginning):
		t.emit(Begin{t.begin(beginning, call{})})
	case t.session != 0 && (!t.stopping || t.own != nil) && t.due(renewing):
		t.emit(Renew{t.begin(renewing, call{session: t.session}), t.session})
	}
}

// closing resigns the lead of a term that is over.
func (t *turn) closing() {
	own := t.own
	if own == nil || !own.over {
		return
	}
	if own.resign && !t.waits() && t.due(resigning) {
		t.emit(Resign{t.begin(resigning, call{token: own.Token}), own.Token, own.heir})
	}
	if !own.closed && !own.slow && t.now.Sub(own.since) >= slowClose {
		own.slow = true
		t.emit(Note{Level: 8, Text: "a term that is over does not close: this controller cannot lead until it has"})
	}
}

// waits reports whether the lead is not to be resigned yet, as the term closes.
func (t *turn) waits() bool {
	return t.own.wait && !t.own.closed && t.now.Sub(t.own.since) < t.cfg.Close
}

// raise gives the own lead the term that an agent has obeyed.
func (t *turn) raise() {
	if t.atLeast > t.own.Term && t.due(raising) {
		t.emit(Raise{t.begin(raising, call{token: t.own.Token, term: t.atLeast}), t.own.Token, t.atLeast})
	}
}

// resignOld ends a lead of this controller that has no term: of an earlier life of the program,
// or of a Take whose answer was lost.
func (t *turn) resignOld() {
	if !t.calls.busy(taking) && t.due(resigning) {
		t.emit(Resign{t.begin(resigning, call{token: t.lead.Token}), t.lead.Token, ""})
	}
}

// stand takes the lead, if this controller may.
func (t *turn) stand() {
	if t.session == 0 || !t.now.Before(t.lost()) {
		return
	}
	switch heir := t.lead.Heir; {
	case heir == t.cfg.Name: // somebody wants it to lead, even if it rests
	case t.now.Before(t.rest), heir != "" && t.now.Sub(t.vacant) < t.cfg.Heir:
		return
	}
	if t.counted.Voters == 0 {
		t.count() // whether it has a vote
		return
	}
	if (t.behind || t.counted.Learner) && t.now.Sub(t.vacant) < t.cfg.Unfit {
		t.count()
		return
	}
	if t.due(taking) {
		t.emit(Take{t.begin(taking, call{session: t.session}), t.session, t.atLeast})
	}
}

// leave ends the session when the term has closed and the lead has ended, and then the Machine.
func (t *turn) leave() {
	late := !t.now.Before(t.stopBy)
	if !late && (t.own != nil || t.calls.busy(taking)) {
		return
	}
	if !late && t.session != 0 {
		if t.due(leaving) {
			t.emit(EndSession{t.begin(leaving, call{session: t.session}), t.session})
		}
		return
	}
	if t.calls.busy(beginning) && !late {
		return
	}
	t.stopped = true
	t.emit(Stopped{})
}
