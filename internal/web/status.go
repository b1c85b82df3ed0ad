package web

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// registerStatus adds the status of the cluster.
func (a *routes) registerStatus() {
	register(a, operation{
		id: "status", method: http.MethodGet, path: api.PathStatus, may: rowOf(mgmt.GetNodesRequest{}),
		summary: "Say whether the cluster is well, and what is not",
		details: "If nodes are not RUNNING, the controller asks their instances for the reason, and waits a few seconds for it.",
	}, views{a.s}.status)
}

func (s views) status(ctx context.Context, in *struct{}) (*bodyOutput[api.Status], error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	body := api.Status{
		Time: time.Now().UTC(), Controller: s.cfg.Name, Version: s.cfg.Version,
		Stopped: texts(snap.Stopped), Paused: texts(snap.Paused), Operations: []api.Operation{}, Wrong: s.unready(),
	}
	if snap.Deployed != nil {
		body.Deployed = new(revisionOf(snap.Deployed, api.Deployed))
	}
	if c := snap.Staged; c != nil && c.Revision > deployedRevision(snap) {
		body.Staged = new(revisionOf(c, api.Staged))
	}
	for _, o := range snap.Operations {
		if !o.State.Ends() {
			body.Operations = append(body.Operations, withoutSteps(operationOf(o)))
		}
	}
	look := newLook(snap)
	look.instances(&body)
	reasons := map[string]string{}
	if look.asks {
		reasons = s.reasons(ctx)
	}
	look.nodes(&body, reasons)
	body.Well = len(body.Wrong) == 0
	return &bodyOutput[api.Status]{body}, nil
}

func texts[S ~string](list []S) []string {
	all := make([]string, 0, len(list))
	for _, one := range list {
		all = append(all, string(one))
	}
	return all
}

// unready returns what is wrong with the controller itself.
func (s views) unready() []api.StatusDetail {
	wrong := []api.StatusDetail{}
	for _, name := range slices.Sorted(maps.Keys(s.cfg.Ready)) {
		if err := s.cfg.Ready[name](); err != nil {
			wrong = append(wrong, api.StatusDetail{Kind: "controller", Text: fmt.Sprintf("%s: %v", name, err)})
		}
	}
	return wrong
}

// reasonsWait bounds the wait for the reasons of nodes.
const reasonsWait = 3 * time.Second

// reasons asks the instances why nodes have ended by themselves. The keys are
// "instance/node".
func (s views) reasons(ctx context.Context) map[string]string {
	ctx, cancel := context.WithTimeout(ctx, reasonsWait)
	defer cancel()
	found := map[string]string{}
	list, _, err := s.crashes(ctx)
	if err != nil {
		return found
	}
	for _, c := range list {
		found[c.Instance+"/"+c.Node] = c.Why
	}
	return found
}

// look reads a snapshot for the status.
type look struct {
	*mgmt.Snapshot
	stopped map[mgmt.NodeName]bool
	// deployed has the instances of the deployed configuration, and nodes its nodes.
	deployed map[mgmt.InstanceName]int
	expected map[mgmt.NodeName]mgmt.InstanceName
	// asks says that the instances can give reasons.
	asks bool
}

func newLook(snap *mgmt.Snapshot) *look {
	l := &look{
		Snapshot: snap, stopped: map[mgmt.NodeName]bool{},
		deployed: map[mgmt.InstanceName]int{}, expected: map[mgmt.NodeName]mgmt.InstanceName{},
	}
	for _, name := range snap.Stopped {
		l.stopped[name] = true
	}
	if snap.Deployed == nil {
		return l
	}
	for _, in := range snap.Deployed.Config.Instances {
		l.deployed[in.Name] = 0
	}
	for _, n := range snap.Deployed.Config.Nodes {
		l.expected[n.Name] = n.Instance
		l.deployed[n.Instance]++
	}
	for _, in := range snap.Instances {
		for _, n := range in.Nodes {
			if in.Standing == mgmt.Ready && (n.State == mgmt.Failed || n.State == mgmt.Crashed) {
				l.asks = true
			}
		}
	}
	return l
}

// instances counts the instances, and names those of the deployed configuration that are
// not ready.
func (l *look) instances(body *api.Status) {
	for _, in := range l.Instances {
		body.Instances.Total++
		*standing(&body.Instances, in.Standing)++
		nodes, ok := l.deployed[in.Name]
		if !ok || in.Standing == mgmt.Ready || in.Standing == mgmt.StandsBy && nodes == 0 {
			continue
		}
		body.Wrong = append(body.Wrong, api.StatusDetail{
			Kind: "instance", Instance: string(in.Name), State: string(in.Standing), Since: utc(in.Since), Text: unreadyInstance(in, nodes),
		})
	}
}

func standing(c *api.InstanceCount, s mgmt.Standing) *int {
	switch s {
	case mgmt.Absent:
		return &c.Absent
	case mgmt.Incompatible:
		return &c.Incompatible
	case mgmt.Newcomer:
		return &c.Newcomer
	case mgmt.Ready:
		return &c.Ready
	case mgmt.StandsBy:
		return &c.StandsBy
	}
	panic(fmt.Sprintf("web: an instance is %q", s))
}

func unreadyInstance(in *mgmt.ObservedInstance, nodes int) string {
	about := fmt.Sprintf("; the state of its %d nodes is not known", nodes)
	switch {
	case nodes == 0:
		about = ""
	case nodes == 1:
		about = "; the state of its node is not known"
	}
	switch in.Standing {
	case mgmt.Incompatible:
		return "its agent speaks another version of the Management API: update it"
	case mgmt.Newcomer:
		return "its agent is connected, and is not ready yet"
	case mgmt.StandsBy:
		return "its agent runs no nodes"
	}
	if in.Since.IsZero() {
		return "its agent was not seen since the controller started" + about
	}
	return "its agent is not connected" + about
}

// nodes counts the nodes, and names those that should run and do not.
func (l *look) nodes(body *api.Status, reasons map[string]string) {
	for _, in := range l.Instances {
		for _, n := range in.Nodes {
			if n.ClusterRole == mgmt.ClusterNone {
				continue // an agent, or a controller
			}
			body.Nodes.Total++
			*stateCounter(&body.Nodes, n.State)++
			if n.State == mgmt.Running || l.stopped[n.Node] || l.expected[n.Node] != in.Name || in.Standing != mgmt.Ready {
				continue
			}
			if n.State == mgmt.Pending && len(body.Operations) > 0 {
				continue // an operation starts it
			}
			body.Wrong = append(body.Wrong, api.StatusDetail{
				Kind: "node", Instance: string(in.Name), Node: string(n.Node), State: string(n.State), Since: utc(n.Since),
				Text: cmp.Or(reasons[string(in.Name)+"/"+string(n.Node)], unwellNode(n.State)),
			})
		}
	}
}

func stateCounter(c *api.NodeCount, s mgmt.State) *int {
	switch s {
	case mgmt.Running:
		return &c.Running
	case mgmt.Pending:
		return &c.Pending
	case mgmt.Stopped:
		return &c.Stopped
	case mgmt.Failed:
		return &c.Failed
	case mgmt.Crashed:
		return &c.Crashed
	}
	return &c.Unknown
}

// unwellNode says what a state means that a node should not have.
func unwellNode(s mgmt.State) string {
	switch s {
	case mgmt.Pending:
		return "it was started, and is not up yet"
	case mgmt.Stopped:
		return "it has stopped, and no user has stopped it"
	case mgmt.Failed:
		return "it failed, and is not started again"
	case mgmt.Crashed:
		return "it crashed, and is started again soon"
	}
	return "its agent has not told its state"
}
