package migration

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/clusterfile"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// fanoutID is the option that templates of workers set by themselves.
const fanoutID = "AF_Packet::fanout_id"

// noContent stands for the content of a bundle while a cluster file is verified.
func noContent(string, string) (mgmt.BundleHash, error) { return mgmt.NewBundleHash([32]byte{}), nil }

// Parse reads the cluster file of the result.
func (r *Result) Parse() (*clusterfile.Cluster, error) {
	return clusterfile.Parse("cluster file", []byte(r.Cluster), clusterfile.Options{NameInstances: true, Pack: noContent})
}

// verify returns an error unless the cluster file says what the other manager starts. Such an
// error is a mistake of the import, or a name that a cluster file cannot have.
func (r *Result) verify() error {
	c, err := r.Parse()
	if err != nil {
		return fmt.Errorf("what was imported makes no cluster file: %w", err)
	}
	if problems, _ := c.Config.Check(mgmt.Rules{AssignBroker: true, AssignMetrics: true}); len(problems) > 0 {
		return fmt.Errorf("what was imported is no configuration that a controller takes: %s", problems[0])
	}
	named := map[mgmt.NodeName]mgmt.Node{}
	for _, n := range c.Config.Nodes {
		named[n.Name] = n
	}
	if len(named) != len(r.Processes) {
		return fmt.Errorf("the cluster file has %d nodes for %d processes: please report it", len(named), len(r.Processes))
	}
	for _, p := range r.Processes {
		n, ok := named[mgmt.NodeName(p.Name)]
		if !ok {
			return fmt.Errorf("the cluster file has no node %s: please report it", p.Name)
		}
		if differences := p.differences(n); len(differences) > 0 {
			return fmt.Errorf("node %s of the cluster file is not what was imported: %s; please report it", p.Name, strings.Join(differences, ", "))
		}
	}
	return nil
}

// differences returns in which points a node is not the process.
func (p Process) differences(n mgmt.Node) []string {
	var list []string
	differ := func(what string, same bool, want, got any) {
		if !same {
			list = append(list, fmt.Sprintf("%s %v, not %v", what, got, want))
		}
	}
	iface := ""
	if n.Interface != nil {
		iface = *n.Interface
	}
	cpus, _ := n.CPUs()
	env := maps.Clone(n.Env)
	delete(env, mgmt.CPUsEnv)
	differ("role", n.Role == p.Role, p.Role, n.Role)
	differ("instance", n.Instance == p.Instance, p.Instance, n.Instance)
	differ("interface", iface == p.Interface, p.Interface, iface)
	differ("processors", slices.Equal(cpus, p.CPUs), p.CPUs, cpus)
	differ("environment", maps.Equal(env, p.Env), p.Env, env)
	differ("limits", n.Limits == p.Limits, p.Limits, n.Limits)
	differ("scripts", slices.Equal(n.Scripts, p.Scripts), p.Scripts, n.Scripts)
	for _, o := range p.Options {
		differ("option "+o.Name, slices.Contains(n.Options, o), o.Value, n.Options)
	}
	for _, o := range n.Options {
		differ("option "+o.Name, slices.Contains(p.Options, o) || o.Name == fanoutID, "nothing", o.Value)
	}
	return list
}
