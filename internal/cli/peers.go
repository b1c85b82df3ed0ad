package cli

import (
	"cmp"
	"context"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// PeersRow is a connection as one of its ends sees it.
type PeersRow struct {
	Instance string `json:"instance"`
	// Node is the end that tells. It is empty if the instance's agent does.
	Node string `json:"node,omitempty"`
	api.PeerSample
	// Problem says what is wrong with the connection.
	Problem string `json:"problem,omitempty"`
}

// PeersResult is what Peers prints as data.
type PeersResult struct {
	Time  time.Time  `json:"time"`
	Peers []PeersRow `json:"peers"`
	// Silent are the nodes that run and tell no connections.
	Silent  []string      `json:"silent"`
	Missing []api.Missing `json:"missing"`
}

// Peers prints who is connected to whom: first the connections with which something is wrong.
func (m Measured) Peers(ctx context.Context) int {
	return m.measure(ctx, func(f figures) error {
		result := peersOf(f)
		return show.PrintPage(m.output(), result, func() show.Page {
			page := show.Page{peersTable(f, result)}
			if n := len(result.Silent); n > 0 {
				page = append(page, show.Blank(), show.Text{Text: fmt.Sprintf("%s no connections: %s", tells(n), few(result.Silent)), Tone: show.Faint})
			}
			return append(page, missingPage(result.Missing)...)
		})
	})
}

func tells(nodes int) string {
	if nodes == 1 {
		return "1 node tells"
	}
	return fmt.Sprintf("%d nodes tell", nodes)
}

// peersOf returns the connections of agents and nodes. If nodes are named, those of agents are
// left out.
func peersOf(f figures) PeersResult {
	result := PeersResult{Time: f.time, Peers: []PeersRow{}, Silent: []string{}, Missing: f.missing()}
	for _, h := range f.hosts {
		if !f.named {
			for _, p := range h.Peers {
				result.Peers = append(result.Peers, PeersRow{h.Instance, "", p, peerProblem(p)})
			}
		}
		for _, n := range h.Nodes {
			for _, p := range n.Peers {
				result.Peers = append(result.Peers, PeersRow{h.Instance, n.Node, p, peerProblem(p)})
			}
			if len(n.Peers) == 0 && n.PID != 0 {
				result.Silent = append(result.Silent, n.Node)
			}
		}
	}
	sort.SliceStable(result.Peers, func(i, j int) bool {
		a, b := result.Peers[i], result.Peers[j]
		wrong := func(r PeersRow) int { return map[bool]int{true: 0, false: 1}[r.Problem != ""] }
		return cmp.Or(wrong(a)-wrong(b), cmp.Compare(known(b.Dropped), known(a.Dropped)), strings.Compare(a.Instance, b.Instance), strings.Compare(a.Node, b.Node), strings.Compare(a.Peer, b.Peer)) < 0
	})
	return result
}

// peerProblem says what is wrong with a connection.
func peerProblem(p api.PeerSample) string {
	switch {
	case known(p.Dropped) > 0:
		return "messages were lost"
	case p.Limit > 0 && p.Queued >= p.Limit/2 && p.Queued > 0:
		return "its queue fills up"
	}
	return ""
}

// known returns a count, or 0 if it is not known.
func known(n *uint64) uint64 {
	if n == nil {
		return 0
	}
	return *n
}

// ifKnown prints a count, or that it is not known.
func ifKnown(n *uint64, text func(uint64) string) string {
	if n == nil {
		return "-"
	}
	return text(*n)
}

func messages(n uint64) string { return amount(float64(n)) }

func peersTable(f figures, r PeersResult) show.Table {
	table := show.Table{
		Columns: []show.Column{
			{Head: "FROM", Least: 12}, {Head: "INSTANCE", Least: 8}, {Head: "TO", Least: 14}, {Head: "ADDRESS", Least: 12, Drop: 2, Optional: true}, {Head: "KIND", Drop: 5},
			{Head: "FOR", Right: true}, {Head: "QUEUE", Right: true}, {Head: "LOST", Right: true}, {Head: "SENT", Right: true, Drop: 3},
			{Head: "RECEIVED", Right: true, Drop: 4}, {Head: "NOTE", Least: 10, Drop: 1, Optional: true},
		},
		Empty: f.noFigures("No connections are told."),
	}
	for _, p := range r.Peers {
		queue := grouped(p.Queued)
		if p.Limit > 0 {
			queue += " of " + grouped(p.Limit)
		}
		row := show.Row(cmp.Or(p.Node, "agent"), p.Instance, p.Peer, p.Addr, cmp.Or(p.Kind, "-"), ago(r.Time, p.Since), queue, ifKnown(p.Dropped, grouped),
			ifKnown(p.Sent, messages), ifKnown(p.Received, messages), p.Problem)
		switch {
		case known(p.Dropped) > 0:
			row[7].Tone, row[10].Tone = show.Bad, show.Bad
		case p.Problem != "":
			row[6].Tone, row[10].Tone = show.Warning, show.Warning
		}
		table.Rows = append(table.Rows, row)
	}
	return table
}
