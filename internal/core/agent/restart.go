package agent

import "github.com/zeekfleet/zeekfleet/internal/mgmt"

// restart starts nodes afresh, whatever their state, and answers when each is
// up again or has failed (spec management-api 7.2, G-A13).
func (m *Machine) restart(r *request, msg mgmt.AgentRestartRequest) {
	if why := m.unaware(); why != "" {
		m.refuse(r, why)
		return
	}
	m.open(r, m.patience(r, m.cfg.RestartTimeout))
	for _, n := range m.targets(msg.Nodes) {
		if n.unseen != "" {
			m.add(r, n.name(), mgmt.Result{Error: couldNotRestart(n.name(), n.unseen)})
			continue
		}
		m.relaunch(n)
		r.awaited[n.name()] = true
	}
	m.closeIfDone(r)
}

func couldNotRestart(n mgmt.NodeName, why string) string {
	return "could not restart node " + string(n) + ": " + why
}
