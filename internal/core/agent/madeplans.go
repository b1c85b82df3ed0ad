package agent

import "github.com/zeekfleet/zeekfleet/internal/mgmt"

// madePlans are the plans of two configurations: of the one that is desired, and of the one that a
// controller asks for. A configuration of a large cluster is asked about, prepared, deployed, and
// compared with the next one. Its plans have the layout of the whole cluster, and are made once:
// for 1,000 nodes that takes a millisecond.
type madePlans struct {
	instance mgmt.InstanceName
	latest   [2]plansMade // the newer one first
}

type plansMade struct {
	config mgmt.Configuration
	use    mgmt.LayoutUse
	plans  *mgmt.Plans // nil: there are none
}

// of returns the plans of c, whose Zeek nodes use the layout like this.
func (ps *madePlans) of(c mgmt.Configuration, use mgmt.LayoutUse) *mgmt.Plans {
	for i, made := range ps.latest {
		if made.plans != nil && made.use == use && made.config.SharesNodes(c) {
			ps.latest[0], ps.latest[i] = ps.latest[i], ps.latest[0]
			return made.plans
		}
	}
	made := plansMade{c, use, mgmt.PlansUsing(c, ps.instance, use)}
	ps.latest[0], ps.latest[1] = made, ps.latest[0]
	return made.plans
}

// keepOnly forgets the plans of all configurations but c: they take memory.
func (ps *madePlans) keepOnly(c mgmt.Configuration) {
	for i, made := range ps.latest {
		if !made.config.SharesNodes(c) {
			ps.latest[i] = plansMade{}
		}
	}
}
