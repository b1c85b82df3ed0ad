package bus

import (
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// Topics are the prefixes that a native peer had announced at one moment. Those of a WebSocket
// client, and the zero Topics, are none.
type Topics struct{ filter *wire.Filter }

// Want reports whether the peer had subscribed to topic.
func (t Topics) Want(topic string) bool { return t.filter != nil && t.filter.Match(topic) }

// Below returns what follows prefix in the announced prefixes that begin with it, sorted. A
// peer that has announced a shorter prefix says nothing about those below it.
func (t Topics) Below(prefix string) (rest []string) {
	if t.filter == nil {
		return nil
	}
	for _, p := range t.filter.Prefixes() {
		if after, ok := strings.CutPrefix(p, prefix); ok {
			rest = append(rest, after)
		}
	}
	return rest
}

func (l *nativeLink) announced() Topics { return Topics{l.filter.Load()} }

func (c *wsClient) announced() Topics { return Topics{} }
