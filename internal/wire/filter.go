package wire

import (
	"slices"
	"strings"
)

const (
	// ReservedPrefix begins the topics that endpoints use themselves. Routing updates,
	// pings and pongs have exactly this topic. Nothing is published on a topic that
	// begins with it (spec broker-wire 4.8, 8.5).
	ReservedPrefix = "<$>"

	// MaxFilterEntries bounds the prefixes in one filter of a peer. A Zeek announces a
	// few dozen.
	MaxFilterEntries = 1024
	// MaxFilterBytes bounds the bytes of these prefixes together. They are kept as
	// long as the peer stays.
	MaxFilterBytes = 64 << 10

	// localPrefix begins the topics that are never announced to a peer.
	localPrefix = "<$>/local/"
)

// Filter is a set of topic prefixes in Broker's minimal form: they are sorted, and no
// prefix begins with another one. The zero Filter matches no topic. A Filter with the
// empty prefix matches every topic. A Filter does not change.
type Filter struct{ prefixes []string }

// NewFilter returns the filter of the given prefixes, without those that begin with
// localPrefix.
func NewFilter(prefixes ...string) Filter {
	sorted := slices.Sorted(slices.Values(prefixes))
	minimal := sorted[:0]
	for _, p := range sorted {
		// In sorted order, a prefix comes right before the ones that begin with it.
		if len(minimal) > 0 && strings.HasPrefix(p, minimal[len(minimal)-1]) {
			continue
		}
		if !strings.HasPrefix(p, localPrefix) {
			minimal = append(minimal, p)
		}
	}
	return Filter{slices.Clip(minimal)}
}

// Match reports whether topic starts with one of the prefixes.
func (f Filter) Match(topic string) bool {
	// A minimal filter has at most one prefix of topic. Nothing else lies between the
	// two in sorted order.
	i, found := slices.BinarySearch(f.prefixes, topic)
	return found || i > 0 && strings.HasPrefix(topic, f.prefixes[i-1])
}

// Prefixes returns the sorted prefixes. The caller must not change them.
func (f Filter) Prefixes() []string { return f.prefixes }

// Equal reports whether both filters hold the same prefixes.
func (f Filter) Equal(other Filter) bool { return slices.Equal(f.prefixes, other.prefixes) }

// appendPrefixes appends prefixes in the form that handshake messages and routing
// updates have.
func appendPrefixes(dst []byte, prefixes []string) []byte {
	dst = appendVarbyte(dst, len(prefixes))
	for _, p := range prefixes {
		dst = appendString(dst, p)
	}
	return dst
}

// cutPrefixes decodes prefixes at the front of buf, in the peer's order. rest is the
// part of buf after them.
func cutPrefixes(part string, buf []byte) (prefixes []string, rest []byte, err error) {
	count, rest, ok := cutVarbyte(buf)
	if !ok {
		return nil, buf, malformed(part, "no valid number of prefixes")
	}
	if count > MaxFilterEntries {
		return nil, buf, malformed(part, "%d prefixes announced, at most %d are allowed", count, MaxFilterEntries)
	}
	room := MaxFilterBytes
	for i := range count {
		var prefix string
		if prefix, rest, ok = cutString(rest); !ok {
			return nil, buf, malformed(part, "prefix %d of %d is cut off", i+1, count)
		}
		if room -= len(prefix); room < 0 {
			return nil, buf, malformed(part, "prefixes of more than %d bytes together", MaxFilterBytes)
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes, rest, nil
}

// AppendRoutingUpdate appends the frame that announces the filter of sender to
// receiver. It replaces the filter that was announced before (spec broker-wire 4.5).
func AppendRoutingUpdate(dst []byte, sender, receiver ID, f Filter) []byte {
	return AppendMessage(dst, Message{
		Sender: sender, Receiver: receiver, Type: TypeRoutingUpdate, TTL: DefaultTTL,
		Topic: []byte(ReservedPrefix), Payload: appendPrefixes(nil, f.prefixes),
	})
}

// DecodeRoutingUpdate returns the prefixes in the payload of a routing update. Bytes
// after them are an error. The error is a *ProtocolError.
func DecodeRoutingUpdate(payload []byte) ([]string, error) {
	const part = "routing update"
	if len(payload) > MaxHandshakeFrame {
		return nil, malformed(part, "%d bytes, at most %d are allowed", len(payload), MaxHandshakeFrame)
	}
	prefixes, rest, err := cutPrefixes(part, payload)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, malformed(part, "%d bytes left over", len(rest))
	}
	return prefixes, nil
}
