package alerting

import (
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// put adds an item for which there is room.
func (m *Machine) put(it *item) {
	if m.items[it.ID] == nil {
		m.count[it.Instance]++
	}
	m.items[it.ID] = it
}

func (m *Machine) remove(it *item) {
	delete(m.items, it.ID)
	if m.count[it.Instance]--; m.count[it.Instance] == 0 {
		delete(m.count, it.Instance)
	}
}

// room makes room for one more alert of an instance, and reports whether there is some. An
// alert that has not ended never makes room for another: what one host tells must not hide the
// troubles of others.
func (t *turn) room(instance mgmt.InstanceName) bool {
	for t.count[instance] >= t.cfg.MaxInstanceAlerts || len(t.items) >= t.cfg.MaxAlerts {
		var it *item
		if !t.stuck[instance] {
			it = endedFirst(t.items, instance, t.count[instance] >= t.cfg.MaxInstanceAlerts)
		}
		if it != nil {
			t.remove(it)
			t.changed = true
			continue
		}
		if t.stuck == nil {
			t.stuck = map[mgmt.InstanceName]bool{}
		}
		t.stuck[instance] = true
		if last := t.full[instance]; last.IsZero() || t.now.Sub(last) >= fullEvery {
			t.full[instance] = t.now
			t.emit(Note{Level: 4, Text: "there are too many alerts: further ones are not told", Instance: instance})
		}
		return false
	}
	return true
}

// endedFirst returns the alert that has ended first: one of the instance if it has one, or else
// one of any unless it must be its own. Nil means that there is none.
func endedFirst(items map[string]*item, instance mgmt.InstanceName, mustOwn bool) *item {
	var own, oldest *item
	first := func(a, b *item) *item {
		if a == nil || b.Resolved.Before(a.Resolved) || b.Resolved.Equal(a.Resolved) && b.ID < a.ID {
			return b
		}
		return a
	}
	for _, it := range items {
		if it.State != mgmt.AlertResolved {
			continue
		}
		oldest = first(oldest, it)
		if it.Instance == instance {
			own = first(own, it)
		}
	}
	if own == nil && !mustOwn {
		return oldest
	}
	return own
}
