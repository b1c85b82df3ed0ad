package node

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// The errors that a node answers with. All but the last are in upstream's words
// (spec management-api 4.3 and 4.4).
const (
	errNoAction = "no dispatch arguments provided"
	errUnknown  = "dispatch %s unknown"
	errNoID     = "get_id_value expects name of global identifier"
	errTooMany  = "too many dispatches in flight"
)

// Config has the settings of a node. Name is required. The zero value of every other
// field works.
type Config struct {
	Name mgmt.NodeName
	// Actions names the node's dispatches beside mgmt.GetIDValue.
	Actions []string
	// MaxCalls bounds the dispatches in flight. The node answers further dispatches
	// with an error. Zero means 100.
	MaxCalls int
	// HelloInterval is the time between two hellos. The hello is repeated because
	// the agent would wait for ever for a lost one (spec management-api 7.4, G-N2).
	// Zero means 1 min. Less than zero means never.
	HelloInterval time.Duration
}

// Machine is one node's decisions.
type Machine struct {
	cfg    Config
	agents []mgmt.PeerID // the peerings with the agent, oldest first
	hello  time.Time     // when the hello is repeated, if there are agents
	calls  map[uint64]call
	next   uint64 // number of the next call
}

// call is a dispatch that runs.
type call struct {
	peer  mgmt.PeerID // empty: the peer was lost, and nobody waits for the answer
	reqID mgmt.ReqID
}

// New returns a node without peers.
func New(cfg Config) *Machine {
	cfg.MaxCalls = cmp.Or(cfg.MaxCalls, 100)
	cfg.HelloInterval = cmp.Or(cfg.HelloInterval, time.Minute)
	return &Machine{cfg: cfg, calls: make(map[uint64]call)}
}

// Step handles ev and returns the effects that must be done now, in order.
func (m *Machine) Step(now time.Time, ev Event) []Effect {
	switch ev := ev.(type) {
	case PeerAdded:
		if !slices.Contains(m.agents, ev.Peer) {
			m.agents = append(m.agents, ev.Peer)
		}
		return m.sayHello(now, ev.Peer)
	case PeerLost:
		m.lost(ev.Peer)
		return nil
	case Received:
		return m.received(ev)
	case Returned:
		return m.returned(ev)
	case Tick:
		return m.tick(now)
	}
	panic(fmt.Sprintf("node: unhandled event %T", ev))
}

// NextWake returns when a Tick is needed if nothing happens before, and false
// if none is.
func (m *Machine) NextWake() (time.Time, bool) {
	return m.hello, len(m.agents) > 0 && m.cfg.HelloInterval > 0
}

func (m *Machine) tick(now time.Time) []Effect {
	if at, ok := m.NextWake(); !ok || now.Before(at) {
		return nil
	}
	return m.sayHello(now, m.agents...)
}

// sayHello says that the node is there, and which dispatches it has if it has more than
// mgmt.GetIDValue.
func (m *Machine) sayHello(now time.Time, peers ...mgmt.PeerID) []Effect {
	m.hello = now.Add(m.cfg.HelloInterval)
	var effects []Effect
	for _, p := range peers {
		effects = append(effects, Publish{Peer: p, Msg: mgmt.NotifyNodeHello{Node: m.cfg.Name}})
		if len(m.cfg.Actions) > 0 {
			effects = append(effects, Publish{Peer: p, Msg: mgmt.NotifyDispatches{Node: m.cfg.Name, Dispatches: m.dispatches()}})
		}
	}
	return effects
}

// dispatches returns the names of all dispatches of the node, sorted.
func (m *Machine) dispatches() []string {
	return slices.Sorted(slices.Values(append([]string{mgmt.GetIDValue}, m.cfg.Actions...)))
}

// lost drops a peering with the agent. Nobody gets the answers to its calls: an
// agent that lost a node answers for the node.
func (m *Machine) lost(peer mgmt.PeerID) {
	m.agents = slices.DeleteFunc(m.agents, func(p mgmt.PeerID) bool { return p == peer })
	for n, c := range m.calls {
		if c.peer == peer {
			m.calls[n] = call{reqID: c.reqID}
		}
	}
}

// received answers a dispatch or runs it. Other nodes answer the dispatches that
// name only them.
func (m *Machine) received(ev Received) []Effect {
	req := ev.Msg
	switch {
	case !slices.Contains(m.agents, ev.Peer):
		return []Effect{Note{Level: Warn, Text: "dispatch refused: the peer is not our agent", Peer: ev.Peer, ReqID: req.ReqID}}
	case len(req.Nodes) > 0 && !slices.Contains(req.Nodes, m.cfg.Name):
		return []Effect{Note{Level: Debug, Text: "dispatch is for other nodes", Peer: ev.Peer, ReqID: req.ReqID}}
	}
	if mistake := m.check(req.Action); mistake != "" {
		return []Effect{m.answer(ev.Peer, mgmt.Result{ReqID: req.ReqID, Error: mistake})}
	}
	m.next++
	m.calls[m.next] = call{peer: ev.Peer, reqID: req.ReqID}
	return []Effect{Call{Call: m.next, Action: req.Action[0], Args: req.Action[1:]}}
}

// check returns why action cannot be run, or "" if it can.
func (m *Machine) check(action []string) string {
	switch {
	case len(action) == 0:
		return errNoAction
	case action[0] != mgmt.GetIDValue && !slices.Contains(m.cfg.Actions, action[0]):
		return fmt.Sprintf(errUnknown, action[0])
	case action[0] == mgmt.GetIDValue && len(action) == 1:
		return errNoID
	case len(m.calls) >= m.cfg.MaxCalls:
		return errTooMany
	}
	return ""
}

func (m *Machine) returned(ev Returned) []Effect {
	c, ok := m.calls[ev.Call]
	if !ok {
		return nil
	}
	delete(m.calls, ev.Call)
	if c.peer == "" {
		return nil
	}
	if ev.Err != "" {
		return []Effect{m.answer(c.peer, mgmt.Result{ReqID: c.reqID, Error: ev.Err})}
	}
	return []Effect{m.answer(c.peer, mgmt.Result{ReqID: c.reqID, Success: true, Data: mgmt.Text(ev.Data)})}
}

// answer puts the node's name into r. Only the agent knows the instance.
func (m *Machine) answer(peer mgmt.PeerID, r mgmt.Result) Effect {
	r.Node = m.cfg.Name
	return Publish{Peer: peer, Msg: mgmt.NodeDispatchResponse{ReqID: r.ReqID, Result: r}}
}

// Held says how many peerings and calls a machine remembers.
type Held struct{ Agents, Calls int }

// Held returns how much m remembers. Config bounds the calls, and the shell bounds
// the agents.
func (m *Machine) Held() Held { return Held{len(m.agents), len(m.calls)} }
