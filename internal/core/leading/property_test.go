package leading_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/leading"
)

var names = []string{"c1", "c2", "c3"}

// random returns a world of three that runs, with messages that take a while.
func random(seed uint64) *world {
	w := newWorld(rand.New(rand.NewPCG(seed, 7)), names...)
	w.delay = func() time.Duration { return time.Duration(1+w.rng.IntN(40)) * time.Millisecond }
	w.live()
	for _, m := range w.members {
		m.start()
	}
	return w
}

// mischief does something bad, or ends it.
func (w *world) mischief() {
	m := w.members[w.rng.IntN(len(w.members))]
	if l := w.leader(); l != nil && w.rng.IntN(2) == 0 {
		m = l
	}
	other := names[w.rng.IntN(len(names))]
	switch w.rng.IntN(12) {
	case 0:
		m.kill()
	case 1, 2:
		m.start()
	case 3:
		m.pause(true)
	case 4, 5:
		m.pause(false)
	case 6:
		m.away = !m.away
	case 7:
		m.deaf[other] = !m.deaf[other]
	case 8:
		m.failing = !m.failing
	case 9:
		m.closes = time.Duration(w.rng.IntN(4000)) * time.Millisecond
	case 10:
		if m.core != nil && !m.paused {
			m.step(leading.TermSeen{Term: w.store.term + uint64(w.rng.IntN(3))})
		}
	case 11:
		if m.core != nil && !m.paused {
			m.step(leading.HandOver{To: []string{"", other}[w.rng.IntN(2)]})
		}
	}
	w.tell()
}

// peace ends everything bad.
func (w *world) peace() {
	w.loses = func() bool { return false }
	for _, m := range w.members {
		m.away, m.failing, m.closes = false, false, 50*time.Millisecond
		clear(m.deaf)
		if m.stopped {
			m.kill()
		}
		m.pause(false)
		m.start()
	}
	w.tell()
}

// episodes lets a world have bad times and good ones, and returns what was wrong.
func episodes(w *world) []string {
	for range 6 {
		share := w.rng.Float64() * 0.1
		w.loses = func() bool { return w.rng.Float64() < share }
		for until := w.now + time.Duration(20+w.rng.IntN(40))*time.Second; w.now < until && len(w.broken) == 0; {
			w.runUntil(w.now + time.Duration(w.rng.IntN(2000))*time.Millisecond)
			w.mischief()
		}
		w.peace()
		begun := w.now
		// A term that failed or was resigned is followed by a rest, and calls without an answer
		// take 2 s to fail.
		w.runUntil(w.now + 40*time.Second)
		leader := w.leader()
		if leader == nil {
			w.violated("nobody leads after %v of peace", w.now-begun)
			break
		}
		token := leader.core.View().Token
		for range 20 {
			w.runUntil(w.now + 500*time.Millisecond)
			if l := w.leader(); l == nil || l.core.View().Token != token {
				w.violated("the lead of %s has ended in peace", leader.name)
			}
		}
		if w.now-w.wrote > time.Second {
			w.violated("the leader has not saved since %v", w.wrote)
		}
		w.onlyOne()
	}
	return w.broken
}

// onlyOne checks that only one believes that it leads, and that the others know it.
func (w *world) onlyOne() {
	for _, m := range w.members {
		if v := m.core.View(); v.Leads != (v.Token == w.store.lead.Token && m == w.leader()) || v.Leader != w.store.lead.Member || v.Term != w.store.term {
			w.violated("%s sees %+v, and %+v leads", m.name, v, w.store.now())
		}
	}
}

// TestAnyMischief breaks everything at random.
func TestAnyMischief(t *testing.T) {
	for seed := range uint64(100) {
		if broken := episodes(random(seed)); len(broken) > 0 {
			t.Fatalf("seed %d: %v", seed, broken)
		}
	}
}

// TestMischiefIsNoticed lets the store take writes with old tokens.
func TestMischiefIsNoticed(t *testing.T) {
	for seed := range uint64(20) {
		w := random(seed)
		w.unguarded = true
		if broken := episodes(w); len(broken) > 0 && strings.Contains(broken[0], "after a save with") {
			return
		}
	}
	t.Error("a store that takes every write: nobody noticed")
}

// TestFailover breaks the controller that leads, and measures until another one has saved.
func TestFailover(t *testing.T) {
	tests := map[string]struct {
		harm   func(w *world, m *member)
		within time.Duration
	}{
		"killed":                     {func(w *world, m *member) { m.kill() }, 1500 * time.Millisecond},
		"killed and started at once": {func(w *world, m *member) { m.kill(); m.start() }, 1500 * time.Millisecond},
		"paused":                     {func(w *world, m *member) { m.pause(true) }, 2500 * time.Millisecond},
		"cut off from the others": {func(w *world, m *member) {
			for _, o := range w.members {
				o.deaf[m.name] = true
			}
		}, 2500 * time.Millisecond},
		"cut off from the store": {func(w *world, m *member) { m.away = true }, 5 * time.Second},
		"cut off from everything": {func(w *world, m *member) {
			m.away = true
			for _, o := range w.members {
				o.deaf[m.name] = true
			}
		}, 2500 * time.Millisecond},
		"stopped":      {func(w *world, m *member) { m.step(leading.Stop{}) }, time.Second},
		"handing over": {func(w *world, m *member) { m.step(leading.HandOver{}) }, time.Second},
		"failing":      {func(w *world, m *member) { m.closed(m.open, "the disk is full") }, time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(40) {
				w := random(seed)
				w.runUntil(10*time.Second + time.Duration(w.rng.IntN(3000))*time.Millisecond)
				old := w.leader()
				if old == nil {
					t.Fatalf("seed %d: nobody leads", seed)
				}
				token := w.store.lead.Token
				tt.harm(w, old)
				w.runUntil(w.now + tt.within)
				if w.newest == token || len(w.broken) > 0 {
					t.Errorf("seed %d: no other lead has saved after %v; %v", seed, tt.within, w.broken)
				}
			}
		})
	}
}

// TestTheHeirLeads hands over to a controller with a name, whether it rests or not.
func TestTheHeirLeads(t *testing.T) {
	for seed := range uint64(100) {
		w := random(seed)
		w.runUntil(10 * time.Second)
		for range 5 {
			old := w.leader()
			heir := w.members[(index(w, old)+1+w.rng.IntN(2))%3]
			term := w.store.term
			old.step(leading.HandOver{To: heir.name})
			w.runUntil(w.now + 500*time.Millisecond)
			if w.leader() != heir || w.store.term != term+1 || len(w.broken) > 0 {
				t.Fatalf("seed %d: %s leads in term %d, and %s was to lead in term %d; %v", seed, w.store.lead.Member, w.store.term, heir.name, term+1, w.broken)
			}
		}
		w.runUntil(w.now + 6*time.Second) // the others have rested
		old := w.leader()
		heir := w.members[(index(w, old)+1)%3]
		heir.kill()
		old.step(leading.HandOver{To: heir.name})
		w.runUntil(w.now + 1500*time.Millisecond)
		if w.leader() != w.members[(index(w, old)+2)%3] {
			t.Fatalf("seed %d: %+v leads, and the controller that was to lead is dead", seed, w.store.now())
		}
	}
}

func TestNeeded(t *testing.T) {
	for _, tt := range []struct{ voters, live, want int }{{1, 0, 1}, {2, 1, 1}, {3, 2, 2}, {3, 1, 1}, {3, 0, 1}, {3, 4, 2}, {5, 4, 3}, {5, 2, 2}, {7, 6, 4}} {
		if got := leading.Needed(tt.voters, tt.live); got != tt.want {
			t.Errorf("%d voters, and %d others live: got %d, want %d", tt.voters, tt.live, got, tt.want)
		}
	}
}

// TestAHealthyLeadStays lets one follower be deaf, paused and killed, and lose the store.
func TestAHealthyLeadStays(t *testing.T) {
	for seed := range uint64(100) {
		w := random(seed)
		w.runUntil(10 * time.Second)
		leader := w.leader()
		victim := w.members[(w.rng.IntN(2)+1+index(w, leader))%3]
		for range 40 {
			switch w.rng.IntN(5) {
			case 0:
				victim.deaf[leader.name] = !victim.deaf[leader.name]
			case 1:
				victim.pause(!victim.paused)
			case 2:
				if victim.core == nil {
					victim.start()
				} else {
					victim.kill()
				}
			case 3:
				victim.away = !victim.away
			}
			w.runUntil(w.now + time.Duration(w.rng.IntN(3000))*time.Millisecond)
			if w.leader() != leader || w.store.term != 1 {
				t.Fatalf("seed %d: at %v, %+v leads, and %s was healthy", seed, w.now, w.store.now(), leader.name)
			}
		}
	}
}

func index(w *world, of *member) int {
	for i, m := range w.members {
		if m == of {
			return i
		}
	}
	panic(fmt.Sprint("no such member: ", of.name))
}
