package authority

import "time"

// base is what all parts of a Machine share: the state, and the Step that runs.
type base struct {
	cfg   Config
	maker Maker
	state State

	now     time.Time // of the Step that runs, or the last
	out     []Effect  // of the Step that runs
	started *Start    // nil before
	// others are the other controllers of the cluster, by name. It is nil while they are not
	// known.
	others map[string]Member
	edits  []edit  // that are not saved yet; the state has them already
	saving *saving // nil unless a Save is unanswered
	// deposed says that another process has changed the stored state.
	deposed bool
}

func (m *base) emit(e Effect) { m.out = append(m.out, e) }

// An edit is a change of the state that is not saved yet.
type edit struct {
	key           string
	before, after record // nil means none
}

// put puts a record into the state.
func (m *base) put(r record) { m.edit(r.key(), r) }

// drop takes a record out of the state.
func (m *base) drop(r record) { m.edit(r.key(), nil) }

func (m *base) edit(key string, r record) {
	m.edits = append(m.edits, edit{key, m.state.set(key, r), r})
}

// undo takes back the edits that are not saved.
func (m *base) undo() {
	for len(m.edits) > 0 {
		last := m.edits[len(m.edits)-1]
		m.state.set(last.key, last.before)
		m.edits = m.edits[:len(m.edits)-1]
	}
}

// save asks the shell to store the edits. Nobody learns of them before that is done.
func (m *base) save(s *saving) {
	m.saving = s
	var changes []Change
	last := map[string]int{}
	for i, e := range m.edits {
		last[e.key] = i
	}
	for i, e := range m.edits {
		if last[e.key] != i {
			continue // a later edit has the same key
		}
		change := Change{Key: e.key}
		if e.after != nil {
			change.Value = e.after.encode()
		}
		changes = append(changes, change)
	}
	m.emit(Save{changes})
}
