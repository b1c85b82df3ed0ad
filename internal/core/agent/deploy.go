package agent

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// change is a new desired configuration on its way through its Save; nothing
// of it has happened yet.
type change struct {
	request *request
	config  mgmt.Configuration
	force   bool
	// twins asked for the same just before, and are answered alike.
	twins []*request
}

// requests are all that the change is to answer, oldest first.
func (c change) requests() []*request { return append(slices.Clone(c.twins), c.request) }

// repeats reports whether c asks for nothing but config.
func (c change) repeats(config mgmt.Configuration) bool {
	return c.request.kind == deploying && !c.force && reflect.DeepEqual(c.config, config)
}

func (m *Machine) deploy(r *request, msg mgmt.AgentDeployRequest) {
	if why := m.mistake(msg.Config); why != "" {
		m.refuse(r, why)
		return
	}
	c := change{request: r, config: msg.Config, force: msg.Force}
	if patience, ok := m.wasPrepared(r, msg.Config); ok {
		r.patience = patience
		m.propose(c)
		return
	}
	if look, ok := m.preflight(c); ok {
		m.open(r, m.patience(r, m.cfg.DeployTimeout))
		m.look(c, look)
		return
	}
	m.propose(c)
}

// patience returns how long the request's controller may be kept waiting by an
// answer that is given at once only if all goes well.
func (m *Machine) patience(r *request, ours time.Duration) time.Duration {
	if r.patience > 0 {
		return r.patience
	}
	if p := m.peers[r.peer]; p != nil && p.fleet {
		return ours
	}
	return min(ours, m.cfg.UpstreamTimeout)
}

// mistake returns why the configuration cannot be run here, or nothing. A
// node's name becomes that of a directory.
func (m *Machine) mistake(c mgmt.Configuration) string {
	seen := make(map[mgmt.NodeName]bool, len(c.Nodes))
	local := 0
	for _, n := range c.Nodes {
		if seen[n.Name] {
			return fmt.Sprintf("multiple nodes named '%s'", n.Name)
		}
		seen[n.Name] = true
		if n.Instance != m.cfg.Name {
			continue
		}
		local++
		if err := mgmt.CheckName(string(n.Name)); err != nil {
			return fmt.Sprintf("node %q is badly named: %v", string(n.Name), err)
		}
		if why := m.cfg.Permits.Check(n); why != "" {
			return why
		}
		if strings.EqualFold(string(n.Name), string(m.cfg.Name)) {
			return fmt.Sprintf("node %q has the name of the agent, whose directory it would run in", string(n.Name))
		}
	}
	if local > m.cfg.MaxNodes {
		return fmt.Sprintf("%d nodes on one instance, at most %d are allowed", local, m.cfg.MaxNodes)
	}
	return ""
}

// propose has a change saved whose request is yet to be opened.
func (m *Machine) propose(c change) {
	r := c.request
	if m.change != nil {
		m.refuse(r, "another configuration is being saved")
		return
	}
	timeout := m.cfg.RequestTimeout
	if r.kind == deploying {
		timeout = m.patience(r, m.cfg.DeployTimeout)
	}
	m.open(r, timeout)
	m.change = &c
}

// saved adopts the change that was saved, or drops the one that was not.
func (m *Machine) saved(ev Saved) {
	c := m.change
	m.change = nil
	switch {
	case c == nil:
		m.emit(Note{Level: Debug, Text: "saved what nobody asked to save"})
		return
	case ev.Err != "":
		m.emit(Note{Level: Error, Text: "configuration could not be saved", ReqID: c.request.id, Err: ev.Err})
		m.failAll(*c, "save configuration: "+ev.Err)
		return
	}
	again := c.repeats(m.desired)
	m.desired, m.told = c.config, true
	if m.mode != serving {
		return // the next life of the agent brings it about
	}
	m.supersede(c, again)
	m.rest = nil
	m.apply(c.config, c.force)
	if c.request.kind == standingBy {
		m.awaitGone(c.request)
		return
	}
	for _, r := range c.requests() {
		m.awaitUp(r)
	}
}

// supersede fails what was under way and can no longer come about. A deployment
// comes about even so if c is the same again: upstream's controller sends it to
// all whenever an agent joins meanwhile (spec management-api 7.3, G-C14).
func (m *Machine) supersede(c *change, again bool) {
	by := c.request
	why := supersededBy(by)
	for _, r := range slices.Clone(m.requests) {
		if !slices.Contains(c.requests(), r) && (r.kind == deploying && !again || r.kind == standingBy && by.kind == deploying) {
			m.fail(r, why)
		}
	}
}

func supersededBy(r *request) string {
	if r.kind == standingBy {
		return "superseded by standby"
	}
	return "superseded by deployment " + string(r.id)
}

// apply makes c desired: what is not in it is stopped, and what is in it runs
// with its present plan, started afresh where it does not, or by force.
func (m *Machine) apply(c mgmt.Configuration, force bool) {
	plans := mgmt.PlansOf(c, m.cfg.Name)
	for name := range plans.All() {
		n, ok := m.nodes[name]
		if !ok {
			n = &node{state: mgmt.Stopped}
			m.nodes[name] = n
		}
		m.want(n, name, plans, force)
	}
	for _, n := range m.sortedNodes(func(n *node) bool { return !plans.Has(n.name()) }) {
		m.retire(n)
	}
	m.sortTiers()
}

// want makes the plan of that name what n is to run.
func (m *Machine) want(n *node, name mgmt.NodeName, plans *mgmt.Plans, force bool) {
	fingerprint := plans.Fingerprint(name)
	if fingerprint != n.fingerprint || force {
		n.failures = 0
	}
	n.plan, _ = plans.Of(name)
	n.fingerprint, n.wanted, n.kept = fingerprint, true, false
	same := n.proc != nil && m.runs(n.proc, name, plans)
	if same {
		n.proc.fingerprint = fingerprint // an older version takes longer to compare
	}
	if same && n.proc.stuck != "" && !force {
		m.reprieve(n)
	}
	if same && !n.proc.halt && !force {
		n.proc.spec = new(n.plan.Node)
		return
	}
	m.relaunchAs(n)
}

// runs reports whether p was started with the node's plan. If nobody can tell, it
// says so, and p was not.
func (m *Machine) runs(p *process, name mgmt.NodeName, plans *mgmt.Plans) bool {
	if err := p.fingerprint.Check(); err != nil {
		m.emit(Note{Level: Warn, Text: "process is replaced: a newer version of the program started it, and its plan cannot be compared", Node: name, Err: err.Error()})
	}
	return plans.Is(name, p.fingerprint)
}

// relaunchAs has n started afresh, after its present process was stopped.
func (m *Machine) relaunchAs(n *node) {
	m.halt(n)
	n.fresh = true
	if n.unseen == "" {
		m.setState(n, mgmt.Pending)
	}
}

// retire makes n one that is not desired.
func (m *Machine) retire(n *node) {
	wasWanted := n.wanted
	n.wanted, n.fresh, n.kept = false, false, false
	m.halt(n)
	if n.unseen == "" {
		m.setState(n, mgmt.Stopped)
	}
	if wasWanted { // else a deployment may await its end already
		m.settleFailed(n, "the node was removed", mgmt.NodeOutputs{})
	}
	if n.proc == nil && n.unseen == "" {
		delete(m.nodes, n.name())
	}
}

// awaitUp has a deployment answered when every desired node is up or has
// failed, and no process of any other is left. Those others are named only if
// they outlast the deadline.
func (m *Machine) awaitUp(r *request) {
	for _, n := range m.sortedNodes(func(*node) bool { return true }) {
		switch {
		case n.up():
			m.add(r, n.name(), mgmt.Result{Success: true})
		case n.unseen != "":
			m.add(r, n.name(), mgmt.Result{Error: n.unseen})
		default:
			r.awaited[n.name()] = true
		}
	}
	m.closeIfDone(r)
}

// outputData returns the last lines of a failed node, or nothing if it printed
// none.
func (m *Machine) outputData(o mgmt.NodeOutputs) mgmt.Data {
	if o == (mgmt.NodeOutputs{}) {
		return nil
	}
	return mgmt.NodeOutputs{Stdout: m.tail(o.Stdout), Stderr: m.tail(o.Stderr)}
}

// tail returns the last lines of s within the limits.
func (m *Machine) tail(s string) string {
	s = strings.TrimRight(s, "\n")
	if over := len(s) - m.cfg.OutputBytes; over > 0 {
		s = s[over:]
	}
	lines := strings.Split(s, "\n")
	return strings.Join(lines[max(0, len(lines)-m.cfg.OutputLines):], "\n")
}
