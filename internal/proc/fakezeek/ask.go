package fakezeek

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// listPlugins prints some of the plugins that Zeek lists with -N: those of cluster backends
// and a few others.
func (z *zeek) listPlugins() {
	plugins := map[string]string{
		"Zeek::AF_Packet":    "Packet acquisition via AF_Packet",
		"Zeek::AsciiWriter":  "ASCII log writer",
		"Zeek::WebSocket":    "WebSocket analyzer",
		"Zeek::ZIP_Analyzer": "ZIP analyzer",
	}
	if z.version.atLeast(7, 1) && z.hasBackendBuiltIn("broker") {
		plugins["Zeek::Cluster_Backend_Broker"] = "Cluster backend using Broker"
	}
	if z.hasBackendBuiltIn("zeromq") {
		plugins["Zeek::Cluster_Backend_ZeroMQ"] = "Cluster backend using ZeroMQ"
	}
	var lines []string
	for name, what := range plugins {
		lines = append(lines, fmt.Sprintf("%s - %s (built-in)\n", name, what))
	}
	slices.Sort(lines)
	fmt.Fprint(z.out, strings.Join(lines, ""))
}

// hasBackendBuiltIn tells whether this Zeek was built with a cluster backend.
func (z *zeek) hasBackendBuiltIn(name string) bool {
	if len(z.backends) > 0 {
		return slices.Contains(z.backends, name)
	}
	return name == "broker" || z.version.atLeast(7, 1)
}

var (
	printed      = regexp.MustCompile(`change\(\["(.*?)"\]\); print probe;`)
	usesBroker   = regexp.MustCompile(`(?m)^\s*(?:redef )?(Broker::(?:\w+ =|subscribe|publish|peer)\b)`)
	changesConst = "[Cluster::Backend::ZeroMQ::listen_log_endpoint] = "
)

// runProbe does what Zeek does with the code of -e that changes a constant. It knows no
// other code.
func (z *zeek) runProbe() int {
	match := printed.FindStringSubmatch(z.code)
	if match == nil {
		fmt.Fprintf(z.err, "error in <command line>, line 1: syntax error, at or near %q\n", z.code)
		return 1
	}
	if z.keepsConstants {
		fmt.Fprintln(z.err, "error in <command line>, line 1: const is not a modifiable lvalue (Fleet::probe)")
		return 1
	}
	fmt.Fprintln(z.out, match[1])
	return 0
}

// checkBuilt fails if the scripts need something that this Zeek was built without.
func (z *zeek) checkBuilt(text string) error {
	if z.keepsConstants && strings.Contains(text, changesConst) {
		return fatal{"error in zeekfleet-options.zeek, line 99: const is not a modifiable lvalue (Cluster::Backend::ZeroMQ::listen_log_endpoint)"}
	}
	if z.hasBackendBuiltIn("broker") {
		return nil
	}
	// The shared script of the layout asks for Broker before it uses it.
	for piece := range strings.SplitSeq(text, "@ifdef ( Broker::") {
		if _, rest, ok := strings.Cut(piece, "@endif"); ok {
			piece = rest
		}
		if match := usesBroker.FindStringSubmatch(piece); match != nil {
			return fatal{fmt.Sprintf("error in zeekfleet-options.zeek, line 99: unknown identifier, at or near %q", match[1])}
		}
	}
	return nil
}
