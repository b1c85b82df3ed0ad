package leading

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
)

// saw takes who leads.
func (t *turn) saw(ev Saw) {
	if ev.Watch != t.watch {
		return
	}
	t.tries[watching] = try{}
	now := ev.Lead
	if now.Token != 0 && now.Token <= t.gone {
		return // older than what the store has answered
	}
	if own := t.own; own != nil && !t.sawOwn(now, ev.Watch) {
		return
	}
	if t.own == nil || t.own.seen {
		t.rewatch = time.Time{}
	}
	t.learn(now)
}

// sawOwn takes what the watch says while this controller has a term. It returns false if that
// is older than the term.
func (t *turn) sawOwn(now quorum.Lead, watch uint64) bool {
	own := t.own
	switch {
	case now.Token == own.Token:
		own.seen, own.Term, own.Doubts = true, max(own.Term, now.Term), now.Doubts
		return true
	case now.Token == 0 && !own.seen && watch < own.watch, now.Token != 0 && now.Token < own.Token:
		return false
	case t.leads() && now.Token == 0:
		why := "its lead was ended"
		if len(own.Doubts) > 0 {
			why = fmt.Sprintf("members that do not hear it have ended its lead: %s", strings.Join(own.Doubts, ", "))
		}
		t.depose(why)
		t.rest, t.mute = t.now.Add(t.cfg.Rest), t.now.Add(t.cfg.Distrust)
	case t.leads():
		t.depose(fmt.Sprintf("%s leads in term %d", now.Member, now.Term))
	}
	own.resign = false
	t.gone = max(t.gone, own.Token)
	return true
}

// learn takes who leads now.
func (t *turn) learn(now quorum.Lead) {
	if !t.known || now.Token != t.lead.Token {
		t.lead = lead{Lead: now, heard: t.now}
		if now.Token == 0 {
			t.vacant = t.now
			t.again(taking, 0)
		} else {
			t.calls.forget(asking) // of the lead before
			t.again(asking, t.cfg.Pulse)
			t.recount()
		}
	}
	t.known = true
	t.lead.Lead = now
}

// nobody takes from an answer of the store that a lead has ended, before the watch shows it.
func (t *turn) nobody(token int64) {
	t.gone = max(t.gone, token)
	if t.lead.Token != 0 && t.lead.Token <= t.gone {
		t.learn(quorum.Lead{Term: t.lead.Term})
	}
}

func (t *turn) watchEnded(ev WatchEnded) {
	if ev.Watch == t.watch {
		t.watched = false
		t.retry(watching)
	}
}

// rewatchSoon lets the watch begin anew, if it does not show soon what the store has answered.
func (t *turn) rewatchSoon() {
	if t.rewatch.IsZero() {
		t.rewatch = t.now.Add(freshWatch)
	}
}

// follower is a turn of a controller that follows.
type follower struct{ *turn }

// answered takes what the controller that leads says.
func (t follower) answered(ev Done, c call) {
	t.tries[asking] = try{next: c.began.Add(t.cfg.Pulse)}
	if c.token != t.lead.Token {
		return
	}
	t.lead.why = ev.Why
	switch ev.How {
	case OK:
		t.lead.heard, t.lead.refused, t.mute = t.now, 0, time.Time{}
		t.lead.disbelieved = false
	case Refused:
		t.lead.refused++
		t.lead.disbelieved = false
	case Disbelieved:
		t.lead.disbelieved = true
	}
}

// doubts reports whether this controller doubts the one that leads.
func (t follower) doubts() bool {
	if t.now.Before(t.mute) {
		return false
	}
	return t.lead.refused >= t.cfg.RefusedInARow || t.now.Sub(t.lead.heard) >= t.cfg.Silence
}

func (t follower) doubted(ev Done, c call) {
	switch {
	case ev.How == Ended && c.session == t.session:
		t.sessionEnded()
	case ev.How == OK && c.token == t.lead.Token:
		t.lead.doubted = c.session
		t.again(doubting, 0)
		t.recount() // with the session of this doubt
	case ev.How == Taken:
		t.again(doubting, t.cfg.Count)
		t.rewatchSoon()
	case ev.How != OK:
		t.retry(doubting)
	}
}

func (t follower) trusted(ev Done, c call) {
	if ev.How != OK && ev.How != Taken {
		t.retry(trusting)
		return
	}
	t.again(trusting, 0)
	if c.token == t.lead.Token {
		t.lead.doubted = 0
	}
}

// follow asks the controller that leads, and ends its lead if enough members doubt it.
func (t follower) follow() {
	if t.due(asking) {
		t.emit(Ask{t.begin(asking, call{token: t.lead.Token}), t.lead.Member})
	}
	if t.session == 0 {
		return
	}
	if !t.doubts() {
		t.lead.noted = false
		if t.lead.doubted != 0 && t.due(trusting) && t.due(doubting) {
			t.emit(Trust{t.begin(trusting, call{token: t.lead.Token}), t.lead.Token})
		}
		return
	}
	if !t.lead.noted {
		t.lead.noted = true
		t.emit(Note{Level: 4, Text: "the controller that leads does not answer", Peer: mgmt.PeerID(t.lead.Member), Err: t.lead.why})
	}
	if t.lead.doubted != t.session {
		if t.due(doubting) && t.due(trusting) {
			t.emit(Doubt{t.begin(doubting, call{session: t.session, token: t.lead.Token}), t.session, t.lead.Token})
		}
		return
	}
	t.count()
	needed, counted := t.needed()
	if counted && len(t.lead.Doubts) >= needed && slices.Contains(t.lead.Doubts, t.cfg.Name) && t.due(ending) {
		t.emit(End{t.begin(ending, call{token: t.lead.Token, of: t.lead.Member}), t.lead.Token, needed})
	}
}

// recount lets what was counted before count no longer.
func (t *turn) recount() {
	t.calls.forget(counting)
	t.countedAt = time.Time{}
	t.again(counting, 0)
}

func (t *turn) count() {
	if t.due(counting) {
		t.emit(Count{t.begin(counting, call{})})
	}
}

// needed returns how many members must doubt the lead. It returns false if they were not counted
// lately.
func (t follower) needed() (int, bool) {
	if t.countedAt.IsZero() || t.now.Sub(t.countedAt) > 2*t.cfg.Count || t.counted.Voters == 0 || !slices.Contains(t.counted.Live, t.cfg.Name) {
		return 0, false
	}
	live := 0
	for _, name := range t.counted.Live {
		if name != t.lead.Member {
			live++
		}
	}
	needed := Needed(t.counted.Voters, live)
	if t.lead.disbelieved {
		needed = max(needed, 2)
	}
	return needed, true
}

func (t follower) endedLead(ev Done, c call) {
	switch ev.How {
	case OK:
		t.again(ending, 0)
		t.emit(Note{Level: 4, Text: "the lead of a controller that does not answer was ended", Peer: mgmt.PeerID(c.of)})
		t.nobody(c.token)
	case Taken:
		t.again(ending, t.cfg.Retry)
		t.recount()
		t.rewatchSoon()
	default:
		t.retry(ending)
	}
}
