package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/archive"
	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/crash"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/depot"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/hosttool"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/joined"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/machine"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/preflight"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/removed"
	"github.com/zeekfleet/zeekfleet/internal/settings"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// Agent is an agent whose file, port and records of processes are open. It is ready to
// run.
type Agent struct {
	daemon.AgentConfig
	// Nodes describes the kind of the nodes in a few words, for people.
	Nodes string
	store *boltstore.Store
	// auditLog is where Audit writes.
	auditLog *audit.Log
	// happeningsLog is where Happenings writes.
	happeningsLog *happenings.Log
}

func (a Agent) closeFiles() {
	if a.Archive != nil {
		a.Archive.Close()
	}
	if a.Depot != nil {
		a.Depot.Close()
	}
	a.auditLog.Close()
	a.happeningsLog.Close()
	a.store.Close()
}

// Run runs the agent as daemon.RunAgent does, and then closes the agent's files.
func (a Agent) Run(ctx context.Context) error {
	defer a.closeFiles()
	return daemon.RunAgent(ctx, a.AgentConfig)
}

// OpenAgent opens the file and the port of an agent, the records of its
// processes, and its log archive. It finds Zeek. After an error nothing is open.
func OpenAgent(
	ctx context.Context, set settings.Agent, log *slog.Logger, flags PortFlags,
) (a Agent, err error) {
	var opened closers
	defer opened.closeOn(&err)

	if set, err = absolute(set); err != nil {
		return a, err
	}
	if set, err = a.identify(set); err != nil {
		return a, err
	}
	if a.Callers, err = localUsers(set.LocalUsers); err != nil {
		return a, err
	}
	if a.store, err = daemon.OpenAgentState(ctx, set.Directory, log); err != nil {
		return a, err
	}
	opened.add(a.store)
	a.Store = a.store
	if a.auditLog, a.Audit, err = openAgentAudit(set, log); err != nil {
		return a, err
	}
	opened.add(a.auditLog)
	if a.happeningsLog, a.Happenings, err = openAgentHappenings(set, log); err != nil {
		return a, err
	}
	opened.add(a.happeningsLog)
	if a.Broker, err = Listen(ctx, set.Broker.AddrPort().String(), flags.Broker+" (ZEEK_AGENT_PORT)"); err != nil {
		return a, err
	}
	opened.add(a.Broker)
	if err = a.openMetrics(ctx, set, &opened); err != nil {
		return a, err
	}
	launch.RemoveScratch(set.Directory)
	if err = a.openProcesses(ctx, set, log); err != nil {
		return a, err
	}
	var install *zeek.Install
	if a.Launch, install, err = openLauncher(ctx, set, log, Reachable(a.Broker.Addr().String())); err != nil {
		return a, err
	}
	if a.Crashes, err = crash.New(crash.Config{Dir: crash.Dir(set.Directory), Logger: log}); err != nil {
		return a, err
	}
	if install != nil && !set.Archive.Off {
		if a.Archive, err = openArchive(set, log); err != nil {
			return a, err
		}
	}
	a.Nodes, a.About = nodesText(install), about(set, nodesText(install), a.About.LimitsBy, install)
	a.Core = coreConfig(set)
	useLauncher(&a.Core, a.Launch)
	a.Renewal.Chance = rand.Float64
	a.Core.ListenPort = tcpPort(a.Broker)
	a.endTimes(set.Lifecycle)
	a.ScratchDir = set.Directory
	if err = errors.Join(openExec(&a.AgentConfig, set.Exec, log), a.openRemoved(set, log), a.openDepot(set, log, &opened)); err != nil {
		return a, err
	}
	a.PreflightAhead = set.Preflight != settings.PreflightOff
	a.Checked = preflight.OpenMemory(filepath.Join(set.Directory, "checked"), log)
	a.connect(set)
	a.Logger = log
	warnExposed(log, set.Common, set.Broker, "agent.listen_address", demandsCertificates(set.Common))
	warnOfNamelessController(set, log)
	warnOfUnit(ctx, log)
	return a, nil
}

// ownDirectories returns an error if another user controls a directory whose content the agent
// trusts. The directory of all nodes may be shared with the controller of the host, whose user can
// make directories there before the agent starts for the first time.
func ownDirectories(set settings.Agent) error {
	trash := filepath.Dir(launch.NodeDir(set.StateDir, removedDir))
	for _, dir := range []string{set.Directory, set.Joined, filepath.Join(trash, removedDir), filepath.Join(trash, removedDir, set.Name)} {
		if dir == "" {
			continue
		}
		if err := durable.CheckOwnDir(dir); err != nil {
			return fmt.Errorf("the agent's files: %w", err)
		}
	}
	return nil
}

// removedDir is beside the directories of nodes. No node has its name.
const removedDir = ".removed"

// openMetrics opens the port where the agent serves its own metrics, if there is one.
func (a *Agent) openMetrics(ctx context.Context, set settings.Agent, opened *closers) (err error) {
	if !set.MetricsListen.Addr.IsValid() {
		return nil
	}
	a.Metrics, err = Listen(ctx, set.MetricsListen.AddrPort().String(), "--metrics-listen (ZEEKFLEET_AGENT_METRICS_LISTEN)")
	if err == nil {
		opened.add(a.Metrics)
	}
	return err
}

// about returns what the agent tells about itself. The caller knows the version.
func about(set settings.Agent, nodes string, limitsBy string, install *zeek.Install) daemon.About {
	a := daemon.About{
		Nodes: nodes, LimitsBy: limitsBy, MetricsAddr: set.Zeek.MetricsAddr, StateDir: set.StateDir, Stdout: set.StdoutFile, Stderr: set.StderrFile,
		Dirs: []machine.Dir{{Use: "state", Path: set.Directory}},
	}
	if install != nil {
		a.ZeekPath, a.ZeekVersion = install.Path, install.Version.String()
		a.Dirs = append(a.Dirs, machine.Dir{Use: "spool", Path: set.SpoolDir})
		if !set.Archive.Off {
			a.Dirs = append(a.Dirs, machine.Dir{Use: "archive", Path: set.Archive.Dir})
		}
	}
	return a
}

// openDepot lets the agent have bundles. Agents with one state directory share its bundles,
// of which one agent alone can take care.
func (a *Agent) openDepot(set settings.Agent, log *slog.Logger, opened *closers) (err error) {
	a.BundleRate = int(min(set.Bundles.Rate, math.MaxInt))
	a.Depot, err = depot.Open(depot.Config{
		State: set.StateDir, Logger: log, Bytes: int64(min(set.Bundles.MaxBytes, math.MaxInt64)),
	})
	if errors.Is(err, durable.ErrLocked) {
		log.Warn("this agent takes no bundles: another one has the same state directory", "err", err)
		return nil
	}
	if err == nil {
		opened.add(a.Depot)
	}
	return err
}

// openRemoved lets the agent delete the directories of removed nodes.
func (a *Agent) openRemoved(set settings.Agent, log *slog.Logger) (err error) {
	if set.RemovedKeepDays == 0 {
		return nil
	}
	nodes := filepath.Dir(launch.NodeDir(set.StateDir, "node"))
	cfg := removed.Config{
		Nodes: nodes, Trash: filepath.Join(nodes, removedDir, set.Name), File: filepath.Join(set.Directory, "directories.json"),
		Keep: time.Duration(set.RemovedKeepDays) * 24 * time.Hour, Logger: log,
	}
	if a.Archive != nil {
		rescuer := daemon.AgentConfig{Archive: a.Archive, Logger: log}
		cfg.Rescue = rescuer.RescueLogs
	}
	a.Removed, err = removed.Open(cfg)
	return err
}

// warnOfNamelessController warns if certificates come from files, and no setting says which
// of them is the controller's.
func warnOfNamelessController(set settings.Agent, log *slog.Logger) {
	switch {
	case set.TLS.Cert == "" || set.Insecure || len(set.ControllerNames) > 0 || identifiesControllers(set.Common):
	case set.Controller != "":
		log.Warn("whoever answers where this agent dials is obeyed with any certificate of the authority, and other agents have one: name the controller's certificate with agent.controller_names or tls.identities",
			"setting", "agent.controller_names", "controller", set.Controller)
	case len(set.Admit) == 0:
		log.Warn("no controller can use this agent: the agent waits for a controller, and no setting names the controller's certificate", "setting", "agent.controller_names")
	}
}

// identifiesControllers reports whether tls.identities says which certificates are
// controllers'.
func identifiesControllers(set settings.Common) bool {
	return slices.ContainsFunc(set.Identities, func(r identity.Rule) bool { return r.Identity.Kind == identity.Controller })
}

// connect says whom the agent hears, and how.
func (a *Agent) connect(set settings.Agent) {
	a.BrokerAccepts = bus.ListenConfig{Transport: transport(set.Transport)}
	if nodes, ok := a.Launch.(*launch.Zeek); ok && showsNodesCertificate(set) {
		a.BrokerAccepts.Certificate = nodes.AgentCertificate
	}
	a.Controller, a.Insecure = set.Controller, set.Insecure
	a.Controllers, a.ToldControllers = set.Controllers, joined.ControllersIn(set.Directory, "")
	if a.Credentials != nil {
		a.ToldControllers = joined.Dir(set.Joined).Controllers(a.Credentials.Held().Cluster)
	}
	a.ControllerDial = bus.DialConfig{Transport: transport(set.Transport), Retry: set.ConnectRetry}
	if a.Credentials != nil {
		// A controller of this host, too, renews the certificate that it is shown.
		a.ControllerDial.Transport = bus.TransportTLS
		a.ControllerDial.Advice = adviceToJoined(a.Credentials.Held())
	}
	a.ControllerNames, a.ControllersIdentified = set.ControllerNames, identifiesControllers(set.Common)
	for _, name := range set.ForeignNodes {
		a.ForeignNodes = append(a.ForeignNodes, mgmt.NodeName(name))
	}
	a.AgentTopics, a.NodeTopic = set.Topics.Agent, set.Topics.Node
}

// endTimes says how long the end of the nodes may take.
func (a *Agent) endTimes(l settings.Lifecycle) {
	a.StopGrace = perRole(l.StopGrace)
	a.StopWithin, a.DrainTimeout = drainTimes(l.Drain)
}

// drainTimes divides the time for the end of an agent: for its nodes, and for archiving the logs
// that they leave. A twentieth is left for closing files. Zero means that there is no bound.
func drainTimes(all time.Duration) (nodes, archiving time.Duration) {
	if all == 0 {
		return 0, 0
	}
	archiving = min(5*time.Second, all*3/20)
	return all - archiving - all/20, archiving
}

// absolute makes paths absolute. The agent and its nodes have different working
// directories, and the paths must mean the same to all of them (spec
// management-api 7.2, G-A25).
func absolute(set settings.Agent) (settings.Agent, error) {
	var errs []error
	for _, path := range []*string{
		&set.StateDir, &set.Directory, &set.Joined, &set.SpoolDir, &set.Archive.Dir, &set.TLS.Cert, &set.TLS.Key, &set.TLS.CA,
		&set.Zeek.TLS.Cert, &set.Zeek.TLS.Key, &set.Zeek.TLS.CA,
	} {
		if *path == "" {
			continue
		}
		var err error
		*path, err = filepath.Abs(*path)
		errs = append(errs, err)
	}
	return set, errors.Join(errs...)
}

func coreConfig(set settings.Agent) agent.Config {
	l := set.Lifecycle
	return agent.Config{
		Name:           mgmt.InstanceName(set.Name),
		Connecting:     set.Controller != "",
		PID:            int64(os.Getpid()),
		RequestTimeout: set.RequestTimeout,
		DeployTimeout:  set.DeployTimeout,
		OutputLines:    set.OutputLines,
		Preflight:      preflightMode(set.Preflight),
		MaxStarting:    max(minStarting, startingPerCPU*runtime.NumCPU()),
		Permits:        mgmt.Permits{Options: set.AllowOptions, Env: set.AllowEnv, Commands: set.AllowCommands, Bundles: set.AllowBundles},
		StartDeadline:  perRole(l.StartDeadline),
		Backoff: agent.Backoff{
			First:  l.BackoffFirst,
			Max:    l.BackoffMax,
			Reset:  l.BackoffReset,
			GiveUp: l.GiveUp,
			Retry:  l.BackoffRetry,
		},
	}
}

// These constants give the number of nodes that start at the same time. It is large
// enough to keep every processor busy. It is small enough that the first of many nodes
// run soon: the other nodes connect to them.
const minStarting, startingPerCPU = 8, 4

func preflightMode(set settings.Preflight) agent.PreflightMode {
	switch set {
	case settings.PreflightStrict:
		return agent.PreflightStrict
	case settings.PreflightOff:
		return agent.PreflightOff
	default:
		return agent.PreflightOn
	}
}

func perRole(p settings.PerRole) map[mgmt.ClusterRole]time.Duration {
	return map[mgmt.ClusterRole]time.Duration{
		mgmt.Logger: p.Logger, mgmt.Manager: p.Manager, mgmt.Proxy: p.Proxy, mgmt.Worker: p.Worker,
	}
}

// recordDir returns the directory with the records of an agent's processes.
func recordDir(set settings.Agent) string { return filepath.Join(set.Directory, "processes") }

// LivingNodes returns the living processes of an agent's nodes, as the agent's
// records name them. It may be called while the agent runs.
func LivingNodes(set settings.Agent) ([]proc.Record, error) { return proc.Recorded(recordDir(set)) }

// openProcesses lets the agent have processes, and says what bounds them.
func (a *Agent) openProcesses(ctx context.Context, set settings.Agent, log *slog.Logger) error {
	groups, err := openGroups(ctx, set, log)
	if err != nil {
		return err
	}
	a.About.LimitsBy = string(groups.Way())
	a.Processes, err = proc.New(proc.Config{
		RecordDir: recordDir(set),
		Logger:    log,
		TailLines: set.OutputLines,
		Foreign:   []string{"zeek"},
		NodesDir:  launch.NodeDir(set.StateDir, ""),
		Control:   groups.Control(),
	})
	return err
}

// openExec opens what runs commands of the host.
func openExec(c *daemon.AgentConfig, set settings.Exec, log *slog.Logger) error {
	tools, err := hosttool.New(hosttool.Config{Commands: set.Commands, User: set.User, Timeout: set.Timeout, Logger: log})
	if err == nil {
		c.Exec = tools.Exec
	}
	return err
}

// useLauncher tells a core what depends on the Zeek of this host.
func useLauncher(c *agent.Config, l launch.Launcher) {
	c.LayoutUse = l.LayoutUse()
	if z, ok := l.(*launch.Zeek); ok {
		_, c.BackendWhy = z.DefaultBackend()
		c.LastBackend = z.LastBackend()
	}
}

// nodesText describes the nodes of a launcher that has this Zeek. Nil means
// embedded nodes.
func nodesText(install *zeek.Install) string {
	if install == nil {
		return "embedded ones, which capture nothing"
	}
	return fmt.Sprintf("Zeek %v, %s", install.Version, install.Path)
}

// findZeek returns the Zeek that the agent launches. Nil means embedded nodes.
func findZeek(ctx context.Context, set settings.Zeek, user *proc.User, log *slog.Logger) (*zeek.Install, error) {
	if set.Kind == settings.NodeEmbedded {
		return nil, nil
	}
	install, err := launch.FindZeek(ctx, set.Path, os.Environ(), user.Credential())
	switch {
	case errors.Is(err, launch.ErrNoZeek) && set.Kind == settings.NodeAuto && set.Path == "":
		log.Info("no Zeek was found: nodes are embedded ones, which capture nothing")
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%w; for nodes without Zeek set --node-kind embedded", err)
	}
	if warning, _ := install.Version.Check(); warning != "" {
		log.Warn("unknown version of Zeek", "why", warning)
	}
	log.Info("nodes are Zeek processes", "program", install.Path, "version", install.Version.String())
	if dirs := os.Getenv("ZEEKPATH"); dirs != "" {
		log.Warn("ZEEKPATH in the agent's environment is not for its nodes: name directories of scripts with zeek.script_path", "zeekpath", dirs)
	}
	return &install, nil
}

// openLauncher returns the launcher of an agent's nodes, and the Zeek that they run.
// For embedded nodes the Zeek is nil. listening is the host:port on which the agent
// listens for nodes.
func openLauncher(ctx context.Context, set settings.Agent, log *slog.Logger, listening string) (launch.Launcher, *zeek.Install, error) {
	user, err := nodeUser(set.Process.NodeUser)
	if err != nil {
		return nil, nil, err
	}
	if err := letPass(set.Directory, user); err != nil {
		return nil, nil, err
	}
	install, err := findZeek(ctx, set.Zeek, user, log)
	if err != nil {
		return nil, nil, err
	}
	if install == nil {
		l, err := openEmbedded(set, user, listening)
		return l, nil, err
	}
	l, err := openZeek(set, *install, user, listening, log)
	return l, install, err
}

func openEmbedded(set settings.Agent, user *proc.User, listening string) (launch.Launcher, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program's own path: %w", err)
	}
	return launch.Embedded{
		Program:  program,
		Agent:    listening,
		StateDir: set.StateDir,
		Stdout:   set.StdoutFile,
		Stderr:   set.StderrFile,
		Args:     nodeArgs(set),
		NoZeek:   set.Zeek.Kind != settings.NodeEmbedded,

		MetricsAddr: set.Zeek.MetricsAddr,
		Environ:     os.Environ(),
		Programs:    programConfig(set, user, listening),
		User:        user,
	}, nil
}

// programConfig says how programs of the site are run as nodes.
func programConfig(set settings.Agent, user *proc.User, listening string) launch.ProgramConfig {
	return launch.ProgramConfig{
		Agent: listening, Topic: set.Topics.Node, Transport: string(set.Transport),
		StateDir: set.StateDir, Stdout: set.StdoutFile, Stderr: set.StderrFile, Environ: os.Environ(), User: user,
	}
}

// nodeArgs are the arguments with which an embedded node speaks as its agent
// expects. The node needs no certificate for its agent: the agent knows the node's
// process. It shows other nodes the certificate of nodes, if there is one.
func nodeArgs(set settings.Agent) []string {
	args := []string{"--topic", set.Topics.Node, "--transport", string(set.Transport)}
	if tls := set.Zeek.TLS; tls.Cert != "" && tls.CA != "" && set.Transport != settings.TransportPlain {
		args = append(args, "--listen-tls-cert", tls.Cert, "--listen-tls-key", tls.Key, "--listen-tls-ca", tls.CA)
	}
	return args
}

// openArchive opens the archive. A command that archives runs as the user of nodes: a node can put
// links into the queue, and root would follow them.
func openArchive(set settings.Agent, log *slog.Logger) (*archive.Archiver, error) {
	user, err := nodeUser(set.Process.NodeUser)
	if err != nil {
		return nil, err
	}
	archiver, err := archive.New(archive.Config{
		Queue:       filepath.Join(set.SpoolDir, zeek.LogQueue),
		Logs:        set.Archive.Dir,
		Level:       new(set.Archive.Level),
		Interval:    set.Archive.Interval,
		Periodic:    set.Archive.Periodic,
		Command:     set.Archive.Command,
		As:          user.Credential(),
		KeepDays:    set.Archive.KeepDays,
		DiskPercent: set.Archive.DiskPercent,
		Logger:      log,
	})
	if errors.Is(err, archive.ErrBusy) {
		log.Warn("another agent archives the logs of this spool directory", "dir", set.SpoolDir)
		return nil, nil
	}
	return archiver, err
}

// scriptChoice returns the chosen node script as package zeek names it.
func scriptChoice(set string) zeek.NodeScript {
	if set == "upstream" {
		return zeek.UpstreamNodeScript
	}
	return zeek.OurNodeScript
}

// unlessAuto returns the choice. For "auto" it returns the empty string: then the
// version of Zeek decides.
func unlessAuto(choice string) string {
	if choice == settings.Auto {
		return ""
	}
	return choice
}
