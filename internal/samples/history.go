package samples

import (
	"math"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// The figures that are kept of each kind of thing. DropShare is made of two others.
var (
	keptOfNode      = []Figure{CPU, Memory, Packets, Dropped, Lag, Events}
	keptOfInterface = []Figure{Packets, Bits, Dropped}
	keptOfHost      = []Figure{Busy, Memory}
)

// history is that of a host and of what is on it.
type history struct {
	slot       int64 // of the last sample
	pruned     time.Time
	self       thing
	nodes      map[mgmt.NodeName]*thing
	interfaces map[string]*thing
}

func newHistory() *history {
	return &history{nodes: map[mgmt.NodeName]*thing{}, interfaces: map[string]*thing{}}
}

// things returns how many things have a history.
func (h *history) things() int { return 1 + len(h.nodes) + len(h.interfaces) }

// next returns the slot of a sample that has come now, or 0 if that slot is taken. A sample
// comes a little early or late: then it takes the slot beside.
func (h *history) next(now time.Time) int64 {
	slot, into := slotOf(now, fine), now.UnixNano()%int64(fine)
	early := into > int64(fine/2)
	switch {
	case slot < h.slot-1:
		*h = *newHistory() // the clock was set back: nobody can say when anything was
	case slot == h.slot && early:
		slot++
	case slot == h.slot+2 && !early:
		slot--
	case slot <= h.slot:
		return 0
	}
	h.slot = slot
	return slot
}

// take keeps the figures of a sample. room says whether there is room for another thing.
func (h *history) take(now time.Time, view *Host, room func(*history) bool) {
	slot := h.next(now)
	s := view.Sample
	used := math.NaN()
	if s.Memory.Total > 0 && s.Memory.Total >= s.Memory.Available {
		used = float64(s.Memory.Total - s.Memory.Available)
	}
	h.self.add(now, slot, &[maxFigures]float64{s.Busy, used}, keptOfHost)
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if t := thingOf(h, h.nodes, n.Node, room); t != nil {
			values := nodeValues(n, &view.Nodes[i])
			t.add(now, slot, &values, keptOfNode)
		}
	}
	for i := range s.Interfaces {
		if t := thingOf(h, h.interfaces, s.Interfaces[i].Name, room); t != nil {
			r := &view.Interfaces[i]
			values := [maxFigures]float64{math.NaN(), math.NaN(), math.NaN()}
			if r.Known {
				values = [maxFigures]float64{r.Packets, 8 * r.Bytes, r.Dropped}
			}
			t.add(now, slot, &values, keptOfInterface)
		}
	}
}

// nodeValues returns the values of keptOfNode.
func nodeValues(n *mgmt.NodeSample, r *NodeRates) (values [maxFigures]float64) {
	for i := range values {
		values[i] = math.NaN()
	}
	if n.PID != 0 {
		values[0], values[1] = n.CPU, float64(n.Memory)
	}
	if r.Known {
		values[2], values[3], values[5] = r.Packets, r.Dropped, r.Events
	}
	if n.Zeek != nil && n.Zeek.Lag != nil {
		values[4] = *n.Zeek.Lag
	}
	return values
}

// thingOf returns the thing with a name, or nil if there is no room for it.
func thingOf[K comparable](h *history, things map[K]*thing, name K, room func(*history) bool) *thing {
	t := things[name]
	if t == nil && room(h) {
		t = &thing{}
		things[name] = t
	}
	return t
}

// prune forgets what is too old. It does so once a minute.
func (h *history) prune(now time.Time, most int) {
	if age := now.Sub(h.pruned); age >= 0 && age < coarse {
		return
	}
	h.pruned = now
	h.self.prune(now, most)
	pruneAll(h.nodes, now, most)
	pruneAll(h.interfaces, now, most)
}

func pruneAll[K comparable](things map[K]*thing, now time.Time, most int) {
	for name, t := range things {
		if t.prune(now, most); now.Sub(t.heard) > coarseKept {
			delete(things, name)
		}
	}
}

// evict forgets the thing that was not heard of for longest. It reports false if all were
// heard of in the last minute.
func (h *history) evict(now time.Time) bool {
	oldest := now.Add(-coarse)
	forget := func() {}
	for name, t := range h.nodes {
		if t.heard.Before(oldest) {
			oldest, forget = t.heard, func() { delete(h.nodes, name) }
		}
	}
	for name, t := range h.interfaces {
		if t.heard.Before(oldest) {
			oldest, forget = t.heard, func() { delete(h.interfaces, name) }
		}
	}
	forget()
	return oldest.Before(now.Add(-coarse))
}
