package bus

import (
	"context"
	"sync"

	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// defaultQueue is the queue length of a subscription that names none.
const defaultQueue = 256

// Subscription is one local receiver of events. It sees each peer's events in
// the order of their happening: PeerAdded, then that peer's messages and
// updates, then PeerLost. Peers that were there before it are reported to it
// first.
//
// Its owner must keep reading until Close: while the queue is full, the
// connections that have something for it are not read.
type Subscription struct {
	hub      *hub
	prefixes []string
	filter   wire.Filter
	events   chan Event
	closed   chan struct{}
	close    sync.Once
}

// Subscribe adds a local subscriber to the topics that start with one of the
// prefixes; without any it sees peer events only. The prefixes become part of
// the filter that is announced to peers. The queue holds that many events; zero
// means 256.
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
		s.events = make(chan Event, queue+len(t.links))
		for _, l := range t.links {
			s.events <- PeerAdded{l.peer()} // has room, and nobody else knows the channel yet
		}
		t.subs = append(t.subs, s)
	})
	return s
}

// Events returns the channel of the subscription's events. It is never closed.
func (s *Subscription) Events() <-chan Event { return s.events }

// Close ends the subscription, and takes its prefixes out of the announced
// filter where no other subscription has them. Events that are still queued
// remain readable. Closing again does nothing.
func (s *Subscription) Close() {
	s.close.Do(func() {
		close(s.closed)
		s.hub.change(func(t *table) { t.subs = without(t.subs, s) })
	})
}

// deliver queues ev, and blocks while the queue is full. It does nothing once
// the subscription is closed, and returns ctx's cause if ctx ends first.
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
