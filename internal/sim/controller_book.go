package sim

import (
	"cmp"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// controllerBook holds what the controller must do and must know. It checks what
// the controller does.
type controllerBook struct {
	w          *world
	controller *controllerPart

	reports *reports
	asked   []request // the requests that are not answered, in the order of arrival

	// audited is the latest record of the audit.
	audited mgmt.AuditRecord

	// stagedBy holds the revision that each connected client staged last.
	stagedBy map[mgmt.PeerID]uint64
}

// acknowledged has the revisions that were acknowledged. A later life must begin with these or
// with later ones.
type acknowledged struct{ staged, deployed uint64 }

// request is a request of a client.
type request struct {
	client mgmt.PeerID
	id     mgmt.ReqID
	kind   string
	denied bool // its user may not make it
	since  time.Duration
	due    time.Duration
	late   time.Duration // it may be answered so much later, as the controller could do nothing

	config     mgmt.Configuration  // to be staged, or deployed when the request came, or asked for
	configured bool                // there is a config
	tells      bool                // the client understands messages about progress
	anothers   bool                // config is not the configuration that the client means
	deployed   uint64              // the revision that was deployed when the request came
	nodes      []mgmt.NodeName     // the nodes that the answer must name, sorted
	named      bool                // the client named them
	instances  []mgmt.InstanceName // the instances that the answer must name, sorted

	asked mgmt.Request
	// meant are the nodes that selectors mean. meantAll says that each selector means one.
	meant    []mgmt.Node
	meantAll bool
	resumed  *mgmt.Operation   // that the request is to go on with
	begun    []*mgmt.Operation // that ran when the request came
}

// expect notes that a request must be answered. Messages that users may not send
// need no answer.
func (b *controllerBook) expect(client mgmt.PeerID, role mgmt.UserRole, msg mgmt.Message) {
	req, ok := mgmt.AsRequest(msg)
	if !ok || mgmt.KindOf(req).May == mgmt.NoUser {
		return
	}
	b.w.warrants.ask(mgmt.Principal{Name: string(client), Role: role}, msg, b.patience(req))
	r := request{
		client: client, id: req.RequestID(), kind: mgmt.KindOf(req).Name(), denied: !allowed(role, mgmt.KindOf(req).Name()),
		since: b.w.now, due: b.w.now + b.patience(req), asked: req,
	}
	r.setConfig(b.controller.disk.saved.Deployed)
	switch msg := msg.(type) {
	case mgmt.StageConfigurationRequest:
		r.config = msg.Config
	case mgmt.DeployRequest:
		b.bookDeploy(&r, mgmt.StagedDeployRequest{ReqID: msg.ReqID})
	case mgmt.StagedDeployRequest:
		b.bookDeploy(&r, msg)
		r.tells = true
	case mgmt.GetConfigurationRequest:
		if !msg.Deployed {
			r.setConfig(b.controller.disk.saved.Staged)
		}
	case mgmt.GetInstancesRequest:
		r.instances = b.controller.peers.connected()
	case mgmt.GetNodesRequest:
		if r.instances = b.controller.peers.connected(); len(r.instances) > 0 {
			r.addInstances()
		}
	case mgmt.GetIDValueRequest:
		r.name(msg.Nodes)
	case mgmt.DispatchRequest:
		r.mean(msg.Selectors)
		r.name(namesOf(r.meant))
	case mgmt.OperateRequest:
		b.bookOperate(&r, msg)
	case mgmt.ChangeRequest:
		r.begun = b.running()
	case mgmt.RestartRequest:
		r.begun = b.running()
		r.instances = b.controller.peers.connected()
		r.name(msg.Nodes)
	}
	b.asked = append(b.asked, r)
}

// patience is how long the controller may take to answer.
func (b *controllerBook) patience(req mgmt.Request) time.Duration {
	cfg, kind := b.w.terms.controller, mgmt.KindOf(req)
	switch req := req.(type) {
	case mgmt.StagedDeployRequest:
		return cmp.Or(req.Patience, cfg.DeployTimeout, 18*time.Second)
	case mgmt.PlanRequest:
		return cmp.Or(req.Patience, cfg.DeployTimeout, 18*time.Second)
	case mgmt.TestTimeoutRequest:
		return cmp.Or(cfg.RequestTimeout, 10*time.Second)
	}
	switch {
	case kind.FanOut == mgmt.FanOutNone:
		return 0
	case kind.Deadline == mgmt.DeadlineDeploy:
		return cmp.Or(cfg.DeployTimeout, 18*time.Second)
	case kind.Deadline == mgmt.DeadlineRestart:
		return cmp.Or(cfg.RestartTimeout, 18*time.Second)
	}
	return cmp.Or(cfg.RequestTimeout, 10*time.Second)
}

func (b *controllerBook) bookDeploy(r *request, msg mgmt.StagedDeployRequest) {
	staged := b.controller.disk.saved.Staged
	r.deployed = revision(b.controller.disk.saved.Deployed)
	r.setConfig(staged)
	own, ok := b.stagedBy[r.client]
	r.anothers = staged != nil && (msg.ID != "" && msg.ID != staged.Config.ID || ok && own != staged.Revision)
}

func (b *controllerBook) bookOperate(r *request, msg mgmt.OperateRequest) {
	r.begun = b.running()
	if r.mean(msg.Selectors); msg.Resumes != 0 {
		r.resumed = operationOf(b.controller.snapshot().Operations, msg.Resumes)
		r.meant, r.meantAll = left(r.resumed, b.controller.disk.saved.Deployed)
	}
}

// running returns the operations that run.
func (b *controllerBook) running() []*mgmt.Operation {
	return slices.DeleteFunc(slices.Clone(b.controller.snapshot().Operations), func(o *mgmt.Operation) bool { return o.State.Ends() })
}

// mean sets the deployed nodes that selectors mean.
func (r *request) mean(selectors []string) {
	r.meant, r.meantAll = selected(selectors, r.config.Nodes)
}

func (r *request) setConfig(e *controller.Entry) {
	if r.config, r.configured = (mgmt.Configuration{}), e != nil; r.configured {
		r.config = e.Config
	}
}

// addInstances adds the instances of the configuration.
func (r *request) addInstances() {
	for _, in := range r.config.Instances {
		r.instances = append(r.instances, in.Name)
	}
	slices.Sort(r.instances)
	r.instances = slices.Compact(r.instances)
}

// name sets the nodes that the answer must name: the given ones, or all nodes of
// the configuration if none is given.
func (r *request) name(names []mgmt.NodeName) {
	r.named = len(names) > 0
	r.nodes = slices.Clone(names)
	if !r.named {
		for _, n := range r.config.Nodes {
			r.nodes = append(r.nodes, n.Name)
		}
	}
	slices.Sort(r.nodes)
	r.nodes = slices.Compact(r.nodes)
}

// answered removes the request that a response answers, and returns it. Several
// requests may have the ID. If the newest of them came just now, it is refused: the
// response answers it. Otherwise the response answers the oldest.
func (b *controllerBook) answered(client mgmt.PeerID, resp mgmt.Response) (request, bool) {
	id := resp.RequestID()
	found := -1
	for i, r := range b.asked {
		if r.client == client && answers(resp, r.kind) && r.id == id && (found < 0 || r.since == b.w.now) {
			found = i
		}
	}
	if found < 0 {
		return request{}, false
	}
	r := b.asked[found]
	b.asked = slices.Delete(b.asked, found, found+1)
	return r, true
}

// answers reports whether a response may answer a request of this kind.
func answers(resp mgmt.Response, kind string) bool {
	if _, ok := resp.(mgmt.OperationResponse); ok {
		return kind == "change" || kind == "operate"
	}
	return mgmt.KindAnswered(resp).Name() == kind
}

// checkOverdue demands that no answer is overdue.
func (b *controllerBook) checkOverdue() {
	if b.controller.m == nil || b.controller.member.stalls() {
		return
	}
	for _, r := range b.asked {
		if b.w.now > r.due+r.late+lateness {
			b.w.violated("controller has not answered %s %q of %s, due at %s", r.kind, r.id, r.client, r.due)
		}
	}
}

// putOff puts off the answers to plans and deployments, for which an agent fetches bundles. A
// deployment asks each agent for a preflight, perhaps once more, and for the nodes: each of
// these may wait for bundles.
func (b *controllerBook) putOff(msg mgmt.Message) {
	if _, ok := msg.(mgmt.NotifyFetching); !ok {
		return
	}
	const grace, rounds = 2 * time.Second, 3
	for i, r := range b.asked {
		if r.kind == "plan" || r.kind == "deploy" {
			patience := b.patience(r.asked)
			most := r.since + patience + rounds*(b.w.terms.controller.WithDefaults().FetchTimeout+grace)
			b.asked[i].due = max(r.due, min(b.w.now+patience+grace, most))
		}
	}
	b.w.warrants.putOff()
}

// waitsForBundles reports whether the answer to a client's request was put off and is not
// overdue.
func (b *controllerBook) waitsForBundles(client mgmt.PeerID, a awaited) bool {
	return slices.ContainsFunc(b.asked, func(r request) bool {
		return r.client == client && r.id == a.id && r.kind == a.kind && r.due > r.since+b.patience(r.asked) && b.w.now <= r.due+r.late+lateness
	})
}

// pending reports whether a request with r's client and ID is not answered.
func (b *controllerBook) pending(r request) bool {
	return slices.ContainsFunc(b.asked, func(o request) bool { return o.client == r.client && o.id == r.id })
}

// awaitsNobody reports whether a request needs answers of agents, and no agent that
// could answer is connected.
func (r request) awaitsNobody(connected []mgmt.InstanceName) bool {
	switch r.kind {
	case "get_nodes":
		return !slices.ContainsFunc(connected, func(name mgmt.InstanceName) bool { return slices.Contains(r.instances, name) })
	case "get_id_value", "dispatch", "restart":
		return !slices.ContainsFunc(r.nodes, func(name mgmt.NodeName) bool {
			n, ok := r.config.Node(name)
			return ok && slices.Contains(connected, n.Instance)
		})
	}
	return false
}
