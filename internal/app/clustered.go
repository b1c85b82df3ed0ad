//go:build !noetcd

package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/copies"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/member"
	"github.com/zeekfleet/zeekfleet/internal/metrics"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/relay"
	"github.com/zeekfleet/zeekfleet/internal/settings"
	"github.com/zeekfleet/zeekfleet/internal/systemd"
)

// Opening says how a controller that shares its state is opened.
type Opening struct {
	Flags   PortFlags
	Version string
	Service systemd.Notifier
	// Force says that the majority of the controllers is lost for ever: this one goes on alone
	// with what it has.
	Force bool
}

// Clustered is a controller that shares its state with other controllers. Its store, its files
// and its ports are open for as long as it runs. While it leads it has a term, which is a
// Controller of its own.
type Clustered struct {
	set settings.Controller
	log *slog.Logger
	how Opening

	lock   *durable.Lock
	place  member.Place // zero if the site runs the store
	engine engine
	// base has what is the same in each term: the ports, the logs, the contents of bundles, and
	// who of this host may do what.
	base     Controller
	view     *daemon.AuthorityView
	registry *daemon.SwitchedRegistry
	who      *daemon.Who
	copies   *copies.Copies
	endpoint *bus.Endpoint
	leading  *daemon.Leading
	relay    *relay.Relay
	members  *members
	clocks   clocks
	stores   stores
	// term is that which runs and serves, or nil.
	term atomic.Pointer[term]
	// lastServers are the servers of terms that are over, which may still tell somebody who
	// leads now.
	lastServers sync.WaitGroup
	// readdressed has something when the addresses of controllers may have changed.
	readdressed chan struct{}
	// removed is closed when the other controllers have removed this one.
	removed chan struct{}
}

// OpenClustered opens the store, the files and the ports of a controller that shares its
// state. A controller that has been alone before takes its state with it. After an error
// nothing is open.
func OpenClustered(ctx context.Context, set settings.Controller, log *slog.Logger, how Opening) (m *Clustered, err error) {
	m = &Clustered{set: set, log: log, clocks: clocks{log: log}, how: how, readdressed: make(chan struct{}, 1), removed: make(chan struct{})}
	var opened closers
	defer opened.closeOn(&err)
	if err = m.base.configure(&m.set); err != nil {
		return nil, err
	}
	if m.lock, err = lockDirectory(set.Directory); err != nil {
		return nil, err
	}
	opened.add(m.lock)
	if err = m.openStore(ctx); err != nil {
		return nil, err
	}
	opened.add(m.engine)
	if err = m.openFiles(&opened); err != nil {
		return nil, err
	}
	if err = m.base.openPorts(ctx, &opened, m.set, how.Flags); err != nil {
		return nil, err
	}
	if err = m.openRegistry(); err != nil {
		return nil, err
	}
	return m, m.openFront()
}

// openFiles opens the logs and the contents of bundles. They are copies of what all
// controllers share.
func (m *Clustered) openFiles(opened *closers) error {
	c, dir := &m.base, filepath.Join(m.set.Directory, scratchDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	m.copies = copies.New(copies.Config{Engine: m.engine, Scratch: dir, Logger: m.log})
	if err := c.openLogs(opened, m.set, m.log, m.sharing()); err != nil {
		return err
	}
	m.copies.Use(c.AuditLog, c.HappeningsLog, c.Contents)
	return nil
}

// openRegistry makes what knows who belongs to the cluster. It trusts nobody until the store was
// read, which may take until there is a majority.
func (m *Clustered) openRegistry() (err error) {
	c := &m.base
	m.view = daemon.NewAuthorityView(m.engine.Store(authorityPart, quorum.Fence{}), m.set.Name, authorityCore(m.set))
	m.registry = daemon.NewSwitchedRegistry(m.view)
	m.who = daemon.NewMemberWho(daemon.WhoConfig{Callers: c.Callers, Registry: m.registry})
	c.registry = m.registry
	c.Bus = bus.Config{MaxSilence: m.set.PeerSilence, TLS: &bus.TLS{
		Certificate: m.registry.Certificate, Judge: m.registry.Judge, Authorities: m.registry.Authorities, PlainHere: true,
	}}
	if c.WebSocketServer, err = c.websocketConfig(m.set); err != nil {
		return err
	}
	c.finish(m.set, m.log)
	c.warnOfStrangers(m.set, m.log)
	c.Version = m.how.Version
	m.endpoint, err = daemon.NewEndpoint(c.ControllerConfig)
	return err
}

// openFront makes what serves callers, and what decides who leads.
func (m *Clustered) openFront() (err error) {
	c := &m.base
	m.members = newMembers(m)
	m.relay, err = relay.New(relay.Config{
		Name: m.set.Name, Certificate: m.registry.Certificate, Judge: m.registry.Judge,
		Clock:     func(ahead time.Duration) { m.clocks.compare(m.leading.View().Leader, ahead) },
		HostNames: c.WebSocketServer.HostNames, Leads: m.leads, Controllers: m.members.Report, MetricsAnonymous: c.MetricsAnonymous,
		Metrics: func(ctx context.Context) ([]byte, error) {
			return metrics.Follower(ctx, metrics.FollowerConfig{
				Version: m.how.Version, Controllers: m.members.Report,
				Peers: func() []mgmt.PeerSample { return daemon.Connections(m.endpoint) },
			})
		},
		Backup: m.members.Backup, Recorded: m.didWhileFollowing, Ready: m.ready(), Refused: m.refusedWhileFollowing, Logger: m.log,
	})
	if err != nil {
		return err
	}
	c.WebSocketServer.HTTP = m.take
	c.WebSocketServer.Divert = func() bool { return !m.term.Load().serves() }
	m.leading = daemon.NewLeading(daemon.LeadingConfig{
		Name: m.set.Name, Engine: m.engine, Run: m.lead, Logger: m.log,
		Pulse:   m.pulse,
		Changed: func(daemon.LeadingView) { m.follow() },
	})
	return nil
}

// leads says whether this controller leads, and the store has said so lately.
func (m *Clustered) leads() bool { return m.leading.Pulse() == nil }

// pulse asks the controller that leads.
func (m *Clustered) pulse(ctx context.Context, of string) error {
	err := m.relay.Pulse(ctx, of, m.members.clientsOf(of))
	if errors.Is(err, relay.ErrNotLeading) {
		return fmt.Errorf("controller %s: %w", of, daemon.ErrNotLeading)
	}
	if errors.Is(err, relay.ErrDisbelieved) {
		return fmt.Errorf("%w (%w)", err, daemon.ErrDisbelieved)
	}
	return err
}

// take serves a connection whose bytes are HTTP.
func (m *Clustered) take(conn bus.HTTPConn) {
	c := httpConnection(conn, m.who)
	if t := m.term.Load(); t.serves() && t.api.Take(c) {
		return
	}
	m.relay.Take(c)
}

// follow tells the relay who leads, and everybody else that something has changed.
func (m *Clustered) follow() {
	v := m.leading.View()
	m.raised(v)
	m.relay.Follow(relay.Leader{Name: v.Leader, Term: v.Term, Token: v.Token, Addresses: m.members.clientsOf(v.Leader)})
	m.members.stir()
	nudge(m.members.nudged)
}

// refusedWhileFollowing logs who was refused: the audit is written by the controller that
// leads.
func (m *Clustered) refusedWhileFollowing(r mgmt.AuditRecord) {
	m.log.Warn("refused", "who", r.Who, "addr", r.Source, "request", r.Request, "subject", r.Subject, "reason", r.Reason)
}

// didWhileFollowing logs what this controller has done for somebody without that which leads.
func (m *Clustered) didWhileFollowing(r mgmt.AuditRecord) {
	m.log.Info("done", "who", r.Who, "addr", r.Source, "request", r.Request, "outcome", string(r.Outcome), "reason", r.Reason)
}

// ready has the checks of a controller that follows.
func (m *Clustered) ready() map[string]func() error {
	return map[string]func() error{"leader": func() error {
		if m.leading.View().Leader == "" {
			return errors.New("no controller leads")
		}
		return nil
	}}
}

// Greeting tells a person that the controller is live, and what to do next.
func (m *Clustered) Greeting() string {
	text := fmt.Sprintf("controller %s is live: agents connect to %s, clients and agents that join to %s\n", m.set.Name, place(m.base.Broker), place(m.base.WebSocket))
	if m.external() {
		return text
	}
	return text + fmt.Sprintf("other controllers reach its store at %s\nto add a controller, run on this host: zeekfleet token create --for-controller NAME\n", m.place.URL)
}

// external reports whether the site runs the store.
func (m *Clustered) external() bool { return len(m.set.Cluster.Etcd.Endpoints) > 0 }

// Close closes a controller that is not run.
func (m *Clustered) Close() {
	for _, ln := range []net.Listener{m.base.Broker, m.base.WebSocket} {
		ln.Close()
	}
	m.closeFiles()
}

func (m *Clustered) closeFiles() {
	m.base.AuditLog.Close()
	m.base.HappeningsLog.Close()
	m.engine.Close()
	m.lock.Close()
}

// Run runs the controller until ctx is done, and returns the cause of ctx then. It also
// returns the first error of one of its parts that waiting does not mend. It gives up the lead
// before its ports close, so that another controller leads at once.
func (m *Clustered) Run(ctx context.Context) error {
	defer m.closeFiles()
	inner, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	var parts sync.WaitGroup
	defer m.lastServers.Wait()
	defer parts.Wait()
	defer stop(nil)
	for name, run := range map[string]func(context.Context) error{
		"ports": func(ctx context.Context) error {
			return daemon.ServeEndpoint(ctx, m.base.ControllerConfig, m.endpoint, m.who)
		},
		"requests":            m.relay.Serve,
		"memory":              func(ctx context.Context) error { return followMemory(ctx, m.endpoint.Known) },
		"copies":              m.copy,
		"upkeep of the store": m.engine.Run,
		"store":               m.watchStore,
		"controllers":         m.members.run,
		"authority":           m.followAuthority,
		"agents":              m.followAgents,
	} {
		parts.Go(func() {
			if err := run(inner); err != nil && inner.Err() == nil {
				stop(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	leading, end := context.WithCancelCause(inner)
	defer end(nil)
	defer context.AfterFunc(ctx, func() { end(context.Cause(ctx)) })()
	parts.Go(func() { daemon.Supervised(inner, m.how.Service, m.log, m.standing) })
	err := m.leading.Run(leading)
	// The changes are answered that this controller has passed on to the one that leads now.
	// Whoever asks for something else is told to ask another controller.
	within(inner, lastRequests, m.relay.Retire())
	return err
}

// standing says how this controller is.
func (m *Clustered) standing(ctx context.Context) (string, error) {
	if t := m.term.Load(); t != nil {
		text, err := t.daemon.Standing(ctx)
		return "leads; " + text, err
	}
	v := m.leading.View()
	if v.Leader == "" {
		return "no controller leads", nil
	}
	return fmt.Sprintf("follows %s", v.Leader), nil
}

// watchStore returns an error when the store of this controller has ended by itself.
func (m *Clustered) watchStore(ctx context.Context) error {
	select {
	case <-m.removed:
		return ErrRemoved
	case err := <-m.engine.Failed():
		select {
		case <-m.removed:
			return ErrRemoved
		default:
			return err
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// copy keeps the files of this controller equal to what all share. Until they have the latest,
// it leaves the lead to others.
func (m *Clustered) copy(ctx context.Context) error {
	m.leading.SetBehind(true)
	for ctx.Err() == nil {
		err := m.copies.CatchUp(ctx)
		if err == nil {
			m.leading.SetBehind(false)
			return m.copies.Run(ctx)
		}
		m.log.Debug("what the controllers share is not copied yet", "err", err)
		pause(ctx, upkeepRetry)
	}
	return context.Cause(ctx)
}

// followAuthority keeps the view of who belongs to the cluster as new as the store.
func (m *Clustered) followAuthority(ctx context.Context) error {
	for ctx.Err() == nil {
		err := m.reload(ctx)
		if err == nil {
			err = m.engine.Changed(ctx, authorityPart, func() {
				if err := m.reload(ctx); err != nil {
					m.log.Warn("who belongs to the cluster may be older than in the store", "err", err)
				}
			})
		}
		if ctx.Err() == nil {
			m.log.Debug("the authority is not followed at the moment", "err", err)
			pause(ctx, upkeepRetry)
		}
	}
	return context.Cause(ctx)
}

// followAgents meets the agents that are connected while this controller follows, so that
// strangers do not take their places.
func (m *Clustered) followAgents(ctx context.Context) error {
	sub := m.endpoint.Subscribe(0)
	defer sub.Close()
	for {
		select {
		case ev := <-sub.Events():
			if added, ok := ev.(bus.PeerAdded); ok && added.Peer.Identity != "" {
				m.endpoint.Meet(added.Peer.ID)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// reload reads who belongs to the cluster.
func (m *Clustered) reload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return m.view.Reload(ctx)
}

// storeTimeout bounds a question to the store.
const storeTimeout = 5 * time.Second

// upkeepRetry is the pause after the store did not answer.
const upkeepRetry = time.Second
