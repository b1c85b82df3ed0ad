package sim

import (
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// processTable is the processes of an instance.
type processTable struct {
	live   []*process                 // the processes that are launched and have not ended, oldest first
	latest map[mgmt.NodeName]*process // the process of the last launch of each node
}

// add adds a process that is launched.
func (t *processTable) add(p *process) {
	t.live = append(t.live, p)
	t.latest[p.name] = p
}

// remove removes a process that has ended.
func (t *processTable) remove(p *process) {
	t.live = slices.DeleteFunc(t.live, func(o *process) bool { return o == p })
}

// find returns the process of a launch if it has not ended, or nil.
func (t *processTable) find(n mgmt.NodeName, launch uint64) *process {
	return t.first(func(p *process) bool { return p.name == n && p.launch == launch })
}

// running returns the node's process if it runs, or nil.
func (t *processTable) running(n mgmt.NodeName) *process {
	return t.first(func(p *process) bool { return p.name == n && p.phase == running })
}

func (t *processTable) first(wanted func(*process) bool) *process {
	i := slices.IndexFunc(t.live, wanted)
	if i < 0 {
		return nil
	}
	return t.live[i]
}

// condemn marks the processes of these nodes: the agent was asked to restart them.
// A restart does not wait for the delay after a crash.
func (t *processTable) condemn(names []mgmt.NodeName) {
	for _, p := range t.live {
		p.condemned = p.condemned || slices.Contains(names, p.name)
	}
	for _, name := range names {
		if p := t.latest[name]; p != nil {
			p.condemned, p.ended, p.fell = true, 0, false
		}
	}
}

// condemnAll marks all processes: the agent was asked to shut down.
func (t *processTable) condemnAll() {
	for _, p := range t.live {
		p.condemned = true
	}
}

// condemnChanged marks the processes that are not as d, which was saved just now,
// has them. The agent need not wait any longer after the end of a process.
func (t *processTable) condemnChanged(d *agentDisk) {
	for _, p := range t.latest {
		plan, ok := d.planned(p.name)
		p.condemned = p.condemned || !ok || plan != p.plan || p.phase == over || slices.Contains(d.saved.Stopped, p.name)
		p.ended = 0
	}
}

// forgive lets nodes be started again that ended by themselves, where d, which was saved
// just now or with which the agent starts, gives a reason: they are not paused, they are stopped, or they are to run
// another plan.
func (t *processTable) forgive(d *agentDisk) {
	for _, p := range t.latest {
		plan, ok := d.planned(p.name)
		if !ok || plan != p.plan || !slices.Contains(d.saved.Paused, p.name) || slices.Contains(d.saved.Stopped, p.name) {
			p.fell = false
		}
	}
}

// forgiveAll lets all nodes be started again: the agent does not know any more which are
// paused.
func (t *processTable) forgiveAll() {
	for _, p := range t.latest {
		p.fell = false
	}
}

// fell reports whether the node's latest process has ended by itself, and nothing was a
// reason to start it again.
func (t *processTable) fell(n mgmt.NodeName) bool {
	p := t.latest[n]
	return p != nil && p.fell
}
