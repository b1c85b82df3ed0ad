package bus

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/zeekfleet/zeekfleet/internal/websocket"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// sharedLists are long lists that are sent again and again, in one answer after
// the other, and are encoded once.
type sharedLists struct {
	lists atomic.Pointer[[]*sharedList] // stored under mu
	mu    sync.Mutex
}

// sharedList is a vector or set that is the same as long as its elements are in
// the same place: values do not change.
type sharedList struct {
	elems []zval.Value
	once  sync.Once
	json  []byte
}

const (
	// maxShared is how many lists are kept.
	maxShared = 8
	// sharedFrom is the number of elements from which on a list is worth it, and
	// sharedDepth how deep in a value it may be.
	sharedFrom  = 256
	sharedDepth = 8
)

// Share says that the long lists within v will be in many messages: the same
// lists, not equal ones. The latest few are encoded once for all of them.
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

// is reports whether the list has these very elements.
func (l *sharedList) is(elems []zval.Value) bool {
	return len(l.elems) == len(elems) && &l.elems[0] == &elems[0]
}

// text returns a message for WebSocket clients in pieces; nil if they do not see
// it. own is how many bytes of it are in no other message.
func (s *sharedLists) text(topic string, v zval.Value) (parts [][]byte, own int) {
	ev, ok := websocket.Event(v)
	if !ok {
		return nil, 0
	}
	lists := s.lists.Load()
	if lists == nil {
		text := wsjson.AppendMessage(nil, topic, ev)
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

func totalLen(parts [][]byte) (n int) {
	for _, p := range parts {
		n += len(p)
	}
	return n
}
