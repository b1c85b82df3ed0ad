//go:build !noetcd

package app

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// term is the time in which a controller leads: a Controller with parts of its own, over the
// ports and the files of a Clustered.
type term struct {
	Controller
	daemon *daemon.Controller
	api    *web.Server
}

// serves reports whether the term serves callers. One that begins reads its state first: who asks
// meanwhile waits in the relay, as if nobody led. t may be nil.
func (t *term) serves() bool { return t != nil && t.daemon.Hears() }

// lead opens a term, runs it until ctx is done or another controller leads, and closes it.
func (m *Clustered) lead(ctx context.Context, lead quorum.Lead) error {
	began := time.Now()
	fence := quorum.Fence{Token: lead.Token}
	if err := m.copies.CatchUp(ctx); err != nil {
		return err
	}
	defer m.copies.Lead(fence)()
	if err := m.base.HappeningsLog.ReloadIdentity(); err != nil {
		return err
	}
	t, err := m.openTerm(ctx, lead, fence)
	if err != nil {
		return err
	}
	defer m.closeTerm(t)
	m.registry.Switch(t.Authority)
	m.term.Store(t)
	m.raised(m.leading.View())
	m.log.Info("this controller leads", "term", lead.Term, "after", time.Since(began).Round(time.Millisecond))
	return t.run(ctx, m)
}

// closeTerm ends the service of a term. The ports go on.
func (m *Clustered) closeTerm(t *term) {
	m.term.Store(nil)
	m.registry.Switch(m.view) // which has followed meanwhile
	t.Authority.Close()
}

func (m *Clustered) openTerm(ctx context.Context, lead quorum.Lead, fence quorum.Fence) (*term, error) {
	t := &term{Controller: m.base}
	t.Store, t.Term = m.engine.Store(controllerPart, fence), lead.Term
	t.Endpoint, t.TermSeen = m.endpoint, func(seen uint64) { m.raise(ctx, seen) }
	t.Addresses, t.AddressesChanged = m.agentAddresses, m.readdressed
	t.Audit = audit.NewRecorder(t.AuditLog, m.log)
	t.Happenings = happenings.NewRecorder(happenings.RecorderConfig{Log: t.HappeningsLog, Hears: true, Logger: m.log})
	others, err := m.others(ctx)
	if err != nil {
		return nil, err
	}
	cfg := daemon.AuthorityConfig{
		Core: authorityCore(m.set), Directory: m.set.Directory, Store: m.engine.Store(authorityPart, fence), Name: m.set.Name,
		Hosts: certifiedHosts(m.set), Members: others, Audit: t.Audit.Record, Logger: m.log,
	}
	if t.Authority, err = daemon.OpenAuthority(ctx, cfg); err != nil {
		return nil, err
	}
	t.registry = m.registry
	t.Members = m.members
	if err = t.openAlerts(m.set, m.log, m.keeping(fence)); err == nil {
		t.daemon = daemon.NewController(t.ControllerConfig)
		api := t.webConfig(t.daemon)
		api.Backup = m.members.Backup
		api.Leads = m.leads
		api.StopTimeout = handOverTime + time.Second
		t.api, err = web.New(api)
	}
	if err != nil {
		t.Authority.Close()
		return nil, err
	}
	return t, nil
}

// lastRequests bounds the time for the requests that a term has taken when it ends in good
// order. The lead goes on for a little longer.
const lastRequests = 1500 * time.Millisecond

// run runs the term and its HTTP API. When it ends in good order, it first answers the requests
// that it has taken. The relay gets further ones. The server of the API outlives the term by the
// answer to whoever has asked for another controller to lead.
func (t *term) run(ctx context.Context, m *Clustered) error {
	var ending sync.WaitGroup
	defer ending.Wait()
	inner, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	m.lastServers.Go(func() { stop(t.api.Serve(inner)) })
	ending.Go(func() {
		select {
		case <-ctx.Done():
		case <-inner.Done():
			return
		}
		if errors.Is(context.Cause(ctx), daemon.ErrInOrder) {
			m.term.Store(nil)
			within(inner, lastRequests, t.api.Retire())
			shortClients(inner, m.endpoint)
		}
		stop(context.Cause(ctx))
	})
	err := t.daemon.Run(inner)
	stop(err)
	within(context.WithoutCancel(ctx), lastRequests, t.api.Retire())
	return err
}

// shortClient is how long a client of the WebSocket is connected that makes one request and leaves, as
// zeek-client does.
const shortClient = 400 * time.Millisecond

// shortClients waits until the clients of the WebSocket that have come a moment ago are gone, for
// shortClient at most: they are about to ask, or wait for their answers.
func shortClients(ctx context.Context, endpoint *bus.Endpoint) {
	for end := time.Now().Add(shortClient); ctx.Err() == nil && time.Now().Before(end); pause(ctx, 10*time.Millisecond) {
		if !slices.ContainsFunc(endpoint.Peers(), func(p bus.Traffic) bool {
			return p.Kind == bus.WebSocket && time.Since(p.Since) < shortClient
		}) {
			return
		}
	}
}

// within waits until done is closed, for a time at most, or until ctx is done.
func within(ctx context.Context, most time.Duration, done <-chan struct{}) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// others returns the other controllers. The store says who they are: another controller may
// have let one in a moment ago.
func (m *Clustered) others(ctx context.Context) ([]daemon.AuthorityMember, error) {
	texts, err := m.engine.Announced(ctx)
	if err != nil {
		return nil, err
	}
	return othersOf(m.set.Name, announcements(texts)), nil
}

// othersOf returns the controllers besides one. Of one that cannot be read no hosts are known: its
// certificate stays as it is.
func othersOf(self string, all []announced) []daemon.AuthorityMember {
	list := []daemon.AuthorityMember{}
	for _, a := range all {
		if a.Name != self {
			list = append(list, daemon.AuthorityMember{Name: a.Name, Hosts: a.Hosts})
		}
	}
	return list
}

// raise gives the lead of this controller a greater term, because an agent has obeyed one.
func (m *Clustered) raise(ctx context.Context, seen uint64) {
	go m.leading.Raise(ctx, seen)
}

// raised tells agents the greater term that the lead of this controller has got, if it has.
func (m *Clustered) raised(v daemon.LeadingView) {
	if t := m.term.Load(); t != nil && v.Leads {
		t.daemon.Raise(v.Term)
	}
}

// agentAddresses returns where the controllers serve agents.
func (m *Clustered) agentAddresses() (list []string) {
	for _, a := range m.members.all() {
		list = append(list, a.Agents...)
	}
	return list
}
