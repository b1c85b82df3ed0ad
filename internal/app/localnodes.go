package app

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sort"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// LocalNode is what the files of an agent say about one of its nodes.
type LocalNode struct {
	Node mgmt.NodeName
	// State is the one that the agent has noted last, at the time Since, for the reason
	// Cause. It is empty if the agent has noted none.
	State mgmt.State
	Since time.Time
	Cause string
	// PID is the living process of the node, and Started is its start. Zero is none.
	PID     int
	Started time.Time
}

// LocalNodes returns the nodes of this host, sorted by name: from the agent's log of what has
// happened to them, and from its records of processes, of which it looks which live. It asks
// nobody, so neither the agent nor the controller need run. It changes nothing.
func LocalNodes(set settings.Agent) ([]LocalNode, error) {
	dir := filepath.Join(set.Directory, happeningsDir)
	log, err := happenings.OpenToRead(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is nothing in %s: no agent has run with this name and this state directory", set.Directory)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("only root and the agent's own user may read %s", dir)
	case err != nil:
		return nil, err
	}
	records, err := log.Read(happenings.Query{Kind: mgmt.HappenedNode, Limit: happenings.MaxLimit, Latest: true})
	if err = errors.Join(err, log.Close()); err != nil {
		return nil, err
	}
	living, err := LivingNodes(set)
	if err != nil {
		return nil, err
	}
	known := map[mgmt.NodeName]LocalNode{}
	for _, r := range records { // oldest first
		known[r.Node] = LocalNode{Node: r.Node, State: mgmt.State(r.To), Since: r.Time, Cause: r.Cause}
	}
	for _, p := range living {
		n := known[mgmt.NodeName(p.Name)]
		n.Node, n.PID, n.Started = mgmt.NodeName(p.Name), p.PID, p.Started
		known[n.Node] = n
	}
	var list []LocalNode
	for _, n := range known {
		list = append(list, n)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Node < list[j].Node })
	return list, nil
}
