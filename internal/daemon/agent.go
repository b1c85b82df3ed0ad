package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"zeekfleet/internal/bus"
	"zeekfleet/internal/core/agent"
	"zeekfleet/internal/event"
	"zeekfleet/internal/mgmt"
	"zeekfleet/internal/proc"
	"zeekfleet/internal/store"
)

// AgentConfig is what an agent runs with.
type AgentConfig struct {
	Core agent.Config
	// Store keeps what the agent was told to run. The caller closes it
	// afterwards.
	Store store.Store
	// Bus configures the endpoint.
	Bus bus.Config
	// Broker is where nodes connect, and the controller, if it dials. It is
	// closed at the end.
	Broker        net.Listener
	BrokerAccepts bus.ListenConfig
	// Controller is the host:port of the controller that the agent dials; empty
	// if it waits to be dialed.
	Controller     string
	ControllerDial bus.DialConfig
	// Processes runs the nodes.
	Processes Processes
	// Launch says how a node is launched.
	Launch Launcher
	// StopGrace is how long a node may take to end before it is killed, by
	// role. A role without one has 60 s as a logger and 30 s otherwise.
	StopGrace map[mgmt.ClusterRole]time.Duration
	// StopNodes, when it is closed, ends the agent together with its nodes.
	// Without it they outlive the agent.
	StopNodes <-chan struct{}
	// OnChange, if not nil, is told of each change of a node's state. It must
	// return at once.
	OnChange func(mgmt.NotifyChange)
	// AgentTopics is the prefix of the agents' topics, NodeTopic that of the
	// nodes'. Empty means DefaultAgentTopics and DefaultNodeTopic.
	AgentTopics, NodeTopic string
	// SaveTimeout bounds a save. Zero means 5 s.
	SaveTimeout time.Duration
	// Logger receives what happens. Nil discards it.
	Logger *slog.Logger
}

// Processes starts, stops and adopts processes; proc.Host is one.
type Processes interface {
	// Adopt finds the processes that an earlier life of the agent started. It
	// is called once, first.
	Adopt(ctx context.Context) (proc.Adoption, error)
	// Start and Stop return at once; Events reports what became of it, unless
	// they return an error.
	Start(spec proc.Spec) error
	Stop(name string, launch uint64, grace time.Duration) error
	Events() <-chan proc.Event
	// Run does the work until ctx is done.
	Run(ctx context.Context) error
}

// Launcher turns a plan into the process that carries it out.
type Launcher interface {
	Spec(plan mgmt.Plan) (proc.Spec, error)
}

func (c AgentConfig) withDefaults() AgentConfig {
	if c.AgentTopics == "" {
		c.AgentTopics = DefaultAgentTopics
	}
	if c.NodeTopic == "" {
		c.NodeTopic = DefaultNodeTopic
	}
	if c.SaveTimeout == 0 {
		c.SaveTimeout = 5 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Bus.Logger = c.Logger
	return c
}

// stopGrace returns how long a node of this role may take to end.
func (c AgentConfig) stopGrace(role mgmt.ClusterRole) time.Duration {
	if d, ok := c.StopGrace[role]; ok {
		return d
	}
	if role == mgmt.Logger {
		return time.Minute // it writes out what it still holds
	}
	return 30 * time.Second
}

// errStopped ends the loop once StopNodes was obeyed.
var errStopped = errors.New("all nodes stopped")

// RunAgent runs an agent until ctx is done, and returns ctx's cause then; or
// until StopNodes is closed and all nodes have ended, and returns nil then; or
// until one of its parts fails.
func RunAgent(ctx context.Context, cfg AgentConfig) error {
	cfg = cfg.withDefaults()
	var saved agent.State
	doc, err := loadDocument(ctx, cfg.Store, cfg.SaveTimeout, &saved)
	if err != nil {
		return err
	}
	adopted, err := cfg.Processes.Adopt(ctx)
	if err != nil {
		return fmt.Errorf("look for nodes of an earlier run: %w", err)
	}
	endpoint, err := bus.New(cfg.Bus)
	if err != nil {
		return err
	}
	cfg.Core.EndpointID = endpoint.ID().String()
	parts, ctx := newGroup(ctx)
	defer parts.stop()

	a := &agentShell{
		cfg:      cfg,
		topic:    cfg.AgentTopics + "/" + string(cfg.Core.Name),
		doc:      doc,
		endpoint: endpoint,
		registry: event.Management(),
		roles:    map[mgmt.NodeName]mgmt.ClusterRole{},
	}
	for _, n := range saved.Desired.Nodes {
		a.roles[n.Name] = n.Role
	}
	// Subscribing precedes listening and dialing, so that every handshake
	// announces every topic.
	sub := endpoint.Subscribe(subscriptionQueue, a.topic, cfg.NodeTopic)
	defer sub.Close()
	parts.run(ctx, "processes", cfg.Processes.Run)
	parts.run(ctx, "broker listener", func(ctx context.Context) error {
		return endpoint.Serve(ctx, cfg.Broker, cfg.BrokerAccepts)
	})
	if cfg.Controller != "" {
		parts.run(ctx, "dial controller", func(ctx context.Context) error {
			return endpoint.Dial(ctx, cfg.Controller, cfg.ControllerDial)
		})
	}
	cfg.Logger.Info("agent is live", "instance", string(cfg.Core.Name), "peer", cfg.Core.EndpointID,
		"broker", address(cfg.Broker), "controller", cfg.Controller)
	logAdoption(cfg.Logger, adopted)
	err = a.loop(ctx, sub, agent.New(cfg.Core, saved, newRand()), adopted.Running)
	if errors.Is(err, errStopped) {
		return nil
	}
	return err
}

// agentShell belongs to the goroutine of its loop.
type agentShell struct {
	cfg      AgentConfig
	topic    string
	doc      *document
	endpoint *bus.Endpoint
	registry *event.Registry
	// roles remembers what each node was launched as, for its stop grace.
	roles map[mgmt.NodeName]mgmt.ClusterRole
}

func (a *agentShell) loop(
	ctx context.Context, sub *bus.Subscription, core *agent.Machine, adopted []proc.Record,
) error {
	s := newStepper(core, a.perform)
	if err := s.step(ctx, adoptedEvent(adopted)); err != nil {
		return err
	}
	stopNodes := a.cfg.StopNodes
	for {
		var ev agent.Event
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-stopNodes:
			stopNodes = nil // once is enough
			ev = agent.Shutdown{}
		case <-s.wake.C:
			ev = agent.Tick{}
		case happened := <-a.cfg.Processes.Events():
			ev = processEvent(happened)
		case happened := <-sub.Events():
			var ok bool
			if ev, ok = a.translate(happened); !ok {
				continue
			}
		}
		if err := s.step(ctx, ev); err != nil {
			return err
		}
	}
}

// translate turns what happened on the bus into the core's event, and reports
// false for what does not concern it.
func (a *agentShell) translate(happened bus.Event) (agent.Event, bool) {
	switch ev := happened.(type) {
	case bus.PeerAdded:
		return agent.PeerAdded{Peer: mgmt.PeerID(ev.Peer.ID), Fleet: isFleetController(a.endpoint, ev.Peer)}, true
	case bus.PeerUpdated:
		return agent.PeerUpdated{Peer: mgmt.PeerID(ev.Peer.ID), Fleet: isFleetController(a.endpoint, ev.Peer)}, true
	case bus.PeerLost:
		return agent.PeerLost{Peer: mgmt.PeerID(ev.Peer.ID)}, true
	case bus.Message:
		return a.message(ev)
	}
	return nil, false
}

// message accepts each event only on its proper topic: subscriptions match by
// prefix, so what is meant for an agent with a longer name arrives as well.
func (a *agentShell) message(m bus.Message) (agent.Event, bool) {
	if m.Topic != a.topic && m.Topic != a.cfg.NodeTopic {
		a.cfg.Logger.Debug("message ignored", "peer", m.From.ID, "topic", m.Topic)
		return nil, false
	}
	msg, err := a.registry.Decode(m.Value)
	if err != nil {
		a.cfg.Logger.Warn("event not understood", "peer", m.From.ID, "topic", m.Topic, "err", err)
		return nil, false
	}
	peer := mgmt.PeerID(m.From.ID)
	if m.Topic == a.topic {
		return agent.FromController{Peer: peer, Msg: msg}, true
	}
	return agent.FromNode{Peer: peer, Msg: msg}, true
}

func (a *agentShell) perform(ctx context.Context, effect agent.Effect) (*agent.Event, error) {
	switch e := effect.(type) {
	case agent.Save:
		saved := agent.Saved{}
		if err := a.doc.save(ctx, e.State); err != nil {
			a.cfg.Logger.Error("configuration not saved", "err", err)
			saved.Err = err.Error()
		}
		return new(agent.Event(saved)), nil
	case agent.Start:
		return a.start(e), nil
	case agent.Stop:
		a.stop(e)
	case agent.ToController:
		a.toController(e)
	case agent.ToNodes:
		v := a.registry.Encode(e.Msg)
		for _, peer := range e.Peers {
			a.endpoint.PublishTo(string(peer), a.cfg.NodeTopic, v)
		}
	case agent.StoppedAll:
		return nil, errStopped
	case agent.Note:
		note(ctx, a.cfg.Logger, int(e.Level), e.Text, "node", string(e.Node), "peer", string(e.Peer),
			"reqid", string(e.ReqID), "err", e.Err)
	default:
		panic(fmt.Sprintf("daemon: unhandled effect %T", effect))
	}
	return nil, nil
}

// start launches a node. What goes wrong before there is a process is the
// core's next event.
func (a *agentShell) start(e agent.Start) *agent.Event {
	n := e.Plan.Node
	a.roles[n.Name] = n.Role
	spec, err := a.cfg.Launch.Spec(e.Plan)
	if err == nil {
		spec.Name, spec.Launch, spec.PlanHash = string(n.Name), e.Launch, e.Hash
		err = a.cfg.Processes.Start(spec)
	}
	if err != nil {
		return new(agent.Event(agent.StartFailed{Node: n.Name, Launch: e.Launch, Err: err.Error()}))
	}
	return nil
}

// stop asks for a node's end. An error means that it has ended already, and
// that the event which says so is on its way.
func (a *agentShell) stop(e agent.Stop) {
	if err := a.cfg.Processes.Stop(string(e.Node), e.Launch, a.cfg.stopGrace(a.roles[e.Node])); err != nil {
		a.cfg.Logger.Debug("stop is late", "node", string(e.Node), "err", err)
	}
}

func (a *agentShell) toController(e agent.ToController) {
	if change, ok := e.Msg.(mgmt.NotifyChange); ok && a.cfg.OnChange != nil {
		a.cfg.OnChange(change)
	}
	v := a.registry.Encode(e.Msg)
	if e.Peer == "" {
		a.endpoint.Publish(a.topic, v)
		return
	}
	a.endpoint.PublishTo(string(e.Peer), a.topic, v)
}
