package agent_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// fate is how a node's next processes behave. The zero fate starts, says hello
// at once, and ends as soon as it is asked to.
type fate struct {
	startErr string        // the start fails so
	mute     bool          // it never says hello
	hello    time.Duration // from its start to its hello
	exit     time.Duration // from its start to its end; zero: it stays
	reason   string        // of that end
	outputs  mgmt.NodeOutputs
	stop     time.Duration // from a Stop to its end
	stuck    string        // it cannot be stopped, for this reason
	deaf     bool          // it does not answer dispatches
}

// sight is how preflights end. The zero sight finds nothing, at once.
type sight struct {
	after    time.Duration
	findings []mgmt.Finding
	// unfinished are the nodes of which not all was known.
	unfinished []mgmt.NodeName
	blind      bool // it never ends
}

// world is a fake shell with its processes, in virtual time. What the machine
// asks for becomes lines of a trace.
type world struct {
	t       failer
	m       *agent.Machine
	epoch   time.Time
	now     time.Time
	queue   []timed
	fates   map[mgmt.NodeName]fate
	procs   map[mgmt.NodeName]*proc
	pids    int64
	saveErr string
	saved   agent.State
	sight   sight
	trace   []string
	effects []agent.Effect
	notes   bool // notes go into the trace
	shut    bool // Shutdown came
}

// failer is what a test and a property have in common.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

type timed struct {
	at time.Time
	do func()
}

type proc struct {
	launch      uint64
	pid         int64
	fingerprint mgmt.Fingerprint
	peer        mgmt.PeerID // empty: not connected
	since       time.Time
	unseen      bool // the agent cannot look at it
}

const controller mgmt.PeerID = "controller"

func newWorld(t failer, cfg agent.Config) *world {
	w := &world{
		t:     t,
		epoch: time.Unix(1_700_000_000, 0).UTC(),
		fates: make(map[mgmt.NodeName]fate),
		procs: make(map[mgmt.NodeName]*proc),
		pids:  100,
	}
	w.now = w.epoch
	w.boot(cfg)
	return w
}

// boot begins a life of the agent, with what the one before left running.
func (w *world) boot(cfg agent.Config) {
	if cfg.Name == "" {
		cfg.Name = "host"
	}
	if cfg.Backoff.Jitter == 0 {
		cfg.Backoff.Jitter = -1
	}
	w.m = agent.New(cfg, w.saved, rand.New(rand.NewPCG(1, 2)))
	var left agent.Adopted
	for _, name := range sorted(w.procs) {
		p := w.procs[name]
		p.peer = ""
		if p.unseen {
			left.Unseen = append(left.Unseen, agent.Unseen{Node: name, Launch: p.launch, Why: unseenText(name)})
			continue
		}
		left.Processes = append(left.Processes, agent.Process{Node: name, Launch: p.launch, PID: p.pid, Fingerprint: p.fingerprint, Started: p.since})
	}
	w.queue, w.shut = nil, false
	w.step(left)
}

func unseenText(name mgmt.NodeName) string { return "process of " + string(name) + " cannot be seen" }

func sorted[V any](m map[mgmt.NodeName]V) []mgmt.NodeName {
	var names []mgmt.NodeName
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

func (w *world) after(d time.Duration, do func()) {
	w.queue = append(w.queue, timed{w.now.Add(d), do})
	slices.SortStableFunc(w.queue, func(a, b timed) int { return a.at.Compare(b.at) })
}

// run lets everything happen that happens within d.
func (w *world) run(d time.Duration) {
	w.t.Helper()
	end := w.now.Add(d)
	for range 100_000 {
		wake, ok := w.m.NextWake()
		switch {
		case len(w.queue) > 0 && !w.queue[0].at.After(end) && !(ok && wake.Before(w.queue[0].at)):
			next := w.queue[0]
			w.queue = w.queue[1:]
			w.now = next.at
			next.do()
		case ok && !wake.After(end):
			w.now = wake
			w.step(agent.Tick{})
		default:
			w.now = end
			return
		}
	}
	w.t.Fatalf("the machine never sleeps")
}

func (w *world) step(ev agent.Event) {
	w.t.Helper()
	if _, ok := ev.(agent.Shutdown); ok {
		w.shut = true
	}
	effects := w.m.Step(w.now, ev)
	w.effects = append(w.effects, effects...)
	for i, e := range effects {
		w.note(e)
		switch e := e.(type) {
		case agent.Save:
			if i != len(effects)-1 {
				w.t.Errorf("Save is effect %d of %d, not the last", i, len(effects))
			}
			if w.saveErr == "" {
				w.saved = e.State
			}
			w.step(agent.Saved{Err: w.saveErr})
		case agent.Preflight:
			w.look(e)
		case agent.Start:
			w.start(e)
		case agent.Stop:
			w.stop(e)
		case agent.ToNodes:
			w.answer(e)
		}
	}
}

func (w *world) look(e agent.Preflight) {
	if s := w.sight; !s.blind {
		w.after(s.after, func() { w.step(agent.Preflighted{ID: e.ID, Findings: s.findings, Unfinished: s.unfinished}) })
	}
}

func (w *world) start(e agent.Start) {
	name := e.Plan.Node.Name
	f := w.fates[name]
	if w.procs[name] != nil {
		w.t.Errorf("%s was started while a process of it lives", name)
	}
	if f.startErr != "" {
		w.after(0, func() {
			w.step(agent.StartFailed{Node: name, Launch: e.Launch, Err: f.startErr, Outputs: f.outputs})
		})
		return
	}
	w.pids++
	p := &proc{launch: e.Launch, pid: w.pids, fingerprint: e.Fingerprint, since: w.now}
	w.procs[name] = p
	w.after(0, func() { w.step(agent.Started{Node: name, Launch: p.launch, PID: p.pid}) })
	if !f.mute {
		w.after(f.hello, func() { w.connect(name, p) })
	}
	if f.exit > 0 {
		w.after(f.exit, func() { w.exit(name, p, f.reason, f.outputs) })
	}
}

// connect has the node's process say hello, if it still lives.
func (w *world) connect(name mgmt.NodeName, p *proc) {
	if w.procs[name] != p || p.peer != "" || p.unseen {
		return
	}
	p.peer = mgmt.PeerID(fmt.Sprintf("%s#%d", name, p.launch))
	w.step(agent.PeerAdded{Peer: p.peer})
	w.step(agent.FromNode{Peer: p.peer, Msg: mgmt.NotifyNodeHello{Node: name}})
}

func (w *world) disconnect(name mgmt.NodeName) {
	p := w.procs[name]
	peer := p.peer
	p.peer = ""
	w.step(agent.PeerLost{Peer: peer})
}

func (w *world) stop(e agent.Stop) {
	p := w.procs[e.Node]
	if p == nil || p.launch != e.Launch {
		w.t.Errorf("stop of %s launch %d, which does not live", e.Node, e.Launch)
		return
	}
	if !w.saved.Told && !w.shut {
		w.t.Errorf("%s is stopped, and nobody has said what should run", e.Node)
	}
	if why := w.fates[e.Node].stuck; why != "" {
		w.after(0, func() { w.step(agent.StopFailed{Node: e.Node, Launch: e.Launch, Err: why}) })
		return
	}
	w.after(w.fates[e.Node].stop, func() { w.exit(e.Node, p, "killed by SIGTERM", mgmt.NodeOutputs{}) })
}

func (w *world) exit(name mgmt.NodeName, p *proc, reason string, out mgmt.NodeOutputs) {
	if w.procs[name] != p {
		return
	}
	delete(w.procs, name)
	if p.unseen {
		w.step(agent.Freed{Node: name})
		return
	}
	w.step(agent.Exited{Node: name, Launch: p.launch, Reason: reason, Outputs: out})
	if p.peer != "" {
		w.step(agent.PeerLost{Peer: p.peer})
	}
}

func (w *world) kill(name mgmt.NodeName) {
	w.t.Helper()
	if w.procs[name] == nil {
		w.t.Fatalf("%s does not live", name)
	}
	w.exit(name, w.procs[name], "killed by SIGKILL", mgmt.NodeOutputs{})
}

// answer has the nodes behind the peers say their names.
func (w *world) answer(e agent.ToNodes) {
	for _, name := range sorted(w.procs) {
		p := w.procs[name]
		if !slices.Contains(e.To, agent.NodePeer{Peer: p.peer, Node: name, Launch: p.launch}) || w.fates[name].deaf {
			continue
		}
		w.after(0, func() {
			w.step(agent.FromNode{Peer: p.peer, Msg: mgmt.NodeDispatchResponse{
				ReqID:  e.Msg.ReqID,
				Result: mgmt.Result{ReqID: e.Msg.ReqID, Success: true, Node: name, Data: mgmt.Text(`"` + name + `"`)},
			}})
		})
	}
}

func (w *world) ask(msg mgmt.Message) {
	w.t.Helper()
	w.step(agent.FromController{Peer: controller, Msg: msg})
}

func (w *world) deploy(id mgmt.ReqID, nodes ...mgmt.Node) {
	w.t.Helper()
	w.ask(mgmt.AgentDeployRequest{ReqID: id, Config: configuration(nodes...)})
}

func configuration(nodes ...mgmt.Node) mgmt.Configuration {
	return mgmt.Configuration{
		ID:        "config",
		Instances: []mgmt.Instance{{Name: "host", Host: mgmt.UnknownHost}},
		Nodes:     nodes,
	}
}

func node(name mgmt.NodeName) mgmt.Node {
	role := mgmt.Worker
	switch {
	case strings.HasPrefix(string(name), "logger"):
		role = mgmt.Logger
	case strings.HasPrefix(string(name), "manager"):
		role = mgmt.Manager
	case strings.HasPrefix(string(name), "proxy"):
		role = mgmt.Proxy
	}
	return mgmt.Node{Name: name, Instance: "host", Role: role, State: mgmt.Running}
}

func nodes(names ...mgmt.NodeName) []mgmt.Node {
	var list []mgmt.Node
	for _, n := range names {
		list = append(list, node(n))
	}
	return list
}

// changed returns the node with another plan, which leaves the others' alone.
func changed(n mgmt.Node) mgmt.Node {
	n.Env = map[string]string{"CHANGED": "yes"}
	return n
}

var four = nodes("manager", "logger", "worker-1", "worker-2")

// running returns a world with these nodes deployed and up.
func running(t failer, cfg agent.Config, list ...mgmt.Node) *world {
	t.Helper()
	w := newWorld(t, cfg)
	w.step(agent.PeerAdded{Peer: controller})
	w.deploy("boot", list...)
	w.run(time.Second)
	for _, n := range list {
		if got := w.state(n.Name); got != mgmt.Running {
			t.Fatalf("%s is %s", n.Name, got)
		}
	}
	w.epoch = w.now
	w.skip()
	return w
}

func (w *world) statuses() mgmt.NodeStatuses {
	w.t.Helper()
	return w.getNodes().Data.(mgmt.NodeStatuses)
}

// getNodes asks the agent, as a controller would.
func (w *world) getNodes() mgmt.Result {
	w.t.Helper()
	for _, e := range w.m.Step(w.now, agent.FromController{Peer: controller, Msg: mgmt.AgentGetNodesRequest{ReqID: "state"}}) {
		if to, ok := e.(agent.ToController); ok {
			if msg, ok := to.Msg.(mgmt.AgentGetNodesResponse); ok {
				return msg.Result
			}
		}
	}
	w.t.Fatalf("no answer to get-nodes")
	return mgmt.Result{}
}

func (w *world) state(name mgmt.NodeName) mgmt.State {
	w.t.Helper()
	for _, s := range w.statuses() {
		if s.Node == name {
			return s.State
		}
	}
	return ""
}

func (w *world) pid(name mgmt.NodeName) int64 {
	if p := w.procs[name]; p != nil {
		return p.pid
	}
	return 0
}
