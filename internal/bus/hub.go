package bus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// ErrTooManyPeers refuses a peer beyond Config.MaxPeers.
var ErrTooManyPeers = errors.New("too many peers")

// link is one live connection as the hub sees it. A transport makes it, joins
// it, and calls leave when it has ended. All methods are safe for concurrent
// use.
type link interface {
	// peer describes the other side; always the same.
	peer() Peer
	// wants reports whether the other side has subscribed to topic.
	wants(topic string) bool
	// meet says that the other side is no newcomer.
	meet()
	// place is the other side's seat; always the same.
	place() *seat
	// send queues m and never blocks. If the queue is full the link drops
	// itself; it reports false then, and after its end.
	send(m *outgoing) bool
	// answer is send for what the other side has asked for, which it pays for.
	answer(m *outgoing) bool
	// sendWait is send, but waits for room. It returns an error only if ctx
	// ended first; a link that ends while it waits counts as sent.
	sendWait(ctx context.Context, m *outgoing) error
	// close ends the connection because of reason, at once and without
	// blocking; PeerLost follows when the transport has left.
	close(reason error)
}

// announcer is a link whose other side is told what this side subscribes to.
type announcer interface {
	// announce queues the filter, unless one of a higher version has been.
	announce(version uint64, f wire.Filter)
}

// overhearer is a link whose other side may have what is none of its business.
type overhearer interface {
	// overhear is send, but lets m go unless there is plenty of room for it.
	overhear(m *outgoing)
}

// table is who is there at one moment. It never changes: whoever changes
// something stores another one, so that readers need no lock.
type table struct {
	links   []link
	clients []link // those of links that are WebSocket clients
	byID    map[string]link
	subs    []*Subscription
	filter  wire.Filter // of all subs together
	version uint64      // counts the changes of filter
}

// change replaces the table by a copy that edit has modified, and announces the
// filter if it became another one. It returns the new table.
func (e *Endpoint) change(edit func(*table)) *table {
	t, changed := e.swap(edit)
	if changed {
		for _, l := range t.links {
			if a, ok := l.(announcer); ok {
				a.announce(t.version, t.filter)
			}
		}
	}
	return t
}

func (e *Endpoint) swap(edit func(*table)) (t *table, changed bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	old := e.table.Load()
	t = &table{
		links:   slices.Clone(old.links),
		clients: slices.Clone(old.clients),
		byID:    maps.Clone(old.byID),
		subs:    slices.Clone(old.subs),
		version: old.version,
	}
	edit(t)
	var prefixes []string
	for _, s := range t.subs {
		prefixes = append(prefixes, s.prefixes...)
	}
	t.filter = wire.NewFilter(prefixes...)
	if changed = !t.filter.Equal(old.filter); changed {
		t.version++
	}
	e.table.Store(t)
	return t, changed
}

// join makes l known: from now on it is sent what it wants. It reports
// PeerAdded to every subscription, waiting for room in their queues, and must
// return before l's first receive. A second link of one peer ID and one beyond
// Config.MaxPeers are refused; ctx's cause is returned if ctx ends while
// subscriptions have no room. After an error l is not known.
func (e *Endpoint) join(ctx context.Context, l link) error {
	id := l.peer().ID
	if !e.seats.take(l.place()) {
		return ErrTooManyPeers
	}
	var refused error
	t := e.change(func(t *table) {
		if refused = e.admit(id); refused == nil {
			t.links = append(t.links, l)
			t.byID[id] = l
			if l.peer().Kind == WebSocket {
				t.clients = append(t.clients, l)
			}
		}
	})
	if refused != nil {
		e.seats.leave(l.place())
		return refused
	}
	if err := t.tell(ctx, PeerAdded{l.peer()}); err != nil {
		e.leave(ctx, l, err)
		return err
	}
	return nil
}

// admit reserves the peer ID. The caller holds e.mu.
func (e *Endpoint) admit(id string) error {
	if e.present[id] {
		return fmt.Errorf("peer %s is already connected", id)
	}
	e.present[id] = true
	return nil
}

// leave takes a joined link out and reports PeerLost to every subscription,
// waiting for room in their queues until ctx ends. It must follow l's last
// receive. Only when it has returned can the same peer ID join again.
func (e *Endpoint) leave(ctx context.Context, l link, err error) {
	id := l.peer().ID
	t := e.change(func(t *table) {
		t.links = without(t.links, l)
		t.clients = without(t.clients, l)
		delete(t.byID, id)
	})
	if undelivered := t.tell(ctx, PeerLost{l.peer(), err}); undelivered != nil {
		e.log.Warn("subscription does not read its events", "peer", id, "err", undelivered)
	}
	e.seats.leave(l.place())
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.present, id)
}

// receive delivers what from has sent: to local subscriptions, blocking while
// one of them has no room; to WebSocket clients; and to native peers if it came
// from a WebSocket client. It never goes back to from; on local topics,
// WebSocket clients may overhear each other, and nobody hears native peers.
// Reserved topics go nowhere. It returns ctx's cause if ctx ends first.
func (e *Endpoint) receive(ctx context.Context, from link, topic string, v zval.Value) error {
	if strings.HasPrefix(topic, wire.ReservedPrefix) {
		e.stats.reserved.Add(1)
		return nil
	}
	t, peer := e.table.Load(), from.peer()
	switch {
	case e.local.Match(topic) && peer.Kind == Native:
		// What is said there to clients is not for peers to say.
	case e.local.Match(topic):
		t.overhear(from, e.newOutgoing(topic, v))
	case peer.Kind == Native:
		e.publish(t.clients, from, topic, v)
	default:
		e.publish(t.links, from, topic, v)
	}
	for _, s := range t.subs {
		if !s.filter.Match(topic) {
			continue
		}
		if err := s.deliver(ctx, Message{From: peer, Topic: topic, Value: v}); err != nil {
			return err
		}
	}
	return nil
}

// publish sends v to those of links that want topic, except one.
func (e *Endpoint) publish(links []link, except link, topic string, v zval.Value) {
	var m *outgoing
	for _, l := range links {
		if l == except || !l.wants(topic) {
			continue
		}
		if m == nil {
			m = e.newOutgoing(topic, v)
		}
		l.send(m)
	}
}

// overhear lets the WebSocket clients that want m's topic have m, except one, as
// far as they keep up.
func (t *table) overhear(except link, m *outgoing) {
	for _, l := range t.clients {
		if o, ok := l.(overhearer); ok && l != except && l.wants(m.topic) {
			o.overhear(m)
		}
	}
}

// wantsNative reports whether anyone would get a native peer's message on topic.
func (t *table) wantsNative(topic string) bool {
	return t.filter.Match(topic) || slices.ContainsFunc(t.clients, func(l link) bool { return l.wants(topic) })
}

// tell delivers ev to every subscription. The error is ctx's cause, if one of
// them had no room until ctx ended.
func (t *table) tell(ctx context.Context, ev Event) error {
	var undelivered error
	for _, s := range t.subs {
		if err := s.deliver(ctx, ev); err != nil {
			undelivered = err
		}
	}
	return undelivered
}

func without[T comparable](list []T, gone T) []T {
	return slices.DeleteFunc(list, func(x T) bool { return x == gone })
}
