package zeek

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// reserved are the variables that a node does not inherit and that its plan cannot
// set. This package sets some of them itself. The others would make Zeek run as
// something other than a cluster node. A name that ends in "*" is a prefix.
var reserved = []string{
	"CLUSTER_NODE", "ZEEKPATH", "ZEEKFLEET_*", "ZEEKCTL_CHECK_CONFIG", "ZEEKCTL_DISABLE_LISTEN",
	"ZEEK_AGENT_*", "ZEEK_CONTROLLER_*", "ZEEK_MANAGEMENT_*", "ZEEK_SUPERVISED_NODE", "ZEEK_STEM",
	curvePrefix + "*",
}

// Reserved tells whether the plan of a node cannot set this variable. Command
// leaves such a variable out, and Generate warns of it.
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

// notInherited are variables that a node does not inherit, but that its plan can
// set. In the agent's environment they say how often the agent tries to reach its
// controller. A node that inherits them tries just as rarely to reach the other
// nodes, although all of them start at the same time.
var notInherited = []string{"ZEEK_DEFAULT_CONNECT_RETRY", "ZEEK_DEFAULT_LISTEN_RETRY"}

// env renders the environment. A variable of the plan replaces an inherited one,
// and a variable of this package replaces both.
func (d *Deployment) env(c *cluster, scriptPath string) []string {
	e := newEnviron(d.Site.Environ)
	for _, name := range notInherited {
		delete(e, name)
	}
	if d.Site.PluginPath != "" {
		e.set("ZEEK_PLUGIN_PATH", d.Site.PluginPath)
	}
	maps.Copy(e, d.Plan.Node.Env)
	maps.DeleteFunc(e, func(name, _ string) bool { return Reserved(name) })

	e.set("CLUSTER_NODE", string(c.self))
	e.set("ZEEKPATH", scriptPath)
	d.bundleEnv(e)
	maps.Copy(e, newEnviron(d.curveEnv(c)))
	if d.nodeScript() == UpstreamNodeScript {
		d.upstreamEnv(e)
	}
	return e.list()
}

// DataEnv is the variable that tells a node where its bundles with data are.
const DataEnv = "ZEEKFLEET_DATA"

// bundleEnv lets Zeek find the plugins of bundles, before all others, and scripts find
// data. ZEEK_PLUGIN_PATH replaces Zeek's built-in search path.
func (d *Deployment) bundleEnv(e environ) {
	var dirs []string
	for _, b := range d.Bundles {
		if b.HasPlugins {
			dirs = append(dirs, path.Join(b.Dir, BundlePlugins))
		}
	}
	if len(dirs) > 0 {
		before, ok := e["ZEEK_PLUGIN_PATH"]
		if !ok {
			before = d.Install.PluginPath
		}
		if before != "" {
			dirs = append(dirs, before)
		}
		e.set("ZEEK_PLUGIN_PATH", strings.Join(dirs, ":"))
	}
	if d.DataDir != "" {
		e.set(DataEnv, d.DataDir)
	}
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
