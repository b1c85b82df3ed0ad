package daemon

import (
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// fetch answers a Fetch.
func (a *agentShell) fetch(e agent.Fetch) agent.Fetched {
	fetched := agent.Fetched{ID: e.ID}
	for _, b := range e.Bundles {
		fetched.Findings = append(fetched.Findings, mgmt.Finding{
			Problem: fmt.Sprintf("bundle %s: fetching bundles is not supported yet", b.Name),
		})
		fetched.Missing = append(fetched.Missing, b.Name)
	}
	return fetched
}
