package relay

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Leader is the controller that leads.
type Leader struct {
	// Name is empty while nobody leads.
	Name string
	// Term and Token are those of the lead. A lead with another token is another lead.
	Term  uint64
	Token int64
	// Addresses are where it serves clients, as host:port.
	Addresses []string
}

// errLeadOver ends what goes on with a controller that leads no more.
var errLeadOver = errors.New("the controller does not lead any more")

// leads knows who leads, and what goes on with that controller.
type leads struct {
	mu      sync.Mutex
	current Leader
	changed chan struct{} // is closed when current changes
	going   map[*going]bool
	// changing counts the changes that go on, and idle is closed when there are none after the
	// relay has retired.
	changing int
	retired  bool
	idle     chan struct{}
}

// going is something that goes on with a controller.
type going struct {
	end context.CancelCauseFunc
	// patient says that it may go on for the grace.
	patient bool
}

// follow sets who leads. It reports whether that is another lead than before.
func (l *leads) follow(next Leader, grace time.Duration) bool {
	l.mu.Lock()
	another := next.Name != l.current.Name || next.Token != l.current.Token
	next.Addresses = slices.Clone(next.Addresses)
	l.current = next
	over := l.going
	if another {
		l.going = nil
	}
	close(l.changed)
	l.changed = make(chan struct{})
	l.mu.Unlock()
	if !another {
		return false
	}
	for g := range over {
		if g.patient {
			time.AfterFunc(grace, func() { g.end(errLeadOver) })
		} else {
			g.end(errLeadOver)
		}
	}
	return true
}

// now returns who leads, and a channel that is closed when that changes.
func (l *leads) now() (Leader, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current, l.changed
}

// begin says that something goes on with a controller until done is called. It calls end
// when the controller leads no more, which may be at once.
func (l *leads) begin(with Leader, patient bool, end context.CancelCauseFunc) (done func()) {
	g := &going{end, patient}
	l.mu.Lock()
	if patient {
		l.changing++
	}
	over := with.Name != l.current.Name || with.Token != l.current.Token
	if !over {
		if l.going == nil {
			l.going = map[*going]bool{}
		}
		l.going[g] = true
	}
	l.mu.Unlock()
	if over {
		end(errLeadOver)
	}
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.going, g)
		if patient {
			l.changing--
			l.tell()
		}
	})
}

// retire says that nothing further begins. The channel is closed when no change goes on.
func (l *leads) retire() (idle <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.retired {
		l.retired = true
		l.tell()
	}
	return l.idle
}

func (l *leads) hasRetired() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.retired
}

// tell closes idle if nothing is to be awaited. The caller holds mu.
func (l *leads) tell() {
	if l.retired && l.changing == 0 {
		select {
		case <-l.idle:
		default:
			close(l.idle)
		}
	}
}
