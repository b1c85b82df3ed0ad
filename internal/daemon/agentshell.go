package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/loop"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// agentShell belongs to the goroutine of its loop.
type agentShell struct {
	inbox
	processes
	cfg      AgentConfig
	topic    string
	kept     *keeper
	endpoint *bus.Endpoint
	parts    *group

	sessions      map[mgmt.PeerID]*socketSession
	provers       map[mgmt.PeerID]launchID // the launch with whose secret a peer proves its messages, if there is a secret
	lastPreflight *runningPreflight        // the latest; nil: there was none
	unreadable    unreadable
	decoded       codec.Memory // what controllers sent
	present       func() ([]mgmt.NodeName, bool)
	howIs         func() agent.Health
	sweep         <-chan time.Time // when directories of removed nodes are looked for; nil: never
	sampling      *sampling
	ends          *ends
	nodePeers     func() map[mgmt.PeerID]mgmt.NodeName
	teller        *happenings.Teller                     // nil: nobody is told what happens
	warnedOf      map[mgmt.NodeName]mgmt.ClusterEndpoint // the cluster of the last warnings
	controllers   connectedControllers
	bundles       *bundles
	obedience     obedience
	dials         *controllerDials
}

// topics returns what the agent subscribes to.
func (a *agentShell) topics() []string {
	topics := []string{a.topic, a.cfg.NodeTopic, fleetPrepares, fleetPlans, fleetChecks, fleetSteers}
	if a.cfg.Happenings != nil {
		topics = append(topics, fleetTells)
	}
	topics = append(topics, controllersTopic(a.cfg.Core.Name))
	if term := a.obedience.term.Load(); term > 0 {
		topics = append(topics, obeysTopic(term))
	}
	return topics
}

// inbox is where events come from that do not come from the bus or from Processes.
type inbox struct {
	stopNodes <-chan struct{}  // as in AgentConfig; nil once it was closed
	happened  chan agent.Event // events of tasks
	sockets   chan socketEvent
	// asksHealth has those who want to know how the core is.
	asksHealth chan chan<- agent.Health
}

// post hands an event of a task to the loop, until ctx is done. Any goroutine may
// call it.
func (in *inbox) post(ctx context.Context, ev agent.Event) {
	select {
	case in.happened <- ev:
	case <-ctx.Done():
	}
}

// processes are the processes of nodes that live, or are about to.
type processes struct {
	nodes map[launchID]*launched
	live  *livePIDs    // the PIDs of those that have begun
	watch *statusWatch // nil: status files are not watched
	book  *nodeBook
}

func (a *agentShell) loop(ctx context.Context, sub *bus.Subscription, core *agent.Machine, adopted agent.Adopted) error {
	l := loop.New(core, a.perform)
	a.present, a.nodePeers = core.Present, core.NodePeers
	a.howIs = func() agent.Health { return agent.HealthOf(core) }
	a.beginSweeps()
	if err := l.Step(ctx, adopted); err != nil {
		return err
	}
	for _, ready := range a.alreadyReady() {
		if err := l.Step(ctx, ready); err != nil {
			return err
		}
	}
	return l.Run(ctx, func(due <-chan time.Time) (agent.Event, bool) {
		ev := a.next(ctx, sub, due)
		return ev, ev != nil
	})
}

// next waits until something happens, and returns the core's event for it, or nil.
func (a *agentShell) next(ctx context.Context, sub *bus.Subscription, due <-chan time.Time) agent.Event {
	select {
	case <-ctx.Done():
		return nil
	case <-a.stopNodes:
		a.stopNodes = nil // once is enough
		return agent.Shutdown{Within: a.cfg.StopWithin}
	case to := <-a.asksHealth:
		to <- a.howIs() // it has room
		return nil
	case <-due:
		return agent.Tick{}
	case now := <-a.sweep:
		a.sweepRemoved(ctx, now)
		return nil
	case ev := <-a.happened:
		if _, ok := ev.(agent.Measure); ok {
			a.ends.areNodes(a.nodePeers())
		}
		return ev
	case happened := <-a.sockets:
		return a.socketEvent(happened)
	case happened := <-a.cfg.Processes.Events():
		return a.processEvent(ctx, happened)
	case happened := <-sub.Events():
		return a.translate(happened)
	}
}

// translate returns the core's event for an event of the bus. Nil means that it
// does not concern the core.
func (a *agentShell) translate(happened bus.Event) agent.Event {
	switch ev := happened.(type) {
	case bus.PeerAdded:
		is := a.obedience.heard(ev.Peer, ev.Topics)
		return agent.PeerAdded{
			Peer: mgmt.PeerID(ev.Peer.ID), Fleet: announced(ev.Topics, ev.Peer, fleetController), Barred: a.cfg.barred(ev.Peer),
			Name: controllerName(ev.Peer), Term: is.term,
		}
	case bus.PeerUpdated:
		is := a.obedience.heard(ev.Peer, ev.Topics)
		return agent.PeerUpdated{Peer: mgmt.PeerID(ev.Peer.ID), Fleet: announced(ev.Topics, ev.Peer, fleetController), Term: is.term}
	case bus.PeerLost:
		a.obedience.lost(ev.Peer)
		a.ends.lost(mgmt.PeerID(ev.Peer.ID))
		a.controllers.set(ev.Peer, false)
		delete(a.provers, mgmt.PeerID(ev.Peer.ID))
		delete(a.unreadable, ev.Peer.ID)
		a.teller.Forget(mgmt.PeerID(ev.Peer.ID))
		for _, p := range a.nodes {
			delete(p.early, ev.Peer.ID)
		}
		return agent.PeerLost{Peer: mgmt.PeerID(ev.Peer.ID)}
	case bus.Message:
		return a.message(ev)
	}
	return nil
}

// message accepts an event only on its proper topic. Subscriptions match by
// prefix: messages for an agent with a longer name arrive as well.
func (a *agentShell) message(m bus.Message) agent.Event {
	if m.Topic != a.topic && m.Topic != a.cfg.NodeTopic && m.Topic != controllersTopic(a.cfg.Core.Name) {
		a.cfg.Logger.Debug("message ignored", "peer", m.From.ID, "topic", m.Topic)
		return nil
	}
	barred, decode := "", codec.Decode
	if m.Topic != a.cfg.NodeTopic {
		if barred = a.cfg.barred(*m.From); barred == "" {
			decode = a.decoded.Decode // nothing that others send is remembered
		}
	}
	msg, err := decode(m.Value)
	if err != nil {
		a.unreadable.log(a.cfg.Logger, m, err)
		return nil
	}
	peer := mgmt.PeerID(m.From.ID)
	if m.Topic != a.cfg.NodeTopic {
		if barred != "" {
			a.cfg.Bus.OnRefused(refusalOf(*m.From, barred)) // the core answers it
		}
		return agent.FromController{Peer: peer, Msg: msg}
	}
	if hello, ok := msg.(mgmt.NotifyNodeHello); ok {
		return a.nodeHello(*m.From, hello)
	}
	return a.fromNode(agent.FromNode{Peer: peer, Msg: msg})
}

// socketEvent records the connections with nodes that serve the agent.
func (a *agentShell) socketEvent(happened socketEvent) agent.Event {
	switch ev := happened.event.(type) {
	case agent.PeerAdded:
		a.sessions[happened.session.peer] = happened.session
		a.ends.connected(happened.session)
		a.provers[happened.session.peer] = happened.session.with
	case agent.PeerLost:
		delete(a.sessions, happened.session.peer)
		a.ends.lost(happened.session.peer)
		delete(a.provers, happened.session.peer)
	case agent.FromNode:
		return a.fromNode(ev)
	}
	return happened.event
}

func (a *agentShell) perform(ctx context.Context, effect agent.Effect) (*agent.Event, error) {
	switch e := effect.(type) {
	case agent.Save:
		return a.save(ctx, e.Changes)
	case agent.Fetch:
		a.bundles.fetch(ctx, e)
	case agent.Use:
		a.bundles.use(ctx, e)
	case agent.Preflight:
		a.preflight(ctx, e)
	case agent.Start:
		return a.start(e), nil
	case agent.Stop:
		return a.stop(e), nil
	case agent.Limit:
		return a.limit(e), nil
	case agent.ToController:
		a.toController(e)
	case agent.ToNodes:
		a.toNodes(e)
	case agent.Measured:
		a.sampling.told(time.Now(), e)
	case agent.Obeys:
		a.obedience.obeys(e)
	case agent.Ordered:
		a.obedience.ordered(e)
	case agent.RefusedOrder:
		a.obedience.refused(e)
	case agent.Controllers:
		a.dials.told(ctx, e.Addresses)
	case agent.Drop:
		a.endpoint.Drop(string(e.Peer), errors.New(e.Reason))
	case agent.StoppedAll:
		return nil, errStopped
	case agent.Happened:
		a.book.happened(e.Happening)
		a.cfg.Happenings.Record(e.Happening)
	case agent.Tell:
		a.teller.Ask(happenings.Ask{Peer: e.Peer, Log: e.Log, After: e.After})
	case agent.Note:
		logNote(ctx, a.cfg.Logger, e)
	default:
		panic(fmt.Sprintf("daemon: unhandled effect %T", effect))
	}
	return nil, nil
}

// save makes changes in the store. If another agent has changed the store, this
// agent ends and its nodes run on.
func (a *agentShell) save(ctx context.Context, changes []agent.Change) (*agent.Event, error) {
	list := make([]store.Change, len(changes))
	for i, change := range changes {
		list[i] = store.Change(change)
	}
	err := a.kept.save(ctx, list)
	switch {
	case errors.Is(err, store.ErrConflict):
		return nil, err
	case err != nil:
		return new(agent.Event(agent.Saved{Err: err.Error()})), nil
	}
	return new(agent.Event(agent.Saved{})), nil
}

func (a *agentShell) toController(e agent.ToController) {
	if change, ok := e.Msg.(mgmt.NotifyChange); ok && a.cfg.OnChange != nil {
		a.cfg.OnChange(change)
	}
	v := codec.Encode(e.Msg)
	if e.Peer == "" {
		a.endpoint.Publish(a.topic, v)
		return
	}
	if a.obedience.early(e) {
		return
	}
	a.endpoint.PublishTo(string(e.Peer), a.topic, v)
}

// toNodes sends a request to nodes. A connection with a node that serves the
// agent leads to the node's whole cluster. There the request names the node for
// which it is meant, and no other node.
func (a *agentShell) toNodes(e agent.ToNodes) {
	common := codec.Encode(e.Msg)
	for _, to := range e.To {
		s, onSocket := a.sessions[to.Peer]
		v := common
		if proven, ok := a.prove(to, e.Msg); ok {
			v = codec.Encode(proven)
		} else if onSocket {
			own := e.Msg
			own.Nodes = []mgmt.NodeName{to.Node}
			v = codec.Encode(own)
		}
		if onSocket {
			s.send(v)
			continue
		}
		a.endpoint.Meet(string(to.Peer))
		a.endpoint.PublishTo(string(to.Peer), a.cfg.NodeTopic, v)
	}
}
