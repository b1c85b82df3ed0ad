package up

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// How long the parts may take to end.
const (
	upStopGrace    = 5 * time.Second  // a node, before it is killed
	upStopDeadline = 30 * time.Second // everything
	// upSayAfter is when it says whom it waits for. Until then another Ctrl-C does
	// not count: some programs send each signal to a process and to its group.
	upSayAfter = time.Second
)

// Config is a cluster on this host.
type Config struct {
	Controller settings.Controller
	Agent      settings.Agent
	// Cluster is what is to run. Nil means what was deployed last, or else the
	// default cluster.
	Cluster *client.Configuration
	// Source says in messages where the cluster is from.
	Source string
	// Program is the command by which this program is called again, and Crashes
	// the command that shows more of a crash. Messages suggest both.
	Program, Crashes string
	// Began is when the person began to wait.
	Began time.Time
	// Out takes what is shown, Err what went wrong.
	Out, Err io.Writer
}

// Run runs a whole cluster on this host until ctx is done or a part fails, and then
// stops everything.
func Run(ctx context.Context, cfg Config) error {
	u, err := openUp(ctx, cfg)
	if err != nil {
		return err
	}
	defer u.log.Close()
	return u.run(ctx)
}

// up is a controller and an agent in this process.
type up struct {
	controller app.Controller
	agent      app.Agent
	client     client.Config // by which this process is a client of its controller
	stateDir   string
	log        *os.File
	logger     *slog.Logger // of what log holds
	out        io.Writer
	errOut     io.Writer

	began     time.Time
	wanted    *client.Configuration // nil: whatever is deployed, or the default
	source    string                // what wanted comes from
	told      chan string           // what the deployment waits for
	notes     []string              // what the deployment has to say, once it has ended
	noted     []client.NodeName     // of which nodes notes says why they failed
	program   string                // the command that this program is
	crashes   string                // the command that says more of a crash
	changed   chan struct{}         // holds a token when a node changed its state
	stopNodes chan struct{}
	living    func() ([]proc.Record, error) // the nodes' processes
}

func openUp(ctx context.Context, cfg Config) (u *up, err error) {
	if err := mustListen(cfg.Controller); err != nil {
		return nil, err
	}
	u = &up{
		stateDir:  cfg.Agent.StateDir,
		out:       cfg.Out,
		errOut:    cfg.Err,
		began:     cfg.Began,
		wanted:    cfg.Cluster,
		source:    cfg.Source,
		program:   cfg.Program,
		crashes:   cfg.Crashes,
		changed:   make(chan struct{}, 1),
		told:      make(chan string),
		stopNodes: make(chan struct{}),
	}
	if u.log, err = openLog(u.stateDir); err != nil {
		return nil, err
	}
	u.logger = slog.New(slog.NewTextHandler(u.log, &slog.HandlerOptions{Level: cfg.Agent.LogLevel}))
	u.controller, err = app.OpenController(ctx, cfg.Controller, u.logger.With("part", "controller"),
		app.PortFlags{Broker: "--controller-port", WebSocket: "--websocket-port"})
	if err != nil {
		u.log.Close()
		return nil, err
	}
	if u.client, err = upClient(cfg.Controller, u.controller.WebSocket.Addr().String()); err != nil {
		u.controller.Close()
		u.log.Close()
		return nil, err
	}
	cfg.Agent.Controller = app.Reachable(u.controller.Broker.Addr().String())
	u.agent, err = app.OpenAgent(ctx, cfg.Agent, u.logger.With("part", "agent"), app.PortFlags{Broker: "--agent-port"})
	if err != nil {
		u.controller.Close()
		u.log.Close()
		return nil, err
	}
	u.agent.StopNodes = u.stopNodes
	u.living = func() ([]proc.Record, error) { return app.LivingNodes(cfg.Agent) }
	u.agent.StopGrace = map[mgmt.ClusterRole]time.Duration{
		mgmt.Logger: upStopGrace, mgmt.Manager: upStopGrace, mgmt.Proxy: upStopGrace, mgmt.Worker: upStopGrace,
		mgmt.ClusterNone: upStopGrace,
	}
	u.agent.OnChange = func(mgmt.NotifyChange) { u.nudge() }
	return u, nil
}

// maxLog is the size in bytes beyond which a log is put aside at the next start.
const maxLog = 10 << 20

// openLog opens the log of `up`, which has the terminal for its table.
func openLog(stateDir string) (*os.File, error) {
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return nil, fmt.Errorf("make state directory (--state-dir): %w", err)
	}
	path := filepath.Join(stateDir, "zeekfleet.log")
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("put aside old log: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log in the state directory (--state-dir): %w", err)
	}
	return f, nil
}

// nudge makes the view look again.
func (u *up) nudge() {
	select {
	case u.changed <- struct{}{}:
	default: // it will anyway
	}
}

// run has everything running until ctx is done or a part fails, and then stops
// everything.
func (u *up) run(ctx context.Context) error {
	// The parts outlive ctx: after Ctrl-C the agent still has nodes to stop.
	partsCtx, endParts := context.WithCancel(context.WithoutCancel(ctx))
	defer endParts()
	controller := inBackground(func() error { return u.controller.Run(partsCtx) })
	agent := inBackground(func() error { return u.agent.Run(partsCtx) })
	viewCtx, endView := context.WithCancel(ctx)
	defer endView()
	view := inBackground(func() error { return u.show(viewCtx) })

	select {
	case <-ctx.Done():
	case <-controller.ended:
	case <-agent.ended:
	case <-view.ended:
	}
	endView()
	<-view.ended
	fmt.Fprintln(u.out, "stopping")
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM) // main's own no longer count
	defer signal.Stop(signals)
	close(u.stopNodes)
	late := u.awaitEnd(agent.ended, signals)
	failure := cmp.Or(view.failure(), agent.failure(), controller.failure(), late)
	endParts()
	<-controller.ended
	<-agent.ended
	if failure == nil {
		fmt.Fprintln(u.out, "stopped")
	}
	return failure
}

// awaitEnd waits until the nodes have ended, and says for whom it waits. If it
// gives up, because of another signal or because it has taken too long, its error
// says what was left.
func (u *up) awaitEnd(ended <-chan struct{}, signals <-chan os.Signal) error {
	say, deadline := time.After(upSayAfter), time.After(upStopDeadline)
	said := false
	for {
		select {
		case <-ended:
			return nil
		case <-say:
			said = true
			fmt.Fprintf(u.errOut, "zeekfleet: waiting for %s; what has not ended %v after it was asked to is killed, and after %v in all this gives up. Ctrl-C again leaves them\n",
				u.leftText(), upStopGrace, upStopDeadline)
		case <-signals:
			if said {
				return fmt.Errorf("interrupted: left running are %s; kill them, or take them over with another %s up", u.leftText(), u.program)
			}
		case <-deadline:
			return fmt.Errorf("after %v left running are %s; see %s", upStopDeadline, u.leftText(), u.log.Name())
		}
	}
}

// leftText names the nodes that have yet to end, with their PIDs.
func (u *up) leftText() string {
	living, err := u.living()
	if err != nil {
		return fmt.Sprintf("nodes that cannot be listed (%v)", err)
	}
	if len(living) == 0 {
		return "no nodes"
	}
	slices.SortFunc(living, func(a, b proc.Record) int { return strings.Compare(a.Name, b.Name) })
	var list []string
	for _, rec := range living {
		list = append(list, fmt.Sprintf("%s (PID %d)", rec.Name, rec.PID))
	}
	return strings.Join(list, ", ")
}

// background is something that runs beside what started it.
type background struct {
	ended chan struct{}
	err   error // to be read once ended is closed
}

func inBackground(run func() error) *background {
	b := &background{ended: make(chan struct{})}
	go func() {
		defer close(b.ended)
		b.err = run()
	}()
	return b
}

// failure returns why b has ended, and nil if it has not.
func (b *background) failure() error {
	select {
	case <-b.ended:
		return b.err
	default:
		return nil
	}
}

// show deploys what is wanted and shows what becomes of it, until ctx is done.
func (u *up) show(ctx context.Context) error {
	watching, err := client.Dial(ctx, u.client)
	if err != nil {
		return quietly(ctx, err)
	}
	defer watching.Close()

	name := u.agent.Core.Name
	fmt.Fprintf(u.out, "controller %s for peers, %s for clients\nagent %s on %s\nnodes are %s\nstate and log in %s\n",
		u.controller.Broker.Addr(), u.controller.WebSocket.Addr(), name, u.agent.Broker.Addr(), u.agent.Nodes, u.stateDir)

	view := newUpView(u.out)
	deployCtx, giveUp := context.WithCancel(ctx)
	deployment := inBackground(func() error { return u.deploy(deployCtx) })
	defer func() {
		giveUp()
		<-deployment.ended
	}()
	return u.watch(ctx, watching.GetNodes, view, deployment)
}

// upLookAgain is the pause after a look that failed, or that did not show every
// node running.
const upLookAgain = time.Second

// watch shows in view what nodes says, whenever something has changed, until ctx
// is done or the deployment fails. A look that fails is repeated: the cluster
// runs, whether it is seen or not. So is one that shows a node which does not
// run: not everything that becomes of it is a change of its state.
func (u *up) watch(ctx context.Context, nodes func(context.Context) ([]client.Result, error), view *upView, deployment *background) error {
	deploying := deployment.ended
	complete, announced := false, false
	ends := endings{}
	var again <-chan time.Time
	u.nudge()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-deploying:
			if deployment.err != nil {
				return quietly(ctx, deployment.err)
			}
			deploying, complete = nil, true
			u.say(view, u.notes)
			ends.told(u.noted)
			u.nudge()
		case text := <-u.told:
			u.say(view, []string{cli.Printable(text)})
			u.nudge()
		case <-again:
			u.nudge()
		case <-u.changed:
			results, err := nodes(ctx)
			if err != nil {
				u.logger.Warn("nodes not shown", "err", err)
				again = time.After(upLookAgain)
				continue
			}
			if complete { // until then the deployment's answer will say it
				if texts := ends.news(results); len(texts) > 0 {
					u.say(view, append(texts, "what ended is started again; see "+u.crashes))
				}
			}
			count, running := view.show(results)
			if running < count || len(failures(results)) > 0 { // that an agent joins is no change of a node
				again = time.After(upLookAgain)
			}
			if complete && !announced && running > 0 && running == count {
				announced = true
				try := u.program + " " + controllerArg(u.client.Address)
				view.announce(running, time.Since(u.began))
				view.say(fmt.Sprintf("In another terminal, try:\n"+
					"  %sget-nodes\n  %sget-id-value Cluster::node\nCtrl-C stops everything.\n", try, try))
			}
		}
	}
}

// say has texts, a line or more each, stand above what view draws next.
func (u *up) say(view *upView, texts []string) {
	view.clear()
	for _, text := range texts {
		fmt.Fprintln(u.errOut, "zeekfleet: "+text)
	}
}

// quietly drops the error of what ctx's end has interrupted.
func quietly(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// controllerArg is the option by which clients find this controller, with a
// blank, where they need one.
func controllerArg(address string) string {
	if address == client.DefaultAddress {
		return ""
	}
	return "--controller " + address + " "
}
