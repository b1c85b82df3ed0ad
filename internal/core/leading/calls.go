package leading

import (
	"time"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
)

// kind is a kind of call. Of each kind one call is on its way at most.
type kind uint8

const (
	beginning kind = iota
	renewing
	taking
	raising
	doubting
	trusting
	ending
	resigning
	counting
	asking
	watching
	leaving
	kinds // how many there are
)

// call is a call on its way.
type call struct {
	id      uint64 // zero: none is on its way
	began   time.Time
	session quorum.Session
	token   int64
	term    uint64
	of      string
}

// calls are those on their way, by their kinds.
type calls [kinds]call

// busy reports whether a call of a kind is on its way.
func (cs *calls) busy(k kind) bool { return cs[k].id != 0 }

// forget lets a call of a kind be made again. The one on its way counts no longer.
func (cs *calls) forget(k kind) { cs[k] = call{} }

// try says when a kind of call may be made again, and how often it has failed in a row.
type try struct {
	next  time.Time
	fails int
}

// due reports whether a call of a kind may be made now.
func (t *turn) due(k kind) bool { return !t.calls.busy(k) && !t.now.Before(t.tries[k].next) }

// begin notes a call, and returns its ID.
func (t *turn) begin(k kind, c call) uint64 {
	t.ids++
	c.id, c.began = t.ids, t.now
	t.calls[k] = c
	return c.id
}

// finish returns the call with an ID. It returns false if nobody waits for that one any more.
func (t *turn) finish(id uint64) (kind, call, bool) {
	for k := range kinds {
		if c := t.calls[k]; c.id == id && id != 0 {
			t.calls.forget(k)
			return k, c, true
		}
	}
	return 0, call{}, false
}

// again lets a kind of call be made again after a time.
func (t *turn) again(k kind, after time.Duration) { t.tries[k] = try{next: t.now.Add(after)} }

// retry lets a kind of call be made again after a pause that grows with each failure.
func (t *turn) retry(k kind) {
	s := t.tries[k]
	pause := min(t.cfg.Retry<<min(s.fails, 10), t.cfg.MaxRetry)
	pause = pause/2 + time.Duration(t.rng.Int64N(int64(pause/2)+1))
	t.tries[k] = try{next: t.now.Add(pause), fails: s.fails + 1}
}

// complain notes the first of the failures of a kind of call.
func (t *turn) complain(k kind, text, why string) {
	if t.tries[k].fails == 0 {
		t.emit(Note{Level: 4, Text: text, Err: why})
	}
}

// done takes the outcome of a call.
func (t *turn) done(ev Done) {
	k, c, ok := t.finish(ev.ID)
	if !ok {
		return
	}
	switch k {
	case beginning:
		t.begun(ev, c)
	case renewing:
		t.wasRenewed(ev, c)
	case taking:
		t.took(ev, c)
	case raising:
		t.raised(ev, c)
	case doubting:
		follower{t}.doubted(ev, c)
	case trusting:
		follower{t}.trusted(ev, c)
	case ending:
		follower{t}.endedLead(ev, c)
	case resigning:
		t.resigned(ev, c)
	case counting:
		t.wasCounted(ev, c)
	case asking:
		follower{t}.answered(ev, c)
	case leaving:
		t.session = 0
	}
}

func (t *turn) begun(ev Done, c call) {
	if ev.How != OK {
		t.complain(beginning, "the store does not know yet that this controller lives", ev.Why)
		t.retry(beginning)
		return
	}
	t.session, t.renewed = ev.Made, c.began
	t.again(beginning, 0)
	t.again(renewing, t.cfg.Renew)
}

func (t *turn) wasRenewed(ev Done, c call) {
	switch {
	case c.session != t.session:
	case ev.How == OK:
		t.renewed = c.began
		t.tries[renewing] = try{next: c.began.Add(t.cfg.Renew)}
	case ev.How == Ended:
		t.sessionEnded()
	default:
		t.complain(renewing, "the session with the store was not renewed", ev.Why)
		t.retry(renewing)
	}
}

// sessionEnded takes that the store no longer believes that this controller lives. A lead has
// ended with the session.
func (t *turn) sessionEnded() {
	t.session = 0
	t.lead.doubted = 0
	if t.leads() {
		t.depose("the session with the store has ended")
	}
	if t.own != nil {
		t.own.resign = false
		t.nobody(t.own.Token)
	}
}

func (t *turn) wasCounted(ev Done, c call) {
	if ev.How != OK {
		t.retry(counting)
		return
	}
	t.counted, t.countedAt = ev.Counted, c.began
	t.tries[counting] = try{next: c.began.Add(t.cfg.Count)}
}
