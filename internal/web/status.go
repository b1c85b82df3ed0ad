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
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/resources"
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
	snap, err := s.listed(ctx)
	if err != nil {
		return nil, err
	}
	now, look := time.Now(), newLook(snap)
	reasons := map[string]string{}
	if look.asks {
		reasons = s.reasons(ctx)
	}
	body := clusterStatus(s, snap, now, s.recentCrashes(look, now), reasons, s.toldNodes(ctx))
	body.Versions = s.versions(ctx)
	return &bodyOutput[api.Status]{body}, nil
}

// unwellControllers says which controllers are not well. The cluster outlives the loss of few of
// them, so somebody should look before the next one is lost.
func unwellControllers(r *mgmt.ControllersReport) []api.StatusDetail {
	var wrong []api.StatusDetail
	add := func(text string) { wrong = append(wrong, api.StatusDetail{Kind: "controller", Text: text}) }
	if r.Leader == "" {
		add("no controller leads")
	}
	for _, m := range r.Members {
		if m.Role == mgmt.ControllerAway {
			add(fmt.Sprintf("controller %s is away: %s", m.Name, m.Err))
			continue
		}
		for _, alarm := range m.Alarms {
			add(fmt.Sprintf("the store of controller %s: %s", m.Name, alarm))
		}
	}
	for _, m := range r.Store {
		for _, alarm := range m.Alarms {
			add(fmt.Sprintf("the site's etcd %s: %s", m.Name, alarm))
		}
	}
	return wrong
}

// clusterStatus returns the status of a snapshot. crashed are the nodes that have ended by
// themselves lately; reasons say why nodes have, and told what agents have told of them, by
// "instance/node".
func clusterStatus(
	s views, snap *mgmt.Snapshot, now time.Time, crashed []api.StatusCrash, reasons map[string]string, told map[string]toldNode,
) api.Status {
	body := api.Status{
		Time: now.UTC(), Controller: s.cfg.Name, Version: s.cfg.Version,
		Stopped: marks(snap, snap.Stopped, mgmt.OperationStop), Paused: marks(snap, snap.Paused, mgmt.OperationPause),
		Operations: []api.Operation{}, Wrong: s.unready(), Crashed: crashed,
		Commands: commandNodes(snap), Versions: []api.HostVersions{}, Alerts: []api.Alert{},
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
	if report, err := controllers(s).report(context.Background()); err == nil && len(report.Members) > 1 { // it waits for nobody
		body.Controllers = new(resources.Controllers(report))
		body.Wrong = append(body.Wrong, unwellControllers(report)...)
	}
	look := newLook(snap)
	look.instances(&body)
	look.nodes(&body, reasons, told)
	s.firing(&body)
	body.Well = len(body.Wrong) == 0
	return body
}

// firing adds the alerts that fire. Those that need a person are wrong, unless the status says
// already what is wrong there.
func (s *Server) firing(body *api.Status) {
	named := map[[2]string]bool{}
	for _, d := range body.Wrong {
		named[[2]string{d.Instance, d.Node}] = true
	}
	for _, a := range s.book().Alerts {
		if a.State != mgmt.AlertFiring {
			continue
		}
		one := alertOf(a)
		body.Alerts = append(body.Alerts, one)
		if a.NeedsAPerson() && (a.Subject != "" || !named[[2]string{one.Instance, one.Node}]) {
			body.Wrong = append(body.Wrong, api.StatusDetail{
				Kind: "alert", Instance: one.Instance, Node: one.Node, State: one.Severity, Since: one.Fired, Text: one.Text,
			})
		}
	}
}

// commandNodes returns the deployed nodes that are no Zeek nodes.
func commandNodes(snap *mgmt.Snapshot) []string {
	names := []string{}
	if snap.Deployed == nil {
		return names
	}
	for _, n := range snap.Deployed.Config.Nodes {
		if len(n.Command) > 0 {
			names = append(names, string(n.Name))
		}
	}
	slices.Sort(names)
	return names
}

// versions returns what the connected instances run, as they told last.
func (s views) versions(ctx context.Context) []api.HostVersions {
	list := []api.HostVersions{}
	hosts, err := s.hosts(ctx, false)
	if err != nil {
		return list // the status does without
	}
	at := map[[3]string]int{}
	for _, h := range hosts {
		if !h.Present {
			continue
		}
		var key [3]string
		if h.Facts != nil {
			key = [3]string{h.Facts.Version, h.Facts.ZeekVersion, h.Facts.LimitsBy}
		}
		i, known := at[key]
		if !known {
			i = len(list)
			at[key] = i
			list = append(list, api.HostVersions{Version: key[0], Zeek: key[1], LimitsBy: key[2]})
		}
		list[i].Instances = append(list[i].Instances, string(h.Instance))
	}
	return list
}

// marks returns the nodes that users have stopped or paused, each with the latest operation
// of this kind that has done so.
func marks(snap *mgmt.Snapshot, nodes []mgmt.NodeName, kind mgmt.OperationKind) []api.StatusMark {
	all := make([]api.StatusMark, 0, len(nodes))
	at := map[mgmt.NodeName]int{}
	for _, n := range nodes {
		at[n] = len(all)
		all = append(all, api.StatusMark{Node: string(n)})
	}
	for _, o := range slices.Backward(snap.Operations) { // the newest is the first
		if o.Kind != kind {
			continue
		}
		for _, step := range o.Steps {
			if i, ok := at[step.Node]; ok && step.Action != mgmt.ActionNone {
				all[i] = api.StatusMark{Node: string(step.Node), Who: o.Who, Since: utc(o.Begun), Note: o.Note, Operation: uint64(o.ID)}
			}
		}
	}
	return all
}

// crashWindow is for how long the status tells of a crash. Within crashWorry after it, a
// node that runs again does not count as well: it may be about to crash again.
const (
	crashWindow = time.Hour
	crashWorry  = 5 * time.Minute
)

// recentCrashes returns the deployed nodes that have ended by themselves lately.
func (s views) recentCrashes(l *look, now time.Time) []api.StatusCrash {
	list := []api.StatusCrash{}
	if s.cfg.Happenings == nil {
		return list
	}
	found, err := s.cfg.Happenings.Read(happenings.Query{
		Since: now.Add(-crashWindow), Kind: mgmt.HappenedNode, Limit: happenings.MaxLimit, Latest: true,
	})
	if err != nil {
		s.cfg.Logger.Warn("the status tells of no crashes", "err", err)
		return list
	}
	at := map[mgmt.NodeName]int{}
	for _, r := range slices.Backward(found) {
		ended := r.To == string(mgmt.Crashed) || r.To == string(mgmt.Failed)
		if !ended || l.expected[r.Node] != r.Instance {
			continue
		}
		i, known := at[r.Node]
		if !known {
			i, at[r.Node] = len(list), len(list)
			list = append(list, api.StatusCrash{Instance: string(r.Instance), Node: string(r.Node), Last: utc(r.Time), Text: r.Cause})
		}
		list[i].Times++
	}
	return list
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

// shows reports whether something that an agent tells of is a node of the cluster, and no agent
// and no controller. A deployed one without a role runs a command.
func (l *look) shows(in *mgmt.ObservedInstance, n mgmt.ObservedNode) bool {
	return n.ClusterRole != mgmt.ClusterNone || l.expected[n.Node] == in.Name
}

// nodes counts the nodes, and names those that should run and do not.
func (l *look) nodes(body *api.Status, reasons map[string]string, told map[string]toldNode) {
	crashed := map[mgmt.NodeName]api.StatusCrash{}
	for _, c := range body.Crashed {
		crashed[mgmt.NodeName(c.Node)] = c
	}
	for _, in := range l.Instances {
		for _, n := range in.Nodes {
			if !l.shows(in, n) {
				continue
			}
			body.Nodes.Total++
			*stateCounter(&body.Nodes, n.State)++
			c, hasCrashed := crashed[n.Node]
			hasCrashed = hasCrashed && body.Time.Sub(c.Last) < crashWorry
			if l.stopped[n.Node] || l.expected[n.Node] != in.Name || in.Standing != mgmt.Ready || n.State == mgmt.Running && !hasCrashed {
				continue
			}
			if n.State == mgmt.Pending && len(body.Operations) > 0 && !hasCrashed {
				continue // an operation starts it
			}
			key := string(in.Name) + "/" + string(n.Node)
			text := cmp.Or(reasons[key], unwellNode(n.State))
			if n.State == mgmt.Failed && !slices.Contains(l.Paused, n.Node) {
				text += fmt.Sprintf("; zeekfleet start %s tries at once", n.Node)
			}
			if hasCrashed && (n.State == mgmt.Running || n.State == mgmt.Pending) {
				text = crashText(c)
			}
			body.Wrong = append(body.Wrong, api.StatusDetail{
				Kind: "node", Instance: string(in.Name), Node: string(n.Node), State: string(n.State), Since: utc(told[key].began(n)), Text: text,
			})
		}
	}
}

// crashText says of a node that runs or starts that it has crashed.
func crashText(c api.StatusCrash) string {
	if c.Times == 1 {
		return "it was started again after it ended by itself: " + c.Text
	}
	return fmt.Sprintf("it was started again after it ended by itself %d times within an hour, last: %s", c.Times, c.Text)
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
		return "it failed"
	case mgmt.Crashed:
		return "it crashed, and is started again soon"
	}
	return "its agent has not told its state"
}
