package sim

import (
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// reports holds what agents have said of their nodes since they joined. The
// controller's snapshot must say the same.
type reports struct {
	nodes map[mgmt.InstanceName]map[mgmt.NodeName]report
	by    map[mgmt.InstanceName]mgmt.PeerID // the agent that has said so
	lists map[mgmt.ReqID]mgmt.PeerID        // the agents that were asked for all nodes, and have not answered

	// right holds what the snapshot has shown of each instance and was right. It is
	// not checked again before something changes.
	right map[mgmt.InstanceName]*mgmt.ObservedInstance
	// shown is the history in the snapshot that was right last, and saved the one with which it was
	// compared.
	shown, saved []mgmt.PastConfig
}

// report is what an agent said last of a node.
type report struct {
	state mgmt.State
	// heard says that the controller must have heard it. It need not hear a list
	// that comes too late.
	heard bool
}

func newReports() *reports {
	return &reports{
		nodes: map[mgmt.InstanceName]map[mgmt.NodeName]report{},
		by:    map[mgmt.InstanceName]mgmt.PeerID{},
		lists: map[mgmt.ReqID]mgmt.PeerID{},
		right: map[mgmt.InstanceName]*mgmt.ObservedInstance{},
	}
}

// of returns the reports of an instance by its present agent.
func (r *reports) of(name mgmt.InstanceName, holder *acquaintance) map[mgmt.NodeName]report {
	var id mgmt.PeerID
	if holder != nil {
		id = holder.id
	}
	if r.nodes[name] == nil || r.by[name] != id {
		r.nodes[name], r.by[name] = map[mgmt.NodeName]report{}, id
		delete(r.right, name)
	}
	return r.nodes[name]
}

// take takes a message of the agent that answers for an instance.
func (r *reports) take(holder *acquaintance, msg mgmt.Message) {
	nodes := r.of(holder.name, holder)
	delete(r.right, holder.name)
	switch msg := msg.(type) {
	case mgmt.NotifyChange:
		nodes[msg.Node.Name] = report{msg.New, true}
	case mgmt.AgentGetNodesResponse:
		statuses, ok := msg.Result.Data.(mgmt.NodeStatuses)
		if r.lists[msg.ReqID] != holder.id || !msg.Result.Success || !ok {
			return
		}
		delete(r.lists, msg.ReqID)
		r.list(nodes, statuses, holder.listed == msg.ReqID)
	}
}

// list replaces the reports of an instance by a list of all its nodes.
func (r *reports) list(nodes map[mgmt.NodeName]report, statuses mgmt.NodeStatuses, heard bool) {
	named := map[mgmt.NodeName]bool{}
	for _, s := range statuses {
		named[s.Node] = true
		nodes[s.Node] = report{s.State, heard || nodes[s.Node].heard && nodes[s.Node].state == s.State}
	}
	for n, said := range nodes {
		switch {
		case named[n]:
		case heard:
			delete(nodes, n)
		default:
			nodes[n] = report{said.state, false}
		}
	}
}

// checkSnapshot demands that the snapshot shows what is saved, and of each node
// what its agent said last. A node whose agent is gone is UNKNOWN.
func (b *controllerBook) checkSnapshot() {
	snap, saved := b.controller.snapshot(), b.controller.disk.saved
	if snap.Revision != saved.Revision || !showsEntry(snap.Staged, saved.Staged) || !showsEntry(snap.Deployed, saved.Deployed) ||
		!b.sameHistory(snap.History, saved.History) || !slices.Equal(snap.Stopped, saved.Stopped) || !slices.Equal(snap.Paused, saved.Paused) {
		b.w.violated("controller's snapshot has revision %d, and r%d is saved, or something else is not what is saved",
			snap.Revision, saved.Revision)
	}
	for name := range b.reports.nodes {
		b.reports.of(name, b.controller.peers.holder(name)) // forgets the reports of an agent that is gone
	}
	instances := map[mgmt.InstanceName]bool{}
	for _, in := range snap.Instances {
		instances[in.Name] = true
		b.checkObserved(in)
	}
	for _, name := range b.controller.peers.connected() {
		if !instances[name] {
			b.w.violated("controller's snapshot lacks instance %s, which is connected", name)
		}
	}
}

// sameHistory compares what is shown with what is saved. It does not compare the same two again.
func (b *controllerBook) sameHistory(shown, saved []mgmt.PastConfig) bool {
	if identical(shown, b.reports.shown) && identical(saved, b.reports.saved) {
		return true
	}
	if !slices.EqualFunc(shown, saved, samePast) {
		return false
	}
	b.reports.shown, b.reports.saved = shown, saved
	return true
}

// identical reports whether two lists are one and the same.
func identical(a, b []mgmt.PastConfig) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

func showsEntry(shown *mgmt.ConfigRevision, saved *controller.Entry) bool {
	if shown == nil || saved == nil {
		return shown == nil && saved == nil
	}
	return shown.Revision == saved.Revision && shown.Config.ID == saved.Config.ID && shown.Who == saved.Who && shown.When.Equal(saved.When)
}

// checkObserved checks what the snapshot shows of an instance.
func (b *controllerBook) checkObserved(in *mgmt.ObservedInstance) {
	holder := b.controller.peers.holder(in.Name)
	said := b.reports.of(in.Name, holder)
	if b.reports.right[in.Name] == in {
		return
	}
	b.reports.right[in.Name] = in
	shown := map[mgmt.NodeName]mgmt.State{}
	for _, n := range in.Nodes {
		shown[n.Node] = n.State
		r, known := said[n.Node]
		switch {
		case n.State == mgmt.Unknown: // checked below
		case holder == nil:
			b.w.violated("controller's snapshot has %s on %s as %s, and the agent is gone", n.Node, in.Name, n.State)
		case !known || r.state != n.State:
			b.w.violated("controller's snapshot has %s on %s as %s, and its agent said last %q", n.Node, in.Name, n.State, r.state)
		}
	}
	for n, r := range said {
		if r.heard && !endedState(r.state) && shown[n] != r.state {
			b.w.violated("controller's snapshot has %s on %s as %q, and its agent said last %s", n, in.Name, shown[n], r.state)
		}
	}
	if d := b.controller.disk.saved.Deployed; d != nil {
		for _, n := range d.Config.NodesOf(in.Name) {
			if _, ok := shown[n.Name]; !ok {
				b.w.violated("controller's snapshot lacks %s on %s, which is deployed", n.Name, in.Name)
			}
		}
	}
}

// endedState reports whether a node in this state has no process. The controller
// may forget such a node if it is not deployed.
func endedState(s mgmt.State) bool { return s == mgmt.Stopped || s == mgmt.Crashed || s == mgmt.Failed }

// checkAsked demands that the controller asks each agent of ours for its nodes as
// soon as the agent has joined.
func (b *controllerBook) checkAsked() {
	for _, name := range b.controller.peers.connected() {
		if a := b.controller.peers.holder(name); a.fleet && a.listed == "" {
			b.w.violated("controller does not ask %s for its nodes, which has joined", a.id)
		}
	}
}

// askedList notes that an agent is asked for its nodes. The controller asks
// upstream's agents only if a client asks.
func (b *controllerBook) askedList(e controller.ToAgent, id mgmt.ReqID) {
	b.reports.lists[id] = e.Peer
	a := b.controller.peers.holder(e.Instance)
	if a == nil {
		return
	}
	asks := func(r request) bool { return r.kind == "get_nodes" }
	switch {
	case a.fleet && a.listed == "":
		a.listed = id
	case !slices.ContainsFunc(b.asked, asks) && !a.fleet:
		b.w.violated("controller asks %s for its nodes, and nobody wants to know", e.Peer)
	}
}

// checkDeposed demands that a controller which does not lead any more has refused
// all that it was asked, and does nothing but refuse what it is asked now.
func (b *controllerBook) checkDeposed(now time.Time) {
	c := b.controller
	if len(b.asked) > 0 {
		b.w.violated("controller leads no longer, and has not answered %d requests", len(b.asked))
	}
	if held := c.m.Held(); held.Requests > 0 || held.Legs > 0 {
		b.w.violated("controller leads no longer, and remembers %+v", held)
	}
	stage := mgmt.StageConfigurationRequest{ReqID: "late"}
	for _, ev := range []controller.Event{
		controller.Tick{},
		controller.PeerAdded{Peer: "late"},
		controller.FromAgent{Peer: "late", Instance: "late", Msg: mgmt.NotifyAgentHello{Instance: "late", ID: "late", APIVersion: mgmt.APIVersion}},
		controller.FromClient{Client: "late", Principal: mgmt.Principal{Name: "late", Role: mgmt.Admin}, Msg: stage},
	} {
		_, isRequest := ev.(controller.FromClient)
		c.shown = nil
		for _, effect := range c.m.Step(now, ev) {
			if record, ok := effect.(controller.Audit); ok && isRequest && record.Record.Outcome == mgmt.AuditFailed {
				continue
			}
			reply, ok := effect.(controller.Reply)
			if resp, isResponse := reply.Msg.(mgmt.Response); !ok || !isRequest || !isResponse || resp.Outcomes()[0].Success {
				b.w.violated("controller leads no longer, and does %T upon %T", effect, ev)
			}
			isRequest = false
		}
		if isRequest {
			b.w.violated("controller leads no longer, and does not answer a request")
		}
	}
}
