package bus

import (
	"context"
	"sync"

	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// defaultQueue is the length of a subscription's queue if Subscribe is called with
// zero.
const defaultQueue = 256

// Subscription is one local receiver of events. It gets the events of each peer in
// their order: PeerAdded, then the peer's messages and updates, then PeerLost. The
// first events are the PeerAdded of the peers that were there before it.
//
// The owner must keep reading until Close. While the queue is full, connections that
// have an event for the subscription are not read.
type Subscription struct {
	hub       *hub
	prefixes  []string
	announces []string // beside prefixes; the hub's mu guards it
	filter    wire.Filter
	events    chan Event
	closed    chan struct{}
	close     sync.Once
}

// Subscribe adds a subscription to the topics that begin with one of the prefixes.
// Without prefixes it gets events about peers only. The prefixes become part of the
// filter that is announced to native peers. queue is the number of events that may
// wait. Zero means 256.
func (e *Endpoint) Subscribe(queue int, prefixes ...string) *Subscription {
	if queue <= 0 {
		queue = defaultQueue
	}
	s := &Subscription{
		hub:      &e.hub,
		prefixes: prefixes,
		filter:   wire.NewFilter(prefixes...),
		closed:   make(chan struct{}),
	}
	e.hub.change(func(t *table) {
		links := e.hub.listed()
		s.events = make(chan Event, queue+len(links))
		for _, l := range links {
			s.events <- PeerAdded{*l.peer(), l.announced()} // it has room, and no other goroutine knows the channel yet
		}
		t.subs = append(t.subs, s)
	})
	return s
}

// Announce announces more prefixes to native peers, in place of those that were announced with
// an earlier call. The subscription gets no messages because of them: it says something about
// this side. Messages that are sent after Announce has returned reach a peer after it.
func (s *Subscription) Announce(prefixes ...string) {
	s.hub.change(func(*table) { s.announces = prefixes })
}

// Events returns the channel of the subscription's events. It is never closed.
func (s *Subscription) Events() <-chan Event { return s.events }

// Close ends the subscription. It takes the prefixes that no other subscription has
// out of the announced filter. Queued events can still be read. A second Close does
// nothing.
func (s *Subscription) Close() {
	s.close.Do(func() {
		close(s.closed)
		s.hub.change(func(t *table) { t.subs = without(t.subs, s) })
	})
}

// deliver queues ev. It waits while the queue is full, unless the subscription is
// closed. If ctx ends first, deliver returns ctx's cause.
func (s *Subscription) deliver(ctx context.Context, ev Event) error {
	select {
	case s.events <- ev:
		return nil
	default:
	}
	select {
	case s.events <- ev:
		return nil
	case <-s.closed:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
