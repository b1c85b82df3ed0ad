package sim

import (
	"slices"
	"testing"
)

// TestAnnouncementReachesAConnectionThatComesUp lets a controller's term rise while its end of a
// connection is not up yet. With seed 2019 an agent never heard of such a term, and obeyed nobody.
func TestAnnouncementReachesAConnectionThatComesUp(t *testing.T) {
	w := Config{Controllers: 3}.world(2019)
	w.populate()
	c, a := w.controllers[0], w.agents[0]
	w.net.connect(&dialer{from: c.ep, to: func() *endpoint { return a.ep }}, a.ep)
	told := announcement{name: c.name, term: 20}
	w.net.announce(c.ep, told)
	w.runUntil(w.now + w.terms.delay)
	i := slices.IndexFunc(a.ep.ends, func(e *end) bool { return e.far.self == c.ep })
	if got := a.ep.ends[i].announced; got != told {
		t.Errorf("the agent has heard %+v, want %+v", got, told)
	}
}
