package migration

import (
	"github.com/zeekfleet/zeekfleet/internal/clusterfile"
	"github.com/zeekfleet/zeekfleet/internal/zeekctl"
)

// FromManagement imports a cluster file of the Management framework. zeekfleet reads it as it
// is: the result is the same text.
func FromManagement(file zeekctl.File, o Options) (*Result, error) {
	c, err := clusterfile.Parse(file.Name, file.Text, clusterfile.Options{Hostname: o.Hostname, AsZeekClient: true})
	if err != nil {
		return nil, err
	}
	var found findings
	if _, err := clusterfile.Parse(file.Name, file.Text, clusterfile.Options{Hostname: o.Hostname, Pack: noContent}); err != nil {
		found.add("", err.Error(), "zeekfleet deploy refuses what zeek-client only warns of: correct it; zeekfleet deploy-config takes the file as it is")
	}
	for _, text := range c.Warnings {
		found.add(file.Name, text, "")
	}
	found.add(file.Name, "a cluster file of the Management framework is a cluster file of zeekfleet", "deploy it as it is; zeekfleet's controller and agents take the place of Zeek's")
	r := &Result{From: Management, Cluster: string(file.Text), Findings: found.list}
	for _, in := range c.Config.Instances {
		r.Hosts = append(r.Hosts, Host{string(in.Name), in.Name})
	}
	for _, n := range c.Config.Nodes {
		p := Process{Name: string(n.Name), Role: n.Role, Instance: n.Instance, Env: n.Env, Scripts: n.Scripts, Options: n.Options, Limits: n.Limits}
		if n.Interface != nil {
			p.Interface = *n.Interface
		}
		p.CPUs, _ = n.CPUs()
		r.Processes = append(r.Processes, p)
	}
	return r, nil
}
