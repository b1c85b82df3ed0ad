package sim

import (
	"maps"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/core/leading"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
)

// shared is the store of several controllers: their state, and who leads. A save counts only
// if its controller still leads by its token, and replaces the current revision.
type shared struct {
	w        *world
	values   disk
	rev      uint64
	session  quorum.Session // the latest
	sessions map[quorum.Session]*session
	lead     quorum.Lead // without its term and its doubts
	holder   quorum.Session
	term     uint64
	token    int64
	doubts   map[string]quorum.Session
	// loaded is the greatest token by which a controller has loaded the state, and settled the
	// lead of the last time of peace.
	loaded, settled int64
	// expired are the leads whose sessions were not renewed in time.
	expired map[int64]bool
	// forgotten is the greatest term before the store has forgotten some. Two controllers may have
	// led in each of them.
	forgotten uint64
	// unguarded lets saves of controllers count that lead no longer: a test must notice it.
	unguarded bool
}

// session is the time for which the store believes that a controller lives.
type session struct {
	member string
	ends   time.Duration
}

// sessionTTL is how long a session lasts without a renewal.
const sessionTTL = 5 * time.Second

func newShared(w *world) *shared {
	return &shared{w: w, values: disk{}, sessions: map[quorum.Session]*session{}, expired: map[int64]bool{}, doubts: map[string]quorum.Session{}}
}

// now returns the lead with its term and its doubts.
func (s *shared) now() quorum.Lead {
	lead := s.lead
	lead.Term = s.term
	lead.Doubts = slices.Sorted(maps.Keys(s.doubts))
	return lead
}

// changed tells everybody who watches.
func (s *shared) changed() {
	for _, c := range s.w.controllers {
		c.member.show()
	}
}

// save makes the changes, if they may be made.
func (s *shared) save(token int64, replaces uint64, changes []controller.Change) saveAnswer {
	if replaces != s.rev || token != s.lead.Token && !s.unguarded {
		return saveAnswer{how: saveConflicts}
	}
	if token < s.loaded {
		s.w.violated("a controller saves by the token %d, and another one has loaded by the token %d", token, s.loaded)
	}
	s.rev++
	s.values = s.values.clone()
	for _, c := range changes {
		s.values.set(c.Key, c.Value)
	}
	return saveAnswer{how: saveDone, rev: s.rev}
}

// load returns the state for the controller with a token.
func (s *shared) load(token int64) (disk, uint64) {
	s.loaded = max(s.loaded, token)
	return s.values, s.rev
}

func (s *shared) begin(member string) leading.Done {
	s.session++
	s.sessions[s.session] = &session{member: member}
	s.extend(s.session)
	return leading.Done{Made: s.session}
}

func (s *shared) renew(id quorum.Session) leading.Done {
	if s.sessions[id] == nil {
		return leading.Done{How: leading.Ended}
	}
	s.extend(id)
	return leading.Done{}
}

// extend lets a session end later.
func (s *shared) extend(id quorum.Session) {
	ends := s.w.now + sessionTTL
	s.sessions[id].ends = ends
	s.w.at(ends, func() {
		if known := s.sessions[id]; known != nil && known.ends == ends {
			s.expired[s.lead.Token] = s.holder == id || s.expired[s.lead.Token]
			s.endSession(id)
		}
	})
}

func (s *shared) endSession(id quorum.Session) leading.Done {
	delete(s.sessions, id)
	maps.DeleteFunc(s.doubts, func(_ string, of quorum.Session) bool { return of == id })
	if s.holder == id {
		s.over("its session has ended")
	}
	s.changed()
	return leading.Done{}
}

func (s *shared) over(why string) {
	s.w.did("store", s.lead.Member+" leads no longer: "+why)
	s.lead, s.holder = quorum.Lead{}, 0
	clear(s.doubts)
	s.changed()
}

func (s *shared) take(member string, e leading.Take) leading.Done {
	switch {
	case s.sessions[e.Session] == nil:
		return leading.Done{How: leading.Ended}
	case s.lead.Token != 0:
		return leading.Done{How: leading.Taken}
	}
	s.token++
	s.term = max(s.term+1, e.AtLeast)
	s.lead, s.holder = quorum.Lead{Member: member, Token: s.token}, e.Session
	s.w.did("store", member+" leads")
	s.changed()
	return leading.Done{Lead: s.now()}
}

func (s *shared) raise(e leading.Raise) leading.Done {
	if s.lead.Token != e.Token {
		return leading.Done{How: leading.Taken}
	}
	s.term = max(s.term, e.Term)
	s.changed()
	return leading.Done{}
}

func (s *shared) doubt(member string, e leading.Doubt) leading.Done {
	switch {
	case s.sessions[e.Session] == nil:
		return leading.Done{How: leading.Ended}
	case s.lead.Token != e.Token:
		return leading.Done{How: leading.Taken}
	}
	s.doubts[member] = e.Session
	s.changed()
	return leading.Done{}
}

func (s *shared) trust(member string, token int64) leading.Done {
	if s.lead.Token == token {
		delete(s.doubts, member)
		s.changed()
	}
	return leading.Done{}
}

func (s *shared) end(token int64, doubts int, heir string) leading.Done {
	if s.lead.Token != token || token == 0 || len(s.doubts) < doubts {
		return leading.Done{How: leading.Taken}
	}
	s.over("it was ended")
	s.lead.Heir = heir
	return leading.Done{}
}

func (s *shared) count() leading.Done {
	c := leading.Counted{Voters: len(s.w.controllers)}
	for _, one := range s.sessions {
		c.Live = append(c.Live, one.member)
	}
	slices.Sort(c.Live)
	return leading.Done{Counted: c}
}
