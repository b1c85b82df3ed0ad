package web

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/lazy"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// views are the operations that show the cluster.
type views struct{ *Server }

// taggedPageInput are the parameters of a list that has a tag.
type taggedPageInput struct {
	PageInput
	TaggedInput
}

// registerCluster adds what the cluster is and does.
func (a *routes) registerCluster() {
	register(a, operation{
		id: "list-instances", method: http.MethodGet, path: api.PathInstances, may: rowOf(mgmt.GetInstancesRequest{}),
		summary: "List the connected and the deployed instances",
	}, views{a.s}.listInstances)
	register(a, operation{
		id: "list-nodes", method: http.MethodGet, path: api.PathNodes, may: rowOf(mgmt.GetNodesRequest{}),
		summary: "List the nodes, as the controller last heard of them",
	}, views{a.s}.listNodes)
	register(a, operation{
		id: "list-configurations", method: http.MethodGet, path: api.PathConfigurations, may: rowOf(mgmt.GetHistoryRequest{}),
		summary: "List the configurations that are staged, are deployed, or were deployed, the newest first",
	}, views{a.s}.listConfigurations)
	register(a, operation{
		id: "get-configuration", method: http.MethodGet, path: api.PathConfigurations + "/{state}", may: rowOf(mgmt.GetConfigurationRequest{}),
		summary: "Show the staged or the deployed configuration", errors: []int{http.StatusNotFound},
	}, views{a.s}.getConfiguration)
}

func (s views) snapshot(ctx context.Context) (*mgmt.Snapshot, error) {
	snap, err := s.cfg.Cluster.Snapshot(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	return snap, nil
}

// taggedPage returns a page of a list from a snapshot.
func taggedPage[T any](in *taggedPageInput, snap *mgmt.Snapshot, items []T, key func(T) string) (*taggedOutput[api.Page[T]], error) {
	page := paged(items, in.PageInput, key)
	page.Revision = snap.Revision
	return tagged(in.TaggedInput, snap.Revision, page)
}

func (s views) listInstances(ctx context.Context, in *taggedPageInput) (*taggedOutput[api.Page[api.Instance]], error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	var list []api.Instance
	for _, i := range snap.Instances {
		one := api.Instance{
			Name: string(i.Name), Standing: string(i.Standing), Dialed: i.Dialed,
			Since: utc(i.Since), Heard: utc(i.Heard), Nodes: clusterNodes(i.Nodes),
		}
		if i.Addr.IsValid() {
			one.Address = i.Addr.String()
		}
		list = append(list, one)
	}
	return taggedPage(in, snap, list, func(i api.Instance) string { return i.Name })
}

// clusterNodes counts the nodes of an instance. Its agent and the controller say that they are
// nodes, too, but are no part of the cluster.
func clusterNodes(list []mgmt.ObservedNode) int {
	count := 0
	for _, n := range list {
		if n.MgmtRole != mgmt.RoleAgent && n.MgmtRole != mgmt.RoleController {
			count++
		}
	}
	return count
}

func (s views) listNodes(ctx context.Context, in *taggedPageInput) (*taggedOutput[api.Page[api.Node]], error) {
	snap, err := s.listed(ctx)
	if err != nil {
		return nil, err
	}
	var list []api.Node
	told := s.toldNodes(ctx)
	for _, i := range snap.Instances {
		for _, n := range i.Nodes {
			one := api.Node{
				Name: string(n.Node), Instance: string(i.Name), State: string(n.State), Role: string(n.ClusterRole),
				Port: number(n.Port), MetricsPort: number(n.MetricsPort), Since: utc(n.Since),
			}
			t, ok := told[one.Instance+"/"+one.Name]
			if ok {
				one.Since = utc(t.began(n))
			}
			if n.ClusterRole == mgmt.ClusterNone {
				one.Role = string(n.MgmtRole)
			}
			if n.PID != nil {
				one.PID = *n.PID
			}
			if ok && n.State == mgmt.Running {
				one.Version = t.Version
				if n.PID == nil && t.heard.After(n.Since) { // before, it may have been another process
					one.PID = int64(t.PID)
				}
			}
			list = append(list, one)
		}
	}
	return taggedPage(in, snap, list, func(n api.Node) string { return n.Name + "@" + n.Instance })
}

func (s views) listConfigurations(ctx context.Context, in *taggedPageInput) (*taggedOutput[api.Page[api.Revision]], error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	var list []api.Revision
	if snap.Staged != nil {
		list = append(list, revisionOf(snap.Staged, api.Staged))
	}
	if snap.Deployed != nil {
		list = append(list, revisionOf(snap.Deployed, api.Deployed))
	}
	for _, c := range snap.History {
		list = append(list, pastRevision(c))
	}
	order := map[string]int{api.Staged: 1, api.Deployed: 2, api.Past: 3}
	return taggedPage(in, snap, list, func(r api.Revision) string {
		return fmt.Sprintf("%020d-%d", math.MaxUint64-r.Revision, order[r.State])
	})
}

type configurationInput struct {
	State string `path:"state" enum:"staged,deployed"`
	TaggedInput
}

func (s views) getConfiguration(ctx context.Context, in *configurationInput) (*taggedOutput[api.Configuration], error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	c := snap.Deployed
	if in.State == api.Staged {
		c = snap.Staged
	}
	if c == nil {
		return nil, problem(http.StatusNotFound, fmt.Sprintf("no %s configuration available", in.State))
	}
	body := configuration(c, in.State)
	return tagged(in.TaggedInput, c.Revision, body)
}

// crashes asks the connected instances for the latest crash of each node, in a way that
// agents of every kind understand.
func (s views) crashes(ctx context.Context) ([]api.Crash, []api.Missing, error) {
	answer, err := submit[mgmt.GetNodesResponse](ctx, s.Server, mgmt.GetNodesRequest{})
	if err != nil {
		return nil, nil, err
	}
	list, missing, now := []api.Crash{}, []api.Missing{}, time.Now()
	for _, r := range answer.Outcomes() {
		if r.Success {
			list = append(list, readCrashes(string(r.Instance), r.Error, now)...)
		} else {
			missing = append(missing, api.Missing{Instance: string(r.Instance), Why: r.Error})
		}
	}
	return list, missing, nil
}

// crashForm is a line in the text of an agent's result about its nodes
// (docs/decisions/0006).
var crashForm = lazy.Regexp(`^node (\S+) ((?:crashed: |failed [0-9]+ times in a row, ).*) \(([0-9hms.]+) ago\)$`)

// readCrashes returns the crashes of which an agent tells in a text. The text has other
// lines as well.
func readCrashes(instance, text string, now time.Time) []api.Crash {
	var list []api.Crash
	for line := range strings.SplitSeq(text, "\n") {
		m := crashForm().FindStringSubmatch(line)
		if m == nil {
			continue
		}
		ago, err := time.ParseDuration(m[3])
		if err != nil || ago < 0 {
			continue
		}
		list = append(list, api.Crash{Instance: instance, Node: m[1], When: utc(now.Add(-ago).Truncate(time.Second)), Why: m[2]})
	}
	return list
}

// utc returns a time in UTC. The zero time stays as it is, and so becomes a time of an agent whose
// year JSON cannot have.
func utc(t time.Time) time.Time {
	if t = t.UTC(); t.IsZero() || t.Year() < 0 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

// number returns the number of a port, and 0 if there is none.
func number(p *mgmt.Port) int {
	if p == nil {
		return 0
	}
	return int(p.Number)
}
