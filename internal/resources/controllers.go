package resources

import (
	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Controllers returns what a controller knows of all controllers, in the form of the API.
func Controllers(r *mgmt.ControllersReport) api.Controllers {
	list := api.Controllers{
		Term: r.Term, Leader: r.Leader, Since: utc(r.Since), Self: r.Self, External: r.External, Members: []api.ControllerMember{},
	}
	for _, m := range r.Members {
		list.Members = append(list.Members, ControllerMember(m))
	}
	for _, m := range r.Store {
		list.Store = append(list.Store, ControllerMember(m))
	}
	return list
}

// ControllerMember returns one controller in the form of the API.
func ControllerMember(m mgmt.ControllerMember) api.ControllerMember {
	return api.ControllerMember{
		Name: m.Name, Role: string(m.Role), Version: m.Version, Clients: append([]string{}, m.Clients...), Agents: append([]string{}, m.Agents...),
		Peer: m.Peer, Lag: m.Lag, Bytes: m.Bytes, Used: m.Used, Quota: m.Quota, Alarms: m.Alarms, Err: m.Err,
	}
}
