package native

import (
	"strings"
	"weak"

	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// A Memory remembers the latest long sets that were decoded with it. A controller sends an agent the
// same sets of instances and nodes to prepare and to deploy: the second time they are found, and
// take neither time nor memory. A Memory keeps nothing from the garbage collector. The zero Memory
// remembers nothing yet. It is for one goroutine.
type Memory struct {
	latest [2]weak.Pointer[decodedSet]
	oldest int
}

// decodedSet is a set that was decoded. Its value has the encoding.
type decodedSet struct {
	value  zval.Value
	values int // in it, as Limits.Elements counts them
	height int // how deep its containers nest
}

// rememberedFrom is the number of bytes from which on a set is remembered.
const rememberedFrom = 8 << 10

// Decode is Decode, for messages that may have the same sets as earlier ones.
func (m *Memory) Decode(buf []byte, lim Limits) (zval.Value, error) {
	var known known
	for i, set := range m.latest {
		known[i] = set.Value()
	}
	v, found, err := decode(string(buf), lim, known)
	for _, set := range found {
		m.latest[m.oldest] = weak.Make(set)
		m.oldest = (m.oldest + 1) % len(m.latest)
	}
	return v, err
}

// known are the sets that a decoding may find. Any of them may be nil.
type known [2]*decodedSet

// at returns the set with which text begins, or nil.
func (k *known) at(text string) *decodedSet {
	for _, set := range k {
		if set != nil && strings.HasPrefix(text, set.value.Encoding()) {
			return set
		}
	}
	return nil
}
