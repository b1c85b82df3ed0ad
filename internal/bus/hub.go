package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
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

	mu      sync.RWMutex
	present map[string]bool   // peer IDs, from the beginning of join to the end of leave
	members map[string]member // by peer ID
	joined  uint64            // counts those who have ever joined
	// list has the links of all members, in the order in which they joined. It is nil when
	// somebody has joined or left since it was made: there may be ten thousand members, and
	// many may come at once.
	list atomic.Pointer[[]link]
}

// member is a link that has joined.
type member struct {
	link   link
	number uint64 // in the order of joining
}

// links returns the links of all members, in the order in which they joined. The caller must not
// change the list.
func (h *hub) links() []link {
	if list := h.list.Load(); list != nil {
		return *list
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.listed()
}

// listed is links for a caller who holds mu.
func (h *hub) listed() []link {
	if list := h.list.Load(); list != nil {
		return *list
	}
	all := slices.SortedFunc(maps.Values(h.members), func(a, b member) int { return cmp.Compare(a.number, b.number) })
	list := make([]link, len(all))
	for i, m := range all {
		list[i] = m.link
	}
	h.list.Store(&list)
	return list
}

// link returns the link of a peer, or nil.
func (h *hub) link(id string) link {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.members[id].link
}

// change replaces the table by a copy that edit has modified. If the filter of
// the subscriptions has changed, change announces it to the native peers. It
// returns the new table.
func (h *hub) change(edit func(*table)) *table {
	t, announceTo := h.swap(edit)
	for _, l := range announceTo {
		if n, ok := l.(*nativeLink); ok {
			n.announce(t.version, t.filter)
		}
	}
	return t
}

// swap returns the new table, and all members if the filter has changed.
func (h *hub) swap(edit func(*table)) (t *table, announceTo []link) {
	h.mu.Lock()
	defer h.mu.Unlock()
	old := h.table.Load()
	t = old.clone()
	edit(t)
	t.filter = t.subscribed()
	if !t.filter.Equal(old.filter) {
		t.version++
		announceTo = h.listed()
	}
	h.table.Store(t)
	return t, announceTo
}

// add makes l a member, and returns the table of that moment. It refuses a second link of one
// peer ID.
func (h *hub) add(l link) (*table, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	id := l.peer().ID
	if h.present[id] {
		return nil, fmt.Errorf("peer %s is already connected", id)
	}
	h.joined++
	h.present[id], h.members[id] = true, member{l, h.joined}
	h.list.Store(nil)
	if c, ok := l.(*wsClient); ok {
		t := h.table.Load().clone()
		t.clients = append(t.clients, c)
		h.table.Store(t)
	}
	return h.table.Load(), nil
}

// remove ends the membership of l, and returns the table of that moment.
func (h *hub) remove(l link) *table {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.members, l.peer().ID)
	h.list.Store(nil)
	if c, ok := l.(*wsClient); ok {
		t := h.table.Load().clone()
		t.clients = without(t.clients, c)
		h.table.Store(t)
	}
	return h.table.Load()
}

// join adds l to the members. From then on l gets the messages that it wants. join
// reports PeerAdded to every subscription, and waits for room in their queues. It
// must return before the first receive of l.
//
// join refuses a second link of one peer ID, and a link beyond Config.MaxPeers.
// If ctx ends while a subscription has no room, join returns ctx's cause. After
// an error, l is no member.
func (h *hub) join(ctx context.Context, l link) error {
	if !h.seats.take(l.place()) {
		return ErrTooManyPeers
	}
	t, err := h.add(l)
	if err != nil {
		h.seats.leave(l.place())
		return err
	}
	if n, ok := l.(*nativeLink); ok {
		// Whoever hears of the peer may send to it at once. Its filter of this side must be
		// the newest then.
		n.announce(t.version, t.filter)
	}
	if err := t.tell(ctx, PeerAdded{*l.peer(), l.announced()}); err != nil {
		h.leave(ctx, l, err)
		return err
	}
	return nil
}

// leave removes l from the members. It reports PeerLost to every subscription, and
// waits for room in their queues until ctx ends. leave must follow the last
// receive of l. The same peer ID can join again when leave has returned.
func (h *hub) leave(ctx context.Context, l link, err error) {
	id := l.peer().ID
	t := h.remove(l)
	if undelivered := t.tell(ctx, PeerLost{*l.peer(), err}); undelivered != nil {
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
		publish(h, h.links(), from, topic, v)
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
