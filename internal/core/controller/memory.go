package controller

import (
	"reflect"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// memory holds the State and brings it to disk.
type memory struct {
	*turn
	cfg      *Config
	ops      *operations
	state    State
	deployed *target // state.Deployed, indexed; nil if there is none
	saving   *saving // nil unless a Save is unanswered
	// disk is the State that was saved last, but for what it lacks.
	disk  State
	lacks lacking
	// unsaved says that the disk lacks a part of the state. The state is saved again
	// at retryAt. attempts counts the failed saves since the last good one.
	unsaved  bool
	retryAt  time.Time
	attempts int
}

// saving is a State that is being saved.
type saving struct {
	next State
	// holds says that next becomes the state even if it cannot be saved.
	holds bool
	then  afterSave
	// operations says that an operation had to be saved.
	operations bool
}

// afterSave goes on after a State was saved, or could not be saved. An empty err
// means success.
type afterSave interface{ saved(err string) }

func newMemory(t *turn, cfg *Config, saved State, ops *operations) *memory {
	m := &memory{turn: t, cfg: cfg, ops: ops, state: saved, disk: saved}
	if old := saved.converted; old != nil {
		m.state.converted, m.disk.converted = nil, nil
		m.lacks, m.unsaved = lacking{descriptions: true, deployed: old.deployed}, true
		if !old.written {
			m.disk = State{}
		}
	}
	if saved.Deployed != nil {
		m.deployed = newTarget(saved.Deployed.Config)
	}
	return m
}

// save asks the shell to store next, and calls then afterwards. If the save
// succeeds, next becomes the state. A Step must call save last.
func (m *memory) save(next State, then afterSave) { m.begin(&saving{next: next, then: then}) }

// keep asks the shell to store next. next becomes the state even if the save fails:
// then it is saved again later.
func (m *memory) keep(next State, then afterSave) {
	m.begin(&saving{next: next, holds: true, then: then})
}

// begin asks the shell to store a State. It has the operations as they are now.
func (m *memory) begin(s *saving) {
	s.next, s.operations = m.ops.kept(s.next), m.ops.unsaved
	m.ops.unsaved = false
	m.saving = s
	m.emit(Save{m.disk.changes(s.next, m.lacks)})
}

// saved takes the outcome of the Save.
func (m *memory) saved(err string) {
	s := m.saving
	m.saving = nil
	if err == "" || s.holds {
		m.state = s.next
	}
	switch {
	case err == "":
		m.disk, m.lacks = s.next, lacking{}
		m.unsaved, m.attempts = false, 0
	case s.holds:
		m.unsaved, m.retryAt = true, m.now.Add(m.cfg.retryDelay(m.attempts))
		m.attempts++
	}
	if err != "" {
		m.ops.unsaved = m.ops.unsaved || s.operations
		m.note(Note{Level: Error, Text: "state not saved", Err: err})
	}
	s.then.saved(err)
}

// overdue reports whether it is time to save the state again.
func (m *memory) overdue() bool { return m.unsaved && !m.now.Before(m.retryAt) }

// refused reports whether the instance's agent refused the deployed configuration.
// Then the controller does not send it again until a client deploys.
func (m *memory) refused(name mgmt.InstanceName) bool {
	return slices.Contains(m.state.Refused, name)
}

// reverted reports whether a revert has deployed what is deployed. It needs no preflight:
// it ran before, and what was deployed in its place did not come up.
func (m *memory) reverted() bool {
	return m.state.Deployed != nil && m.state.Deployed.Kind == mgmt.OperationRevert
}

// deployedConfig returns the deployed configuration, or the empty one.
func (m *memory) deployedConfig() mgmt.Configuration {
	if m.deployed == nil {
		return mgmt.Configuration{}
	}
	return m.deployed.config
}

// withStaged returns the state in which this configuration is staged. filled is the
// configuration with the ports and addresses that a deployment would give it now.
func (m *memory) withStaged(config, filled mgmt.Configuration, who string) State {
	next := m.state
	next.Revision++
	next.Staged = &Entry{Config: config, Revision: next.Revision, When: m.now, Who: who}
	next.Ready = &Entry{Config: filled, Revision: next.Revision, When: m.now, Who: who}
	return next
}

// withDeployed returns the state in which t is the deployed configuration. t was
// made of given. If t is deployed already, its revision stays: a revision never changes.
// If given was not staged, a configuration that is staged and not deployed stays
// (docs/decisions/0040).
func (m *memory) withDeployed(t *target, given *Entry, who string, origin mgmt.Origin) State {
	next := m.state
	next.Leaving, next.Refused = m.leaving(t), nil
	next.Stopped, next.Paused = t.stillThere(next.Stopped), t.stillThere(next.Paused)
	assigned := mgmt.PortsAssigned(given.Config, t.config)
	switch s := m.state.Deployed; {
	case s == nil || !reflect.DeepEqual(s.Config, t.config):
		next.Revision++
		next.History, next.Fallback = m.history(), nil
		origin.From = s.revision()
		next.Deployed = &Entry{
			Config: t.config, Revision: next.Revision, When: m.now, Who: who,
			Origin: origin, Found: foundHosts(given.Config, t.config), Assigned: assigned,
		}
	case !s.Assigned.Equal(assigned): // the user sets ports that were assigned, or the other way round
		next.Deployed = &Entry{
			Config: s.Config, Revision: s.Revision, When: s.When, Who: s.Who, Origin: s.Origin, Found: s.Found, Assigned: assigned,
		}
	}
	switch {
	case next.Staged == given:
		next.Ready = next.Deployed
	case next.Staged == nil || m.state.Ready == m.state.Deployed && next.Deployed != m.state.Deployed:
		// Nothing is staged that is not deployed.
		next.Staged = &Entry{Config: given.Config, Revision: next.Deployed.Revision, When: m.now, Who: who}
		next.Ready = next.Deployed
	case next.Staged.holds(given.Config): // the client gives what it was shown of it
		next.Ready = next.Deployed
	}
	return next
}

// holds reports whether e is the entry of a configuration, which has an ID of its own.
func (e *Entry) holds(c mgmt.Configuration) bool {
	return e != nil && e.Config.ID == c.ID && reflect.DeepEqual(e.Config, c)
}

// foundHosts returns, sorted, the instances whose hosts are known in filled, but not in
// given.
func foundHosts(given, filled mgmt.Configuration) []mgmt.InstanceName {
	known := map[mgmt.InstanceName]bool{}
	for _, in := range given.Instances {
		known[in.Name] = mgmt.KnownHost(in.Host)
	}
	var names []mgmt.InstanceName
	for _, in := range filled.Instances {
		if mgmt.KnownHost(in.Host) && !known[in.Name] {
			names = append(names, in.Name)
		}
	}
	slices.Sort(names)
	return names
}

// withHosts returns the state in which t is the deployed configuration. t differs
// from it only in the hosts of instances whose hosts were not known before.
func (m *memory) withHosts(t *target) State {
	next := m.state
	was := next.Deployed
	next.Deployed = &Entry{
		Config: t.config, Revision: was.Revision, When: was.When, Who: was.Who, Origin: was.Origin, Assigned: was.Assigned,
		Found: slices.Sorted(slices.Values(append(foundHosts(was.Config, t.config), was.Found...))),
	}
	if next.Ready == m.state.Deployed {
		next.Ready = next.Deployed
	}
	return next
}

// withRefused returns the state in which these instances, too, refused the deployed
// configuration.
func (m *memory) withRefused(names []mgmt.InstanceName) State {
	next := m.state
	next.Refused = slices.Compact(slices.Sorted(slices.Values(slices.Concat(next.Refused, names))))
	return next
}

// history returns the predecessors of the next revision. If there are too many, it leaves
// out the oldest ones. If their configurations are too many or too large, the oldest of
// these are not kept.
func (m *memory) history() []mgmt.PastConfig {
	s := m.state
	if s.Deployed == nil || m.cfg.History == 0 {
		return nil
	}
	past := s.Deployed.past()
	past.Kept = true
	oldest := max(0, len(s.History)+1-m.cfg.History)
	history := append(slices.Clip(s.History[min(oldest, len(s.History)):]), past)
	bytes, full := 0, false
	for i := range slices.Backward(history) {
		p := &history[i]
		bytes += p.Bytes
		full = full || len(history)-i > m.cfg.Contents || bytes > m.cfg.HistoryBytes
		if full && !p.Kept {
			break // so are the older ones
		}
		p.Kept = p.Kept && !full
	}
	return history
}

// leaving returns the instances that are dialed and that are not part of next.
func (m *memory) leaving(next *target) []Leaving {
	left := slices.DeleteFunc(slices.Clone(m.state.Leaving), func(l Leaving) bool { return next.has(l.Instance.Name) })
	for _, in := range m.deployedConfig().Instances {
		if in.ListenPort != nil && !next.has(in.Name) {
			left = append(left, Leaving{in, m.now})
		}
	}
	return left[max(0, len(left)-m.cfg.Limits.Leaving):]
}
