package controller

import "github.com/zeekfleet/zeekfleet/internal/mgmt"

// stage keeps a configuration for a later deployment, or answers with what is
// wrong with it (spec management-api 6.5).
func (m *Machine) stage(r *request, config mgmt.Configuration) {
	filled, errs := m.fill(config)
	if len(errs) > 0 {
		m.reply(r, m.capped(mistakes(errs))...)
		return
	}
	next := m.state
	next.Revision++
	entry := Entry{Config: config.Clone(), Revision: next.Revision, When: m.now, Who: string(r.client)}
	next.Staged = new(entry)
	entry.Config = filled
	next.Ready = new(entry)
	m.save(&saving{next: next, staged: r})
}

// staged answers a stage request after its Save.
func (m *Machine) staged(r *request, err string) {
	if err != "" {
		m.refuse(r, "save configuration: "+err)
		return
	}
	staged := m.state.Staged
	m.stagedBy[r.client] = staged.Revision
	m.note(Note{Level: Info, Text: "configuration staged", Peer: r.client, ReqID: r.id, Rev: staged.Revision})
	m.reply(r, mgmt.Result{Success: true, Data: mgmt.Text(staged.Config.ID)})
}

// fill returns config as it would be deployed now, with the addresses of its
// agents and with ports, or what is wrong with it. Addresses are resolved at
// staging and again at deployment (spec management-api 7.3, G-C17).
func (m *Machine) fill(config mgmt.Configuration) (mgmt.Configuration, []string) {
	filled, errs, doubts := m.filled(config)
	for _, w := range doubts {
		m.note(Note{Level: Warn, Text: "configuration is doubtful", Err: w})
	}
	return filled, errs
}

// filled is fill without a word of what is doubtful.
func (m *Machine) filled(config mgmt.Configuration) (filled mgmt.Configuration, errs, doubts []string) {
	rules := m.rules()
	if errs, doubts = config.Check(rules); len(errs) > 0 {
		return mgmt.Configuration{}, errs, doubts
	}
	filled, errs = config.WithHosts(rules.Agents).AssignPorts(rules)
	return filled, errs, doubts
}

// rules returns what a configuration is judged by now.
func (m *Machine) rules() mgmt.Rules {
	rules := m.cfg.Rules
	rules.Agents = m.seen()
	return rules
}

// seen returns the agents with the addresses that others can use for them. For
// one that is away it is that which was deployed: its coming and going must not
// change what the nodes of others are told, which would restart them.
func (m *Machine) seen() []mgmt.Instance {
	var list []mgmt.Instance
	for _, a := range m.sortedAgents() {
		in := a.instance()
		in.Host = local(in.Host)
		list = append(list, in)
	}
	for _, name := range m.absentees() {
		list = append(list, mgmt.Instance{Name: name, Host: m.deployed.instances[name].Host})
	}
	return list
}

func mistakes(errs []string) []mgmt.Result {
	var results []mgmt.Result
	for _, err := range errs {
		results = append(results, mgmt.Result{Error: err})
	}
	return results
}
