package alerting

import (
	"maps"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// put adds an item for which there is room.
func (m *Machine) put(it *item) {
	if m.items[it.ID] == nil {
		m.count[it.Instance]++
		m.about[it.place()]++
	}
	m.items[it.ID] = it
}

func (m *Machine) remove(it *item) {
	delete(m.items, it.ID)
	if m.about[it.place()]--; m.about[it.place()] == 0 {
		delete(m.about, it.place())
	}
	if m.count[it.Instance]--; m.count[it.Instance] == 0 {
		delete(m.count, it.Instance)
	}
}

// room makes room for one more alert of an instance, and reports whether there is some. What one
// host tells must not hide the troubles of others: an alert that has not ended makes room only
// for an instance with less than its share, and only if it is of the instance with the most.
func (t *turn) room(instance mgmt.InstanceName) bool {
	for {
		mustOwn := t.count[instance] >= t.cfg.MaxInstanceAlerts
		if !mustOwn && len(t.items) < t.cfg.MaxAlerts {
			return true
		}
		if t.stuck[instance] {
			return false
		}
		it := endedFirst(t.items, instance, mustOwn)
		if it == nil && !mustOwn && t.count[instance] < t.share(instance) {
			it = t.giveUp()
		}
		if it == nil {
			break
		}
		t.remove(it)
		t.changed = true
	}
	if t.stuck == nil {
		t.stuck = map[mgmt.InstanceName]bool{}
	}
	t.stuck[instance] = true
	t.noRoom(instance)
	return false
}

// noRoom notes that alerts of an instance are not told.
func (t *turn) noRoom(instance mgmt.InstanceName) {
	if last := t.full[instance]; last.IsZero() || t.now.Sub(last) >= fullEvery {
		t.full[instance] = t.now
		t.emit(Note{Level: 4, Text: "there are too many alerts: further ones are not told", Instance: instance})
	}
}

// share returns how many alerts an instance may have at MaxAlerts, beside the others that have
// some.
func (t *turn) share(instance mgmt.InstanceName) int {
	instances := len(t.count)
	if t.count[instance] == 0 {
		instances++
	}
	return t.cfg.MaxAlerts / instances
}

// giveUp ends an alert of the instance with the most, and returns it: one that is pending, or
// else the one that has fired last. People who were told of it are told that it is given up.
func (t *turn) giveUp() *item {
	var most mgmt.InstanceName
	for _, instance := range slices.Sorted(maps.Keys(t.count)) {
		if t.count[instance] > t.count[most] {
			most = instance
		}
	}
	var latest *item
	for _, id := range t.sorted() {
		it := t.items[id]
		if it.Instance != most {
			continue
		}
		if it.State == mgmt.AlertPending {
			latest = it
			break
		}
		if latest == nil || !it.Fired.Before(latest.Fired) {
			latest = it
		}
	}
	if latest.State == mgmt.AlertFiring {
		t.resolve(latest, "it is not watched any more, because its instance has too many alerts")
	}
	t.noRoom(most)
	return latest
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
