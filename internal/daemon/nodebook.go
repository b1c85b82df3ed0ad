package daemon

import (
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// nodeBook has what an agent can tell about its nodes to somebody who asks: what it last
// launched, and how states have changed since the agent started. The loop of the agent
// writes it, and other goroutines read it.
type nodeBook struct {
	mu    sync.Mutex
	pages map[mgmt.NodeName]*nodePage
}

// The bounds of a nodeBook. Beyond bookNodes, a further node is not noted.
const (
	bookNodes   = 4096
	bookChanges = 50 // of one node; older ones go
)

// nodePage is what is known of one node.
type nodePage struct {
	state   mgmt.State
	since   time.Time // of state
	changes []mgmt.StateChange
	launch  uint64
	// launches counts those since the agent started; one that was adopted is the first.
	launches uint64
	pid      int // 0: no process lives
	known    bool
	plan     mgmt.Plan // if known, that of the launch
	facts    launch.Facts
	remark   string
	// starts and crashes count since the agent started.
	starts, crashes uint64
}

func newNodeBook() *nodeBook { return &nodeBook{pages: map[mgmt.NodeName]*nodePage{}} }

// page returns the page of a node for writing, or nil if there are too many. The caller
// holds mu.
func (b *nodeBook) page(node mgmt.NodeName) *nodePage {
	p := b.pages[node]
	if p == nil && len(b.pages) < bookNodes {
		p = &nodePage{}
		b.pages[node] = p
	}
	return p
}

// lives notes a process.
func (b *nodeBook) lives(l *launched) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.page(l.node); p != nil {
		p.launches++
		p.launch, p.pid, p.plan, p.known, p.facts, p.remark = l.number, l.pid, l.plan, l.known, l.facts, l.remark()
	}
}

// ended notes that the process of a launch is gone.
func (b *nodeBook) ended(id launchID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.pages[id.node]; p != nil && p.launch == id.number {
		p.pid = 0
	}
}

// happened notes the change of a node's state.
func (b *nodeBook) happened(h mgmt.Happening) {
	if h.Kind != mgmt.HappenedNode {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.page(h.Node)
	if p == nil {
		return
	}
	p.state, p.since = mgmt.State(h.To), h.Time
	switch p.state {
	case mgmt.Pending:
		p.starts++
	case mgmt.Crashed:
		p.crashes++
	}
	p.changes = append(p.changes, mgmt.StateChange{Time: h.Time.UTC(), From: h.From, To: h.To, Cause: h.Cause, PID: h.PID})
	if over := len(p.changes) - bookChanges; over > 0 {
		p.changes = slices.Delete(p.changes, 0, over)
	}
}

// read returns the page of a node, and false if there is none.
func (b *nodeBook) read(node mgmt.NodeName) (nodePage, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.pages[node]
	if p == nil {
		return nodePage{}, false
	}
	one := *p
	one.changes = slices.Clone(p.changes)
	return one, true
}

// ages returns how long nodes have been in their states.
func (b *nodeBook) ages(now time.Time) (list []mgmt.NodeAge) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for node, p := range b.pages {
		if p.state != "" {
			list = append(list, mgmt.NodeAge{Node: node, State: p.state, Age: now.Sub(p.since)})
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Node < list[j].Node })
	return list
}

// versions returns what runs.
func (b *nodeBook) versions() (list []mgmt.NodeVersion) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for node, p := range b.pages {
		if p.pid != 0 {
			list = append(list, mgmt.NodeVersion{Node: node, PID: p.pid, Program: p.facts.Program, Version: p.facts.Version})
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Node < list[j].Node })
	return list
}
