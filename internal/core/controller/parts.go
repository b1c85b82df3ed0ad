package controller

import "github.com/zeekfleet/zeekfleet/internal/mgmt"

// parts is what the decisions of a Machine stand on. None of the parts knows
// another one, except that all share the turn.
type parts struct {
	*turn
	cfg      *Config
	memory   *memory
	roster   *roster
	dials    *dials
	legs     *legs
	requests *requests
	observed *observed
}

// fill returns config as it would be deployed now, with the addresses of its
// agents and with ports, or the mistakes in it. Addresses are resolved at
// staging and again at deployment (spec management-api 7.3, G-C17).
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

// rules returns the rules by which a configuration is judged now.
func (p parts) rules() mgmt.Rules {
	rules := p.cfg.Rules
	rules.Agents = p.seen()
	return rules
}

// seen returns the agents with the addresses that others can use for them. An
// agent that is away keeps the address that was deployed: if its coming and
// going changed that address, the nodes of all other instances would be told
// so and would restart.
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
