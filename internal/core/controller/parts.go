package controller

import "github.com/zeekfleet/zeekfleet/internal/mgmt"

// parts are the parts that the decisions of a Machine use. They do not know each
// other, but all share the turn.
type parts struct {
	*turn
	cfg        *Config
	memory     *memory
	operations *operations
	roster     *roster
	dials      *dials
	legs       *legs
	requests   *requests
	observed   *observed
	steers     *steers
}

// fill returns config with the addresses of its agents and with ports, as a
// deployment would send it now. If config has mistakes, fill returns those instead.
// Addresses are resolved at staging and again at deployment (spec management-api
// 7.3, G-C17).
func (p parts) fill(config mgmt.Configuration) (mgmt.Configuration, []string) {
	filled, errs, doubts := p.filled(config)
	for _, w := range doubts {
		p.note(Note{Level: Warn, Text: "configuration is doubtful", Err: w})
	}
	return filled, errs
}

// filled is fill without notes about doubts.
func (p parts) filled(config mgmt.Configuration) (filled mgmt.Configuration, errs, doubts []string) {
	rules := p.rules()
	if errs, doubts = config.Check(rules); len(errs) > 0 {
		return mgmt.Configuration{}, errs, doubts
	}
	filled, errs = config.WithHosts(rules.Agents).AssignPorts(rules)
	return filled, errs, doubts
}

// rules returns the present rules for judging a configuration.
func (p parts) rules() mgmt.Rules {
	rules := p.cfg.Rules
	rules.Agents = p.seen()
	if s := p.memory.state.Deployed; s != nil {
		rules.Deployed = s.Config.WithOnlyPorts(s.Assigned)
	}
	return rules
}

// seen returns the agents with the addresses that others can use for them. An agent
// that is away keeps its deployed address. Otherwise the nodes of all other
// instances would learn another address and restart whenever an agent connects or
// leaves.
func (p parts) seen() []mgmt.Instance {
	var list []mgmt.Instance
	for _, a := range p.roster.sorted() {
		in := a.instance()
		in.Host = local(in.Host)
		list = append(list, in)
	}
	for _, name := range p.absentees() {
		list = append(list, mgmt.Instance{Name: name, Host: p.memory.deployed.instances[name].Host})
	}
	return list
}

// absentees returns the instances of the deployed configuration that have no
// agent, sorted.
func (p parts) absentees() []mgmt.InstanceName {
	return p.roster.lacking(p.memory.deployed)
}

// mistakes returns one failure for each mistake in a configuration.
func mistakes(errs []string) []mgmt.Result {
	var results []mgmt.Result
	for _, err := range errs {
		results = append(results, mgmt.Result{Error: err})
	}
	return results
}
