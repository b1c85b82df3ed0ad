package ledger

import (
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Legs holds the legs that are not answered. A leg is a request of a core to another
// program, under an ID that the core has made. The zero value holds nothing.
type Legs[L any] struct{ open map[mgmt.ReqID]L }

// Open keeps leg under a new ID, drawn from rng, that no other open leg has.
func (l *Legs[L]) Open(rng *rand.Rand, leg L) mgmt.ReqID {
	if l.open == nil {
		l.open = map[mgmt.ReqID]L{}
	}
	for {
		id := mgmt.NewReqID(rng)
		if _, taken := l.open[id]; !taken {
			l.open[id] = leg
			return id
		}
	}
}

// Find returns the open leg with this ID, and whether there is one.
func (l *Legs[L]) Find(id mgmt.ReqID) (L, bool) {
	leg, ok := l.open[id]
	return leg, ok
}

// Close forgets the leg with this ID, if it is open.
func (l *Legs[L]) Close(id mgmt.ReqID) { delete(l.open, id) }

// Len returns how many legs are open.
func (l *Legs[L]) Len() int { return len(l.open) }

// All returns the open legs, sorted by their IDs.
func (l *Legs[L]) All() []L {
	legs := make([]L, 0, len(l.open))
	for _, id := range slices.Sorted(maps.Keys(l.open)) {
		legs = append(legs, l.open[id])
	}
	return legs
}
