package agent_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestDeploymentStartsAllTiersAtOnceAndIsAnsweredWhenAllAreUp(t *testing.T) {
	w := newWorld(t, agent.Config{})
	w.fates["logger"] = fate{hello: time.Second}
	w.fates["worker-2"] = fate{hello: 2 * time.Second}
	w.deploy("d1", nodes("worker-2", "manager", "worker-1", "logger", "proxy")...)
	w.run(10 * time.Second)
	w.expect(`
		0s save 5 nodes
		0s logger: STOPPED to PENDING
		0s manager: STOPPED to PENDING
		0s proxy: STOPPED to PENDING
		0s worker-1: STOPPED to PENDING
		0s worker-2: STOPPED to PENDING
		0s start logger
		0s start manager
		0s start proxy
		0s start worker-1
		0s start worker-2
		0s hello host to manager#2
		0s manager: PENDING to RUNNING
		0s hello host to proxy#3
		0s proxy: PENDING to RUNNING
		0s hello host to worker-1#4
		0s worker-1: PENDING to RUNNING
		1s hello host to logger#1
		1s logger: PENDING to RUNNING
		2s hello host to worker-2#5
		2s worker-2: PENDING to RUNNING
		2s answer deploy d1: [logger ok, manager ok, proxy ok, worker-1 ok, worker-2 ok]
	`)
}

func TestNodesThatTakeTheirTimeAreStartedAFewAtATime(t *testing.T) {
	w := newWorld(t, agent.Config{MaxStarting: 2, StartGate: time.Second})
	w.fates["logger"] = fate{hello: 500 * time.Millisecond}
	for _, n := range []mgmt.NodeName{"manager", "worker-1", "worker-2"} {
		w.fates[n] = fate{hello: 3 * time.Second}
	}
	w.deploy("d1", nodes("worker-1", "worker-2", "logger", "manager")...)
	w.skip()
	w.run(10 * time.Second)
	w.expect(`
		500ms hello host to logger#1
		500ms logger: PENDING to RUNNING
		500ms start worker-1
		1s start worker-2
		3s hello host to manager#2
		3s manager: PENDING to RUNNING
		3.5s hello host to worker-1#3
		3.5s worker-1: PENDING to RUNNING
		4s hello host to worker-2#4
		4s worker-2: PENDING to RUNNING
		4s answer deploy d1: [logger ok, manager ok, worker-1 ok, worker-2 ok]
	`)
}

// withPort returns the node with a port of its own.
func withPort(n mgmt.Node, port uint16) mgmt.Node {
	n.Port = new(mgmt.TCPPort(port))
	return n
}

func withMetrics(n mgmt.Node, port uint16) mgmt.Node {
	n.MetricsPort = new(mgmt.TCPPort(port))
	return n
}

func on(n mgmt.Node, iface string) mgmt.Node {
	n.Interface = new(iface)
	return n
}

func TestWhatANodeThatGoesAwayHolds(t *testing.T) {
	for name, tt := range map[string]struct {
		old, fresh mgmt.Node
		waits      bool
	}{
		"nothing that others need": {on(withPort(node("worker-1"), 5001), "eth0"), on(withPort(node("worker-2"), 5002), "eth1"), false},
		"a port":                   {withPort(node("worker-1"), 5001), withPort(node("worker-2"), 5001), true},
		"a metrics port":           {withMetrics(node("worker-1"), 9001), withPort(node("worker-2"), 9001), true},
		"an interface":             {on(node("worker-1"), "eth0"), on(node("worker-2"), "af_packet::eth0"), true},
		"the ports of a manager":   {node("manager"), node("manager-2"), true},
	} {
		t.Run(name, func(t *testing.T) {
			w := running(t, agent.Config{StopGate: 5 * time.Second}, tt.old)
			w.fates[tt.old.Name] = fate{stop: 2 * time.Second}
			w.deploy("d2", tt.fresh)
			w.run(time.Second)
			if started := w.pid(tt.fresh.Name) != 0; started == tt.waits {
				t.Errorf("started while the other ends: %v", started)
			}
			w.run(2 * time.Second)
			if got := w.state(tt.fresh.Name); got != mgmt.Running {
				t.Errorf("%s after the end of the other", got)
			}
		})
	}
}

func TestProcessOfWhichNothingIsKnownMayHoldAnything(t *testing.T) {
	w := running(t, agent.Config{}, node("worker-1"))
	w.fates["worker-1"] = fate{stop: 2 * time.Second}
	w.saved = agent.State{Desired: configuration(node("worker-2")), Told: true}
	w.boot(agent.Config{})
	w.run(time.Second)
	if w.pid("worker-2") != 0 {
		t.Error("started beside it")
	}
	w.run(2 * time.Second)
	if got := w.state("worker-2"); got != mgmt.Running {
		t.Errorf("%s after its end", got)
	}
}

func TestDeploymentKeepsUnchangedNodes(t *testing.T) {
	w := running(t, agent.Config{}, four...)
	manager := w.pid("manager")
	w.deploy("d2", four[0], four[1], changed(four[2]))
	w.run(time.Second)
	// worker-2 leaves the layout, so everybody else's plan changes with it.
	if w.pid("manager") == manager {
		t.Error("manager kept its process though the layout changed")
	}
	w.skip()
	manager, logger := w.pid("manager"), w.pid("logger")
	w.epoch = w.now
	w.deploy("d3", four[0], four[1], four[2])
	w.run(time.Second)
	w.expect(`
		0s save 3 nodes
		0s worker-1: RUNNING to PENDING
		0s stop worker-1
		0s start worker-1
		0s hello host to worker-1#8
		0s worker-1: PENDING to RUNNING
		0s answer deploy d3: [logger ok, manager ok, worker-1 ok]
	`)
	if w.pid("manager") != manager || w.pid("logger") != logger {
		t.Error("a node whose plan did not change lost its process")
	}
}

func TestDeployingTheSameAgainTouchesNothingThatRuns(t *testing.T) {
	w := running(t, agent.Config{}, four...)
	w.deploy("d2", four...)
	w.expect(`
		0s save 4 nodes
		0s answer deploy d2: [logger ok, manager ok, worker-1 ok, worker-2 ok]
	`)
}

func TestDeployingTheSameAgainStartsWhatFailed(t *testing.T) {
	w := running(t, agent.Config{}, four...)
	w.fates["worker-2"] = fate{startErr: "no such interface"}
	w.kill("worker-2")
	w.run(1500 * time.Millisecond)
	w.fates["worker-2"] = fate{}
	w.skip()
	w.epoch = w.now
	w.deploy("d2", four...)
	w.run(100 * time.Millisecond)
	w.expect(`
		0s save 4 nodes
		0s worker-2: FAILED to PENDING
		0s start worker-2
		0s hello host to worker-2#6
		0s worker-2: PENDING to RUNNING
		0s answer deploy d2: [logger ok, manager ok, worker-1 ok, worker-2 ok]
	`)
}

func TestForceRestartsEverything(t *testing.T) {
	w := running(t, agent.Config{}, nodes("logger", "manager", "worker")...)
	w.ask(mgmt.AgentDeployRequest{ReqID: "d2", Config: configuration(nodes("logger", "manager", "worker")...), Force: true})
	w.run(time.Second)
	w.expect(`
		0s save 3 nodes
		0s logger: RUNNING to PENDING
		0s manager: RUNNING to PENDING
		0s worker: RUNNING to PENDING
		0s stop worker
		0s stop manager
		0s stop logger
		0s start logger
		0s start manager
		0s start worker
		0s hello host to logger#4
		0s logger: PENDING to RUNNING
		0s hello host to manager#5
		0s manager: PENDING to RUNNING
		0s hello host to worker#6
		0s worker: PENDING to RUNNING
		0s answer deploy d2: [logger ok, manager ok, worker ok]
	`)
}

func TestHungNodeBlocksOnlyItsOwnSuccessor(t *testing.T) {
	w := running(t, agent.Config{StopGate: 2 * time.Second}, nodes("logger", "worker-1", "worker-2")...)
	w.fates["worker-1"] = fate{stop: 30 * time.Second}
	w.ask(mgmt.AgentDeployRequest{ReqID: "d2", Config: configuration(nodes("logger", "worker-1", "worker-2")...), Force: true})
	w.run(time.Minute)
	w.expect(`
		0s save 3 nodes
		0s logger: RUNNING to PENDING
		0s worker-1: RUNNING to PENDING
		0s worker-2: RUNNING to PENDING
		0s stop worker-1
		0s stop worker-2
		2s stop logger
		2s start logger
		2s start worker-2
		2s hello host to logger#4
		2s logger: PENDING to RUNNING
		2s hello host to worker-2#5
		2s worker-2: PENDING to RUNNING
		8.5s answer deploy d2: [logger ok, worker-1 failed (earlier process of cluster node worker-1 still stopping), worker-2 ok]
		30s start worker-1
		30s hello host to worker-1#6
		30s worker-1: PENDING to RUNNING
		30s log deployment d2 is complete
	`)
}

func TestRemovedNodesAreStoppedAndForgotten(t *testing.T) {
	w := running(t, agent.Config{}, nodes("logger", "worker")...)
	w.fates["worker"] = fate{stop: time.Second}
	w.deploy("d2")
	w.run(500 * time.Millisecond)
	if got := w.state("worker"); got != mgmt.Stopped {
		t.Errorf("worker is %s while it stops", got)
	}
	w.run(time.Second)
	w.expect(`
		0s save 0 nodes
		0s logger: RUNNING to STOPPED
		0s worker: RUNNING to STOPPED
		0s stop worker
		1s stop logger
		1s answer deploy d2: [ok]
	`)
	if got := w.state("worker"); got != "" {
		t.Errorf("worker is still listed as %s", got)
	}
}

func TestDeploymentNamesWhatHasNotEndedAtItsDeadline(t *testing.T) {
	for name, tt := range map[string]struct {
		nodes  []mgmt.Node
		answer string
	}{
		"an empty one":       {nil, "[worker-1 failed (cluster node worker-1 still stopping)]"},
		"one with something": {nodes("worker-3"), "[worker-1 failed (cluster node worker-1 still stopping), worker-3 ok]"},
	} {
		t.Run(name, func(t *testing.T) {
			w := running(t, agent.Config{}, nodes("worker-1", "worker-2")...)
			w.fates["worker-1"] = fate{stop: 20 * time.Second}
			w.deploy("d2", tt.nodes...)
			w.run(5 * time.Second)
			w.skip()
			w.run(time.Minute)
			w.expect(`
				8.5s answer deploy d2: ` + tt.answer + `
				20s log deployment d2 is complete
			`)
		})
	}
}

func TestSameDeploymentAgainWaitsForWhatTheFirstRemoves(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker-1", "worker-2")...)
	w.fates["worker-1"], w.fates["worker-2"] = fate{stop: 2 * time.Second}, fate{stop: time.Second}
	w.deploy("d2")
	w.deploy("d3")
	w.run(time.Minute)
	w.expect(`
		0s save 0 nodes
		0s worker-1: RUNNING to STOPPED
		0s worker-2: RUNNING to STOPPED
		0s stop worker-1
		0s stop worker-2
		0s save 0 nodes
		2s answer deploy d2: [ok]
		2s answer deploy d3: [ok]
	`)
}

func TestNodeThatComesBackWhileItIsStoppedIsStartedAfterIt(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	w.fates["worker"] = fate{stop: time.Second}
	w.deploy("d2")
	w.deploy("d3", nodes("worker")...)
	w.run(2 * time.Second)
	w.expect(`
		0s save 0 nodes
		0s worker: RUNNING to STOPPED
		0s stop worker
		0s save 1 nodes
		0s answer deploy d2: [failed (superseded by deployment d3)]
		0s worker: STOPPED to PENDING
		1s start worker
		1s hello host to worker#2
		1s worker: PENDING to RUNNING
		1s answer deploy d3: [worker ok]
	`)
}

func TestDeploymentThatConcernsNoNodeHereSucceedsAtOnce(t *testing.T) {
	elsewhere := node("worker")
	elsewhere.Instance = "other"
	for name, list := range map[string][]mgmt.Node{
		"an empty configuration":             nil,
		"a configuration of other instances": {elsewhere},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agent.Config{})
			w.deploy("d1", list...)
			w.run(time.Minute)
			w.expect(fmt.Sprintf(`
				0s save %d nodes
				0s answer deploy d1: [ok]
			`, len(list)))
		})
	}
}

// Upstream's controller asks again whenever an agent joins meanwhile.
func TestDeploymentIsNotSupersededByTheSameAgain(t *testing.T) {
	w := newWorld(t, agent.Config{})
	w.fates["worker-1"] = fate{mute: true}
	w.deploy("d1", nodes("worker-1", "worker-2")...)
	w.deploy("d2", nodes("worker-1", "worker-2")...)
	w.run(10 * time.Second)
	w.expect(`
		0s save 2 nodes
		0s worker-1: STOPPED to PENDING
		0s worker-2: STOPPED to PENDING
		0s start worker-1
		0s start worker-2
		0s save 2 nodes
		0s hello host to worker-2#2
		0s worker-2: PENDING to RUNNING
		8.5s answer deploy d1: [worker-1 failed (cluster node worker-1 still starting), worker-2 ok]
		8.5s answer deploy d2: [worker-1 failed (cluster node worker-1 still starting), worker-2 ok]
	`)
}

func TestSecondDeploymentSupersedesTheFirst(t *testing.T) {
	w := newWorld(t, agent.Config{})
	w.fates["worker-1"] = fate{mute: true}
	w.deploy("d1", nodes("worker-1")...)
	w.run(time.Second)
	w.skip()
	w.deploy("d2", nodes("worker-2")...)
	w.run(10 * time.Second)
	w.expect(`
		1s save 1 nodes
		1s answer deploy d1: [failed (superseded by deployment d2)]
		1s worker-2: STOPPED to PENDING
		1s worker-1: PENDING to STOPPED
		1s stop worker-1
		1s start worker-2
		1s hello host to worker-2#2
		1s worker-2: PENDING to RUNNING
		1s answer deploy d2: [worker-2 ok]
	`)
}

func TestNodeThatEndsDuringItsDeploymentFailsItWithItsOutput(t *testing.T) {
	w := newWorld(t, agent.Config{OutputLines: 2})
	w.fates["worker-1"] = fate{mute: true, exit: time.Second, reason: "exit status 1", outputs: mgmt.NodeOutputs{Stderr: "one\ntwo\nthree\n"}}
	w.fates["worker-2"] = fate{startErr: "exec zeek: no such file"}
	w.deploy("d1", nodes("worker-1", "worker-2", "worker-3")...)
	w.run(1500 * time.Millisecond)
	w.expect(`
		0s save 3 nodes
		0s worker-1: STOPPED to PENDING
		0s worker-2: STOPPED to PENDING
		0s worker-3: STOPPED to PENDING
		0s start worker-1
		0s start worker-2
		0s start worker-3
		0s worker-2: PENDING to FAILED
		0s error failed to create node worker-2: exec zeek: no such file
		0s hello host to worker-3#3
		0s worker-3: PENDING to RUNNING
		1s worker-1: PENDING to CRASHED
		1s error node worker-1 crashed: exit status 1; it printed: three
		1s answer deploy d1: [worker-1 failed (exit status 1) {"" "two\nthree"}, worker-2 failed (exec zeek: no such file), worker-3 ok]
		1s worker-2: FAILED to PENDING
		1s start worker-2
		1s worker-2: PENDING to FAILED
		1s error failed to create node worker-2: exec zeek: no such file
	`)
}

func TestOutputIsBoundedInBytes(t *testing.T) {
	w := newWorld(t, agent.Config{OutputBytes: 8})
	w.fates["worker"] = fate{startErr: "no", outputs: mgmt.NodeOutputs{Stdout: strings.Repeat("x", 100) + "12345678\n\n"}}
	w.deploy("d1", nodes("worker")...)
	w.run(100 * time.Millisecond)
	if got := w.trace[len(w.trace)-1]; !strings.HasSuffix(got, `[worker failed (no) {"12345678" ""}]`) {
		t.Errorf("got %s", got)
	}
}

func TestConfigurationThatCannotBeSavedChangesNothing(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	w.saveErr = "no space left on device"
	w.deploy("d2", nodes("worker-2")...)
	w.ask(mgmt.AgentStandbyRequest{ReqID: "s1"})
	w.run(time.Minute)
	w.expect(`
		0s save 1 nodes
		0s answer deploy d2: [failed (save configuration: no space left on device)]
		0s save 0 nodes
		0s answer standby s1: [failed (save configuration: no space left on device)]
	`)
	w.saveErr = ""
	w.deploy("d2", nodes("worker")...)
	w.expect(`
		1m0s save 1 nodes
		1m0s answer deploy d2: [worker ok]
	`)
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		nodes []mgmt.Node
		want  string
	}{
		"a name twice":         {nodes("w", "w"), `multiple nodes named 'w'`},
		"a name with a slash":  {nodes("a/../../w"), `node "a/../../w" is badly named: names must not contain '/'`},
		"the parent directory": {nodes(".."), `node ".." is badly named: names must not start with '.'`},
		"no name":              {nodes(""), `node "" is badly named: names must not be empty`},
		"an option that runs commands": {
			[]mgmt.Node{{Name: "w", Instance: "host", Role: mgmt.Worker, Options: []mgmt.Option{{Name: "Notice::sendmail", Value: "/sbin/reboot"}}}},
			`node 'w' sets option 'Notice::sendmail', which can run commands on this host; its operator can allow that with agent.allow_options`,
		},
		"a value that is a command": {
			[]mgmt.Node{{Name: "w", Instance: "host", Role: mgmt.Worker, Options: []mgmt.Option{{Name: "Log::default_rotation_postprocessor_cmd", Value: "id >FILE ||"}}}},
			`node 'w': the value of the script option Log::default_rotation_postprocessor_cmd has ">", and may have letters, digits, blanks and _-+.,:/[]{}"%=; set it in a script`,
		},
		"a variable that loads code": {
			[]mgmt.Node{{Name: "w", Instance: "host", Role: mgmt.Worker, Env: map[string]string{"LD_PRELOAD": "/tmp/x.so"}}},
			`node 'w' sets environment variable 'LD_PRELOAD', which can make it run anything on this host; its operator can allow that with agent.allow_env`,
		},
		"more nodes than allowed": {nodes("a", "b", "c", "d"), `4 nodes on one instance, at most 3 are allowed`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agent.Config{MaxNodes: 3})
			w.deploy("d1", tt.nodes...)
			w.run(time.Minute)
			w.expect("0s answer deploy d1: [failed (" + tt.want + ")]")
		})
	}
	t.Run("but not as many nodes as allowed", func(t *testing.T) {
		w := newWorld(t, agent.Config{MaxNodes: 3})
		w.deploy("d1", nodes("a", "b", "c")...)
		w.run(time.Second)
		if got := w.trace[len(w.trace)-1]; !strings.HasSuffix(got, "answer deploy d1: [a ok, b ok, c ok]") {
			t.Errorf("got %s", got)
		}
	})
}

func TestNothingButSavedMayFollowASave(t *testing.T) {
	saving := func() *agent.Machine {
		m := agent.New(agent.Config{Name: "host"}, agent.State{}, nil)
		m.Step(time.Unix(0, 0), agent.Adopted{})
		m.Step(time.Unix(0, 0), agent.FromController{Peer: controller, Msg: mgmt.AgentStandbyRequest{ReqID: "s1"}})
		return m
	}
	idle := func() *agent.Machine { return agent.New(agent.Config{Name: "host"}, agent.State{}, nil) }
	for name, tt := range map[string]struct {
		m      *agent.Machine
		ev     agent.Event
		panics bool
	}{
		"its answer":           {saving(), agent.Saved{}, false},
		"time":                 {saving(), agent.Tick{}, true},
		"a request":            {saving(), agent.FromController{Peer: controller, Msg: mgmt.AgentGetNodesRequest{}}, true},
		"an answer to nothing": {idle(), agent.Saved{}, true},
		"no save, no answer":   {idle(), agent.Adopted{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if got := recover() != nil; got != tt.panics {
					t.Errorf("Step panicked: %t, want %t", got, tt.panics)
				}
			}()
			tt.m.Step(time.Unix(1, 0), tt.ev)
		})
	}
}

// A deployment is due at the very moment at which its preflight is over. It is
// answered after the save, with the nodes that it has begun to start.
func TestNothingProceedsDuringASave(t *testing.T) {
	w := newWorld(t, agent.Config{Preflight: agent.PreflightStrict})
	w.step(agent.PeerAdded{Peer: controller})
	w.skip()
	w.sight = sight{blind: true}
	w.deploy("d1", nodes("worker")...)
	w.now = w.now.Add(8500 * time.Millisecond)
	w.step(agent.Preflighted{ID: 1})
	w.expect(`
		0s    look at [worker]
		8.5s  save 1 nodes
		8.5s  worker: STOPPED to PENDING
		8.5s  answer deploy d1: [worker failed (cluster node worker still waiting to be started)]
		8.5s  start worker
	`)
}
