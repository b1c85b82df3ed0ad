package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/archive"
	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/carry"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/crash"
	"github.com/zeekfleet/zeekfleet/internal/depot"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/joined"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/metrics"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/preflight"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/removed"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/systemd"
)

// AgentConfig has the parts and the settings of an agent.
type AgentConfig struct {
	Core agent.Config
	// Exec runs a command of the host for an admin of the cluster. An error for people is a
	// *mgmt.StreamError. Nil means that the agent runs none.
	Exec func(context.Context, mgmt.ExecQuery) (mgmt.ExecReport, error)
	// Store keeps the configuration that the agent must run. The caller closes it
	// after RunAgent.
	Store store.Store
	// Bus configures the endpoint. Its Screen is made from Callers. If its TLS gives
	// identities, only controllers and nodes may connect, and only controllers give orders.
	Bus bus.Config
	// Callers are the users of this host who may be controllers and nodes.
	Callers Callers
	// ForeignNodes are names of nodes. A program that the agent has not launched may
	// say hello with one of these names. If the agent has launched a process for that
	// node, the program takes its place.
	ForeignNodes []mgmt.NodeName
	// ControllerNames are names of controllers. The certificate of a controller must
	// have one of them, if it has no identity. If the list is empty, the agent accepts any
	// name, but only of the controller that the agent dials.
	ControllerNames []string
	// ControllersIdentified says that controllers have identities. A certificate without one
	// is then no controller's, unless it has one of ControllerNames.
	ControllersIdentified bool
	// Insecure means that a peer needs not prove that it is a controller, unless the kernel
	// or a certificate says who it is.
	Insecure bool
	// Broker is where nodes connect. A controller that dials connects there as
	// well. The agent closes it at the end.
	Broker        net.Listener
	BrokerAccepts bus.ListenConfig
	// Controller is the host:port of the controller that the agent dials. It is
	// empty if the agent waits for a controller. Controllers are those that the agent
	// dials beside it: the cluster has several.
	Controller     string
	Controllers    []string
	ControllerDial bus.DialConfig
	// ToldControllers keeps where else the controllers of the cluster are. The agent dials
	// these, too. Its zero value keeps them in memory.
	ToldControllers joined.Controllers
	// Credentials are those of an agent that has joined a cluster. Bus.TLS is theirs. The
	// agent renews its certificate. Nil means that it has not joined.
	Credentials *Credentials
	// Renewal has the times of renewals. Its zero value works.
	Renewal joined.RenewalConfig
	// Processes runs the nodes.
	Processes Processes
	// Launch says how a node is launched.
	Launch launch.Launcher
	// StopGrace is how long a node may take to end before it is killed, by
	// role. A role without one has 60 s as a logger and 30 s otherwise.
	StopGrace map[mgmt.ClusterRole]time.Duration
	// StopNodes, when it is closed, ends the agent together with its nodes.
	// Without it the nodes outlive the agent.
	StopNodes <-chan struct{}
	// StopWithin bounds the time from StopNodes until all nodes have ended. Nodes that need
	// longer are killed. Zero means that StopGrace alone counts.
	StopWithin time.Duration
	// DrainTimeout bounds the archiving at the end. Nodes that were stopped because of
	// StopNodes have rotated their logs then. Logs that are not archived in time wait
	// for the next run. Zero means 5 s.
	DrainTimeout time.Duration
	// Crashes, if not nil, gets a record of each process that ended by itself.
	Crashes *crash.Store
	// Archive, if not nil, archives the logs that nodes rotate and the logs that
	// ended nodes have left. The caller closes it after RunAgent.
	Archive *archive.Archiver
	// Audit keeps the records of callers and controllers that were refused. Nil keeps
	// none.
	Audit *audit.Recorder
	// Happenings keeps what happens to the nodes, and the agent tells it to controllers. Nil
	// keeps nothing. Then controllers know states alone.
	Happenings *happenings.Recorder
	// About is what the agent tells about itself, and Streams bounds the streams in which
	// it tells something.
	About   About
	Streams carry.Config
	// Depot keeps the bundles of this host. Nil means that the agent takes none. BundleRate
	// bounds how fast they are fetched, in bytes a second. Zero means as fast as the line
	// allows beside other traffic.
	Depot      *depot.Depot
	BundleRate int
	// Removed deletes the directories of nodes that were removed. Nil keeps them. It looks
	// for them at the start and each SweepEvery. Zero means an hour.
	Removed    *removed.Directories
	SweepEvery time.Duration
	// ScratchDir is the directory in which preflights write files. They remove
	// them again. The directory exists. Empty means the system's directory for
	// temporary files.
	ScratchDir string
	// Checked, if not nil, knows which checks of scripts have passed.
	Checked *preflight.Memory
	// PreflightAhead makes the agent check the usual scripts of nodes when it starts.
	// The first deployment then finds them Checked.
	PreflightAhead bool
	// Metrics is where the agent serves its own metrics to everybody who connects. Nil means
	// nowhere. The agent closes it.
	Metrics net.Listener
	// OnChange, if not nil, is called with each change of a node's state. It
	// must return at once.
	OnChange func(mgmt.NotifyChange)
	// AgentTopics is the prefix of the agents' topics, NodeTopic the topic of
	// the nodes. Empty means mgmt.AgentTopics and mgmt.NodeTopic.
	AgentTopics, NodeTopic string
	// SaveTimeout bounds a save. Zero means 5 s.
	SaveTimeout time.Duration
	// Logger gets the log records. Nil discards them.
	Logger *slog.Logger
	// Service is the service manager that started the agent. Its zero value is none.
	Service systemd.Notifier
}

// Processes starts, stops and adopts processes. proc.Host does so.
type Processes interface {
	// Adopt finds the processes that an earlier life of the agent started. It is
	// called once, before all other methods.
	Adopt(ctx context.Context) (proc.Adoption, error)
	// Start and Stop return at once. Unless they return an error, Events reports
	// the outcome.
	Start(spec proc.Spec) error
	Stop(name string, launch uint64, grace time.Duration) error
	// Limit gives a process other limits while it runs. Unless it returns an error, Events
	// reports the outcome.
	Limit(name string, launch uint64, l proc.Limits) error
	Events() <-chan proc.Event
	// PIDs returns the PIDs of all processes that live. It has the PID of a process
	// before the program of the process runs. Any goroutine may call it.
	PIDs() []int
	// Forget says that the agent has completed its work on the end of a launch. Until
	// then, Adopt reports that end to the next life of the agent.
	Forget(name string, launch uint64)
	// Run does the work until ctx is done.
	Run(ctx context.Context) error
}

func (c AgentConfig) withDefaults() AgentConfig {
	c.AgentTopics = cmp.Or(c.AgentTopics, mgmt.AgentTopics)
	c.NodeTopic = cmp.Or(c.NodeTopic, mgmt.NodeTopic)
	c.DrainTimeout = cmp.Or(c.DrainTimeout, 5*time.Second)
	c.SweepEvery = cmp.Or(c.SweepEvery, time.Hour)
	c.SaveTimeout = cmp.Or(c.SaveTimeout, defaultSaveTimeout)
	c.Logger = limitedLog(cmp.Or(c.Logger, slog.New(slog.DiscardHandler)))
	c.Bus.Logger = c.Logger
	c.Bus.Screen = c.Callers.screen("agent")
	c.Bus.TLS = judgeKinds(c.Bus.TLS, onlyControllers, identity.Controller, identity.Node)
	c.Bus.OnRefused = reporting(c.Audit, c.Bus.OnRefused)
	c.Bus.Pace = cmp.Or(c.Bus.Pace, defaultPace)
	c.Bus.ReservedPeers = cmp.Or(c.Bus.ReservedPeers, reservedPeers)
	if c.ControllerDial.Spread == nil {
		c.ControllerDial.Spread = rand.Float64
	}
	return c
}

// StopGraceOf returns how long a node of this role may take to end.
func (c AgentConfig) StopGraceOf(role mgmt.ClusterRole) time.Duration {
	if d, ok := c.StopGrace[role]; ok {
		return d
	}
	if role == mgmt.Logger {
		return time.Minute // a logger writes out the records that it still has
	}
	return 30 * time.Second
}

// errStopped ends the loop when all nodes have ended because of StopNodes.
var errStopped = errors.New("all nodes stopped")

// RunAgent runs an agent. It returns the cause of ctx when ctx is done, nil when
// StopNodes is closed and all nodes have ended, and an error when one of its
// parts fails.
func RunAgent(ctx context.Context, cfg AgentConfig) error {
	cfg = cfg.withDefaults()
	kept, saved, err := loadState(ctx, cfg.Store, cfg.SaveTimeout, readAgentState)
	if err != nil {
		return err
	}
	adopted, err := cfg.survivors(ctx)
	if err != nil {
		return fmt.Errorf("look for nodes of an earlier run: %w", err)
	}
	live := &livePIDs{}
	cfg.Bus.Screen = screenNodes(cfg.Bus.Screen, live)
	endpoint, err := bus.New(cfg.Bus)
	if err != nil {
		return err
	}
	cfg.Core.EndpointID = endpoint.ID().String()
	parts, ctx := newGroup(ctx)
	defer parts.stop()

	a := &agentShell{
		inbox:      inbox{stopNodes: cfg.StopNodes, happened: make(chan agent.Event), sockets: make(chan socketEvent), asksHealth: make(chan chan<- agent.Health)},
		processes:  processes{nodes: map[launchID]*launched{}, live: live, book: newNodeBook()},
		cfg:        cfg,
		topic:      cfg.AgentTopics + "/" + string(cfg.Core.Name),
		kept:       kept,
		endpoint:   endpoint,
		parts:      parts,
		sessions:   map[mgmt.PeerID]*socketSession{},
		provers:    map[mgmt.PeerID]launchID{},
		ends:       newEnds(),
		unreadable: unreadable{},
	}
	a.obedience = newObedience(a, saved.Term)
	a.buryEnded(ctx, adopted.Ended, saved.Desired)
	// Subscribing precedes listening and dialing, so that every handshake
	// announces every topic.
	if err := a.serveStreams(ctx); err != nil {
		return err
	}
	sub := endpoint.Subscribe(subscriptionQueue, a.topics()...)
	defer sub.Close()
	a.obedience.announces = sub.Announce
	if cfg.Audit != nil {
		parts.run(ctx, "audit", cfg.Audit.Run)
	}
	a.keepHappenings(ctx)
	if cfg.Credentials != nil {
		parts.run(ctx, "certificate", newRenewing(cfg.Credentials, endpoint, cfg.Renewal, newLeads(a.obedience.obeyed, cfg.barred), cfg.Logger).run)
	}
	parts.run(ctx, "processes", cfg.Processes.Run)
	reapOrphans(ctx, parts, cfg.Logger)
	parts.run(ctx, "broker listener", func(ctx context.Context) error {
		return endpoint.Serve(ctx, cfg.Broker, cfg.BrokerAccepts)
	})
	a.dials = newControllerDials(&a.cfg, endpoint, parts)
	a.dials.begin(ctx)
	cfg.Logger.Info("agent is live", "instance", string(cfg.Core.Name), "peer", cfg.Core.EndpointID,
		"broker", address(cfg.Broker), "controller", strings.Join(a.dials.all(), " "))
	a.runHelpers(ctx, adopted)
	err = a.loop(ctx, sub, agent.New(cfg.Core, saved, newRand()), a.adopt(ctx, adopted, saved.Desired))
	if errors.Is(err, errStopped) {
		parts.stop() // also ends the archiver, and waits for the burials
		cfg.drain(ctx)
		return nil
	}
	return err
}

// drain archives the logs that the last nodes have left in the queue. The next
// run of an agent may be far away.
func (c AgentConfig) drain(ctx context.Context) {
	if c.Archive == nil {
		return
	}
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), c.DrainTimeout,
		fmt.Errorf("it took longer than %v; the next run archives the rest", c.DrainTimeout))
	defer cancel()
	c.Archive.Drain(ctx)
}

// serveStreams lets controllers ask for streams.
func (a *agentShell) serveStreams(ctx context.Context) error {
	tells := &telling{
		instance: a.cfg.Core.Name, about: a.cfg.About, book: a.book, crashes: a.cfg.Crashes, started: time.Now(), environ: os.Environ(),
		controllers: &a.controllers, obeyed: a.obedience.obeyed, run: a.cfg.Exec,
	}
	if a.cfg.Metrics != nil {
		tells.metricsAt = a.cfg.Metrics.Addr().String()
	}
	a.sampling = a.newSampling()
	a.parts.run(ctx, "samples", a.sampling.run)
	standing := map[mgmt.StreamKind]carry.Source{mgmt.StreamSamples: a.sampling.stream}
	var err error
	if a.bundles, err = a.newBundles(); err != nil {
		return err
	}
	streams, err := newStreaming(&a.cfg, a.endpoint, tells.sources(), standing, a.bundles.links.opener, newLeads(a.obedience.obeyed, a.cfg.barred), a.parts.task)
	if err != nil {
		return err
	}
	tells.streams, tells.sample = streams.server.Open, a.sampling.newest.Load
	a.parts.run(ctx, "streams", streams.run)
	if a.cfg.Metrics != nil {
		a.parts.run(ctx, "metrics", func(ctx context.Context) error { return metrics.Serve(ctx, a.cfg.Metrics, tells.ownMetrics, a.health) })
	}
	return nil
}

// runHelpers starts the parts that work beside the loop.
func (a *agentShell) runHelpers(ctx context.Context, adopted proc.Adoption) {
	logAdoption(a.cfg.Logger, adopted)
	a.parts.task(func() {
		Supervised(ctx, a.cfg.Service, a.cfg.Logger, func(ctx context.Context) (string, error) {
			text, _ := a.health(ctx)
			return text, nil
		})
	})
	a.preflightAhead(ctx)
	if a.cfg.Crashes != nil {
		a.parts.run(ctx, "crash records", a.cfg.Crashes.Run)
	}
	if a.cfg.Archive != nil {
		a.parts.run(ctx, "log archive", a.cfg.Archive.Run)
	}
	watch, err := newStatusWatch()
	if err != nil {
		a.cfg.Logger.Warn("nodes are up only when they say hello", "err", err)
		return
	}
	a.watch = watch
	a.parts.run(ctx, "status files", func(ctx context.Context) error {
		return watch.run(ctx, func(node mgmt.NodeName, launch uint64) {
			a.post(ctx, agent.Ready{Node: node, Launch: launch})
		})
	})
}
