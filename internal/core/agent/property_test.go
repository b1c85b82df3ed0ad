package agent_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/coretest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// TestAnythingThatHappensEndsWell lets anything happen in any order. The world
// itself checks that no node has two processes and that saving comes last; here
// every request gets exactly one answer by its deadline, and once the trouble
// ends, exactly what is desired runs, with its present plan.
func TestAnythingThatHappensEndsWell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &chaos{world: newWorld(t, withPreflight), draw: t, asked: map[mgmt.ReqID]time.Time{}}
		c.refuseStarts()
		c.Announce = []string{mgmt.SetOptions}
		c.Step(agent.PeerAdded{Peer: controller})
		moves := c.moves()
		for range c.dice("steps", 80) {
			moves[c.dice("move", len(moves))]()
			c.account()
		}
		c.heal()
	})
}

// refusals is what a preflight finds if it finds something.
var refusals = []mgmt.Finding{{Node: "worker-1", Problem: "interface nope0 does not exist"}, {Problem: "no room"}}

// lacking is why bundles cannot be fetched if they cannot.
var lacking = []mgmt.Finding{{Problem: "bundle site: no route to host"}}

type chaos struct {
	*world
	draw  *rapid.T
	asked map[mgmt.ReqID]time.Time // and not answered
	asks  int
	seen  int // effects that were looked at
}

var cast = []mgmt.NodeName{"logger", "manager", "proxy", "worker-1", "worker-2"}

func (c *chaos) moves() []func() {
	wait := func() { c.Run(c.span("wait")) }
	return []func(){
		wait, wait, wait,
		func() { c.request(c.someDeployment) },
		c.prepareAndDeploy,
		func() { c.request(c.someSteering) },
		func() { c.request(func(id mgmt.ReqID) mgmt.Message { return restart(id, c.someNames()...) }) },
		func() { c.request(func(id mgmt.ReqID) mgmt.Message { return dispatch(id, c.someNames()...) }) },
		func() { c.request(func(id mgmt.ReqID) mgmt.Message { return mgmt.AgentStandbyRequest{ReqID: id} }) },
		func() { c.request(func(id mgmt.ReqID) mgmt.Message { return mgmt.AgentGetNodesRequest{ReqID: id} }) },
		func() { c.request(func(id mgmt.ReqID) mgmt.Message { return mgmt.AgentWelcomeRequest{ReqID: id} }) },
		c.newFate, c.newFate,
		func() { c.someProcess(func(name mgmt.NodeName, _ *coretest.Process) { c.Kill(name) }) },
		func() { c.someProcess(c.flap) },
		c.stray,
		func() { c.DiskErr = pick(c, "save", "", "", "disk full") },
		func() {
			c.Sight = coretest.Sight{After: c.span("preflight"), Findings: pick(c, "findings", nil, nil, refusals)}
		},
		func() {
			c.Carriage = coretest.Carriage{After: c.span("carriage"), Findings: pick(c, "lacking", nil, nil, lacking)}
		},
		c.reboot,
		c.lose,
	}
}

// dice draws a number below n, each as likely as the others; rapid's own
// ranges prefer small ones, with which not much happens.
func (c *chaos) dice(label string, n int) (number int) {
	for _, bit := range rapid.SliceOfN(rapid.Bool(), 16, 16).Draw(c.draw, label) {
		number *= 2
		if bit {
			number++
		}
	}
	return number % n
}

func pick[T any](c *chaos, label string, from ...T) T { return from[c.dice(label, len(from))] }

func (c *chaos) span(label string) time.Duration {
	return pick(c, label, 0, time.Millisecond, 500*time.Millisecond, time.Second, 3*time.Second, 5*time.Second, 8*time.Second, 40*time.Second)
}

func (c *chaos) chance(label string) bool { return c.dice(label, 4) == 0 }

func (c *chaos) someDeployment(id mgmt.ReqID) mgmt.Message {
	return mgmt.AgentDeployRequest{ReqID: id, Config: configuration(c.someNodes()...), Force: c.chance("force")}
}

func (c *chaos) someSteering(id mgmt.ReqID) mgmt.Message {
	return mgmt.AgentSteerRequest{ReqID: id, Stopped: c.someNames(), Paused: c.someNames()}
}

// refuseStarts fails the test when a node is started that users have stopped.
func (c *chaos) refuseStarts() {
	keep := c.Heard
	c.Heard = func(e agent.Effect) {
		keep(e)
		if start, ok := e.(agent.Start); ok && slices.Contains(c.Saved.Stopped, start.Plan.Node.Name) {
			c.draw.Errorf("%s is started although it is stopped", start.Plan.Node.Name)
		}
	}
}

// prepareAndDeploy asks whether something could be deployed, and mostly deploys it.
func (c *chaos) prepareAndDeploy() {
	config := configuration(c.someNodes()...)
	c.request(func(id mgmt.ReqID) mgmt.Message {
		return mgmt.AgentPrepareRequest{ReqID: id, Config: config, Preflight: 8 * time.Second, Whole: 8 * time.Second}
	})
	if c.chance("wait") {
		c.Run(c.span("between"))
		c.account()
	}
	if !c.chance("leave it") {
		c.request(func(id mgmt.ReqID) mgmt.Message { return mgmt.AgentDeployRequest{ReqID: id, Config: config} })
	}
}

func (c *chaos) someNames() (names []mgmt.NodeName) {
	for _, name := range cast {
		if c.dice(string(name), 2) == 0 {
			names = append(names, name)
		}
	}
	return names
}

func (c *chaos) someNodes() []mgmt.Node {
	list := nodes(c.someNames()...)
	for i := range list {
		if c.chance("changed") {
			list[i] = changed(list[i])
		}
		c.furnish(&list[i])
	}
	return list
}

// furnish gives a node some bundles and some options.
func (c *chaos) furnish(n *mgmt.Node) {
	for _, kind := range []string{"bundle", "data"} {
		if c.chance(kind) {
			b, err := coretest.Bundle(kind, pick(c, "content", "site:1", "site:2", "other:3"))
			if err != nil {
				c.draw.Fatal(err)
			}
			n.Bundles = append(n.Bundles, b)
		}
	}
	for _, name := range []string{"A::one", "B::two"} {
		if c.chance(name) {
			n.RunOptions = append(n.RunOptions, mgmt.Option{Name: name, Value: pick(c, "value", "1", "2")})
		}
	}
}

func (c *chaos) someProcess(do func(mgmt.NodeName, *coretest.Process)) {
	if len(c.Procs) > 0 {
		name := pick(c, "process", coretest.Sorted(c.Procs)...)
		do(name, c.Procs[name])
	}
}

func (c *chaos) request(make func(mgmt.ReqID) mgmt.Message) {
	c.asks++
	id := mgmt.ReqID(fmt.Sprint(c.asks))
	c.asked[id] = c.Now()
	c.ask(make(id))
}

func (c *chaos) newFate() {
	f := coretest.Fate{Stop: c.span("stop"), Burial: c.span("burial"), Hello: c.span("hello"), Deaf: c.chance("deaf"), Mute: c.chance("mute")}
	if c.chance("exit") {
		f.Exit, f.Reason = c.span("life"), "exit status 1"
	}
	if c.chance("start") {
		f.StartErr = "no such file"
	}
	if c.chance("refuses") {
		f.Refuses = "no such option"
	}
	c.Fates[pick(c, "node", cast...)] = f
}

func (c *chaos) flap(name mgmt.NodeName, p *coretest.Process) {
	if p.Peer != "" {
		c.Disconnect(name)
	} else {
		c.Connect(name)
	}
}

// stray is an event that no sane shell or peer would send.
func (c *chaos) stray() {
	name := pick(c, "node", cast...)
	c.Step(pick(c, "stray", []agent.Event{
		agent.Adopted{},
		agent.Tick{},
		agent.Preflighted{ID: 1 << 40, Findings: refusals},
		agent.Fetching{ID: 1 << 40, Done: 1, Total: 2},
		agent.Fetched{ID: 1 << 40, Findings: lacking},
		agent.Started{Node: name, Launch: 1 << 40},
		agent.StartFailed{Node: name, Launch: 1 << 40},
		agent.Ready{Node: name, Launch: 1 << 40},
		agent.Buried{Node: name, Launch: 1 << 40},
		agent.StopFailed{Node: name, Launch: 1 << 40},
		agent.PeerAdded{Peer: "stranger"},
		agent.PeerLost{Peer: "stranger"},
		agent.PeerAdded{Peer: controller},
		agent.PeerAdded{Peer: "member", Term: 3},
		agent.PeerUpdated{Peer: "member", Term: 4},
		agent.FromController{Peer: "member", Msg: mgmt.ControllersChanged{}},
		agent.FromNode{Peer: "stranger", Msg: mgmt.NodeDispatchResponse{}},
		agent.FromNode{Peer: controller, Msg: nil},
		agent.FromController{Peer: controller, Msg: mgmt.NotifyLog{}},
		agent.FromController{Peer: controller, Msg: nil},
	}...))
}

// reboot kills the agent, or has it stop its nodes first; who asked it
// something goes empty away.
func (c *chaos) reboot() {
	if c.chance("shutdown") {
		c.Step(agent.Shutdown{})
		c.Run(time.Minute)
		if seen(c.Procs) > 0 {
			c.draw.Errorf("%v outlived the shutdown", coretest.Sorted(c.Procs))
		}
		c.account()
	}
	clear(c.asked)
	for _, p := range c.Procs {
		p.Unseen = false
	}
	c.Boot(withPreflight)
	c.Step(agent.PeerAdded{Peer: controller})
}

func seen(procs map[mgmt.NodeName]*coretest.Process) (n int) {
	for _, p := range procs {
		if !p.Unseen {
			n++
		}
	}
	return n
}

// lose kills the agent, which finds some of its nodes' processes not to be seen,
// or its own state missing.
func (c *chaos) lose() {
	for _, name := range coretest.Sorted(c.Procs) {
		c.Procs[name].Unseen = c.chance("unseen")
	}
	if c.chance("state") {
		c.Saved = agent.State{}
	}
	clear(c.asked)
	c.Boot(withPreflight)
	c.Step(agent.PeerAdded{Peer: controller})
}

// account strikes out what was answered.
func (c *chaos) account() {
	for ; c.seen < len(c.effects); c.seen++ {
		to, ok := c.effects[c.seen].(agent.ToController)
		if !ok {
			continue
		}
		id, ok := answered(to.Msg)
		if !ok {
			continue
		}
		if _, open := c.asked[id]; !open {
			c.draw.Errorf("request %s was answered twice", id)
		}
		delete(c.asked, id)
	}
	for id, at := range c.asked {
		if c.Now().Sub(at) >= 8500*time.Millisecond {
			c.draw.Errorf("request %s, asked %v ago, is not answered", id, c.Now().Sub(at))
		}
	}
}

func answered(msg mgmt.Message) (mgmt.ReqID, bool) {
	if response, ok := msg.(mgmt.Response); ok {
		return response.RequestID(), true
	}
	return "", false
}

func (c *chaos) heal() {
	for _, name := range coretest.Sorted(c.Procs) {
		if c.Fates[name].Deaf && c.Procs[name].Peer != "" {
			c.Disconnect(name) // it has missed what it was asked
		}
	}
	clear(c.Fates)
	c.DiskErr, c.Sight, c.Carriage = "", coretest.Sight{}, coretest.Carriage{}
	for _, name := range coretest.Sorted(c.Procs) {
		if p := c.Procs[name]; p != nil && p.Unseen {
			c.Exit(name, "exit status 0")
		} else if p != nil {
			c.Connect(name)
		}
	}
	c.Run(time.Minute) // what was asked before comes to its end
	c.account()
	if !c.Saved.Told {
		c.request(c.someDeployment)
	} else { // nodes are asked again that have refused their options
		c.request(func(id mgmt.ReqID) mgmt.Message { return mgmt.AgentDeployRequest{ReqID: id, Config: c.Saved.Desired} })
	}
	c.request(func(id mgmt.ReqID) mgmt.Message { return mgmt.AgentSteerRequest{ReqID: id, Stopped: c.Saved.Stopped} })
	c.Run(10 * time.Minute)
	c.account()
	want := map[mgmt.NodeName]string{}
	for name, plan := range mgmt.PlansOf(c.Saved.Desired, "host").All() {
		want[name] = string(plan.Fingerprint()) + " RUNNING"
		if slices.Contains(c.Saved.Stopped, name) {
			want[name] = " STOPPED"
		}
	}
	got := map[mgmt.NodeName]string{}
	for _, s := range c.Statuses()[1:] {
		got[s.Node] = " " + string(s.State)
	}
	for name, p := range c.Procs {
		got[name] = string(p.Fingerprint) + got[name]
		n, _ := c.Saved.Desired.Node(name)
		if diff := cmp.Diff(n.RunOptionArguments(), p.Options, cmpopts.EquateEmpty()); diff != "" {
			c.draw.Errorf("options of %s in the end (-want +got):\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(c.Saved.Desired.BundlesOf("host"), c.Used, cmpopts.EquateEmpty()); diff != "" {
		c.draw.Errorf("bundles in use in the end (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		c.draw.Errorf("what runs in the end (-want +got):\n%s", diff)
	}
}
