package zeek

import "github.com/zeekfleet/zeekfleet/internal/mgmt"

// LayoutUse says what nodes use of the layout of their cluster (docs/zeek.md, what a change
// restarts). It does not depend on the plan. Our node script can change the layout in a
// running node, in every version. With ZeroMQ, Zeek connects with the proxy and with the
// receivers of logs once, at the start.
func (d Deployment) LayoutUse() mgmt.LayoutUse {
	switch {
	case d.nodeScript() != OurNodeScript:
		return mgmt.WholeLayout
	case d.backend() == ZeroMQ:
		return mgmt.LoggersOfLayout
	}
	return mgmt.ShapeOfLayout
}
