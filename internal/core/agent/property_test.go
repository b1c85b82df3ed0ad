package agent_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// TestAnythingThatHappensEndsWell lets anything happen in any order. The world
// itself checks that no node has two processes and that saving comes last; here
// every request gets exactly one answer by its deadline, and once the trouble
// ends, exactly what is desired runs, with its present plan.
func TestAnythingThatHappensEndsWell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &chaos{world: newWorld(t, looking), draw: t, asked: map[mgmt.ReqID]time.Time{}}
		c.step(agent.PeerAdded{Peer: controller})
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

// strict is an agent that deploys nothing that it could not look at.
var strict = agent.Config{Preflight: agent.PreflightStrict}

// looking is an agent that looks before it deploys.
var looking = agent.Config{Preflight: agent.PreflightOn}

type chaos struct {
	*world
	draw  *rapid.T
	asked map[mgmt.ReqID]time.Time // and not answered
	asks  int
	seen  int // effects that were looked at
}

var cast = []mgmt.NodeName{"logger", "manager", "proxy", "worker-1", "worker-2"}

func (c *chaos) moves() []func() {
	wait := func() { c.run(c.span("wait")) }
	return []func(){
		wait, wait, wait,
		func() { c.request(c.someDeployment) },
		c.prepareAndDeploy,
		func() { c.request(func(id mgmt.ReqID) mgmt.Message { return restart(id, c.someNames()...) }) },
		func() { c.request(func(id mgmt.ReqID) mgmt.Message { return dispatch(id, c.someNames()...) }) },
		func() { c.request(func(id mgmt.ReqID) mgmt.Message { return mgmt.AgentStandbyRequest{ReqID: id} }) },
		func() { c.request(func(id mgmt.ReqID) mgmt.Message { return mgmt.AgentGetNodesRequest{ReqID: id} }) },
		func() { c.request(func(id mgmt.ReqID) mgmt.Message { return mgmt.AgentWelcomeRequest{ReqID: id} }) },
		c.newFate, c.newFate,
		func() { c.someProcess(func(name mgmt.NodeName, _ *proc) { c.kill(name) }) },
		func() { c.someProcess(c.flap) },
		c.stray,
		func() { c.saveErr = pick(c, "save", "", "", "disk full") },
		func() { c.sight = sight{after: c.span("look"), findings: pick(c, "findings", nil, nil, refusals)} },
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

// prepareAndDeploy asks whether something could be deployed, and mostly deploys it.
func (c *chaos) prepareAndDeploy() {
	config := configuration(c.someNodes()...)
	c.request(func(id mgmt.ReqID) mgmt.Message {
		return mgmt.AgentPrepareRequest{ReqID: id, Config: config, Look: 8 * time.Second, Whole: 8 * time.Second}
	})
	if c.chance("wait") {
		c.run(c.span("between"))
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
	}
	return list
}

func (c *chaos) someProcess(do func(mgmt.NodeName, *proc)) {
	if len(c.procs) > 0 {
		name := pick(c, "process", sorted(c.procs)...)
		do(name, c.procs[name])
	}
}

func (c *chaos) request(make func(mgmt.ReqID) mgmt.Message) {
	c.asks++
	id := mgmt.ReqID(fmt.Sprint(c.asks))
	c.asked[id] = c.now
	c.ask(make(id))
}

func (c *chaos) newFate() {
	f := fate{stop: c.span("stop"), hello: c.span("hello"), deaf: c.chance("deaf"), mute: c.chance("mute")}
	if c.chance("exit") {
		f.exit, f.reason = c.span("life"), "exit status 1"
	}
	if c.chance("start") {
		f.startErr = "no such file"
	}
	c.fates[pick(c, "node", cast...)] = f
}

func (c *chaos) flap(name mgmt.NodeName, p *proc) {
	if p.peer != "" {
		c.disconnect(name)
	} else {
		c.connect(name, p)
	}
}

// stray is an event that no sane shell or peer would send.
func (c *chaos) stray() {
	name := pick(c, "node", cast...)
	c.step(pick(c, "stray", []agent.Event{
		agent.Adopted{},
		agent.Tick{},
		agent.Preflighted{ID: 1 << 40, Findings: refusals},
		agent.Started{Node: name, Launch: 1 << 40},
		agent.StartFailed{Node: name, Launch: 1 << 40},
		agent.Ready{Node: name, Launch: 1 << 40},
		agent.Exited{Node: name, Launch: 1 << 40},
		agent.StopFailed{Node: name, Launch: 1 << 40},
		agent.PeerAdded{Peer: "stranger"},
		agent.PeerLost{Peer: "stranger"},
		agent.PeerAdded{Peer: controller},
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
		c.step(agent.Shutdown{})
		c.run(time.Minute)
		if seen(c.procs) > 0 {
			c.t.Errorf("%v outlived the shutdown", sorted(c.procs))
		}
		c.account()
	}
	clear(c.asked)
	for _, p := range c.procs {
		p.unseen = false
	}
	c.boot(looking)
	c.step(agent.PeerAdded{Peer: controller})
}

func seen(procs map[mgmt.NodeName]*proc) (n int) {
	for _, p := range procs {
		if !p.unseen {
			n++
		}
	}
	return n
}

// lose kills the agent, which finds some of its nodes' processes not to be seen,
// or its own state missing.
func (c *chaos) lose() {
	for _, name := range sorted(c.procs) {
		c.procs[name].unseen = c.chance("unseen")
	}
	if c.chance("state") {
		c.saved = agent.State{}
	}
	clear(c.asked)
	c.boot(looking)
	c.step(agent.PeerAdded{Peer: controller})
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
			c.t.Errorf("request %s was answered twice", id)
		}
		delete(c.asked, id)
	}
	for id, at := range c.asked {
		if c.now.Sub(at) >= 8500*time.Millisecond {
			c.t.Errorf("request %s, asked %v ago, is not answered", id, c.now.Sub(at))
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
	clear(c.fates)
	c.saveErr, c.sight = "", sight{}
	for _, name := range sorted(c.procs) {
		if p := c.procs[name]; p != nil && p.unseen {
			c.exit(name, p, "exit status 0", mgmt.NodeOutputs{})
		} else if p != nil {
			c.connect(name, p)
		}
	}
	if !c.saved.Told {
		c.request(c.someDeployment)
	}
	c.run(10 * time.Minute)
	c.account()
	want := map[mgmt.NodeName]string{}
	for name, plan := range mgmt.PlansOf(c.saved.Desired, "host").All() {
		want[name] = string(plan.Fingerprint()) + " RUNNING"
	}
	got := map[mgmt.NodeName]string{}
	for _, s := range c.statuses()[1:] {
		got[s.Node] = " " + string(s.State)
	}
	for name, p := range c.procs {
		got[name] = string(p.fingerprint) + got[name]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		c.t.Errorf("what runs in the end (-want +got):\n%s", diff)
	}
}
