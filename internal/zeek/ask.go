package zeek

import (
	"slices"
	"strings"
)

// MaxPlugins is how many bytes of the output of PluginsArgv ParsePlugins reads.
const MaxPlugins = 256 << 10

// PluginsArgv returns the argument vector that makes an executable list its plugins.
// ParsePlugins reads the output.
func PluginsArgv(executable string) []string { return []string{executable, "-b", "-N"} }

// ParsePlugins returns the cluster backends that a Zeek of version v has: Zeek has a
// plugin for each. output is what PluginsArgv prints to stdout. Before 7.1, Zeek has
// Broker and no plugin for it. Nil means that the output lists no plugins.
func ParsePlugins(v Version, output string) []Backend {
	output = output[:min(len(output), MaxPlugins)]
	found := []Backend{}
	if !v.AtLeast(7, 1) {
		found = append(found, Broker)
	}
	any := false
	for line := range strings.Lines(output) {
		name, _, ok := strings.Cut(line, " - ")
		if !ok || !strings.HasPrefix(name, "Zeek::") {
			continue
		}
		any = true
		for plugin, b := range map[string]Backend{"Zeek::Cluster_Backend_Broker": Broker, "Zeek::Cluster_Backend_ZeroMQ": ZeroMQ} {
			if name == plugin && !slices.Contains(found, b) {
				found = append(found, b)
			}
		}
	}
	if !any {
		return nil
	}
	slices.Sort(found)
	return found
}

// LacksAFPacket reports whether a Zeek has no packet source for AF_PACKET. output is what
// PluginsArgv prints to stdout. A plugin that is installed beside Zeek is in it, too.
func LacksAFPacket(output string) bool {
	listed := false
	for line := range strings.Lines(output[:min(len(output), MaxPlugins)]) {
		name, _, ok := strings.Cut(line, " - ")
		if ok && strings.HasSuffix(name, "::AF_Packet") {
			return false
		}
		listed = listed || ok && strings.HasPrefix(name, "Zeek::")
	}
	return listed
}

// ProbeWanted tells whether it depends on ProbeArgv how the nodes of this Zeek are
// launched.
func (in Install) ProbeWanted() bool { return in.Has(ZeroMQ) && in.Version.AtLeast(8, 0) }

// probeSaid is what Zeek prints if the probe has succeeded.
const probeSaid = "zeekfleet: the value was changed"

// ProbeArgv returns the argument vector that finds out whether a script of this Zeek can
// change a constant while Zeek runs. ParseProbe reads the output. freeLogPort needs it.
func ProbeArgv(executable string) []string {
	return []string{executable, "-b", "-e", "module Fleet; export { const probe = \"\" &redef; global change: function(val: any); } " +
		"function change(val: any) { [probe] = val; } " +
		"event zeek_init() { change([\"" + probeSaid + "\"]); print probe; }"}
}

// ParseProbe tells whether the probe has succeeded. output is what ProbeArgv prints to
// stdout.
func ParseProbe(output string) bool {
	for line := range strings.Lines(output) {
		if strings.TrimSpace(line) == probeSaid {
			return true
		}
	}
	return false
}

// freeLogPort renders what lets a node that receives logs over ZeroMQ serve WebSocket
// clients. For each client, Zeek makes one more ZeroMQ backend. That backend reads the
// same constants as the node's own (Zeek's src/cluster/websocket/WebSocket.cc), so it
// wants to listen for logs at the same port. Zeek then never answers the client. The
// constant is cleared once the node's own backend listens, which Zeek's script does in
// zeek_init with priority 10. A constant cannot be assigned, but a list of names can,
// and Zeek does not look for constants among these names.
func (s *script) freeLogPort() {
	s.section("Logs arrive at the node's own backend alone, not at those of WebSocket clients.")
	s.WriteString(`function change_log_endpoint(val: any)
	{
	[Cluster::Backend::ZeroMQ::listen_log_endpoint] = val;
	}

event zeek_init() &priority=-9
	{
	change_log_endpoint([""]);
	}
`)
}
