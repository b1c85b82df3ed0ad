package daemon

import (
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Remark returns what get-nodes says about a process with these facts and this plan.
func Remark(facts launch.Facts, plan mgmt.Plan) string {
	return (&launched{facts: facts, plan: plan}).remark()
}
