package happenings

import (
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// The bounds of what a controller expects one agent to tell. A change that is told with a
// time that is further away than expectedWithin is not the one that was expected: it is told
// late, or the clocks of the hosts differ.
const (
	expectedWithin = 10 * time.Second
	maxExpected    = 4096
)

// change is what an agent tells of a change of a node.
type change struct {
	node     mgmt.NodeName
	from, to string
}

// expected are the changes of nodes that an agent is about to tell. Those of one kind are
// in order, oldest first.
type expected struct {
	count   int
	changes map[change][]mgmt.Happening
}

// Expect says which operation has caused a change of a node, which the agent that is peer is
// about to tell. It waits for nobody.
func (r *Recorder) Expect(peer mgmt.PeerID, h mgmt.Happening) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if is := r.peers[peer]; is != nil {
		is.expected.add(h)
	}
}

// add adds a change, unless there are too many.
func (e *expected) add(h mgmt.Happening) {
	if e.count >= maxExpected {
		e.forgetBefore(h.Time.Add(-expectedWithin))
	}
	if e.count >= maxExpected {
		return
	}
	if e.changes == nil {
		e.changes = map[change][]mgmt.Happening{}
	}
	key := change{h.Node, h.From, h.To}
	e.changes[key] = append(e.changes[key], h)
	e.count++
}

func (e *expected) forgetBefore(limit time.Time) {
	e.count = 0
	for key, list := range e.changes {
		list = slices.DeleteFunc(list, func(h mgmt.Happening) bool { return h.Time.Before(limit) })
		e.keep(key, list)
		e.count += len(list)
	}
}

func (e *expected) keep(key change, list []mgmt.Happening) {
	if e.changes[key] = list; len(list) == 0 {
		delete(e.changes, key)
	}
}

// explain says of records that an agent tells which operations have caused them.
func (r *Recorder) explain(by *heard, list []Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range list {
		by.expected.explain(&list[i].Happening)
	}
}

func (e *expected) explain(h *mgmt.Happening) {
	key := change{h.Node, h.From, h.To}
	list := e.changes[key]
	i := slices.IndexFunc(list, func(one mgmt.Happening) bool { return h.Time.Sub(one.Time).Abs() <= expectedWithin })
	if h.Kind != mgmt.HappenedNode || i < 0 {
		return
	}
	h.Operation, h.Who = list[i].Operation, list[i].Who
	e.keep(key, list[i+1:])
	e.count -= i + 1
}
