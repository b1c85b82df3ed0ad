package happenings

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// maxAskers bounds the controllers to which an agent tells what happens. There is one, and
// for a moment another.
const maxAskers = 8

// Teller tells controllers what a log has. Any goroutine may use it. A nil Teller tells
// nobody.
type Teller struct {
	log    *Log
	logger *slog.Logger
	wake   chan struct{} // tells Run that somebody asks

	mu   sync.Mutex // guards asks
	asks map[mgmt.PeerID]Ask
}

// NewTeller returns a Teller that nobody has asked.
func NewTeller(log *Log, logger *slog.Logger) *Teller {
	return &Teller{log: log, logger: logger, wake: make(chan struct{}, 1), asks: map[mgmt.PeerID]Ask{}}
}

// Ask says that a controller wants to know what the log has. It gets one Batch for each Ask,
// as soon as there is something to tell.
func (t *Teller) Ask(a Ask) {
	if t == nil {
		return
	}
	t.mu.Lock()
	if _, again := t.asks[a.Peer]; again || len(t.asks) < maxAskers {
		t.asks[a.Peer] = a
	}
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Forget forgets a controller whose connection has ended.
func (t *Teller) Forget(peer mgmt.PeerID) {
	if t == nil {
		return
	}
	t.mu.Lock()
	delete(t.asks, peer)
	t.mu.Unlock()
}

// Run tells those who ask, until ctx is done. It returns the cause of ctx. tell must not
// wait.
func (t *Teller) Run(ctx context.Context, tell func(Batch)) error {
	for {
		grown := t.log.Grown()
		for _, a := range t.all() {
			if b, ok := t.answer(a); ok {
				t.answered(a)
				tell(b)
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-t.wake:
		case <-grown:
			if t.log.ended() { // it grows no more
				<-ctx.Done()
			}
		}
	}
}

func (t *Teller) all() []Ask {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := slices.Collect(maps.Values(t.asks))
	sort.Slice(list, func(i, j int) bool { return list[i].Peer < list[j].Peer })
	return list
}

// answered forgets what was asked, unless the controller has asked again meanwhile.
func (t *Teller) answered(a Ask) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.asks[a.Peer] == a {
		delete(t.asks, a.Peer)
	}
}

// answer returns the records that were asked for. It returns false if there are none yet.
func (t *Teller) answer(a Ask) (Batch, bool) {
	after, newest := a.After, t.log.Newest()
	switch {
	case a.Log != t.log.ID():
		after = 0 // the controller does not know this log
	case after > newest:
		// The controller knows more than this log has: the log was put back from an older
		// copy. Its next records would have numbers that the controller knows already.
		if err := t.log.Renew(); err != nil {
			t.logger.Error("what happens is not told: the log of happenings is older than it was, and needs another identity", "err", err)
			return Batch{}, false
		}
		after = 0
	}
	if after >= newest {
		return Batch{}, false
	}
	list, err := t.log.Read(Query{After: after, Limit: maxBatchRecords})
	if err != nil {
		t.logger.Warn("what happened is not told yet", "err", err)
		return Batch{}, false
	}
	return batch(a.Peer, t.log.ID(), list, newest), true
}

// batch returns as many records as fit. If there are none, those up to newest are lost.
func batch(peer mgmt.PeerID, log string, list []Record, newest uint64) Batch {
	b := Batch{Peer: peer, Log: log, Last: newest}
	var lines strings.Builder
	for _, r := range list {
		line := encode(r)
		if lines.Len()+len(line) > MaxBatchBytes {
			break
		}
		lines.Write(line)
		b.Last = r.Seq
	}
	b.Lines = lines.String()
	return b
}
