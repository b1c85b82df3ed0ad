package agent

import "github.com/zeekfleet/zeekfleet/internal/mgmt"

// toStay says how nodes keep the cluster backend that they have.
const toStay = "; say backend = "

// keepBackend makes nodes that live go on with their cluster backend, and nodes that are
// started join them, or have the backend of those that ran last: after an upgrade of Zeek, the agent may choose another backend than
// before. Only a deployment by a user changes it.
func keepBackend(r *rollout, c mgmt.Configuration) {
	if use := r.cfg.LastBackend.Use(); use != mgmt.WholeLayout && (r.use == mgmt.ShapeOfLayout || r.use == mgmt.LoggersOfLayout) {
		r.use = use
	}
	plans := r.plans.of(c, r.cfg.LayoutUse)
	for _, n := range r.nodes.sorted(func(n *node) bool { return n.proc != nil }) {
		if use := plans.BackendOf(n.name(), n.proc.fingerprint).Use(); use != mgmt.WholeLayout {
			r.use = use
			return
		}
	}
}

// otherBackend returns why n, which runs, has another cluster backend than plans say, and
// nothing if it has the same.
func otherBackend(r *rollout, name mgmt.NodeName, plans *mgmt.Plans) string {
	n := r.nodes.named[name]
	if n == nil || n.proc == nil {
		return ""
	}
	plan, ok := plans.Of(name)
	has := plans.BackendOf(name, n.proc.fingerprint)
	if !ok || has == "" || plan.Backend() == has || plan.Backend() == "" {
		return ""
	}
	return r.cfg.BackendWhy + toStay + string(has) + " in [cluster] to stay"
}

// backendOf returns the cluster backend of the Zeek nodes in plans.
func backendOf(plans *mgmt.Plans) mgmt.Backend {
	for _, plan := range plans.All() {
		if b := plan.Backend(); b != "" {
			return b
		}
	}
	return ""
}
