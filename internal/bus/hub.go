package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// ErrTooManyPeers refuses a peer beyond Config.MaxPeers.
var ErrTooManyPeers = errors.New("too many peers")

// hub holds the peers and the local subscriptions of an endpoint. It delivers
// messages to both, and events about peers to subscriptions.
type hub struct {
	log     *slog.Logger
	local   wire.Filter // of Config.LocalTopics
	encoder encoder
	seats   seats
	table   atomic.Pointer[table] // stored under mu

	mu      sync.Mutex
	present map[string]bool // peer IDs, from the beginning of join to the end of leave
}

// change replaces the table by a copy that edit has modified. If the filter of
// the subscriptions has changed, change announces it to the native peers. It
// returns the new table.
func (h *hub) change(edit func(*table)) *table {
	t, filterChanged := h.swap(edit)
	if filterChanged {
		for _, l := range t.natives {
			l.announce(t.version, t.filter)
		}
	}
	return t
}

func (h *hub) swap(edit func(*table)) (t *table, filterChanged bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	old := h.table.Load()
	t = old.clone()
	edit(t)
	t.filter = t.subscribed()
	if filterChanged = !t.filter.Equal(old.filter); filterChanged {
		t.version++
	}
	h.table.Store(t)
	return t, filterChanged
}

// join adds l to the table. From then on l gets the messages that it wants. join
// reports PeerAdded to every subscription, and waits for room in their queues. It
// must return before the first receive of l.
//
// join refuses a second link of one peer ID, and a link beyond Config.MaxPeers.
// If ctx ends while a subscription has no room, join returns ctx's cause. After
// an error, l is not in the table.
func (h *hub) join(ctx context.Context, l link) error {
	id := l.peer().ID
	if !h.seats.take(l.place()) {
		return ErrTooManyPeers
	}
	var refused error
	t := h.change(func(t *table) {
		if refused = h.reserve(id); refused == nil {
			t.add(l)
		}
	})
	if refused != nil {
		h.seats.leave(l.place())
		return refused
	}
	if n, ok := l.(*nativeLink); ok {
		// Whoever hears of the peer may send to it at once. Its filter of this side must be
		// the newest then.
		n.announce(t.version, t.filter)
	}
	if err := t.tell(ctx, PeerAdded{l.peer(), l.announced()}); err != nil {
		h.leave(ctx, l, err)
		return err
	}
	return nil
}

// reserve reserves the peer ID. The caller holds mu.
func (h *hub) reserve(id string) error {
	if h.present[id] {
		return fmt.Errorf("peer %s is already connected", id)
	}
	h.present[id] = true
	return nil
}

// leave removes l from the table. It reports PeerLost to every subscription, and
// waits for room in their queues until ctx ends. leave must follow the last
// receive of l. The same peer ID can join again when leave has returned.
func (h *hub) leave(ctx context.Context, l link, err error) {
	id := l.peer().ID
	t := h.change(func(t *table) { t.remove(l) })
	if undelivered := t.tell(ctx, PeerLost{l.peer(), err}); undelivered != nil {
		h.log.Warn("subscription does not read its events", "peer", id, "err", undelivered)
	}
	h.seats.leave(l.place())
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.present, id)
}

// receive delivers a message of a peer to local subscriptions, to WebSocket
// clients, and, if a WebSocket client has sent it, to native peers. The sender
// itself does not get the message. receive blocks while a subscription has no
// room. If ctx ends first, receive returns ctx's cause.
func (h *hub) receive(ctx context.Context, from link, topic string, v zval.Value) error {
	t, peer := h.table.Load(), from.peer()
	h.relay(t, from, topic, v)
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

// relay sends a message of one peer to other peers. On local topics, messages of
// native peers are relayed to nobody, because answers to clients travel there,
// and clients must not mistake a peer's message for one.
func (h *hub) relay(t *table, from link, topic string, v zval.Value) {
	local, native := h.local.Match(topic), from.peer().Kind == Native
	switch {
	case local && native:
	case local:
		t.overhear(from, h.encoder.message(topic, v))
	case native:
		publish(h, t.clients, from, topic, v)
	default:
		publish(h, t.links, from, topic, v)
	}
}

// publish sends v to every one of links that wants topic, except to one link.
func publish[L link](h *hub, links []L, except link, topic string, v zval.Value) {
	var m *outgoing
	for _, l := range links {
		if link(l) == except || !l.wants(topic) {
			continue
		}
		if m == nil {
			m = h.encoder.message(topic, v)
		}
		l.send(m)
	}
}
