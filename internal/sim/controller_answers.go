package sim

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// replied checks an answer against its request.
func (b *controllerBook) replied(e controller.Reply) {
	if tell, ok := e.Msg.(mgmt.DeployProgress); ok {
		b.checkTold(e.Client, tell)
		return
	}
	resp, ok := e.Msg.(mgmt.Response)
	if !ok {
		b.w.violated("controller answers %s with %T", e.Client, e.Msg)
		return
	}
	r, ok := b.answered(e.Client, resp)
	kind, id, results := r.kind, resp.RequestID(), resp.Outcomes()
	if !ok {
		b.w.violated("controller answers %s %q of %s, which it was not asked or has answered", mgmt.KindAnswered(resp).Name(), id, e.Client)
		return
	}
	for _, res := range results {
		if res.ReqID != id {
			b.w.violated("controller answers %s %q with a result of %q", kind, id, res.ReqID)
		}
		if !res.Success && res.Error == "" {
			b.w.violated("controller answers %s %q with a failure without a reason", kind, id)
		}
	}
	if kind == "deploy" && !deployed(results) && !b.controller.deposed {
		b.checkUntouched(r)
	}
	why, refused := refusal(results)
	if refused && b.mayRefuse(r, why) {
		return
	}
	if r.denied {
		b.w.violated("controller answers %s %q with %+v without a request that its user may make", kind, id, results)
	}
	if refused && !r.denied && r.asked != nil && isOurs(r.asked) {
		b.w.violated("controller refuses %s %q (%+v): %s", kind, id, r.asked, why)
		return
	}
	switch resp := e.Msg.(type) {
	case mgmt.OperationResponse:
		b.w.ops.accept(r, resp.Operation)
	case mgmt.PlanResponse:
		b.checkPlan(r, resp.Plan)
	default:
		b.checkAnswer(r, results)
	}
}

// deployed reports whether these results answer a deployment that was not refused.
// Then the last result is the controller's own.
func deployed(results []mgmt.Result) bool {
	last := results[len(results)-1]
	_, ok := last.Data.(mgmt.Text)
	return ok && last.Success && last.Instance == "" && last.Node == ""
}

// checkTold demands that the controller tells of a deployment's progress only to a
// client that waits for this deployment and that understands the message.
func (b *controllerBook) checkTold(client mgmt.PeerID, tell mgmt.DeployProgress) {
	waits := func(r request) bool { return r.client == client && r.kind == "deploy" && r.id == tell.ReqID && r.tells }
	if !slices.ContainsFunc(b.asked, waits) {
		b.w.violated("controller tells %s of deploy %q, which it does not wait for: %s", client, tell.ReqID, tell.Text)
	}
}

// checkUntouched demands that a refused deployment has not changed the deployed
// configuration. Agents get only the deployed configuration; see checkSent.
func (b *controllerBook) checkUntouched(r request) {
	if now := revision(b.controller.disk.saved.Deployed); now != r.deployed {
		b.w.violated("controller refuses deploy %q, and has deployed r%d in place of r%d", r.id, now, r.deployed)
	}
}

// refusal returns the error of a single result that names no node and no instance.
// It returns false if the answer is not of this form.
func refusal(results []mgmt.Result) (why string, ok bool) {
	if len(results) != 1 || results[0].Success || results[0].Node != "" || results[0].Instance != "" {
		return "", false
	}
	return results[0].Error, true
}

// mayRefuse reports whether a request may be refused for this reason.
func (b *controllerBook) mayRefuse(r request, why string) bool {
	limits := b.w.terms.controller.Limits
	if forbidden := strings.HasPrefix(why, "user "); r.denied || forbidden {
		a := b.audited
		inAudit := a.Outcome == mgmt.AuditRefused && a.Who == string(r.client) && a.Request == r.kind && a.Reason == why
		return r.denied && (forbidden && inAudit || b.controller.deposed)
	}
	if may, ok := b.mayRefuseOperation(r, why); ok {
		return may
	}
	switch why {
	case "no instances connected":
		return len(r.instances) == 0
	case "no active cluster deployment":
		return !r.configured && len(r.instances) > 0
	case "no cluster deployed":
		return len(r.config.Instances) == 0
	case "no configuration available to deploy", "no staged configuration available", "no deployed configuration available":
		return !r.configured
	case "request timed out":
		return r.kind == "test_timeout" && b.w.now >= r.due
	}
	return strings.HasPrefix(why, "request ID is longer") && len(r.id) > 1024 ||
		strings.HasPrefix(why, "earlier request ") && b.pending(r) ||
		strings.HasPrefix(why, "another configuration was staged since, by ") && r.anothers ||
		strings.HasPrefix(why, "earlier deployment ") && r.kind == "deploy" ||
		strings.HasPrefix(why, "more than ") && limits.Requests > 0 && len(b.asked) >= min(limits.Requests, limits.ClientRequests) ||
		strings.HasPrefix(why, "another controller has changed the stored state") && b.controller.deposed ||
		r.kind == "restart" && strings.HasPrefix(why, "operation ") && slices.ContainsFunc(r.begun, holdsUp) ||
		strings.HasPrefix(why, "more than 2 operations") && r.kind == "restart" && limits.Operating == 2 && len(r.begun) >= 2 ||
		strings.HasPrefix(why, "save configuration: disk full") && (r.kind == "stage_configuration" || r.kind == "deploy")
}

func (b *controllerBook) checkAnswer(r request, results []mgmt.Result) {
	switch r.kind {
	case "stage_configuration":
		b.checkStaged(r, results)
	case "deploy":
		b.checkDeployed(r, results)
	case "get_configuration":
		if config, ok := results[0].Data.(mgmt.Configuration); !ok || !reflect.DeepEqual(config, r.config) {
			b.w.violated("controller answers %s %q with another configuration than it has saved", r.kind, r.id)
		}
	case "get_instances":
		list, _ := results[0].Data.(mgmt.Instances)
		var names []mgmt.InstanceName
		for _, in := range list {
			names = append(names, in.Name)
		}
		b.checkNames(r, names)
	case "get_nodes":
		b.checkNodes(r, results)
	case "get_id_value", "dispatch", "restart":
		b.checkPerNode(r, results)
	default:
		b.w.violated("controller answers %s %q with %+v", r.kind, r.id, results)
	}
}

func (b *controllerBook) checkNames(r request, names []mgmt.InstanceName) {
	slices.Sort(names)
	if !slices.Equal(names, r.instances) {
		b.w.violated("controller answers %s %q for %v, there are %v", r.kind, r.id, names, r.instances)
	}
}

// checkStaged demands that an acknowledged configuration is on the disk.
func (b *controllerBook) checkStaged(r request, results []mgmt.Result) {
	if !results[0].Success {
		return // the results are the mistakes in the configuration
	}
	s := b.controller.disk.saved.Staged
	if s == nil || results[0].Data != mgmt.Text(r.config.ID) || !reflect.DeepEqual(s.Config, r.config) {
		b.w.violated("controller says that %s is staged, and has saved something else", r.config.ID)
		return
	}
	b.w.acknowledged.staged = s.Revision
	b.stagedBy[r.client] = s.Revision
}

// checkDeployed demands results for each instance and each node. The last result
// has the configuration's ID, unless the deployment was refused.
func (b *controllerBook) checkDeployed(r request, results []mgmt.Result) {
	if r.anothers {
		b.w.violated("controller answers deploy %q of what %s has not staged with %+v", r.id, r.client, results)
	}
	if !deployed(results) {
		b.checkUndeployed(r, results)
		return
	}
	id := results[len(results)-1].Data.(mgmt.Text)
	d := b.controller.disk.saved.Deployed
	if d == nil || string(id) != d.Config.ID || d.Config.ID != r.config.ID {
		b.w.violated("controller says that %s is deployed, asked was for %s", id, r.config.ID)
		return
	}
	b.w.acknowledged.deployed = d.Revision
	general := map[mgmt.InstanceName]bool{}
	var nodes, want []mgmt.NodeName
	for _, res := range results[:len(results)-1] {
		if res.Node == "" {
			// An instance that is not deployed any more may have nodes that have not ended.
			general[res.Instance] = res.Success || !b.leftOut(res.Instance)
			continue
		}
		n, ok := d.Config.Node(res.Node)
		here := ok && n.Instance == res.Instance
		if _, ran := b.w.launched[place{res.Instance, res.Node}]; ran && !here && !res.Success {
			general[res.Instance] = true // the node is removed, and has not ended
			continue
		}
		nodes = append(nodes, res.Node)
		if !here {
			b.w.violated("controller answers deploy %q for %s on %s", r.id, res.Node, res.Instance)
		}
	}
	maps.DeleteFunc(general, func(_ mgmt.InstanceName, counts bool) bool { return !counts })
	for _, in := range d.Config.Instances {
		local := d.Config.NodesOf(in.Name)
		if len(local) == 0 && !general[in.Name] {
			b.w.violated("controller answers deploy %q without instance %s", r.id, in.Name)
		}
		for _, n := range local {
			if !general[in.Name] || slices.Contains(nodes, n.Name) {
				want = append(want, n.Name)
			}
		}
		delete(general, in.Name)
	}
	slices.Sort(nodes)
	slices.Sort(want)
	if !slices.Equal(nodes, want) || len(general) > 0 {
		b.w.violated("controller answers deploy %q for %v, wanted are %v", r.id, nodes, want)
	}
}

// leftOut reports whether the instance is in an earlier deployed configuration, and
// not in the present one.
func (b *controllerBook) leftOut(name mgmt.InstanceName) bool {
	has := func(e *controller.Entry) bool {
		return slices.ContainsFunc(e.Config.Instances, func(in mgmt.Instance) bool { return in.Name == name })
	}
	return !has(b.controller.disk.saved.Deployed) && slices.ContainsFunc(b.controller.disk.predecessors(b.w), has)
}

// checkUndeployed demands that all results of a refused deployment are failures.
// Each of them may name an instance and a node of the configuration.
func (b *controllerBook) checkUndeployed(r request, results []mgmt.Result) {
	for _, res := range results {
		n, _ := r.config.Node(res.Node)
		known := slices.ContainsFunc(r.config.Instances, func(in mgmt.Instance) bool { return in.Name == res.Instance })
		if res.Success || res.Instance != "" && !known || res.Node != "" && n.Instance != res.Instance {
			b.w.violated("controller answers deploy %q of nothing with %+v", r.id, res)
		}
	}
}

// checkNodes demands one result for each instance. Nodes of an instance that did
// not answer must be UNKNOWN.
func (b *controllerBook) checkNodes(r request, results []mgmt.Result) {
	var names []mgmt.InstanceName
	for _, res := range results {
		names = append(names, res.Instance)
		statuses, _ := res.Data.(mgmt.NodeStatuses)
		for _, s := range statuses {
			if !res.Success && s.State != mgmt.Unknown {
				b.w.violated("controller reports %s as %s although its instance is silent", s.Node, s.State)
			}
		}
	}
	b.checkNames(r, names)
}

// checkPerNode demands one result for each node, with the node's instance.
func (b *controllerBook) checkPerNode(r request, results []mgmt.Result) {
	var nodes []mgmt.NodeName
	for _, res := range results {
		nodes = append(nodes, res.Node)
		n, known := r.config.Node(res.Node)
		if known && res.Instance != n.Instance || !known && (res.Success || res.Error != "unknown cluster node") {
			b.w.violated("controller answers %s %q with %+v", r.kind, r.id, res)
		}
		if res.Success {
			b.checkSuccess(r, res)
		}
	}
	slices.Sort(nodes)
	if !slices.Equal(nodes, r.nodes) {
		b.w.violated("controller answers %s %q for %v, asked were %v", r.kind, r.id, nodes, r.nodes)
	}
}

// checkSuccess demands that the node itself answered, or that it was restarted.
func (b *controllerBook) checkSuccess(r request, res mgmt.Result) {
	switch r.kind {
	case "get_id_value", "dispatch":
		if res.Data != mgmt.Text(fmt.Sprintf("%q", string(res.Node)+"@"+string(res.Instance))) {
			b.w.violated("controller has the answer %v for %s on %s", res.Data, res.Node, res.Instance)
		}
	case "restart":
		if since, ok := b.w.launched[place{res.Instance, res.Node}]; res.Error == "" && (!ok || since < r.since) {
			b.w.violated("controller says that %s was restarted, and it was not", res.Node)
		}
	}
}
