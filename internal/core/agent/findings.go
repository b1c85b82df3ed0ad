package agent

import (
	"maps"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// reject answers a deployment with the findings that refuse it: one result for the
// whole deployment, one for each finding about the host, and one for each node with
// findings.
func (ps *proposals) reject(r *request, findings []mgmt.Finding) {
	rs := ps.requests
	r.Results = []mgmt.Result{rs.result(r, "", mgmt.Result{Error: summary(findings)})}
	nodes := map[mgmt.NodeName]mgmt.Finding{}
	for _, f := range findings {
		if f.Node == "" {
			r.Results = append(r.Results, rs.result(r, "", mgmt.Result{Error: f.Problem}))
			continue
		}
		nodes[f.Node] = joined(nodes[f.Node], f)
	}
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		f := nodes[name]
		rs.settle(r, name, r.Detail.failure(name, f.Problem, rs.cut(f.Outputs)))
	}
	rs.close(r)
}

// joined is one finding for several of a node: a node has one result.
func joined(a, b mgmt.Finding) mgmt.Finding {
	if a.Problem == "" {
		return b
	}
	lines := func(x, y string) string { return strings.Trim(x+"\n"+y, "\n") }
	return mgmt.Finding{
		Node:    b.Node,
		Problem: a.Problem + "; " + b.Problem,
		Outputs: mgmt.NodeOutputs{
			Stdout: lines(a.Outputs.Stdout, b.Outputs.Stdout),
			Stderr: lines(a.Outputs.Stderr, b.Outputs.Stderr),
		},
	}
}

// nodeList names nodes, the first few of them.
func nodeList(nodes []mgmt.NodeName) string {
	if len(nodes) > 1 {
		return "nodes " + mgmt.FewNames(nodes, maxSummary)
	}
	return "node " + mgmt.FewNames(nodes, maxSummary)
}

// inFull is the summary with the problems of the host, which a log tells nowhere
// else.
func inFull(findings []mgmt.Finding) string {
	texts := []string{summary(findings)}
	for _, f := range findings {
		if f.Node == "" {
			texts = append(texts, f.Problem)
		}
	}
	return strings.Join(texts, "; ")
}

// maxSummary bounds the nodes that a summary tells of.
const maxSummary = 5

// summary says what keeps a deployment from succeeding. It names nodes, because
// zeek-client shows no texts of results that belong to one (spec management-api
// appendix B).
func summary(findings []mgmt.Finding) string {
	var texts []string
	for _, f := range findings {
		if f.Node != "" {
			texts = append(texts, f.String())
		}
	}
	if len(texts) == 0 {
		return mgmt.PreflightFailed
	}
	return mgmt.PreflightFailed + "; " + mgmt.FewTexts(texts, maxSummary, "; ")
}
