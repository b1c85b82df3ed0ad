package bus

import (
	"context"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// table lists the clients and the subscriptions of an endpoint at one moment. A
// table that the hub has stored never changes; for each change the hub stores a
// new table. So readers need no lock.
type table struct {
	clients []*wsClient // in the order in which they joined
	subs    []*Subscription
	filter  wire.Filter // of all subs together
	version uint64      // how often filter has changed
}

func (t *table) clone() *table {
	return &table{clients: slices.Clone(t.clients), subs: slices.Clone(t.subs), filter: t.filter, version: t.version}
}

// subscribed returns the filter of all subscriptions together. The caller holds the hub's mu.
func (t *table) subscribed() wire.Filter {
	var prefixes []string
	for _, s := range t.subs {
		prefixes = append(append(prefixes, s.prefixes...), s.announces...)
	}
	return wire.NewFilter(prefixes...)
}

// overhear offers m to the WebSocket clients that want its topic, except to one.
// A client that has fallen behind does not get m.
func (t *table) overhear(except link, m *outgoing) {
	for _, c := range t.clients {
		if link(c) != except && c.wants(m.topic) {
			c.overhear(m)
		}
	}
}

// wantsNative reports whether a subscription or a WebSocket client wants the
// messages of native peers on topic.
func (t *table) wantsNative(topic string) bool {
	return t.filter.Match(topic) || slices.ContainsFunc(t.clients, func(c *wsClient) bool { return c.wants(topic) })
}

// tell delivers ev to every subscription. If a subscription has no room until ctx
// ends, tell returns ctx's cause.
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
