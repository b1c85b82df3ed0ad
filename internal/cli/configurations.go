package cli

import (
	"context"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Configurations reads configurations, for commands that make something else of them.
type Configurations struct{ *Commands }

// Deployed calls use with the deployed configuration, and returns its status. Instances have
// the addresses that the controller knows.
func (c Configurations) Deployed(ctx context.Context, use func(mgmt.Configuration) int) int {
	return c.connected(ctx, func(ctl *client.Client) int {
		var deployed *mgmt.Configuration
		o := answer(c.Commands, func(r client.Result) Outcome {
			if config, ok := r.Data.(client.Configuration); ok && r.Success {
				deployed = new(fromClient(config))
				return Outcome{}
			}
			return GetConfigOutcome(r, true)
		})(ctl.GetConfiguration(ctx, true))
		if deployed == nil {
			return c.finish(o)
		}
		hosts := map[mgmt.InstanceName]client.Instance{}
		if r, err := ctl.GetInstances(ctx); err == nil && r.Success {
			if list, ok := r.Data.(client.Instances); ok {
				for _, in := range list {
					hosts[mgmt.InstanceName(in.Name)] = in
				}
			}
		} // without an answer, addresses are unknown, and use says so
		for i, in := range deployed.Instances {
			if known, ok := hosts[in.Name]; ok && !mgmt.KnownHost(in.Host) {
				deployed.Instances[i].Host = known.Host
			}
		}
		return use(*deployed)
	})
}
