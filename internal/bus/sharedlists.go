package bus

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/zeekfleet/zeekfleet/internal/websocket"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// sharedLists holds long lists that many messages contain. Each list is encoded to
// JSON once.
type sharedLists struct {
	lists atomic.Pointer[[]*sharedList] // stored under mu
	mu    sync.Mutex
}

// sharedList is a vector or set. A list in a message is the same list if its elements
// have the same place in memory, because values do not change.
type sharedList struct {
	elems []zval.Value
	once  sync.Once
	json  []byte
}

const (
	// maxShared bounds the lists that are kept.
	maxShared = 8
	// sharedFrom is the number of elements from which on a list is kept.
	sharedFrom = 256
	// sharedDepth bounds the depth within a value at which lists are looked for.
	sharedDepth = 8
)

// Share says that many messages will contain the long lists within v: the same
// lists, not equal ones. The endpoint keeps the latest few lists and encodes each of
// them once for all messages.
func (e *Endpoint) Share(v zval.Value) { e.hub.encoder.shared.add(v) }

func (s *sharedLists) add(v zval.Value) {
	found := longLists(nil, v, sharedDepth)
	if len(found) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*sharedList
	if old := s.lists.Load(); old != nil {
		all = slices.Clone(*old)
	}
	for _, elems := range found {
		if !slices.ContainsFunc(all, func(l *sharedList) bool { return l.is(elems) }) {
			all = append(all, &sharedList{elems: elems})
		}
	}
	all = slices.Clone(all[max(0, len(all)-maxShared):])
	s.lists.Store(&all)
}

func longLists(found [][]zval.Value, v zval.Value, depth int) [][]zval.Value {
	if depth == 0 || v.Kind() != zval.KindSet && v.Kind() != zval.KindVector {
		return found
	}
	elems := v.Elems()
	if len(elems) >= sharedFrom {
		return append(found, elems)
	}
	for _, elem := range elems {
		found = longLists(found, elem, depth-1)
	}
	return found
}

// is reports whether elems are the elements of the list, at the same place in
// memory.
func (l *sharedList) is(elems []zval.Value) bool {
	return len(l.elems) == len(elems) && &l.elems[0] == &elems[0]
}

// text returns the parts of a message for WebSocket clients, or nil if they do not
// get the message. own is the number of its bytes that no other message shares.
func (s *sharedLists) text(topic string, v zval.Value) (parts [][]byte, own int) {
	ev, ok := websocket.Event(v)
	if !ok {
		return nil, 0
	}
	lists := s.lists.Load()
	if lists == nil {
		text := encodeText(topic, ev)
		return [][]byte{text}, len(text)
	}
	reused := 0
	parts = wsjson.AppendMessageParts(nil, topic, ev, func(elems []zval.Value) []byte {
		if len(elems) < sharedFrom {
			return nil
		}
		for _, l := range *lists {
			if l.is(elems) {
				l.once.Do(func() { l.json = wsjson.AppendElems(nil, l.elems) })
				reused += len(l.json)
				return l.json
			}
		}
		return nil
	})
	return parts, totalLen(parts) - reused
}

// scratch are buffers in which messages are encoded whose length is not known before. What grows
// there is no garbage: it was a fifth of all garbage of a controller that answers
// get_id_value (BenchmarkText).
var scratch = sync.Pool{New: func() any { return new(make([]byte, 0, 4<<10)) }}

// maxScratch is the length in bytes from which on a buffer is not kept.
const maxScratch = 64 << 10

// encodeText returns the text of a message.
func encodeText(topic string, v zval.Value) []byte {
	if room := wsjson.Room(topic, v); room > maxScratch {
		return wsjson.AppendMessage(make([]byte, 0, room), topic, v)
	}
	buf := scratch.Get().(*[]byte)
	long := wsjson.AppendMessage((*buf)[:0], topic, v)
	if cap(long) > maxScratch {
		return long // it is long enough to be worth its own memory
	}
	*buf = long
	text := slices.Clone(long)
	scratch.Put(buf)
	return text
}

func totalLen(parts [][]byte) (n int) {
	for _, p := range parts {
		n += len(p)
	}
	return n
}
