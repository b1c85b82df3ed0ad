package controller_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/core/coretest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// TestAnythingInAnyOrder lets everything happen that can, and checks after every
// step what the package promises.
func TestAnythingInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"peer":    w.peer,
			"hello":   w.hello,
			"lost":    w.lost,
			"request": w.request,
			"answer":  w.answer,
			"answer2": w.answer,
			"garbage": w.garbage,
			"gone":    w.gone,
			"wait":    w.wait,
			"restart": w.restart,
			"":        w.check,
		})
		w.end()
	})
}

// world is everything around one machine.
type world struct {
	t      *rapid.T
	cfg    controller.Config
	core   *controller.Machine
	now    time.Time
	seed   uint64
	saved  controller.State // what stored has
	stored coretest.Stored
	reader *controller.Reader // of the whole run
	peers  map[mgmt.PeerID]bool
	// fleet holds the peers that can be asked before they are deployed to.
	fleet   map[mgmt.PeerID]bool
	asked   []controller.ToAgent
	pending map[key]waiting
	dials   map[mgmt.InstanceName]netip.AddrPort
	// told is the last thing that changes what it runs, for each peer: a
	// configuration or a standby.
	told map[mgmt.PeerID]string
	// whole means that nothing goes wrong any more; answers holds what agents
	// are about to say then, and heard who they are.
	whole   bool
	answers []controller.Event
	heard   map[mgmt.PeerID]mgmt.InstanceName
}

type key struct {
	client mgmt.PeerID
	id     mgmt.ReqID
}

type waiting struct {
	kind     string
	deadline time.Time
	nodes    []mgmt.NodeName // that need one result each; nil: not checked
}

var (
	peerIDs   = rapid.SampledFrom([]mgmt.PeerID{"p1", "p2", "p3", "p4", "p5"})
	clientIDs = rapid.SampledFrom([]mgmt.PeerID{"c1", "c2", "p1"})
	instances = rapid.SampledFrom([]mgmt.InstanceName{"a", "ab", "b"})
	nodes     = rapid.SampledFrom([]mgmt.NodeName{"m", "w1", "w2", "w9"})
)

func newWorld(t *rapid.T) *world {
	w := &world{t: t, now: epoch, peers: map[mgmt.PeerID]bool{}, fleet: map[mgmt.PeerID]bool{}, pending: map[key]waiting{}, told: map[mgmt.PeerID]string{}, reader: controller.NewReader()}
	w.cfg = controller.Config{
		Rules:  mgmt.Rules{AssignBroker: true, AssignMetrics: true},
		Limits: controller.Limits{Requests: 6, ClientRequests: 4, Peers: 4, Leaving: 2}, History: 2,
		LeaveTimeout: time.Minute,
	}
	w.start()
	return w
}

func (w *world) start() {
	w.seed++
	w.core = controller.New(w.cfg, w.saved, rand.New(rand.NewPCG(w.seed, 0)))
	w.dials = map[mgmt.InstanceName]netip.AddrPort{}
	w.step(controller.Tick{})
}

func (w *world) step(ev controller.Event) {
	effects := w.core.Step(w.now, ev)
	for i, e := range effects {
		switch e := e.(type) {
		case controller.Save:
			if i != len(effects)-1 {
				w.t.Fatalf("Save is effect %d of %d", i+1, len(effects))
			}
			w.save(e.Changes)
			return
		case controller.ToAgent:
			w.toAgent(e)
		case controller.Reply:
			w.reply(e)
		case controller.Connect:
			if _, ok := w.dials[e.Instance]; ok {
				w.t.Fatalf("%s is connected twice", e.Instance)
			}
			w.dials[e.Instance] = e.Addr
		case controller.Disconnect:
			if w.dials[e.Instance] != e.Addr {
				w.t.Fatalf("disconnect of %s at %v, which is dialed at %v", e.Instance, e.Addr, w.dials[e.Instance])
			}
			delete(w.dials, e.Instance)
		}
	}
}

func (w *world) save(changes []controller.Change) {
	next := w.stored.After(changes)
	state, err := controller.Restore(next)
	if err != nil {
		w.t.Fatalf("what is saved cannot be read: %v", err)
	}
	if again, err := w.reader.Restore(next); err != nil || !reflect.DeepEqual(again, state) {
		w.t.Fatalf("a Reader reads %+v (%v), Restore reads %+v", again, err, state)
	}
	if len(state.History) > 2 || len(state.Leaving) > 2 {
		w.t.Fatalf("%d predecessors and %d leaving saved", len(state.History), len(state.Leaving))
	}
	if !w.whole && rapid.IntRange(0, 9).Draw(w.t, "disk") == 0 {
		w.step(controller.Saved{Err: "disk full"})
		return
	}
	w.saved, w.stored = state, next
	w.step(controller.Saved{})
}

func (w *world) toAgent(e controller.ToAgent) {
	if !w.peers[e.Peer] {
		w.t.Fatalf("%T to lost peer %s", e.Msg, e.Peer)
	}
	reverted := w.saved.Deployed != nil && w.saved.Deployed.Kind == mgmt.OperationRevert
	if prepare, ok := e.Msg.(mgmt.AgentPrepareRequest); ok && (!w.fleet[e.Peer] || prepare.Preflight <= 0 && !reverted || prepare.Whole < prepare.Preflight) {
		w.t.Fatalf("%s is asked within %v of %v", e.Peer, prepare.Preflight, prepare.Whole)
	}
	if deploy, ok := e.Msg.(mgmt.AgentDeployRequest); ok {
		if d := w.saved.Deployed; d == nil || coretest.Configuration(d.Config) != coretest.Configuration(deploy.Config) {
			w.t.Fatalf("deployed before it was saved: %s", coretest.Configuration(deploy.Config))
		}
	}
	switch msg := e.Msg.(type) {
	case mgmt.AgentDeployRequest:
		w.told[e.Peer] = coretest.Configuration(msg.Config)
	case mgmt.AgentStandbyRequest:
		w.told[e.Peer] = "standby"
	case mgmt.AgentGetNodesRequest:
		if w.heard != nil {
			w.heard[e.Peer] = e.Instance
		}
	}
	if w.whole {
		w.answers = append(w.answers, controller.FromAgent{Peer: e.Peer, Instance: e.Instance, Msg: yes(e)})
	}
	w.asked = append(w.asked, e)
	if len(w.asked) > 30 {
		w.asked = w.asked[1:]
	}
}

func (w *world) reply(e controller.Reply) {
	if tell, ok := e.Msg.(mgmt.DeployProgress); ok {
		if p := w.pending[key{e.Client, tell.ReqID}]; p.kind != "deploy" || tell.Text == "" {
			w.t.Fatalf("%s is told %q of %q, pending is %q", e.Client, tell.Text, tell.ReqID, p.kind)
		}
		return
	}
	response, ok := e.Msg.(mgmt.Response)
	if !ok {
		w.t.Fatalf("%s is sent %T", e.Client, e.Msg)
	}
	kind, id, results := mgmt.KindAnswered(response).Name(), response.RequestID(), response.Outcomes()
	k := key{e.Client, id}
	p, ok := w.pending[k]
	if !ok || p.kind != kind {
		w.t.Fatalf("%s %s of %s is answered, pending is %q", kind, id, e.Client, p.kind)
	}
	if w.now.After(p.deadline) {
		w.t.Fatalf("%s %s is answered at %v, after %v", kind, id, w.now, p.deadline)
	}
	delete(w.pending, k)
	w.checkAcknowledged(kind, results)
	w.checkDeployment(kind, results)
	w.checkCoverage(p, results)
	for _, r := range results {
		if r.ReqID != id {
			w.t.Fatalf("%s %s has a result of %s", kind, id, r.ReqID)
		}
		if !r.Success && r.Error == "" && kind != "deploy" {
			w.t.Fatalf("%s %s has a failure without a reason", kind, id)
		}
	}
}

// checkAcknowledged demands that what was acknowledged is what was saved last.
func (w *world) checkAcknowledged(kind string, results []mgmt.Result) {
	for _, r := range results {
		id, ok := r.Data.(mgmt.Text)
		switch {
		case !ok || !r.Success || r.Node != "":
		case kind == "stage_configuration" && w.saved.Staged.Config.ID != string(id):
			w.t.Fatalf("%s is staged, saved is %s", id, w.saved.Staged.Config.ID)
		case kind == "deploy" && w.saved.Deployed.Config.ID != string(id):
			w.t.Fatalf("%s is deployed, saved is %s", id, w.saved.Deployed.Config.ID)
		}
	}
}

// checkDeployment demands that a deployment which reached somebody speaks of
// every node, by its own name or its instance's.
func (w *world) checkDeployment(kind string, results []mgmt.Result) {
	if kind != "deploy" {
		return
	}
	if last := results[len(results)-1]; !last.Success || last.Data == nil {
		for _, r := range results {
			if r.Success {
				w.t.Fatalf("a deployment that is refused has a success: %v", results)
			}
		}
		return
	}
	named := map[string]bool{}
	for _, r := range results {
		named[string(r.Instance)+"/"+string(r.Node)] = true
	}
	for _, n := range w.saved.Deployed.Config.Nodes {
		if !named[string(n.Instance)+"/"] && !named[string(n.Instance)+"/"+string(n.Name)] {
			w.t.Fatalf("deployment says nothing of %s: %v", n.Name, results)
		}
	}
}

// checkCoverage demands exactly one result per node asked for, unless there is
// nobody to ask.
func (w *world) checkCoverage(p waiting, results []mgmt.Result) {
	if p.nodes == nil || len(results) == 1 && results[0].Node == "" {
		return
	}
	var got []mgmt.NodeName
	for _, r := range results {
		got = append(got, r.Node)
	}
	slices.Sort(got)
	if !slices.Equal(got, p.nodes) {
		w.t.Fatalf("%s of %v has results of %v", p.kind, p.nodes, got)
	}
}

// expect notes that a response must come.
func (w *world) expect(client mgmt.PeerID, id mgmt.ReqID, msg mgmt.Message, kind string, asked []mgmt.NodeName) {
	k := key{client, id}
	held := w.core.Held()
	if earlier, ok := w.pending[k]; ok || held.Requests >= 6 {
		// A refusal must come now, and the earlier request stays.
		w.pending[k] = waiting{kind: kind, deadline: w.now}
		w.step(controller.FromClient{Client: client, Principal: user(client), Msg: msg})
		if _, still := w.pending[k]; still {
			w.t.Fatalf("%s %s of %s is neither refused nor answered", kind, id, client)
		}
		if ok {
			w.pending[k] = earlier
		}
		return
	}
	w.pending[k] = waiting{kind, w.now.Add(bound(kind)), asked}
	w.step(controller.FromClient{Client: client, Principal: user(client), Msg: msg})
}

// bound is how long a request of this kind may take by default.
func bound(kind string) time.Duration {
	if kind == "deploy" || kind == "restart" || kind == "plan" {
		return 18 * time.Second
	}
	return 10 * time.Second
}

func (w *world) request(t *rapid.T) {
	client, id := clientIDs.Draw(t, "client"), mgmt.ReqID(rapid.SampledFrom([]string{"", "r1", "r2", "r3"}).Draw(t, "id"))
	kinds := []string{"stage_configuration", "deploy", "get_configuration", "get_instances", "get_nodes", "get_id_value", "restart", "test_timeout", "plan", "change", "change", "operate", "operate", "operate", "dispatch"}
	kind := rapid.SampledFrom(kinds).Draw(t, "kind")
	names := rapid.SliceOfNDistinct(nodes, 0, 3, rapid.ID[mgmt.NodeName]).Draw(t, "nodes")
	slices.Sort(names)
	var msg mgmt.Message
	var asked []mgmt.NodeName
	switch kind {
	case "stage_configuration":
		msg = mgmt.StageConfigurationRequest{ReqID: id, Config: w.config(t)}
	case "deploy":
		msg = mgmt.DeployRequest{ReqID: id}
		if rapid.Bool().Draw(t, "conditions") {
			msg = mgmt.StagedDeployRequest{ReqID: id, Partial: rapid.Bool().Draw(t, "partial"),
				ID: rapid.SampledFrom([]string{"", "", "config-7"}).Draw(t, "of")}
		}
	case "get_configuration":
		msg = mgmt.GetConfigurationRequest{ReqID: id, Deployed: rapid.Bool().Draw(t, "deployed")}
	case "get_instances":
		msg = mgmt.GetInstancesRequest{ReqID: id}
	case "get_nodes":
		msg = mgmt.GetNodesRequest{ReqID: id}
	case "get_id_value":
		msg, asked = mgmt.GetIDValueRequest{ReqID: id, ID: "x", Nodes: names}, w.coverage(names)
	case "restart":
		msg, asked = mgmt.RestartRequest{ReqID: id, Nodes: names}, w.coverage(names)
	case "plan":
		msg = mgmt.PlanRequest{ReqID: id, Config: w.config(t), Instance: rapid.SampledFrom([]mgmt.InstanceName{"", "", "a", "nowhere"}).Draw(t, "only")}
	case "change":
		msg = mgmt.ChangeRequest{
			ReqID: id, Config: w.config(t), Partial: rapid.Bool().Draw(t, "partial"),
			RevertAfter: rapid.SampledFrom([]time.Duration{0, 0, 5 * time.Second, time.Minute}).Draw(t, "revert after"),
		}
	case "operate":
		msg, kind = w.operation(t, id, names), "change" // both have one type of answer
	case "dispatch":
		msg = mgmt.DispatchRequest{ReqID: id, Action: []string{"get_version"}, Selectors: w.selectors(names)}
	case "test_timeout":
		msg = mgmt.TestTimeoutRequest{ReqID: id, WithState: true}
	}
	w.expect(client, id, msg, kind, asked)
}

func (w *world) selectors(names []mgmt.NodeName) []string {
	var list []string
	for _, n := range names {
		list = append(list, string(n))
	}
	return list
}

func (w *world) operation(t *rapid.T, id mgmt.ReqID, names []mgmt.NodeName) mgmt.Message {
	kinds := []mgmt.OperationKind{mgmt.OperationStop, mgmt.OperationStart, mgmt.OperationPause, mgmt.OperationResume, mgmt.OperationRestart}
	msg := mgmt.OperateRequest{ReqID: id, Kind: rapid.SampledFrom(kinds).Draw(t, "operation"), Selectors: w.selectors(names)}
	if msg.Kind == mgmt.OperationRestart {
		if msg.Rolling = rapid.Bool().Draw(t, "rolling"); !msg.Rolling && rapid.Bool().Draw(t, "resumes") {
			msg.Selectors, msg.Resumes = nil, mgmt.OperationID(rapid.IntRange(1, 20).Draw(t, "earlier"))
		}
	}
	return msg
}

// coverage returns the nodes that must have a result if these are asked for.
func (w *world) coverage(names []mgmt.NodeName) []mgmt.NodeName {
	if len(names) > 0 || w.saved.Deployed == nil {
		return names
	}
	all := []mgmt.NodeName{}
	for _, n := range w.saved.Deployed.Config.Nodes {
		all = append(all, n.Name)
	}
	slices.Sort(all)
	return all
}

func (w *world) config(t *rapid.T) mgmt.Configuration {
	c := mgmt.Configuration{ID: fmt.Sprintf("config-%d", rapid.IntRange(0, 99).Draw(t, "config"))}
	for _, name := range rapid.SliceOfNDistinct(instances, 0, 3, rapid.ID[mgmt.InstanceName]).Draw(t, "instances") {
		in := mgmt.Instance{Name: name, Host: mgmt.UnknownHost}
		if rapid.Bool().Draw(t, "dialed") {
			in.Host, in.ListenPort = netip.MustParseAddr("10.0.0.9"), new(mgmt.TCPPort(uint16(rapid.IntRange(2151, 2152).Draw(t, "port"))))
		}
		c.Instances = append(c.Instances, in)
	}
	for i, name := range rapid.SliceOfNDistinct(nodes, 0, 3, rapid.ID[mgmt.NodeName]).Draw(t, "nodes of config") {
		if len(c.Instances) > 0 {
			in := c.Instances[i%len(c.Instances)].Name
			c.Nodes = append(c.Nodes, mgmt.Node{Name: name, Instance: in, Role: mgmt.Worker, State: mgmt.Running})
		}
	}
	return c
}

func (w *world) peer(t *rapid.T) {
	id := peerIDs.Draw(t, "peer")
	if w.peers[id] {
		t.Skip("is there")
	}
	w.peers[id] = true
	ev := controller.PeerAdded{Peer: id, Addr: netip.MustParseAddrPort("10.0.0.1:40000"), Fleet: rapid.Bool().Draw(t, "fleet")}
	ev.Plans = ev.Fleet && rapid.Bool().Draw(t, "plans")
	ev.Steers = ev.Fleet && rapid.Bool().Draw(t, "steers")
	if len(w.dials) > 0 && rapid.Bool().Draw(t, "dialed") {
		ev.Dialed, ev.Addr = true, w.dials[slices.Sorted(maps.Keys(w.dials))[0]]
	}
	w.fleet[id] = ev.Fleet
	w.step(ev)
}

func (w *world) hello(t *rapid.T) {
	id, name := peerIDs.Draw(t, "peer"), instances.Draw(t, "instance")
	version := rapid.SampledFrom([]uint64{1, 1, 1, 2}).Draw(t, "version")
	w.step(controller.FromAgent{Peer: id, Instance: name,
		Msg: mgmt.NotifyAgentHello{Instance: name, ID: string(id), APIVersion: version}})
}

func (w *world) lost(t *rapid.T) {
	id := peerIDs.Draw(t, "peer")
	if !w.peers[id] {
		t.Skip("is not there")
	}
	delete(w.peers, id)
	delete(w.told, id)
	w.forget(id)
	w.step(controller.PeerLost{Peer: id})
}

func (w *world) gone(t *rapid.T) {
	id := clientIDs.Draw(t, "client")
	w.forget(id)
	w.step(controller.ClientGone{Client: id})
}

func (w *world) forget(client mgmt.PeerID) {
	maps.DeleteFunc(w.pending, func(k key, _ waiting) bool { return k.client == client })
}

// answer lets an agent answer one of the last requests, perhaps not its own.
func (w *world) answer(t *rapid.T) {
	if len(w.asked) == 0 {
		t.Skip("nobody was asked")
	}
	request := w.asked[rapid.IntRange(0, len(w.asked)-1).Draw(t, "request")]
	if rapid.IntRange(0, 9).Draw(t, "foreign") == 0 {
		request.Peer = peerIDs.Draw(t, "sender")
	}
	if !w.peers[request.Peer] {
		t.Skip("is lost")
	}
	w.step(controller.FromAgent{Peer: request.Peer, Instance: request.Instance, Msg: randomAnswer(t, request.Msg.(mgmt.Request))})
}

func randomAnswer(t *rapid.T, request mgmt.Request) mgmt.Message {
	var results []mgmt.Result
	for range rapid.IntRange(0, 4).Draw(t, "results") {
		results = append(results, mgmt.Result{
			ReqID: "theirs", Success: rapid.IntRange(0, 3).Draw(t, "success") > 0,
			Node: rapid.SampledFrom([]mgmt.NodeName{"", "m", "w1", "w2", "w9"}).Draw(t, "node"),
			Data: rapid.SampledFrom([]mgmt.Data{nil, mgmt.Text("1"), mgmt.NodeStatuses{}, mgmt.NodeOutputs{},
				mgmt.BadData{Reason: "bad"}}).Draw(t, "data"),
			Error: rapid.SampledFrom([]string{"theirs", mgmt.PreflightFailed}).Draw(t, "error"),
		})
	}
	one := mgmt.Result{Success: rapid.IntRange(0, 3).Draw(t, "accepted") > 0, Error: "theirs"}
	if answer := request.Answer(request.RequestID(), one, one); len(answer.Outcomes()) == 1 {
		return answer
	}
	return request.Answer(request.RequestID(), results...)
}

// garbage is what nobody should send.
func (w *world) garbage(t *rapid.T) {
	id, name := peerIDs.Draw(t, "peer"), instances.Draw(t, "instance")
	msg := rapid.SampledFrom([]mgmt.Message{
		nil, mgmt.NotifyAgentsReady{}, mgmt.NotifyNodeHello{Node: "m"}, mgmt.AgentDeployRequest{}, mgmt.DeployResponse{},
		mgmt.NotifyError{Instance: name, Node: "w1", Msg: "no"}, mgmt.NotifyChange{}, mgmt.NotifyLog{},
		mgmt.AgentDeployResponse{ReqID: ""}, mgmt.NodeDispatchResponse{},
	}).Draw(t, "message")
	if rapid.Bool().Draw(t, "as client") {
		w.step(controller.FromClient{Client: id, Principal: user(id), Msg: msg})
		return
	}
	w.step(controller.FromAgent{Peer: id, Instance: name, Msg: msg})
}

func (w *world) wait(t *rapid.T) {
	w.runUntil(w.now.Add(time.Duration(rapid.IntRange(0, 12_000).Draw(t, "milliseconds")) * time.Millisecond))
}

func (w *world) runUntil(until time.Time) {
	for range 10_000 {
		wake, ok := w.core.NextWake()
		if !ok || wake.After(until) {
			w.now = until
			return
		}
		if wake.After(w.now) {
			w.now = wake
		}
		w.step(controller.Tick{})
		if again, ok := w.core.NextWake(); ok && !again.After(w.now) {
			w.t.Fatalf("after a tick at %v the next one is due at %v", w.now, again)
		}
	}
	w.t.Fatalf("the machine wants to wake up all the time")
}

// yes is the answer of an agent to which nothing bad happens.
func yes(e controller.ToAgent) mgmt.Message {
	request := e.Msg.(mgmt.Request)
	ok := mgmt.Result{Success: true, Instance: e.Instance}
	switch request := request.(type) {
	case mgmt.AgentGetNodesRequest:
		ok.Data = mgmt.NodeStatuses{}
	case mgmt.AgentDeployRequest:
		return request.Answer(request.ReqID, coretest.EachOk(request, e.Instance)...)
	}
	return request.Answer(request.RequestID(), ok)
}

// converge lets nothing go wrong any more, and demands that every agent runs
// what is deployed, or nothing if it is not part of it.
func (w *world) converge() {
	w.whole = true
	for until := w.now.Add(3 * time.Minute); w.now.Before(until); {
		w.deliver()
		w.runUntil(w.now.Add(time.Second))
	}
	w.deliver()
	w.heard = map[mgmt.PeerID]mgmt.InstanceName{}
	w.pending[key{"last", "last"}] = waiting{kind: "get_nodes", deadline: w.now}
	w.step(controller.FromClient{Client: "last", Principal: user("last"), Msg: mgmt.GetNodesRequest{ReqID: "last"}})
	w.deliver()
	d := w.saved.Deployed
	for peer, name := range w.heard {
		if d == nil || slices.Contains(w.saved.Refused, name) {
			continue
		}
		want := "standby"
		if slices.ContainsFunc(d.Config.Instances, func(in mgmt.Instance) bool { return in.Name == name }) {
			want = coretest.Configuration(d.Config)
		}
		if w.told[peer] != want {
			w.t.Fatalf("%s was told %q last, not %q", name, w.told[peer], want)
		}
	}
}

func (w *world) deliver() {
	for len(w.answers) > 0 {
		ev := w.answers[0]
		w.answers = w.answers[1:]
		w.step(ev)
	}
}

// restart loses everything but what was saved; clients connect anew.
func (w *world) restart(*rapid.T) {
	clear(w.peers)
	clear(w.pending)
	clear(w.told)
	w.asked = nil
	w.start()
}

func (w *world) check(*rapid.T) {
	for k, p := range w.pending {
		if w.now.After(p.deadline) {
			w.t.Fatalf("%s %s of %s is not answered by %v", p.kind, k.id, k.client, p.deadline)
		}
	}
	held := w.core.Held()
	if held.Peers > 4 || held.Agents > held.Peers || held.Requests > 6 || held.Legs > (6+1+2)*held.Agents {
		w.t.Fatalf("too much is held: %+v", held)
	}
}

// end lets everybody leave and all time pass: nothing may be left.
func (w *world) end() {
	w.runUntil(w.now.Add(time.Minute))
	w.check(w.t)
	w.converge()
	if len(w.pending) > 0 {
		w.t.Fatalf("never answered: %v", w.pending)
	}
	for _, id := range slices.Sorted(maps.Keys(w.peers)) {
		w.step(controller.PeerLost{Peer: id})
	}
	if held := w.core.Held(); held != (controller.Held{}) {
		w.t.Fatalf("something is left: %+v", held)
	}
}
