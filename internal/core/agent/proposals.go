package agent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// proposals are the configurations that controllers ask for. The bundles of a
// configuration are fetched first. Then it may have a preflight. Then it is saved. When it
// is saved it is desired. At most one of fetching, pending and saving is not nil, but for a
// change of another purpose that is saved meanwhile.
type proposals struct {
	*turn
	requests   *requests
	fetches    uint64            // so far
	fetching   *fetching         // nil: no bundles are on their way
	preflights uint64            // so far
	pending    *pendingPreflight // nil: no preflight runs
	prepared   *prepared         // nil: nothing is prepared
	saving     *change           // awaits its Saved; nil: nothing is being saved
}

// change is a configuration that may become the desired one.
type change struct {
	request *request
	purpose purpose
	config  mgmt.Configuration
	force   bool
	// prepared says that the peer has prepared it: it needs no preflight.
	prepared bool
	all      bool               // the preflight checks nodes that would not change, too
	plan     *mgmt.InstancePlan // if the controller wants to know it
	// steering is what is saved if the purpose is steers. There is no config then.
	steering steering
	// term is what is saved if the purpose is raises, and leader is the peer that leads in it.
	// There is neither a config nor a request then.
	term   uint64
	leader mgmt.PeerID
	// twins are earlier requests for the same. They get the same answer.
	twins []*request
}

// purpose says what a change is for.
type purpose int

const (
	deploys  purpose = iota
	prepares         // it has a preflight, and is never saved
	plans            // so does this one, and its answer says what it would do
	standsBy
	steers
	raises // the term of a controller is saved
)

// occasion returns what the nodes of the change are started and stopped for.
func (c change) occasion() occasion {
	switch {
	case c.purpose == standsBy:
		return toldToStandBy
	case c.force:
		return deployedAnew
	}
	return deployed
}

// has reports whether r asks for the change.
func (c change) has(r *request) bool { return slices.Contains(c.requests(), r) }

// requests returns all requests for the change, oldest first.
func (c change) requests() []*request { return append(slices.Clone(c.twins), c.request) }

// repeats reports whether c deploys config, without force.
func (c change) repeats(config mgmt.Configuration) bool {
	return c.purpose == deploys && !c.force && c.config.Same(config)
}

// supersededBy is the error of an earlier deployment.
func supersededBy(c change) string {
	if c.purpose == standsBy {
		return "superseded by standby"
	}
	return "superseded by deployment " + string(c.request.ID)
}

func (m *Machine) deploy(r *request, msg mgmt.AgentDeployRequest) {
	if why := m.cfg.mistake(msg.Config); why != "" {
		m.requests.refuse(r, why)
		return
	}
	c := change{request: r, config: msg.Config, force: msg.Force}
	c.config, c.prepared = m.proposals.wasPrepared(r, msg.Config)
	m.requests.open(r, m.requests.patience(r, m.cfg.DeployTimeout))
	if !m.proposals.fetch(c) {
		weighing{m}.weigh(c)
	}
}

// weighing is the Machine with what it does with a change on its way to being desired.
type weighing struct{ *Machine }

// weigh goes on with a change whose bundles are here.
func (m weighing) weigh(c change) {
	preflight, needed := m.preflightOf(c)
	switch {
	case needed:
		m.proposals.startPreflight(c, preflight)
	case c.purpose == plans:
		m.proposals.answerPlan(c)
	case c.purpose == prepares:
		m.proposals.passed(c)
	default:
		m.proposals.save(c)
	}
}

// superseding returns c with the requests of the change that waits at present, if that is
// the same deployment. Otherwise that change ends: the controller wants the later one.
func (ps *proposals) superseding(c change) change {
	before := ps.waiting()
	if before == nil {
		return c
	}
	gaveWay := "the preflight was not finished: it gave way to a later one"
	if ps.fetching != nil {
		gaveWay = "its bundles were not fetched, and nothing was checked: it gave way to a later request"
	}
	ps.fetching, ps.pending = nil, nil
	switch {
	case before.purpose == deploys && c.repeats(before.config):
		c.twins = append(before.requests(), c.twins...)
	case before.purpose == plans:
		ps.answerPlan(*before, gaveWay)
	default:
		ps.failAll(*before, supersededBy(c))
	}
	return c
}

// waiting returns the change that waits for its bundles or for its preflight, or nil.
func (ps *proposals) waiting() *change {
	switch {
	case ps.fetching != nil:
		return &ps.fetching.change
	case ps.pending != nil:
		return &ps.pending.change
	}
	return nil
}

// mistake returns why the agent refuses the configuration, or nothing. The name of a
// node becomes the name of a directory.
func (c Config) mistake(config mgmt.Configuration) string {
	if name, twice := twice(config.Nodes); twice {
		return fmt.Sprintf("multiple nodes named '%s'", name)
	}
	local := 0
	for i := range config.Nodes {
		if config.Nodes[i].Instance != c.Name {
			continue
		}
		n := config.Nodes[i]
		local++
		if err := mgmt.CheckName(string(n.Name)); err != nil {
			return fmt.Sprintf("node %q is badly named: %v", string(n.Name), err)
		}
		if why := c.Permits.Check(n); why != "" {
			return why
		}
		if strings.EqualFold(string(n.Name), string(c.Name)) {
			return fmt.Sprintf("node %q has the name of the agent, whose directory it would run in", string(n.Name))
		}
	}
	if local > c.MaxNodes {
		return fmt.Sprintf("%d nodes on one instance, at most %d are allowed", local, c.MaxNodes)
	}
	return ""
}

// twice returns a name that two nodes have, if there is one. Nodes are sorted nearly always.
func twice(nodes []mgmt.Node) (mgmt.NodeName, bool) {
	sorted := true
	for i := 1; i < len(nodes) && sorted; i++ {
		sorted = nodes[i-1].Name < nodes[i].Name
	}
	if sorted {
		return "", false
	}
	seen := make(map[mgmt.NodeName]bool, len(nodes))
	for i := range nodes {
		if seen[nodes[i].Name] {
			return nodes[i].Name, true
		}
		seen[nodes[i].Name] = true
	}
	return "", false
}

// save has c saved. Save is the last effect of the Step.
func (ps *proposals) save(c change) { ps.saving = &c }

// dropWaiting fails a deployment that waits for its bundles or for its preflight, unless it
// is of the same configuration as c.
func (ps *proposals) dropWaiting(c change) {
	before := ps.waiting()
	if before == nil || before.purpose != deploys || before.config.Same(c.config) {
		return
	}
	ps.fetching, ps.pending = nil, nil
	ps.failAll(*before, supersededBy(c))
}

// failAll answers all requests for c with one failure.
func (ps *proposals) failAll(c change, why string) {
	for _, r := range c.requests() {
		ps.requests.fail(r, why)
	}
}

// saved makes the change desired that was saved. If the save failed, it fails the
// requests for the change.
func (m *Machine) saved(ev Saved) {
	c := *m.proposals.saving
	m.proposals.saving = nil
	if c.purpose == raises {
		obeying{m}.raised(c, ev.Err)
		return
	}
	if ev.Err != "" {
		m.emit(Note{Level: Error, Text: "configuration could not be saved", ReqID: c.request.ID, Err: ev.Err})
		m.proposals.failAll(c, "save configuration: "+ev.Err)
		return
	}
	if c.purpose == steers {
		m.steered(c)
		return
	}
	m.supersede(c, c.repeats(m.desired))
	before, knew := m.desired, m.told
	m.desired, m.told = c.config, true
	weighing{m}.use(before, knew)
	m.rollout.steering = m.rollout.steering.within(c.config, m.cfg.Name)
	if c.prepared || c.force {
		m.rollout.use = m.cfg.LayoutUse // a user deploys, who has seen the plan
	}
	m.rollout.setDesired(c.config, c.force, c.occasion())
	m.settle()
	if c.purpose == standsBy {
		m.awaitGone(c.request)
		return
	}
	for _, r := range c.requests() {
		m.awaitUp(r)
	}
}

// use has the shell use the bundles of the desired configuration, which has taken the place
// of another one. knew says that the agent knew what was desired before.
func (m weighing) use(before mgmt.Configuration, knew bool) {
	bundles := m.desired.BundlesOf(m.cfg.Name)
	if !knew || len(bundles)+len(before.BundlesOf(m.cfg.Name)) > 0 {
		m.emit(Use{bundles})
	}
}

// supersede fails the earlier deployments and stand-bys that c puts an end to. again
// says that c is the configuration that is desired already. Then earlier deployments
// of it go on: upstream's controller sends the same deployment to all agents whenever
// an agent joins meanwhile (spec management-api 7.3, G-C14). A deployment of another
// configuration that was not saved yet ends in any case: the controller wants c.
func (m *Machine) supersede(c change, again bool) {
	m.requests.late = nil
	m.proposals.dropWaiting(c)
	for _, r := range m.requests.inFlight.All() {
		fails := r.Detail.deploys && !again || r.Detail.waits == untilEnded && c.purpose == deploys
		if fails && !slices.Contains(c.requests(), r) {
			m.requests.fail(r, supersededBy(c))
		}
	}
}
