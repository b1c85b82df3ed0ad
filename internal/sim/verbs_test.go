package sim

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/coretest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

var stageVerbs = coretest.Verbs[*stage]{
	"agents":     (*stage).beginAgents,
	"another":    (*stage).anotherSaves,
	"ask":        (*stage).clientAsks,
	"crash":      (*stage).crash,
	"cut":        (*stage).cutAgentOff,
	"disconnect": (*stage).disconnect,
	"disk":       (*stage).diskChanges,
	"double":     (*stage).doubleAgent,
	"gone":       (*stage).clientGone,
	"kill":       (*stage).kill,
	"mend":       (*stage).mendAgent,
	"node":       (*stage).nodeFate,
	"power-off":  (*stage).agentPowerOff,
	"set":        (*stage).set,
	"shutdown":   (*stage).agentShutdown,
	"start":      (*stage).startAgain,
	"usurp":      (*stage).usurp,
	"wait":       func(*stage, *coretest.Args) error { return nil },
}

// "agents NAME...": the instances, at 10.0.0.1, 10.0.0.2 and so on. The controller
// dials NAME@dialed, at port 2151 if it is the first agent, at 2152 if it is the
// second, and so on. The other agents dial the controller.
func (s *stage) beginAgents(args *coretest.Args) error {
	for i, word := range args.Rest() {
		name, mode, _ := strings.Cut(word, "@")
		h := &host{addr: netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)})}
		s.newAgent(name, mgmt.InstanceName(name), h, mode != "dialed")
	}
	s.controller.start()
	for _, a := range s.agents {
		a.start()
	}
	return nil
}

// "set [fleet] [grace=TIME] [FIELD=VALUE]...", before the agents. With "fleet" the
// controller knows the agents as ours. grace is the time from SIGTERM to SIGKILL. A
// FIELD is a setting of the agents.
func (s *stage) set(args *coretest.Args) error {
	s.terms.fleetAgents = args.Flag("fleet") || s.terms.fleetAgents
	if grace := args.Duration("grace"); grace > 0 {
		s.terms.stopGrace = grace
	}
	return args.Settings(&s.terms.agent)
}

// "ask CLIENT REQUEST", as in coretest.Args.Message: the client connects first if
// it is not connected.
func (s *stage) clientAsks(args *coretest.Args) error {
	c := s.clientNamed(args.Next())
	msg := args.Message(mgmt.ControllerAPI, mgmt.FleetControllerAPI)
	if err := args.Done(); err != nil {
		return err
	}
	if c.ep == nil {
		c.connect()
		s.runUntil(s.now + 5*time.Millisecond)
	}
	c.ask(msg, true)
	return nil
}

// "gone CLIENT": the client's connection ends.
func (s *stage) clientGone(args *coretest.Args) error {
	s.clientNamed(args.Next()).leave()
	return nil
}

// "crash controller|AGENT": the program ends. Processes run on.
func (s *stage) crash(args *coretest.Args) error {
	if args.Flag("controller") {
		s.controller.end("crashes")
		return nil
	}
	s.agentNamed(args).end("crashes", false)
	return nil
}

// "start controller" and "start AGENT [without-state] [unseeing]": an agent finds
// its state missing, or cannot see its processes.
func (s *stage) startAgain(args *coretest.Args) error {
	if args.Flag("controller") {
		s.controller.start()
		return nil
	}
	s.mood.lost, s.mood.unseen = certain(args.Flag("without-state")), certain(args.Flag("unseeing"))
	s.agentNamed(args).start()
	s.mood.lost, s.mood.unseen = 0, 0
	return nil
}

// "another saves": a second controller, which has the same store, stages a
// configuration.
func (s *stage) anotherSaves(args *coretest.Args) error {
	if !args.Flag("saves") {
		return fmt.Errorf("another controller can only save")
	}
	s.chaos.saveBehind()
	return nil
}

// certain returns the probability 1 if something happens, and 0 otherwise.
func certain(happens bool) float64 {
	if happens {
		return 1
	}
	return 0
}

// "disk controller|AGENT works|full|crash-before|crash-after": from now on saves
// succeed, fail, or end the program before or after they are done.
func (s *stage) diskChanges(args *coretest.Args) error {
	d := &s.controller.disk.state
	if !args.Flag("controller") {
		d = &s.agentNamed(args).disk.state
	}
	word := args.Next()
	state, known := map[string]diskState{
		"works": diskWorks, "full": diskFull, "crash-before": crashBeforeSave, "crash-after": crashAfterSave,
	}[word]
	if !known {
		return fmt.Errorf("unknown state of the disk %q", word)
	}
	*d = state
	return nil
}

// "cut AGENT": its host is off from all others, until "mend AGENT".
func (s *stage) cutAgentOff(args *coretest.Args) error {
	s.net.cutOff(s.agentNamed(args).host)
	return nil
}

func (s *stage) mendAgent(args *coretest.Args) error {
	s.net.mend(s.agentNamed(args).host)
	return nil
}

// "power-off AGENT": its host loses power.
func (s *stage) agentPowerOff(args *coretest.Args) error {
	s.agentNamed(args).powerOff()
	return nil
}

// "shutdown AGENT": it stops its nodes.
func (s *stage) agentShutdown(args *coretest.Args) error {
	s.agentNamed(args).shutdown()
	return nil
}

// "disconnect AGENT" ends its connection with the controller, "disconnect
// NODE@AGENT" that of the node's process with its agent.
func (s *stage) disconnect(args *coretest.Args) error {
	node, instance, isNode := strings.Cut(args.Next(), "@")
	if isNode {
		s.net.lose(s.process(node, instance).ep.ends[0])
		return nil
	}
	a := s.agent(mgmt.InstanceName(node))
	i := slices.IndexFunc(a.ep.ends, func(e *end) bool { return e.far.self.part == part(s.controller) })
	s.net.lose(a.ep.ends[i])
	return nil
}

// "kill NODE@AGENT": the node's process ends.
func (s *stage) kill(args *coretest.Args) error {
	node, instance, _ := strings.Cut(args.Next(), "@")
	s.process(node, instance).exit("killed by SIGSEGV")
	return nil
}

// process returns the process of a node that runs.
func (s *stage) process(node, instance string) *process {
	p := s.agent(mgmt.InstanceName(instance)).procs.running(mgmt.NodeName(node))
	if p == nil {
		s.t.Fatalf("%s does not run on %s", node, instance)
	}
	return p
}

// "usurp AGENT TIME": a stranger welcomes it as its controller would, and goes
// after that time.
func (s *stage) usurp(args *coretest.Args) error {
	a := s.agentNamed(args)
	d, err := time.ParseDuration(args.Next())
	if err != nil {
		return err
	}
	s.chaos.usurpAgent(a, d)
	return nil
}

// "double AGENT": a second agent of that name appears, or disappears.
func (s *stage) doubleAgent(args *coretest.Args) error {
	s.chaos.doubled = s.agentNamed(args).name
	s.chaos.double()
	return nil
}

// "node NODE [FATE]...": how the node's processes behave from now on: mute (no
// hello), deaf (no answers), hangs (it ignores SIGTERM), unfit (it cannot start, and
// a preflight says so), opaque (a preflight takes too long), guarded (it may not be
// signalled), instant (it ends at once), slow=TIME (until its hello). Without a FATE
// nothing is wrong with the node.
func (s *stage) nodeFate(args *coretest.Args) error {
	name := mgmt.NodeName(args.Next())
	f := s.newFate()
	f.mute, f.deaf, f.hangs = args.Flag("mute"), args.Flag("deaf"), args.Flag("hangs")
	f.unfit, f.opaque = args.Flag("unfit"), args.Flag("opaque")
	if args.Flag("guarded") {
		f.guard = guardAll
	}
	if args.Flag("instant") {
		f.life = 10 * time.Millisecond
	}
	if slow := args.Duration("slow"); slow > 0 {
		f.work = slow
	}
	s.fates[name] = f
	return nil
}
