package quorumtest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// Cluster is what the engines of one cluster of controllers share. Any goroutine may call its
// methods.
type Cluster struct {
	// MaxValue and MaxSave bound a value and a Save, as in memstore. Zero means no limit.
	MaxValue, MaxSave int
	// External says that the site runs the engine: its members are not controllers.
	External bool

	mu        sync.Mutex
	changed   chan struct{} // closed at the next change of anything
	term      uint64
	lead      quorum.Lead // without its doubts
	leads     quorum.Session
	token     int64
	session   quorum.Session // the highest so far
	sessions  map[quorum.Session]*session
	doubts    map[string]doubt
	parts     map[string]*part
	feeds     map[string]*feed
	archives  map[string]archive
	announced map[string][]byte
	members   []quorum.Member
	ids       uint64
	lags      map[string]uint64
	alarms    map[string][]string
	engines   []*Engine
	writes    []Write
}

// Write is a Save that was made, with the fence of its writer.
type Write struct {
	Part     string
	Revision store.Revision
	Fence    quorum.Fence
	Term     uint64 // of the lead of that time; zero if nobody led
}

type session struct {
	member string
	ttl    time.Duration
	ends   time.Time
	timer  *time.Timer
}

type doubt struct {
	session quorum.Session
	token   int64
}

// NewCluster returns a cluster with these members, all with a vote.
func NewCluster(members ...string) *Cluster {
	c := &Cluster{
		changed: make(chan struct{}), sessions: map[quorum.Session]*session{}, doubts: map[string]doubt{},
		parts: map[string]*part{}, feeds: map[string]*feed{}, archives: map[string]archive{},
		announced: map[string][]byte{}, lags: map[string]uint64{}, alarms: map[string][]string{},
	}
	for _, name := range members {
		c.ids++
		c.members = append(c.members, quorum.Member{ID: c.ids, Name: name, URLs: []string{urlOf(name)}})
	}
	return c
}

func urlOf(name string) string { return "https://" + name + ":2152" }

// Engine returns an engine for a controller, which starts anew with it. A controller that was
// added as https://NAME:2152 becomes that member. One that nobody knows uses the store of the
// others, as a controller does with the engine of its site.
func (c *Cluster) Engine(name string) *Engine {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := &Engine{c: c, name: name, faults: newFaults()}
	for i := range c.members {
		m := &c.members[i]
		if m.Name == name || m.Name == "" && slices.ContainsFunc(m.URLs, func(u string) bool { return strings.Contains(u, "//"+name+":") }) {
			m.Name, e.id = name, m.ID
		}
	}
	c.engines = append(c.engines, e)
	c.tell()
	return e
}

// Lead returns who leads.
func (c *Cluster) Lead() quorum.Lead {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leadNow()
}

// Writes returns the saves that were made so far, in their order.
func (c *Cluster) Writes() []Write {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.writes)
}

// Expire ends the sessions of a member now, as if it had not renewed them.
func (c *Cluster) Expire(member string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, s := range c.sessions {
		if s.member == member {
			c.end(id)
		}
	}
}

// SetTerm says which term was the last one, as after a restored backup.
func (c *Cluster) SetTerm(term uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.term = term
}

// SetLag says how far a member is behind. Promote refuses one that is.
func (c *Cluster) SetLag(member string, lag uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lags[member] = lag
}

// SetAlarms says which alarms a member has.
func (c *Cluster) SetAlarms(member string, alarms ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.alarms[member] = alarms
}

// What follows is called with mu held.

// tell wakes the watches.
func (c *Cluster) tell() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// leadNow returns who leads, with the doubts.
func (c *Cluster) leadNow() quorum.Lead {
	lead := c.lead
	lead.Term = c.term
	lead.Doubts = nil
	for member, d := range c.doubts {
		if lead.Token != 0 && d.token == lead.Token {
			lead.Doubts = append(lead.Doubts, member)
		}
	}
	slices.Sort(lead.Doubts)
	return lead
}

// holds returns store.ErrConflict unless a fence holds.
func (c *Cluster) holds(f quorum.Fence) error {
	if f.Token == c.lead.Token {
		return nil
	}
	return fmt.Errorf("%w: the token %d leads no longer; %q leads now", store.ErrConflict, f.Token, c.lead.Member)
}

// end ends a session with all that belongs to it.
func (c *Cluster) end(id quorum.Session) {
	s := c.sessions[id]
	if s == nil {
		return
	}
	s.timer.Stop()
	delete(c.sessions, id)
	for member, d := range c.doubts {
		if d.session == id {
			delete(c.doubts, member)
		}
	}
	if c.leads == id {
		c.endLead("")
	}
	c.tell()
}

func (c *Cluster) endLead(heir string) {
	c.lead, c.leads = quorum.Lead{Heir: heir}, 0
	clear(c.doubts)
	c.tell()
}

// expire ends a session whose time has come.
func (c *Cluster) expire(id quorum.Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sessions[id]
	if s == nil {
		return
	}
	if left := time.Until(s.ends); left > 0 {
		s.timer.Reset(left) // it was renewed meanwhile
		return
	}
	c.end(id)
}
