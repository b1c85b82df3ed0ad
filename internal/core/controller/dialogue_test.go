package controller_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/golden"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

var update = flag.Bool("update", false, "rewrite the dialogue files in testdata")

// TestDialogues plays testdata/*.txt. Lines that are not indented are what
// happens, indented ones are what the machine does about it:
//
//	set FIELD=VALUE ...                      settings, before anything else
//	cluster NAME INSTANCE... | NODE...       a configuration; INSTANCE is name[@host:port] or
//	                                         name[@host], NODE is name:role@instance[:port]
//	at TIME peer P ADDR [prepares | certificate NAME INSTANCE...]
//	                                         a peer connects; "dialed P ADDR" if we dialed it
//	at TIME hello P INSTANCE [K=V]           K is version, id or topic
//	at TIME lost P
//	at TIME agent P KIND ANSWER... [for Q] [as INSTANCE]
//	                                         P answers its last request of that kind, or Q's
//	at TIME client C REQUEST ID ARGS...      of deploy: [partial] [of=ID] [patience=TIME]
//	at TIME gone C
//	at TIME disk full|works
//	at TIME restart                          the controller starts again from its last save
//	at TIME wait                             nothing happens
//
// Between two lines the machine gets its ticks; what it does then follows "--
// TIME". Saves are answered at once.
func TestDialogues(t *testing.T) { golden.Dialogues(t, *update, play) }

// stage is where a dialogue plays.
type stage struct {
	t        testing.TB
	cfg      controller.Config
	clusters map[string]mgmt.Configuration
	core     *controller.Machine
	now      time.Duration
	diskFull bool
	saved    controller.State
	render   renderer
	asked    map[mgmt.PeerID]map[string]asked // by peer and kind: the last request
	// instances is what the peers said hello as.
	instances map[mgmt.PeerID]mgmt.InstanceName
	out       strings.Builder
}

type asked struct {
	id  mgmt.ReqID
	msg mgmt.Message
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func play(t testing.TB, script string) string {
	s := &stage{t: t, clusters: map[string]mgmt.Configuration{}, render: renderer{names: map[mgmt.ReqID]string{}},
		instances: map[mgmt.PeerID]mgmt.InstanceName{}}
	s.cfg.Rules = mgmt.Rules{AssignBroker: true, AssignMetrics: true,
		Controller: mgmt.ControllerSite{Name: "controller", Broker: mgmt.TCPPort(2150), WebSocket: mgmt.TCPPort(2149)}}
	for n, line := range strings.Split(strings.TrimSuffix(script, "\n"), "\n") {
		if strings.HasPrefix(line, "  ") {
			continue // what the machine did last time
		}
		fmt.Fprintln(&s.out, line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := s.line(split(t, line)); err != nil {
			t.Fatalf("line %d: %s: %v\n%s", n+1, line, err, s.out.String())
		}
	}
	return s.out.String()
}

func (s *stage) line(words []string) error {
	switch words[0] {
	case "set":
		return s.set(words[1:])
	case "cluster":
		c, err := parseCluster(words[1:])
		s.clusters[words[1]] = c
		return err
	case "at":
		at, err := time.ParseDuration(words[1])
		if err != nil {
			return err
		}
		if s.core == nil {
			s.restart()
		}
		s.runUntil(at)
		return s.happen(words[2], words[3:])
	}
	return fmt.Errorf("unknown line")
}

// restart makes a machine from what the last save left on disk.
func (s *stage) restart() {
	text, err := json.Marshal(s.saved)
	if err != nil {
		s.t.Fatal(err)
	}
	var saved controller.State
	if err := json.Unmarshal(text, &saved); err != nil {
		s.t.Fatal(err)
	}
	s.core = controller.New(s.cfg, saved, rand.New(rand.NewPCG(1, 2)))
	s.asked = map[mgmt.PeerID]map[string]asked{}
}

// runUntil lets the machine have its ticks up to that time.
func (s *stage) runUntil(until time.Duration) {
	for range 10_000 {
		wake, ok := s.core.NextWake()
		if at := max(wake.Sub(epoch), s.now); ok && at <= until {
			s.now = at
			if effects := s.core.Step(epoch.Add(at), controller.Tick{}); len(effects) > 0 {
				fmt.Fprintf(&s.out, "  -- %v\n", at)
				s.perform(effects)
			}
			continue
		}
		s.now = until
		return
	}
	s.t.Fatalf("the machine wants to wake up all the time at %v", s.now)
}

func (s *stage) step(ev controller.Event) {
	s.perform(s.core.Step(epoch.Add(s.now), ev))
}

func (s *stage) perform(effects []controller.Effect) {
	for i, e := range effects {
		switch e := e.(type) {
		case controller.Save:
			if i != len(effects)-1 {
				s.t.Errorf("Save is effect %d of %d", i+1, len(effects))
			}
			s.save(e.State)
			return
		case controller.ToAgent:
			s.remember(e)
		}
		s.print(e)
	}
}

func (s *stage) print(e controller.Effect) {
	for _, line := range s.render.effect(e) {
		fmt.Fprintln(&s.out, "  "+line)
	}
}

func (s *stage) save(state controller.State) {
	saved := controller.Saved{}
	if s.diskFull {
		saved.Err = "disk full"
	} else {
		s.saved = state
	}
	s.print(controller.Save{State: state})
	s.step(saved)
}

// remember keeps the request that an agent is to answer.
func (s *stage) remember(e controller.ToAgent) {
	kind, id := agentRequest(e.Msg)
	if s.asked[e.Peer] == nil {
		s.asked[e.Peer] = map[string]asked{}
	}
	s.asked[e.Peer][kind] = asked{id, e.Msg}
}

func (s *stage) happen(what string, args []string) error {
	switch what {
	case "wait":
	case "restart":
		s.restart()
		s.runUntil(s.now)
	case "disk":
		s.diskFull = args[0] == "full"
	case "peer", "dialed":
		addr, err := netip.ParseAddrPort(args[1])
		ev := controller.PeerAdded{Peer: mgmt.PeerID(args[0]), Addr: addr, Dialed: what == "dialed",
			Prepares: len(args) == 3}
		if len(args) > 3 && args[2] == "certificate" {
			ev.Certificate = args[3]
			for _, name := range args[4:] {
				ev.Instances = append(ev.Instances, mgmt.InstanceName(name))
			}
		}
		s.step(ev)
		return err
	case "lost":
		s.step(controller.PeerLost{Peer: mgmt.PeerID(args[0])})
	case "gone":
		s.step(controller.ClientGone{Client: mgmt.PeerID(args[0])})
	case "hello":
		return s.hello(args)
	case "agent":
		return s.agent(args)
	case "client":
		return s.client(args)
	default:
		return fmt.Errorf("unknown event %q", what)
	}
	return nil
}

func (s *stage) hello(args []string) error {
	peer, name := mgmt.PeerID(args[0]), mgmt.InstanceName(args[1])
	s.instances[peer] = name
	hello := mgmt.NotifyAgentHello{Instance: name, ID: args[0], Connecting: true, APIVersion: mgmt.APIVersion}
	for _, arg := range args[2:] {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "version":
			v, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				return err
			}
			hello.APIVersion = v
		case "id":
			hello.ID = value
		case "topic":
			name = mgmt.InstanceName(value)
		}
	}
	s.step(controller.FromAgent{Peer: peer, Instance: name, Msg: hello})
	return nil
}

// set changes settings: durations and numbers by the names of their fields.
func (s *stage) set(words []string) error {
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		d, durationErr := time.ParseDuration(value)
		n, numberErr := strconv.Atoi(value)
		if durationErr != nil && numberErr != nil {
			return fmt.Errorf("%s is neither a duration nor a number", value)
		}
		switch key {
		case "ReadyGrace":
			s.cfg.ReadyGrace = d
		case "DeployReserve":
			s.cfg.DeployReserve = d
		case "DeployTimeout":
			s.cfg.DeployTimeout = d
		case "LeaveTimeout":
			s.cfg.LeaveTimeout = d
		case "History":
			s.cfg.History = n
		case "Requests":
			s.cfg.Limits.Requests = n
		case "ClientRequests":
			s.cfg.Limits.ClientRequests = n
		case "Peers":
			s.cfg.Limits.Peers = n
		case "Results":
			s.cfg.Limits.Results = n
		case "Nodes":
			s.cfg.Limits.Nodes = n
		case "ReqIDBytes":
			s.cfg.Limits.ReqIDBytes = n
		case "MaxNodes":
			s.cfg.Rules.MaxNodes = n
		case "AutoPorts":
			s.cfg.Rules.AssignBroker, s.cfg.Rules.AssignMetrics = n != 0, n != 0
		default:
			return fmt.Errorf("unknown setting %s", key)
		}
	}
	return nil
}

// split cuts a line into words; a quoted word may contain spaces.
func split(t testing.TB, line string) []string {
	var words []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		end := 0
		for quoted := false; end < len(line) && (quoted || line[end] != ' '); end++ {
			if line[end] == '"' {
				quoted = !quoted
			}
		}
		words = append(words, strings.ReplaceAll(line[:end], `"`, ""))
		line = line[end:]
	}
	if len(words) < 2 {
		t.Fatalf("line too short: %s", line)
	}
	return words
}
