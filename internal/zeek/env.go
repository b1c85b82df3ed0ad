package zeek

import (
	"maps"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// reserved are the variables that a node's environment cannot set, and that are
// not inherited: those that make the node what it is, and those that would make
// Zeek something other than a node. A name that ends in "*" is a prefix.
var reserved = []string{
	"CLUSTER_NODE", "ZEEKPATH", "ZEEKFLEET_*", "ZEEKCTL_CHECK_CONFIG", "ZEEKCTL_DISABLE_LISTEN",
	"ZEEK_AGENT_*", "ZEEK_CONTROLLER_*", "ZEEK_MANAGEMENT_*", "ZEEK_SUPERVISED_NODE", "ZEEK_STEM",
	curvePrefix + "*",
}

// Reserved tells whether a variable is one that a node's environment cannot
// set. Command leaves such a variable out, and Generate warns of it.
func Reserved(name string) bool {
	return slices.ContainsFunc(reserved, func(r string) bool {
		prefix, isPrefix := strings.CutSuffix(r, "*")
		return name == r || isPrefix && strings.HasPrefix(name, prefix)
	})
}

// environ is an environment in which each variable has one value.
type environ map[string]string

func newEnviron(list []string) environ {
	e := environ{}
	for _, kv := range list {
		if name, value, ok := strings.Cut(kv, "="); ok && name != "" {
			e[name] = value
		}
	}
	return e
}

func (e environ) set(name, value string) { e[name] = value }

// list returns the environment sorted by name.
func (e environ) list() []string {
	list := make([]string, 0, len(e))
	for _, name := range slices.Sorted(maps.Keys(e)) {
		list = append(list, name+"="+e[name])
	}
	return list
}

// agentsOwn are variables that are not inherited, and that a node can be given.
// Those of the agent say how often it tries to reach its controller; a node would
// try as seldom to reach the others, which all start at once.
var agentsOwn = []string{"ZEEK_DEFAULT_CONNECT_RETRY", "ZEEK_DEFAULT_LISTEN_RETRY"}

// env renders the environment: what is inherited, over it the node's own, over
// that ours.
func (d *Deployment) env(c *cluster, scriptPath string) []string {
	e := newEnviron(d.Site.Environ)
	for _, name := range agentsOwn {
		delete(e, name)
	}
	if d.Site.PluginPath != "" {
		e.set("ZEEK_PLUGIN_PATH", d.Site.PluginPath)
	}
	maps.Copy(e, d.Plan.Node.Env)
	maps.DeleteFunc(e, func(name, _ string) bool { return Reserved(name) })

	e.set("CLUSTER_NODE", string(c.self))
	e.set("ZEEKPATH", scriptPath)
	maps.Copy(e, newEnviron(d.curveEnv(c)))
	if d.nodeScript() == UpstreamNodeScript {
		d.upstreamEnv(e)
	}
	return e.list()
}

// upstreamEnv tells upstream's node script where its agent is (spec
// management-api 1.8).
func (d *Deployment) upstreamEnv(e environ) {
	a := d.Site.AgentAddr
	e.set("ZEEK_AGENT_ADDR", dialable(a.Addr()).String())
	e.set("ZEEK_AGENT_PORT", mgmt.TCPPort(a.Port()).String())
	e.set("ZEEK_MANAGEMENT_SPOOL_DIR", d.Site.SpoolDir)
	e.set("ZEEK_MANAGEMENT_STATE_DIR", d.Site.StateDir)
}
