package sim

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/note"
	"github.com/zeekfleet/zeekfleet/internal/golden"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

var update = flag.Bool("update", false, "rewrite the dialogue files in testdata")

// TestDialogues plays testdata/*.txt. Lines that are not indented are what is
// done to the cluster, indented ones are what is said and done because of it,
// after the time of day. Nothing is left to chance: a message takes 1 ms, a
// process 5 ms to begin, 50 ms more until it looks for its agent, and 250 ms to
// end.
//
//	agents NAME...                  the instances; NAME@dialed waits to be dialed by the
//	                                controller, at 10.0.0.1:2151, 10.0.0.2:2152 and so on
//	set NAME=VALUE...               terms, before the agents; see setTerm
//	at TIME CLIENT REQUEST ARGS...  a request; stage has "ID INSTANCE... | NODE@INSTANCE[/VARIANT]...",
//	                                with INSTANCE@dialed for one that is to be dialed as well
//	at TIME CLIENT leaves
//	at TIME PART crashes|starts     PART is controller or an agent
//	at TIME AGENT starts [without-state] [unseeing]
//	                                it finds its state missing, cannot look at processes
//	at TIME PART disk full|works|crash-before|crash-after
//	at TIME AGENT cut|mended|loses-power|stops-nodes|breaks
//	at TIME AGENT usurped FOR       a stranger welcomes it as its controller would, and goes
//	at TIME AGENT double            a second agent of that name appears, or disappears
//	at TIME NODE@AGENT dies|breaks  its process ends, or its connection
//	at TIME node NODE FATE          of its next processes: sound, mute, deaf, hangs, unfit,
//	                                guarded, opaque, instant, or slow TIME
//	at TIME end                     nothing happens up to then
//
// Notes appear from Warn on, notifications of nodes' states not at all.
func TestDialogues(t *testing.T) { golden.Dialogues(t, *update, play) }

// stage is where a dialogue plays.
type stage struct {
	*world
	out strings.Builder
	ids map[mgmt.ReqID]string
}

// play returns the dialogue as it is.
func play(t testing.TB, text string) string {
	t.Helper()
	s := &stage{world: newWorld(rand.New(rand.NewPCG(0, 0)), steadyTerms()), ids: map[mgmt.ReqID]string{}}
	s.log.listen = s.write
	s.fates = map[mgmt.NodeName]fate{}
	for number, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if strings.HasPrefix(line, " ") {
			continue
		}
		words := strings.Fields(line)
		if len(words) > 0 && words[0] == "at" {
			s.run(must(time.ParseDuration(words[1])))
			fmt.Fprintln(&s.out, line)
			s.command(words[2:])
			continue
		}
		fmt.Fprintln(&s.out, line)
		if len(words) > 0 && words[0] != "#" {
			s.prepare(words)
		}
		if s.broken != nil {
			t.Fatalf("line %d: %s\n%s", number+1, s.broken.What, s.out.String())
		}
	}
	if s.broken != nil {
		t.Fatalf("%s\n%s", s.broken.What, s.out.String())
	}
	return s.out.String()
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// id counts the request IDs that the cores make.
func (s *stage) id(id mgmt.ReqID) string {
	if !coreID.MatchString(string(id)) {
		return string(id)
	}
	if s.ids[id] == "" {
		s.ids[id] = fmt.Sprintf("#%d", len(s.ids)+1)
	}
	return s.ids[id]
}

var coreID = regexp.MustCompile(`^[0-9A-Za-z]{17,18}$`)

// write adds what is worth reading of an entry.
func (s *stage) write(e entry) {
	switch what := e.what.(type) {
	case note.Note:
		if what.Level < note.Warn {
			return
		}
	case mgmt.NotifyChange:
		return
	}
	if !e.heard {
		fmt.Fprintf(&s.out, "  %-8s %s\n", e.at.Round(time.Millisecond), e.line(renderer{s.id}))
	}
}

// prepare carries out a line without a time.
func (s *stage) prepare(words []string) {
	switch words[0] {
	case "agents":
		for i, word := range words[1:] {
			name, mode, _ := strings.Cut(word, "@")
			h := &host{addr: netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)})}
			s.newAgent(name, mgmt.InstanceName(name), h, mode != "dialed")
		}
		s.controller.start()
		for _, a := range s.agents {
			a.start()
		}
	case "set":
		for _, word := range words[1:] {
			name, value, _ := strings.Cut(word, "=")
			s.setTerm(name, value)
		}
	default:
		panic("unknown line " + words[0])
	}
}

func (s *stage) setTerm(name, value string) {
	t := &s.terms
	switch name {
	case "give-up": // after so many failures
		t.agent.Backoff.GiveUp = must(strconv.Atoi(value))
	case "preflight":
		t.agent.Preflight = map[string]agent.PreflightMode{"on": agent.PreflightOn, "strict": agent.PreflightStrict}[value]
	case "prepares":
		t.prepares = value == "on"
	case "grace":
		t.stopGrace = must(time.ParseDuration(value))
	default:
		panic("unknown term " + name)
	}
}

// command carries out what follows a time.
func (s *stage) command(words []string) {
	who, verb, rest := words[0], "", []string(nil)
	if len(words) > 1 {
		verb, rest = words[1], words[2:]
	}
	node, instance, isProcess := strings.Cut(who, "@")
	switch a := s.agent(mgmt.InstanceName(who)); {
	case who == "end":
	case who == "controller":
		s.controllerDoes(verb, rest)
	case who == "node":
		s.fates[mgmt.NodeName(verb)] = s.fate(rest)
	case a != nil:
		s.agentDoes(a, verb, rest)
	case isProcess:
		s.processDoes(s.agent(mgmt.InstanceName(instance)).running(mgmt.NodeName(node)), verb)
	default:
		s.clientDoes(who, verb, rest)
	}
}

func (s *stage) controllerDoes(verb string, rest []string) {
	switch verb {
	case "crashes":
		s.controller.end("crashes")
	case "starts":
		s.controller.start()
	case "disk":
		s.controller.disk.state = diskWord(rest[0])
	default:
		panic("unknown verb " + verb)
	}
}

func (s *stage) agentDoes(a *agentPart, verb string, rest []string) {
	switch verb {
	case "crashes":
		a.end("crashes", false)
	case "starts":
		s.mood.lost, s.mood.unseen = oneIf(rest, "without-state"), oneIf(rest, "unseeing")
		a.start()
		s.mood.lost, s.mood.unseen = 0, 0
	case "disk":
		a.disk.state = diskWord(rest[0])
	case "cut":
		s.cutOff(a.host)
	case "mended":
		s.mend(a.host)
	case "loses-power":
		a.powerOff()
	case "stops-nodes":
		a.shutdown()
	case "breaks":
		i := slices.IndexFunc(a.ep.ends, func(e *end) bool { return e.far.self.part == part(s.controller) })
		s.lose(a.ep.ends[i])
	case "usurped":
		s.usurpAgent(a, must(time.ParseDuration(rest[0])))
	case "double":
		s.doubled = a.name
		s.double()
	default:
		panic("unknown verb " + verb)
	}
}

// oneIf is the probability of something that is certain if word is among words.
func oneIf(words []string, word string) float64 {
	if slices.Contains(words, word) {
		return 1
	}
	return 0
}

func diskWord(word string) diskState {
	return map[string]diskState{
		"works": diskWorks, "full": diskFull, "crash-before": crashBeforeSave, "crash-after": crashAfterSave,
	}[word]
}

func (s *stage) processDoes(p *process, verb string) {
	switch verb {
	case "dies":
		p.exit("killed by SIGSEGV")
	case "breaks":
		s.lose(p.ep.ends[0])
	default:
		panic("unknown verb " + verb)
	}
}

func (s *stage) fate(words []string) fate {
	f := s.newFate()
	switch words[0] {
	case "sound":
	case "mute":
		f.mute = true
	case "deaf":
		f.deaf = true
	case "hangs":
		f.hangs = true
	case "guarded":
		f.guard = guardAll
	case "unfit":
		f.unfit = true
	case "opaque":
		f.opaque = true
	case "instant":
		f.life = 10 * time.Millisecond
	case "slow":
		f.work = must(time.ParseDuration(words[1]))
	default:
		panic("unknown fate " + words[0])
	}
	return f
}

func (s *stage) clientDoes(name, verb string, rest []string) {
	i := slices.IndexFunc(s.clients, func(c *client) bool { return c.name == name })
	if i < 0 {
		i = len(s.clients)
		s.newClient(name)
	}
	c := s.clients[i]
	if verb == "leaves" {
		c.leave()
		return
	}
	if c.ep == nil {
		c.connect()
		s.run(s.now + 5*time.Millisecond)
	}
	c.ask(s.request(verb, rest), true)
}

func (s *stage) request(verb string, rest []string) mgmt.Message {
	id := s.newReqID()
	switch verb {
	case "stage":
		return mgmt.StageConfigurationRequest{ReqID: id, Config: s.cluster(rest)}
	case "deploy":
		if len(rest) > 0 {
			return mgmt.StagedDeployRequest{ReqID: id, Partial: slices.Contains(rest, "partial")}
		}
		return mgmt.DeployRequest{ReqID: id}
	case "get_nodes":
		return mgmt.GetNodesRequest{ReqID: id}
	case "get_instances":
		return mgmt.GetInstancesRequest{ReqID: id}
	case "get_configuration":
		return mgmt.GetConfigurationRequest{ReqID: id, Deployed: rest[0] == "deployed"}
	case "get_id_value":
		return mgmt.GetIDValueRequest{ReqID: id, ID: rest[0], Nodes: nodeNames(rest[1:])}
	case "restart":
		return mgmt.RestartRequest{ReqID: id, Nodes: nodeNames(rest)}
	case "test_timeout":
		return mgmt.TestTimeoutRequest{ReqID: id, WithState: rest[0] == "with"}
	}
	panic("unknown request " + verb)
}

func nodeNames(words []string) (names []mgmt.NodeName) {
	for _, w := range words {
		names = append(names, mgmt.NodeName(w))
	}
	return names
}

// cluster reads "ID INSTANCE... | NODE@INSTANCE[/VARIANT]...".
func (s *stage) cluster(words []string) mgmt.Configuration {
	c := mgmt.Configuration{ID: words[0]}
	bar := slices.Index(words, "|")
	for _, word := range words[1:bar] {
		name, mode, _ := strings.Cut(word, "@")
		in := mgmt.Instance{Name: mgmt.InstanceName(name), Host: mgmt.UnknownHost}
		if a := s.agent(in.Name); a != nil && (!a.dials || mode == "dialed") {
			in.Host, in.ListenPort = a.host.addr, new(mgmt.TCPPort(a.addr.Port()))
		}
		c.Instances = append(c.Instances, in)
	}
	for _, word := range words[bar+1:] {
		word, variant, changed := strings.Cut(word, "/")
		name, instance, _ := strings.Cut(word, "@")
		i := slices.IndexFunc(nodePool, func(n mgmt.Node) bool { return string(n.Name) == name })
		n := nodePool[i]
		n.Instance = mgmt.InstanceName(instance)
		if changed {
			n.Env = map[string]string{"VARIANT": variant}
		}
		c.Nodes = append(c.Nodes, n)
	}
	return c
}
