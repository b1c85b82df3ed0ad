package resources

import (
	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/clusterfile"
)

// Templates returns what the templates of a cluster file have become.
func Templates(list []clusterfile.Template) []api.PlannedTemplate {
	var all []api.PlannedTemplate
	for _, t := range list {
		one := api.PlannedTemplate{Name: t.Name, Line: t.Line, Groups: []api.PlannedWorkers{}}
		for _, g := range t.Groups {
			workers := api.PlannedWorkers{Instance: string(g.Instance), Interface: g.Interface, Nodes: []string{}, Processors: g.Processors, FanoutID: g.FanoutID}
			for _, name := range g.Nodes {
				workers.Nodes = append(workers.Nodes, string(name))
			}
			one.Groups = append(one.Groups, workers)
		}
		all = append(all, one)
	}
	return all
}
