package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/carry"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/loop"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/samples"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/systemd"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// ControllerConfig has the parts and the settings of a controller.
type ControllerConfig struct {
	Core controller.Config
	// Store keeps the configurations. The caller closes it afterwards.
	Store store.Store
	// Authority says who may do what, and signs certificates. Nil means that this
	// controller has none: everybody may do everything, or what the certificates in files
	// say. The controller runs it; the caller closes it afterwards.
	Authority *Authority
	// Bus configures the endpoint. Its Screen is made from Callers. If its TLS gives
	// identities, only agents may connect. MaxAgents and the places of clients give its
	// MaxPeers.
	Bus bus.Config
	// MaxAgents bounds the agents that are connected. Zero means DefaultMaxAgents.
	MaxAgents int
	// Callers are the users of this host who may connect. An agent that the
	// controller dials must run as one of them.
	Callers Callers
	// AgentNames maps names in certificates to instances. An agent whose certificate
	// has the name may introduce itself as one of these instances. It may always
	// introduce itself as the instance with the name itself. AnyInstance stands for
	// all instances. An agent whose certificate has an identity is the instance of that
	// identity, and no other.
	AgentNames map[string][]string
	// SharedAuthority says that the same authority signs certificates of clients and of
	// agents. A client's certificate then counts only if it has the identity of a user.
	SharedAuthority bool
	// Insecure means that nobody needs to prove anything, unless the kernel or a
	// certificate says who it is.
	Insecure bool
	// Broker accepts peers, and WebSocket accepts clients. Nil means that none can
	// connect. The controller closes both at the end.
	Broker, WebSocket net.Listener
	// BrokerAccepts and WebSocketServer say how peers and clients may connect.
	BrokerAccepts   bus.ListenConfig
	WebSocketServer bus.WebSocketConfig
	// AgentDial says how the controller dials agents.
	AgentDial bus.DialConfig
	// Topic is the topic on which the controller serves clients. Empty means
	// mgmt.ControllerTopic.
	Topic string
	// AgentTopics is the prefix of the agents' topics. Empty means
	// mgmt.AgentTopics.
	AgentTopics string
	// Audit keeps the records of changes that users have asked for, and of refusals. Nil
	// keeps none.
	Audit *audit.Recorder
	// Happenings keeps what happens in the cluster. Nil keeps nothing.
	Happenings *happenings.Recorder
	// Samples keeps what agents measure. Nil keeps nothing.
	Samples *samples.Store
	// Tally is told of requests and operations that have ended. Nil tells nobody.
	Tally Tally
	// Alerts watches the cluster. Nil means that nobody does. The controller runs it and its
	// receivers.
	Alerts *Alerts
	// Bundles has the archives that agents fetch. Nil means that there are none.
	Bundles BundleArchives
	// Version is the program's version, for people. It may be empty.
	Version string
	// Streams bounds the streams of agents.
	Streams carry.Config
	// Endpoint is where agents and clients are connected, of NewEndpoint. It outlives the
	// controller, which subscribes to topics while it runs, and drops its clients at the end.
	// ServeEndpoint serves its ports. Nil means that the controller has an endpoint of its
	// own, and serves Broker and WebSocket itself.
	Endpoint *bus.Endpoint
	// Term is the number of this controller's lead among the controllers of its cluster.
	// Zero means that there are no others.
	Term uint64
	// TermSeen is called with a greater term that an agent has obeyed. It must return at once.
	// Nil means that nobody wants to know.
	TermSeen func(uint64)
	// Addresses returns where the controllers of the cluster accept agents, as host:port.
	// Agents are told, and they are told again when AddressesChanged has something. Nil, and a
	// list that is nil, mean that agents are told nothing. An empty list tells them to forget
	// what they were told: the controller is alone now.
	Addresses        func() []string
	AddressesChanged <-chan struct{}
	// SaveTimeout bounds a save. Zero means 5 s.
	SaveTimeout time.Duration
	// Logger gets the log records. Nil discards them.
	Logger *slog.Logger
	// Service is the service manager that started the controller. Its zero value is none.
	Service systemd.Notifier
}

// defaultSaveTimeout bounds a save of either daemon.
const defaultSaveTimeout = 5 * time.Second

// defaultPace is the pace of both daemons. It does not bind the agents, nodes and
// controllers that a daemon knows. A person's requests stay far below it. `make
// bench` shows what a thousand attackers can do within it.
var defaultPace = bus.Pace{Burst: 100, PerSecond: 25, Shared: 6000}

// DefaultMaxAgents is how many agents may be connected with a controller.
const DefaultMaxAgents = 10_000

// Places that either daemon reserves for root, for its own user, and for peers
// that it dials: of an agent's 1024 peers, beside a controller's agents, and of its 100
// clients. clientPeers are places for those 100 clients.
const (
	reservedPeers   = 64
	reservedClients = 10
	clientPeers     = 100
)

func (c ControllerConfig) withDefaults() ControllerConfig {
	c.Topic = cmp.Or(c.Topic, mgmt.ControllerTopic)
	c.AgentTopics = cmp.Or(c.AgentTopics, mgmt.AgentTopics)
	c.SaveTimeout = cmp.Or(c.SaveTimeout, defaultSaveTimeout)
	c.Logger = limitedLog(cmp.Or(c.Logger, slog.New(slog.DiscardHandler)))
	c.Bus.Logger = c.Logger
	c.Bus.Screen = c.Callers.screen("controller")
	c.Bus.TLS = judgeKinds(c.Bus.TLS, onlyAgents, identity.Agent)
	c.Bus.OnRefused = reporting(c.Audit, c.Bus.OnRefused)
	c.Bus.Pace = cmp.Or(c.Bus.Pace, defaultPace)
	c.Bus.ReservedPeers = cmp.Or(c.Bus.ReservedPeers, reservedPeers)
	c.MaxAgents = cmp.Or(c.MaxAgents, DefaultMaxAgents)
	c.Bus.MaxPeers = cmp.Or(c.Bus.MaxPeers, c.MaxAgents+clientPeers+c.Bus.ReservedPeers)
	c.Core.Limits.Peers = cmp.Or(c.Core.Limits.Peers, c.Bus.MaxPeers) // the bus refuses before, and says so to the agent
	c.WebSocketServer.ReservedClients = cmp.Or(c.WebSocketServer.ReservedClients, reservedClients)
	return c
}

// subscriptionQueue bounds the bus events that wait for a core. While the queue
// is full, no connection is read that has an event. Connections take turns with
// one event each. The shorter the queue, the less a busy peer can delay a quiet
// one.
const subscriptionQueue = 1

// Controller is a controller in this process.
type Controller struct {
	cfg   ControllerConfig
	port  *port
	hears atomic.Bool
}

// NewController returns a controller, which can run once.
func NewController(cfg ControllerConfig) *Controller {
	return &Controller{cfg: cfg.withDefaults(), port: newPort()}
}

// Hears reports whether the controller hears what its clients and agents send to its endpoint.
// What somebody sends before is lost. Any goroutine may call it.
func (c *Controller) Hears() bool { return c.hears.Load() }

// beginHearing says that the controller hears, until the function that it returns is called.
func (c *Controller) beginHearing() (end func()) {
	c.hears.Store(true)
	return func() { c.hears.Store(false) }
}

// Run runs the controller until ctx is done, and returns the cause of ctx then.
// It also returns the first error of one of its parts. It returns
// store.ErrConflict if another controller has changed the store.
func (c *Controller) Run(ctx context.Context) error {
	defer close(c.port.ended)
	cfg := c.cfg
	kept, saved, err := loadState(ctx, cfg.Store, cfg.SaveTimeout, readControllerState)
	if err != nil {
		return err
	}
	who := NewWho(cfg)
	endpoint, err := cfg.endpoint()
	if err != nil {
		return err
	}
	parts, ctx := newGroup(ctx)

	shell := &controllerShell{
		cfg:        cfg,
		port:       c.port,
		waiting:    submissions{},
		kept:       kept,
		endpoint:   endpoint,
		parts:      parts,
		dials:      map[mgmt.InstanceName]context.CancelFunc{},
		unreadable: unreadable{},
		callers:    newCallers(who, endpoint.Drop, cfg.Bus.OnRefused),
		telling:    addressTelling{of: cfg.Addresses, agents: map[string]string{}, told: map[string][]string{}},
	}
	f, err := c.newFetching(parts, endpoint)
	if err != nil {
		parts.stop()
		return err
	}
	certificates := cfg.newCertifying(endpoint)
	// Subscribing precedes listening, so that the handshake with the first peer announces
	// every topic. Agents that are connected already learn the term last, and all at once.
	sub := endpoint.Subscribe(subscriptionQueue, cfg.topics()...)
	defer cfg.leave(endpoint, sub, parts)
	defer c.beginHearing()()
	shell.announces = sub.Announce
	c.fetch(ctx, parts, f)
	if cfg.Endpoint == nil {
		reapOrphans(ctx, parts, cfg.Logger)
	}
	if cfg.Audit != nil {
		parts.run(ctx, "audit", cfg.Audit.Run)
	}
	if cfg.Happenings != nil {
		parts.run(ctx, "happenings", shell.keepHappenings)
	}
	if cfg.Alerts != nil {
		parts.run(ctx, "alerts", func(ctx context.Context) error { return cfg.Alerts.run(ctx, watchedController{c, endpoint}) })
		if cfg.Alerts.cfg.Receivers != nil {
			parts.run(ctx, "receivers of alerts", cfg.Alerts.cfg.Receivers.Run)
		}
	}
	if cfg.Authority != nil {
		parts.run(ctx, "authority", cfg.Authority.Run)
		parts.run(ctx, "certificates of agents", certificates.run)
		parts.run(ctx, "renewals", certificates.sign)
	}
	if cfg.Endpoint == nil {
		cfg.listen(ctx, parts, endpoint, who)
	}
	if cfg.Authority != nil {
		defer cfg.Authority.Changed(shell.callers.change)()
	}
	cfg.Logger.Info("controller is live", "peer", endpoint.ID().String(),
		"broker", address(cfg.Broker), "websocket", address(cfg.WebSocket), "term", cfg.Term)
	parts.task(func() { Supervised(ctx, cfg.Service, cfg.Logger, c.Standing) })
	return shell.loop(ctx, sub, controller.New(cfg.Core, saved, newRand()))
}

// listen serves the ports of the controller.
func (c ControllerConfig) listen(ctx context.Context, parts *group, endpoint *bus.Endpoint, who *Who) {
	if c.Broker != nil {
		parts.run(ctx, "broker listener", func(ctx context.Context) error {
			return endpoint.Serve(ctx, c.Broker, c.BrokerAccepts)
		})
	}
	if c.WebSocket != nil {
		parts.run(ctx, "websocket listener", func(ctx context.Context) error {
			return endpoint.ServeWebSocket(ctx, c.WebSocket, c.clientPort(who))
		})
	}
}

// newRand returns a source of chance for a core.
func newRand() *rand.Rand { return rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())) }

// clientsOnly admits the requests that users may make of the controller, and
// refuses everything else that WebSocket clients publish. Anything else would
// reach agents, nodes and other clients as if the controller had said it (spec
// management-api 7.1, G-P4).
func clientsOnly(topic string) func(string, zval.Value) error {
	return func(t string, v zval.Value) error {
		e, err := wire.ParseEvent(v)
		if err != nil {
			return err
		}
		if kind, ok := mgmt.KindOfEvent(e.Name); t != topic || !ok || kind.May == mgmt.NoUser {
			return fmt.Errorf("event %s on topic %s is not for clients to publish", e.Name, t)
		}
		_, err = codec.Decode(v)
		return err
	}
}

func address(ln net.Listener) string {
	if ln == nil {
		return "none"
	}
	return ln.Addr().String()
}

// controllerShell belongs to the goroutine of its loop.
type controllerShell struct {
	cfg        ControllerConfig
	port       *port
	waiting    submissions
	kept       *keeper
	endpoint   *bus.Endpoint
	parts      *group
	dials      map[mgmt.InstanceName]context.CancelFunc
	unreadable unreadable
	configs    sharedConfigs
	callers    *connected
	telling    addressTelling
	announces  func(prefixes ...string)
	// conflict is the error that another controller has changed the store. The shell
	// ends with this error when farewell comes.
	conflict error
	farewell <-chan time.Time
}

func (c *controllerShell) loop(ctx context.Context, sub *bus.Subscription, core *controller.Machine) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer c.port.stirs.tell()
	return c.around(core).Run(ctx, func(due <-chan time.Time) (controller.Event, bool) {
		select {
		case <-ctx.Done():
			return nil, false
		case <-c.farewell:
			end(c.conflict)
			return nil, false
		case <-due:
			return controller.Tick{}, true
		case happened := <-sub.Events():
			return c.translate(happened)
		case <-c.callers.changed:
			c.callers.judgeAll(time.Now())
			return nil, false
		case <-c.callers.ends.C:
			c.callers.judgeAll(time.Now())
			return nil, false
		case <-c.cfg.AddressesChanged:
			c.tellAddresses()
			return nil, false
		case <-c.port.raised:
			c.raise()
			return nil, false
		case s := <-c.port.submitted:
			return c.waiting.begin(s), true
		case asker := <-c.port.withdrawn:
			return c.waiting.withdraw(asker), true
		case s := <-c.port.snapshots:
			s <- core.Snapshot()
			return nil, false
		case q := <-c.port.instances:
			q.answer <- core.Instance(q.name)
			return nil, false
		}
	})
}

// around returns the loop around a core.
func (c *controllerShell) around(core *controller.Machine) *loop.Loop[controller.Event, controller.Effect] {
	stirs := stirring{core, &c.port.stirs}
	if c.cfg.Tally == nil {
		return loop.New(stirs, c.perform)
	}
	return loop.New(&tallied{stirring: stirs, tally: c.cfg.Tally, open: map[openRequest]begunRequest{}}, c.perform)
}

// translate returns the core's event for an event of the bus. It returns false if
// the event does not concern the core.
func (c *controllerShell) translate(happened bus.Event) (controller.Event, bool) {
	switch ev := happened.(type) {
	case bus.PeerAdded:
		c.callers.add(ev.Peer, time.Now())
		if ev.Peer.Kind == bus.Native {
			c.announced(ev.Peer, ev.Topics)
			return c.peerAdded(ev.Peer), true
		}
	case bus.PeerUpdated:
		c.announced(ev.Peer, ev.Topics)
	case bus.PeerLost:
		delete(c.unreadable, ev.Peer.ID)
		c.telling.forget(ev.Peer.ID)
		c.cfg.Happenings.Unfollow(mgmt.PeerID(ev.Peer.ID))
		c.callers.remove(ev.Peer)
		if ev.Peer.Kind == bus.Native {
			return controller.PeerLost{Peer: mgmt.PeerID(ev.Peer.ID)}, true
		}
		return controller.ClientGone{Client: mgmt.PeerID(ev.Peer.ID)}, true
	case bus.Message:
		return c.message(ev)
	}
	return nil, false
}

// peerAdded tells the core as which instances a peer may introduce itself.
func (c *controllerShell) peerAdded(p bus.Peer) controller.PeerAdded {
	claim := c.cfg.claim(p)
	return controller.PeerAdded{
		Peer: mgmt.PeerID(p.ID), Addr: p.Addr, Dialed: p.Dialed, Fleet: announces(c.endpoint, p, fleetPrepares),
		Plans:       announces(c.endpoint, p, fleetPlans),
		Checks:      announces(c.endpoint, p, fleetChecks),
		Tells:       announces(c.endpoint, p, fleetTells),
		Steers:      announces(c.endpoint, p, fleetSteers),
		Certificate: claim.certificate, Instances: claim.instances, Fixed: claim.fixed, Barred: claim.barred,
	}
}

// message accepts an event only on its proper topic, because subscriptions match
// by prefix. It accepts events of agents only from native peers, and requests
// only from clients: an agent is no client of its controller.
func (c *controllerShell) message(m bus.Message) (controller.Event, bool) {
	instance, fromAgent := strings.CutPrefix(m.Topic, c.cfg.AgentTopics+"/")
	if !fromAgent && m.Topic != c.cfg.Topic || fromAgent && m.From.Kind != bus.Native {
		c.cfg.Logger.Debug("message ignored", "peer", m.From.ID, "topic", m.Topic)
		return nil, false
	}
	if !fromAgent && m.From.Kind != bus.WebSocket {
		c.cfg.Logger.Warn("request refused: peers of the Broker port are no clients", "peer", m.From.ID, "addr", m.From.Addr.String())
		c.callers.report(*m.From, "peers of the Broker port are no clients")
		return nil, false
	}
	msg, err := codec.Decode(m.Value)
	if err != nil {
		c.unreadable.log(c.cfg.Logger, m, err)
		return nil, false
	}
	peer := mgmt.PeerID(m.From.ID)
	if fromAgent {
		if change, ok := msg.(mgmt.NotifyChange); ok && change.New == mgmt.Running {
			c.port.hosts.changed(mgmt.InstanceName(instance))
		}
		return controller.FromAgent{Peer: peer, Instance: mgmt.InstanceName(instance), Msg: msg}, true
	}
	user, ok := c.callers.user(*m.From)
	if !ok {
		return nil, false
	}
	return controller.FromClient{Client: peer, Principal: user, Msg: msg}, true
}

func (c *controllerShell) perform(ctx context.Context, effect controller.Effect) (*controller.Event, error) {
	switch e := effect.(type) {
	case controller.Save:
		return new(c.save(ctx, e.Changes)), nil
	case controller.ToAgent:
		c.endpoint.Meet(string(e.Peer))
		c.toAgent(e.Peer, e.Instance, e.Msg)
	case controller.Refuse:
		c.callers.reportID(string(e.Peer), e.Reason)
		c.toAgent(e.Peer, e.Instance, mgmt.NotifyError{Instance: e.Instance, Msg: e.Reason})
	case controller.Reply:
		if s := c.waiting[e.Client]; s != nil {
			return c.waiting.answer(s, e.Msg), nil
		}
		c.endpoint.Reply(string(e.Client), c.cfg.Topic, c.configs.encode(e.Msg, c.endpoint.Share))
	case controller.Connect:
		c.connect(ctx, e.Instance, e.Addr)
	case controller.Disconnect:
		c.disconnect(e.Instance)
	case controller.Audit:
		c.cfg.Audit.Record(e.Record)
	case controller.Happened:
		if h := e.Happening; h.Kind == mgmt.HappenedInstance {
			c.instanceChanged(h.Instance, h.To != string(mgmt.Absent))
		}
		c.cfg.Happenings.Record(e.Happening)
	case controller.Follow:
		c.cfg.Happenings.Follow(e.Peer, e.Instance)
	case controller.Caused:
		c.cfg.Happenings.Expect(e.Peer, e.Happening)
	case controller.Hear:
		c.cfg.Happenings.Hear(happenings.Batch{Peer: e.Peer, Log: e.Told.Log, Last: e.Told.Last, Lines: e.Told.Lines})
	case controller.Note:
		logNote(ctx, c.cfg.Logger, e, "addr", c.clientAddr(e.Peer), "who", c.clientUser(e.Peer), "origin", c.callers.client(e.Peer).Origin)
	default:
		panic(fmt.Sprintf("daemon: unhandled effect %T", effect))
	}
	return nil, nil
}

func (c *controllerShell) instanceChanged(instance mgmt.InstanceName, present bool) {
	if present {
		c.port.hosts.changed(instance)
	}
	c.port.follows.changed(instance, present)
}

// lastAnswers is how long a controller that no longer leads goes on answering its
// clients that it no longer leads.
const lastAnswers = time.Second

// save makes changes in the store.
func (c *controllerShell) save(ctx context.Context, changes []controller.Change) controller.Event {
	list := make([]store.Change, len(changes))
	for i, change := range changes {
		list[i] = store.Change(change)
	}
	err := c.kept.save(ctx, list)
	c.port.unsaved.Store(&err)
	switch {
	case errors.Is(err, store.ErrConflict):
		c.conflict, c.farewell = err, time.After(lastAnswers)
		return controller.Deposed{}
	case err != nil:
		return controller.Saved{Err: err.Error()}
	}
	return controller.Saved{}
}

// clientAddr and clientUser return the address and the user of a client, for the
// log. They are empty for any other peer.
func (c *controllerShell) clientAddr(id mgmt.PeerID) string {
	if p := c.callers.client(id); p.Addr.IsValid() {
		return p.Addr.String()
	}
	return ""
}

func (c *controllerShell) clientUser(id mgmt.PeerID) string {
	if s := c.waiting[id]; s != nil {
		return s.user.Name
	}
	return c.callers.client(id).user.Name
}

func (c *controllerShell) toAgent(peer mgmt.PeerID, instance mgmt.InstanceName, msg mgmt.Message) {
	c.endpoint.PublishTo(string(peer), c.cfg.AgentTopics+"/"+string(instance), c.configs.encode(msg, c.endpoint.Share))
}

// connect keeps a peering with an agent until disconnect.
func (c *controllerShell) connect(ctx context.Context, instance mgmt.InstanceName, addr netip.AddrPort) {
	c.disconnect(instance)
	dialCtx, cancel := context.WithCancel(ctx)
	c.dials[instance] = cancel
	c.parts.run(dialCtx, "dial agent "+string(instance), func(ctx context.Context) error {
		return c.endpoint.Dial(ctx, addr.String(), c.cfg.AgentDial)
	})
}

func (c *controllerShell) disconnect(instance mgmt.InstanceName) {
	if cancel, ok := c.dials[instance]; ok {
		cancel()
		delete(c.dials, instance)
	}
}
