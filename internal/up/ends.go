package up

import (
	"strings"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/cli"
)

// endings are the nodes whose end was shown, with their state at that time. A node
// that runs again is removed.
type endings map[client.NodeName]client.State

// news returns texts about nodes that have ended since the last call, and about
// nodes that the agent no longer restarts. results is the answer to get-nodes. An
// agent describes the ends in the Error of a success, with one line for each node.
func (e endings) news(results []client.Result) []string {
	lines := map[client.NodeName]string{}
	for _, r := range results {
		list, _ := r.Data.(client.NodeStatuses)
		for line := range strings.Lines(r.Error) {
			for _, n := range list {
				if line, ok := endOf(n.Node, line); ok {
					lines[n.Node] = line
				}
			}
		}
	}
	var texts []string
	for _, n := range clusterNodes(results) {
		if n.State == client.Running {
			delete(e, n.Node)
		}
		if n.State != client.Crashed && n.State != client.Failed {
			continue
		}
		text := lines[n.Node]
		if text == "" || e[n.Node] == n.State {
			continue
		}
		e[n.Node] = n.State
		texts = append(texts, cli.Printable(text))
	}
	return texts
}

// told adds nodes whose end was shown already.
func (e endings) told(nodes []client.NodeName) {
	for _, name := range nodes {
		if e[name] == "" {
			e[name] = client.Crashed
		}
	}
}

// endOf returns a line without its end "(… ago)". It returns false if the line is
// not about the node.
func endOf(node client.NodeName, line string) (string, bool) {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "node "+string(node)+" ") {
		return "", false
	}
	if i := strings.LastIndex(line, " ("); i >= 0 && strings.HasSuffix(line, " ago)") {
		line = line[:i]
	}
	return line, true
}
