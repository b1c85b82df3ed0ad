package sim

import (
	"cmp"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"zeekfleet/internal/core/controller"
	"zeekfleet/internal/mgmt"
)

// controllerBook is what the controller owes, and what it knows of others.
type controllerBook struct {
	asked []request       // and not answered, in the order of arrival
	met   []*acquaintance // the native peers

	// The revisions that were acknowledged; a later life must have them, or
	// later ones.
	staged, deployed uint64
}

// acquaintance is a native peer of the controller.
type acquaintance struct {
	id      mgmt.PeerID
	addr    netip.AddrPort
	dialed  bool
	name    mgmt.InstanceName // as it said hello; empty before
	since   time.Duration     // when it said so first
	retired bool              // hung up on
}

// request is one of a client's.
type request struct {
	client mgmt.PeerID
	id     mgmt.ReqID
	kind   string
	since  time.Duration
	due    time.Duration

	config     mgmt.Configuration  // that is to be staged, or was deployed or asked for
	configured bool                // there is one
	nodes      []mgmt.NodeName     // that the answer names, sorted
	named      bool                // the client named them
	instances  []mgmt.InstanceName // that the answer names, sorted
}

// meet notes who says hello.
func (c *controllerPart) meet(from mgmt.PeerID, got parcel) {
	hello, ok := got.msg.(mgmt.NotifyAgentHello)
	if !ok || hello.ID != string(from) || hello.Instance != got.topic.instance {
		return
	}
	for _, a := range c.book.met {
		if a.id == from && a.name == "" && !a.retired {
			a.name, a.since = hello.Instance, c.w.now
		}
	}
}

// holder returns the peer that answers for an instance, or nil: of those that
// said to be it, the one that did so first.
func (c *controllerPart) holder(name mgmt.InstanceName) *acquaintance {
	var first *acquaintance
	for _, a := range c.book.met {
		if a.name == name && !a.retired && (first == nil || cmp.Or(cmp.Compare(a.since, first.since), cmp.Compare(a.id, first.id)) < 0) {
			first = a
		}
	}
	return first
}

// retire notes that a Disconnect makes the agent behind it one that is gone.
func (c *controllerPart) retire(e controller.Disconnect) {
	if a := c.holder(e.Instance); a != nil && a.dialed && a.addr == e.Addr {
		a.retired = true
	}
}

// connected returns the instances with an agent, sorted.
func (c *controllerPart) connected() []mgmt.InstanceName {
	var names []mgmt.InstanceName
	for _, a := range c.book.met {
		if a.name != "" && !a.retired {
			names = append(names, a.name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// expect books a request. What is no request needs no answer.
func (c *controllerPart) expect(client mgmt.PeerID, msg mgmt.Message) {
	r := request{client: client, since: c.w.now}
	patience := orElse(c.w.terms.controller.RequestTimeout, 10*time.Second)
	deployed := c.disk.saved.Deployed
	switch msg := msg.(type) {
	case mgmt.StageConfigurationRequest:
		r.kind, r.id, r.config, patience = "stage", msg.ReqID, msg.Config, 0
	case mgmt.DeployRequest:
		r.kind, r.id = "deploy", msg.ReqID
		r.setConfig(c.disk.saved.Staged)
		patience = orElse(c.w.terms.controller.DeployTimeout, 18*time.Second)
	case mgmt.GetConfigurationRequest:
		r.kind, r.id, patience = "get_configuration", msg.ReqID, 0
		if r.setConfig(c.disk.saved.Staged); msg.Deployed {
			r.setConfig(deployed)
		}
	case mgmt.GetInstancesRequest:
		r.kind, r.id, r.instances, patience = "get_instances", msg.ReqID, c.connected(), 0
	case mgmt.GetNodesRequest:
		r.kind, r.id, r.instances = "get_nodes", msg.ReqID, c.connected()
		r.setConfig(deployed)
		if len(r.instances) > 0 {
			r.addInstances()
		}
	case mgmt.GetIDValueRequest:
		r.kind, r.id = "get_id_value", msg.ReqID
		r.setConfig(deployed)
		r.name(msg.Nodes)
	case mgmt.RestartRequest:
		r.kind, r.id, r.instances = "restart", msg.ReqID, c.connected()
		patience = orElse(c.w.terms.controller.RestartTimeout, 18*time.Second)
		r.setConfig(deployed)
		r.name(msg.Nodes)
	case mgmt.TestTimeoutRequest:
		if r.kind, r.id = "test_timeout", msg.ReqID; !msg.WithState {
			return
		}
	default:
		return
	}
	r.due = c.w.now + patience
	c.book.asked = append(c.book.asked, r)
}

func (r *request) setConfig(e *controller.Entry) {
	if r.config, r.configured = (mgmt.Configuration{}), e != nil; r.configured {
		r.config = e.Config
	}
}

// addInstances adds those of the configuration.
func (r *request) addInstances() {
	for _, in := range r.config.Instances {
		r.instances = append(r.instances, in.Name)
	}
	slices.Sort(r.instances)
	r.instances = slices.Compact(r.instances)
}

// name sets the nodes that are to be answered for: those named, or all.
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

// answer takes a response apart.
func answer(msg mgmt.Message) (kind string, id mgmt.ReqID, results []mgmt.Result) {
	switch msg := msg.(type) {
	case mgmt.StageConfigurationResponse:
		return "stage", msg.ReqID, msg.Results
	case mgmt.DeployResponse:
		return "deploy", msg.ReqID, msg.Results
	case mgmt.GetConfigurationResponse:
		return "get_configuration", msg.ReqID, []mgmt.Result{msg.Result}
	case mgmt.GetInstancesResponse:
		return "get_instances", msg.ReqID, []mgmt.Result{msg.Result}
	case mgmt.GetNodesResponse:
		return "get_nodes", msg.ReqID, msg.Results
	case mgmt.GetIDValueResponse:
		return "get_id_value", msg.ReqID, msg.Results
	case mgmt.RestartResponse:
		return "restart", msg.ReqID, msg.Results
	case mgmt.TestTimeoutResponse:
		return "test_timeout", msg.ReqID, []mgmt.Result{msg.Result}
	}
	return "", "", nil
}

// replied checks an answer against its request.
func (c *controllerPart) replied(e controller.Reply) {
	kind, id, results := answer(e.Msg)
	r, ok := c.answered(e.Client, kind, id)
	if !ok {
		c.w.violated("controller answers %s %q of %s, which it was not asked or has answered", kind, id, e.Client)
		return
	}
	for _, res := range results {
		if res.ReqID != id {
			c.w.violated("controller answers %s %q with a result of %q", kind, id, res.ReqID)
		}
		if !res.Success && res.Error == "" {
			c.w.violated("controller answers %s %q with a failure without a reason", kind, id)
		}
	}
	if why, refused := refusal(results); refused && c.mayRefuse(r, why) {
		return
	}
	c.checkAnswer(r, results)
}

// answered takes a request off the book: of several with one ID the newest if
// it just came, for it was refused, or else the oldest.
func (c *controllerPart) answered(client mgmt.PeerID, kind string, id mgmt.ReqID) (request, bool) {
	found := -1
	for i, r := range c.book.asked {
		if r.client == client && r.kind == kind && r.id == id && (found < 0 || r.since == c.w.now) {
			found = i
		}
	}
	if found < 0 {
		return request{}, false
	}
	r := c.book.asked[found]
	c.book.asked = slices.Delete(c.book.asked, found, found+1)
	return r, true
}

// checkOverdue demands that nothing is on the book for too long.
func (c *controllerPart) checkOverdue() {
	for _, r := range c.book.asked {
		if c.m != nil && c.w.now > r.due+lateness {
			c.w.violated("controller has not answered %s %q of %s, due at %s", r.kind, r.id, r.client, r.due)
		}
	}
}

// refusal returns the reason of an answer that is one failure of the whole.
func refusal(results []mgmt.Result) (why string, ok bool) {
	if len(results) != 1 || results[0].Success || results[0].Node != "" || results[0].Instance != "" {
		return "", false
	}
	return results[0].Error, true
}

// mayRefuse reports whether a request may be refused for this reason.
func (c *controllerPart) mayRefuse(r request, why string) bool {
	limits := c.w.terms.controller.Limits
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
		return r.kind == "test_timeout" && c.w.now >= r.due
	}
	return strings.HasPrefix(why, "request ID is longer") && len(r.id) > 1024 ||
		strings.HasPrefix(why, "earlier request ") && c.pending(r) ||
		strings.HasPrefix(why, "earlier deployment ") && r.kind == "deploy" ||
		strings.HasPrefix(why, "more than ") && limits.Requests > 0 && len(c.book.asked) >= min(limits.Requests, limits.ClientRequests) ||
		strings.HasPrefix(why, "save configuration: disk full") && (r.kind == "stage" || r.kind == "deploy")
}

// pending reports whether a request with r's client and ID is on the book.
func (c *controllerPart) pending(r request) bool {
	return slices.ContainsFunc(c.book.asked, func(o request) bool { return o.client == r.client && o.id == r.id })
}

func (c *controllerPart) checkAnswer(r request, results []mgmt.Result) {
	switch r.kind {
	case "stage":
		c.checkStaged(r, results)
	case "deploy":
		c.checkDeployed(r, results)
	case "get_configuration":
		if config, ok := results[0].Data.(mgmt.Configuration); !ok || !reflect.DeepEqual(config, r.config) {
			c.w.violated("controller answers %s %q with another configuration than it has saved", r.kind, r.id)
		}
	case "get_instances":
		list, _ := results[0].Data.(mgmt.Instances)
		var names []mgmt.InstanceName
		for _, in := range list {
			names = append(names, in.Name)
		}
		c.checkNames(r, names)
	case "get_nodes":
		c.checkNodes(r, results)
	case "get_id_value", "restart":
		c.checkPerNode(r, results)
	default:
		c.w.violated("controller answers %s %q with %+v", r.kind, r.id, results)
	}
}

func (c *controllerPart) checkNames(r request, names []mgmt.InstanceName) {
	slices.Sort(names)
	if !slices.Equal(names, r.instances) {
		c.w.violated("controller answers %s %q for %v, there are %v", r.kind, r.id, names, r.instances)
	}
}

// checkStaged demands that what is acknowledged is what is on disk, and that
// mistakes change nothing.
func (c *controllerPart) checkStaged(r request, results []mgmt.Result) {
	if !results[0].Success {
		return // the mistakes
	}
	s := c.disk.saved.Staged
	if s == nil || results[0].Data != mgmt.Text(r.config.ID) || !reflect.DeepEqual(s.Config, r.config) {
		c.w.violated("controller says that %s is staged, and has saved something else", r.config.ID)
		return
	}
	c.book.staged = s.Revision
}

// checkDeployed demands results for each instance and each node, and behind
// them the configuration's ID if anything was sent.
func (c *controllerPart) checkDeployed(r request, results []mgmt.Result) {
	last := results[len(results)-1]
	id, sent := last.Data.(mgmt.Text)
	if sent = sent && last.Success && last.Instance == "" && last.Node == ""; !sent {
		c.checkUndeployed(r, results)
		return
	}
	d := c.disk.saved.Deployed
	if d == nil || string(id) != d.Config.ID || d.Config.ID != r.config.ID {
		c.w.violated("controller says that %s is deployed, asked was for %s", id, r.config.ID)
		return
	}
	c.book.deployed = d.Revision
	general := map[mgmt.InstanceName]bool{}
	var nodes, want []mgmt.NodeName
	for _, res := range results[:len(results)-1] {
		if res.Node == "" {
			general[res.Instance] = true
			continue
		}
		nodes = append(nodes, res.Node)
		if n, ok := d.Config.Node(res.Node); !ok || n.Instance != res.Instance {
			c.w.violated("controller answers deploy %q for %s on %s", r.id, res.Node, res.Instance)
		}
	}
	for _, in := range d.Config.Instances {
		local := d.Config.NodesOf(in.Name)
		if len(local) == 0 && !general[in.Name] {
			c.w.violated("controller answers deploy %q without instance %s", r.id, in.Name)
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
		c.w.violated("controller answers deploy %q for %v, wanted are %v", r.id, nodes, want)
	}
}

// checkUndeployed demands the mistakes in the configuration, or a reason for
// each instance.
func (c *controllerPart) checkUndeployed(r request, results []mgmt.Result) {
	var names []mgmt.InstanceName
	for _, res := range results {
		if res.Success || res.Node != "" {
			c.w.violated("controller answers deploy %q of nothing with %+v", r.id, res)
		}
		if res.Instance != "" {
			names = append(names, res.Instance)
		}
	}
	if len(names) > 0 {
		r.instances = nil
		r.addInstances()
		c.checkNames(r, names)
	}
}

// checkNodes demands one result per instance, and nodes that are RUNNING only
// from instances that answered.
func (c *controllerPart) checkNodes(r request, results []mgmt.Result) {
	var names []mgmt.InstanceName
	for _, res := range results {
		names = append(names, res.Instance)
		statuses, _ := res.Data.(mgmt.NodeStatuses)
		for _, s := range statuses {
			if !res.Success && s.State != mgmt.Unknown {
				c.w.violated("controller reports %s as %s although its instance is silent", s.Node, s.State)
			}
		}
	}
	c.checkNames(r, names)
}

// checkPerNode demands one result per node, from where the node is.
func (c *controllerPart) checkPerNode(r request, results []mgmt.Result) {
	var nodes []mgmt.NodeName
	for _, res := range results {
		nodes = append(nodes, res.Node)
		n, known := r.config.Node(res.Node)
		if known && res.Instance != n.Instance || !known && (res.Success || res.Error != "unknown cluster node") {
			c.w.violated("controller answers %s %q with %+v", r.kind, r.id, res)
		}
		if res.Success {
			c.checkSuccess(r, res)
		}
	}
	slices.Sort(nodes)
	if !slices.Equal(nodes, r.nodes) {
		c.w.violated("controller answers %s %q for %v, asked were %v", r.kind, r.id, nodes, r.nodes)
	}
}

// checkSuccess demands that the node itself answered, or was started again.
func (c *controllerPart) checkSuccess(r request, res mgmt.Result) {
	switch r.kind {
	case "get_id_value":
		if res.Data != mgmt.Text(fmt.Sprintf("%q", string(res.Node)+"@"+string(res.Instance))) {
			c.w.violated("controller has the answer %v for %s on %s", res.Data, res.Node, res.Instance)
		}
	case "restart":
		if since, ok := c.w.launched[place{res.Instance, res.Node}]; !ok || since < r.since {
			c.w.violated("controller says that %s was restarted, and it was not", res.Node)
		}
	}
}

// checkSent demands that nothing is deployed before it is saved, and that
// nobody is spoken to who is not there.
func (c *controllerPart) checkSent(e controller.ToAgent) {
	if a := c.holder(e.Instance); a == nil || a.id != e.Peer {
		c.w.violated("controller sends to %s, which does not answer for %s", e.Peer, e.Instance)
	}
	msg, ok := e.Msg.(mgmt.AgentDeployRequest)
	if ok && (c.disk.saved.Deployed == nil || !reflect.DeepEqual(msg.Config, c.disk.saved.Deployed.Config)) {
		c.w.violated("controller deploys %s before it has saved it", msg.Config.ID)
	}
}

// checkSave demands that no save undoes another, and that what is kept is
// bounded.
func (c *controllerPart) checkSave(s controller.State) {
	limits := c.w.terms.controller
	if s.Revision < c.disk.saved.Revision || revision(s.Staged) < revision(c.disk.saved.Staged) || revision(s.Deployed) < revision(c.disk.saved.Deployed) {
		c.w.violated("controller saves an earlier revision")
	}
	if limits.History > 0 && len(s.History) > limits.History || limits.Limits.Leaving > 0 && len(s.Leaving) > limits.Limits.Leaving {
		c.w.violated("controller saves %d predecessors and %d leaving", len(s.History), len(s.Leaving))
	}
}

// noteAddresses keeps where the instances of what is deployed are dialed: those
// that are dropped later must be told so there.
func (c *controllerPart) noteAddresses(e *controller.Entry) {
	if e == nil {
		return
	}
	for _, in := range e.Config.Instances {
		delete(c.w.dialable, in.Name)
		if in.ListenPort != nil {
			c.w.dialable[in.Name] = netip.AddrPortFrom(in.Host, in.ListenPort.Number)
		}
	}
}

func revision(e *controller.Entry) uint64 {
	if e == nil {
		return 0
	}
	return e.Revision
}

// checkRemembered demands that a life begins with all that was acknowledged.
func (c *controllerPart) checkRemembered() {
	if revision(c.disk.saved.Staged) < c.book.staged || revision(c.disk.saved.Deployed) < c.book.deployed {
		c.w.violated("controller starts with revisions %d and %d, acknowledged were %d and %d",
			revision(c.disk.saved.Staged), revision(c.disk.saved.Deployed), c.book.staged, c.book.deployed)
	}
}

// checkHeld demands that the core remembers no more than there is.
func (c *controllerPart) checkHeld() {
	held := c.m.Held()
	connected := c.connected()
	agents := len(connected)
	for _, r := range c.book.asked {
		if r.awaitsNobody(connected) {
			c.w.violated("controller waits for answers to %s %q, and nobody is there to give them", r.kind, r.id)
		}
	}
	if held.Peers > len(c.book.met) || held.Requests > len(c.book.asked) || held.Agents > agents ||
		held.Calls > (len(c.book.asked)+3)*agents {
		c.w.violated("controller remembers %+v, has %d peers, %d agents and owes %d answers",
			held, len(c.book.met), agents, len(c.book.asked))
	}
}

// awaitsNobody reports whether a question to agents can be answered by none of
// those that are connected.
func (r request) awaitsNobody(connected []mgmt.InstanceName) bool {
	switch r.kind {
	case "get_nodes":
		return !slices.ContainsFunc(connected, func(name mgmt.InstanceName) bool { return slices.Contains(r.instances, name) })
	case "get_id_value", "restart":
		return !slices.ContainsFunc(r.nodes, func(name mgmt.NodeName) bool {
			n, ok := r.config.Node(name)
			return ok && slices.Contains(connected, n.Instance)
		})
	}
	return false
}
