//go:build !noetcd

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/member"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/resources"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// members knows the controllers of a cluster. It is a web.Controllers. Any goroutine may call
// its methods.
type members struct {
	m *Clustered

	// joining is held while a controller joins: two with one name must not join at once.
	joining sync.Mutex

	mu sync.Mutex // guards what follows
	// said is what the controllers say of themselves, by name.
	said []announced
	// store has the members of the store, live the controllers that have a session, and health
	// how the stores are. asked is when that was asked.
	store  []quorum.Member
	live   []string
	health []quorum.Health
	asked  time.Time
	// majority knows whether the store has one.
	majority majority
	// changed is closed when the next Report may differ.
	changed chan struct{}
	// nudged has something when the stores are to be asked at once.
	nudged chan struct{}
}

func newMembers(m *Clustered) *members {
	return &members{
		m: m, changed: make(chan struct{}), nudged: make(chan struct{}, 1),
		majority: majority{log: m.log, external: m.external(), answered: time.Now()},
	}
}

// How often the stores of all controllers are asked how they are, and how long that may take.
// A member that has no vote yet is looked at more often.
const (
	healthEvery  = 5 * time.Second
	healthWait   = 2 * time.Second
	promoteEvery = 500 * time.Millisecond
	// majorityLost is after what time without an answer of the store nobody is said to lead.
	majorityLost = 2*healthEvery + healthWait
)

// run keeps what is known of the controllers until ctx is done.
func (c *members) run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() {
		for ctx.Err() == nil {
			err := c.m.watchAnnounced(ctx, c.announced)
			if ctx.Err() == nil {
				c.m.log.Debug("the other controllers are not followed at the moment", "err", err)
				pause(ctx, upkeepRetry)
			}
		}
	})
	all.Go(func() { c.announce(ctx) })
	for ctx.Err() == nil {
		c.ask(ctx)
		timer := time.NewTimer(c.promote(ctx))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-c.nudged:
		}
		timer.Stop()
	}
	return context.Cause(ctx)
}

// announce says to the others what this controller is.
func (c *members) announce(ctx context.Context) {
	key, err := ownStoreKey(c.m.place)
	if err != nil {
		c.m.log.Warn("the key of this controller's store", "err", err)
	}
	says := announces(c.m.set, &c.m.base, c.m.how.Version, c.m.place.URL, key)
	for {
		err := c.m.engine.Announce(ctx, says.Name, says.encode())
		if err == nil || ctx.Err() != nil {
			return
		}
		c.m.log.Debug("the other controllers do not know this one yet", "err", err)
		pause(ctx, upkeepRetry)
	}
}

// announced takes what the controllers say of themselves.
func (c *members) announced(list []announced) {
	c.mu.Lock()
	c.said = list
	c.mu.Unlock()
	c.m.follow()
	if t := c.m.term.Load(); t != nil {
		t.Authority.SetMembers(othersOf(c.m.set.Name, list))
	}
	c.stir()
	nudge(c.m.readdressed)
	nudge(c.nudged)
}

// nudge wakes who waits for a channel with room for one.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // somebody is about to look
	}
}

// clientsOf returns where a controller serves clients.
func (c *members) clientsOf(name string) []string {
	for _, a := range c.all() {
		if a.Name == name {
			return a.Clients
		}
	}
	return nil
}

// all returns what the controllers say of themselves.
func (c *members) all() []announced {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said
}

// ask asks the store who its members are and how they are.
func (c *members) ask(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, healthWait)
	defer cancel()
	store, err := c.m.engine.Members(asking)
	live, liveErr := c.m.engine.Live(asking)
	looking, cancel := context.WithTimeout(ctx, healthWait) // without a majority, the other time is over
	defer cancel()
	health, healthErr := c.m.engine.Health(looking)
	if ctx.Err() != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.store = store
	}
	if liveErr == nil {
		c.live = live
	}
	if healthErr == nil {
		c.health = health
	}
	c.asked = time.Now()
	c.majority.take(c.asked, liveErr, health)
	c.stirLocked()
}

// lacksMajority reports whether the store has not answered lately.
func (c *members) lacksMajority() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.majority.answered.Before(c.asked)
}

// promote gives a vote to the members of the store that have caught up, if this controller
// leads. It returns after what time the members are looked at again.
func (c *members) promote(ctx context.Context) (again time.Duration) {
	again = healthEvery
	if c.lacksMajority() {
		again = upkeepRetry
	}
	if !c.m.leading.View().Leads {
		return again
	}
	c.mu.Lock()
	list := slices.Clone(c.store)
	c.mu.Unlock()
	for _, one := range list {
		if !one.Learner || one.Name == "" {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, healthWait)
		err := c.m.engine.Promote(ctx, one.ID)
		cancel()
		if err == nil {
			c.m.log.Info("controller has a vote now", "controller", one.Name)
		}
		again = promoteEvery
	}
	return again
}

func (c *members) stir() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stirLocked()
}

func (c *members) stirLocked() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// Changed implements web.Controllers.
func (c *members) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// Report implements web.Controllers. It waits for nobody.
func (c *members) Report(context.Context) (*mgmt.ControllersReport, error) {
	view := c.m.leading.View()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.majority.ever && time.Since(c.majority.answered) > majorityLost {
		view.Leader, view.Since = "", time.Time{} // nobody can lead without a majority
	}
	r := &mgmt.ControllersReport{
		Term: view.Term, Leader: view.Leader, Since: view.Since, Self: c.m.set.Name, External: c.m.external(),
	}
	for _, a := range c.said {
		r.Members = append(r.Members, c.standing(a, view))
	}
	if r.External {
		for _, h := range c.health {
			one := mgmt.ControllerMember{Name: h.Name, Role: mgmt.ControllerFollows}
			if h.Leader {
				one.Role = mgmt.ControllerLeads
			}
			r.Store = append(r.Store, withHealth(one, h))
		}
	}
	return r, nil
}

// standing returns how a controller is. mu is held.
func (c *members) standing(a announced, view daemon.LeadingView) mgmt.ControllerMember {
	one := mgmt.ControllerMember{Name: a.Name, Role: mgmt.ControllerFollows, Version: a.Program, Clients: a.Clients, Agents: a.Agents, Peer: a.Peer}
	for _, s := range c.store {
		if s.Name == a.Name && s.Learner {
			one.Role = mgmt.ControllerLearns
		}
	}
	if a.Name == view.Leader {
		one.Role = mgmt.ControllerLeads
	}
	if !c.m.external() {
		for _, h := range c.health {
			if h.Name == a.Name {
				one = withHealth(one, h)
			}
		}
	}
	switch {
	case a.Program == "" && a.Unread == nil:
		one.Role, one.Err = mgmt.ControllerAway, "it has joined and was not started yet"
	case one.Err == "" && a.Name != c.m.set.Name && !slices.Contains(c.live, a.Name) && !c.asked.IsZero():
		one.Role, one.Err = mgmt.ControllerAway, "it has no session with the store: it is down, or cut off"
	case one.Err != "" && one.Role != mgmt.ControllerLeads:
		one.Role = mgmt.ControllerAway
	case one.Err == "" && a.Unread != nil:
		one.Err = "it is newer: this controller cannot read what that one says of itself"
	}
	return one
}

func withHealth(one mgmt.ControllerMember, h quorum.Health) mgmt.ControllerMember {
	one.Lag, one.Bytes, one.Used, one.Quota, one.Alarms, one.Err = h.Lag, h.Bytes, h.Used, h.Quota, h.Alarms, h.Err
	return one
}

// joinTimeout bounds the joining of a controller.
const joinTimeout = 20 * time.Second

// refused is the error of a request that was not carried out.
func refused(why access.Why, format string, args ...any) error {
	return &web.RefusedError{Refusal: access.Refusal{Why: why, Reason: fmt.Sprintf(format, args...)}}
}

var errFollows = refused(access.Unavailable, "this controller does not lead at the moment: ask again")

// Join implements web.Controllers.
func (c *members) Join(ctx context.Context, who mgmt.Principal, in api.ControllerJoin) (api.ControllerJoined, error) {
	t := c.m.term.Load()
	if t == nil {
		return api.ControllerJoined{}, errFollows
	}
	c.joining.Lock()
	defer c.joining.Unlock()
	if err := c.mayJoin(ctx, in); err != nil {
		return api.ControllerJoined{}, err
	}
	// The token is gone after this. A caller that does not wait must not leave half a controller.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), joinTimeout)
	defer cancel()
	answer, err := t.Authority.Ask(ctx, who, access.JoinController{Token: in.Token, Name: in.Name, Hosts: in.Hosts, Clock: in.Clock})
	if err != nil {
		return api.ControllerJoined{}, err
	}
	joined, ok := answer.(access.JoinedController)
	if !ok {
		if r, ok := answer.(access.Refusal); ok {
			return api.ControllerJoined{}, &web.RefusedError{Refusal: r}
		}
		return api.ControllerJoined{}, fmt.Errorf("the authority has answered %T", answer)
	}
	out := api.ControllerJoined{
		Cluster: joined.Cluster, Prefix: c.m.prefix(), Authorities: string(joined.Authorities), External: c.m.external(),
		Members: []api.ControllerMember{}, Initial: []api.StoreMember{},
	}
	key := ""
	if !out.External {
		public, err := identity.ReadRequest([]byte(in.PeerKey))
		if err == nil {
			key, err = storeKey(public)
		}
		if err != nil {
			return out, err
		}
	}
	// It is announced before it is added: then nobody revokes its certificate meanwhile.
	says := announced{Name: in.Name, Clients: in.Clients, Agents: in.Agents, Hosts: in.Hosts, Peer: in.Peer, StoreKey: key}
	if err := c.m.engine.Announce(ctx, in.Name, says.encode()); err != nil {
		return out, err
	}
	if !out.External {
		err := c.hear(ctx, in.Name, key)
		if err == nil {
			err = c.add(ctx, in, &out)
		}
		if err != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
			defer cancel()
			if failed := c.m.engine.Withdraw(ctx, in.Name); failed != nil {
				c.m.log.Warn("remove a controller that could not join: zeekfleet controller remove", "controller", in.Name, "err", failed)
			}
			return out, err
		}
	}
	if r, err := c.Report(ctx); err == nil {
		out.Members = resources.Controllers(r).Members
	}
	c.m.log.Info("controller has joined", "controller", in.Name, "peer", in.Peer)
	return out, nil
}

// hear waits until this controller has heard what was announced of another one. Its own store
// lets the store with that key through from then on.
func (c *members) hear(ctx context.Context, name, key string) error {
	for {
		changed := c.Changed()
		if slices.ContainsFunc(c.all(), func(a announced) bool { return a.Name == name && a.StoreKey == key }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("what was announced of controller %s: %w", name, context.Cause(ctx))
		case <-changed:
		}
	}
}

// mayJoin returns a refusal if a controller cannot become a member. Its token is still good
// then.
func (c *members) mayJoin(ctx context.Context, in api.ControllerJoin) error {
	if err := (identity.Identity{Kind: identity.Controller, Name: in.Name}).Check(); err != nil {
		return refused(access.Invalid, "%v", err)
	}
	texts, err := c.m.engine.Announced(ctx) // what this controller was told may be a moment old
	if err != nil {
		return err
	}
	all := announcements(texts)
	for _, a := range all {
		switch {
		case a.Name == in.Name:
			return refused(access.Conflict, "a controller with the name %s belongs to the cluster already: remove it first (zeekfleet controller remove %[1]s), or give this one another name (--name)", in.Name)
		case a.Peer != "" && a.Peer == in.Peer:
			return refused(access.Conflict, "controller %s has its store at %s: give this one another address or port (--advertise, --peer-port)", a.Name, a.Peer)
		}
	}
	if c.m.external() {
		if in.Peer != "" {
			return refused(access.Conflict, "the controllers of this cluster use an etcd of the site: give this one the same controller.etcd settings; it needs not join")
		}
		return nil
	}
	if !isPeerURL(in.Peer) {
		return refused(access.Invalid, "%.200q is not the URL of a controller's store, such as https://192.0.2.7:2152", in.Peer)
	}
	if _, err := identity.ReadRequest([]byte(in.PeerKey)); err != nil {
		return refused(access.Invalid, "the key of the controller's store: %v", err)
	}
	return c.mayAdd(ctx, in, all)
}

// isPeerURL reports whether a text is the URL of a store, with nothing else in it.
func isPeerURL(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || text != "https://"+u.Host {
		return false
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && port > 0
}

// mayAdd returns a refusal if no store can be added now, or none at this address.
func (c *members) mayAdd(ctx context.Context, in api.ControllerJoin, all []announced) error {
	stores, err := c.m.engine.Members(ctx)
	if err != nil {
		return err
	}
	for _, one := range stores {
		switch {
		case slices.Contains(one.URLs, in.Peer) && one.Name != "":
			return refused(access.Conflict, "the store of controller %s is at %s: remove that controller first, or give this one another address or port (--advertise, --peer-port)", one.Name, in.Peer)
		case one.Learner && !slices.Contains(one.URLs, in.Peer):
			return refused(access.Conflict, "%s has joined and has no vote yet: start it and wait until \"zeekfleet controllers\" says that it follows, or remove it; then ask again with the same token", nameOf(one, all))
		}
	}
	return nil
}

// nameOf returns the name of the controller whose store is a member, which may not have been
// started yet.
func nameOf(one quorum.Member, all []announced) string {
	for _, a := range all {
		if a.Name == one.Name || one.Name == "" && slices.Contains(one.URLs, a.Peer) {
			return "controller " + a.Name
		}
	}
	return "a controller at " + strings.Join(one.URLs, ", ")
}

// add adds the store of a controller, and signs its certificate.
func (c *members) add(ctx context.Context, in api.ControllerJoin, out *api.ControllerJoined) error {
	authority, err := c.m.peersAuthority(ctx)
	if err != nil {
		return err
	}
	cert, err := member.Sign(authority, in.Name, in.Hosts, []byte(in.PeerKey), time.Now())
	if err != nil {
		return refused(access.Invalid, "%v", err)
	}
	added, all, err := c.m.engine.Add(ctx, in.Peer)
	if err != nil {
		return err
	}
	out.PeerAuthority, out.PeerCertificate = string(identity.CertPEM(authority.Cert)), string(cert)
	for _, one := range all {
		name := one.Name
		if one.ID == added.ID {
			name = in.Name
		}
		out.Initial = append(out.Initial, api.StoreMember{ID: fmt.Sprintf("%x", one.ID), Name: name, URLs: one.URLs})
	}
	return nil
}

// Remove implements web.Controllers.
func (c *members) Remove(ctx context.Context, who mgmt.Principal, name string) error {
	t := c.m.term.Load()
	switch {
	case t == nil:
		return errFollows
	case !slices.ContainsFunc(c.all(), func(a announced) bool { return a.Name == name }):
		return refused(access.NotFound, "there is no controller %s", name)
	case len(c.all()) == 1:
		return refused(access.Conflict, "%s is the last controller of the cluster: turn controller.cluster off and start it again, and it takes its state back into its own files", name)
	case name == c.m.set.Name:
		if err := c.HandOver(ctx, who, ""); err != nil {
			return err
		}
		return refused(access.Unavailable, "%s has led, and leads no more: ask again", name)
	case c.m.external() && c.runs(ctx, name):
		// Nobody takes its access to the site's etcd away. It would go on, and lead again.
		return refused(access.Conflict, "controller %s runs: stop it first, or it comes back by itself", name)
	}
	err := c.remove(ctx, name)
	record := mgmt.AuditRecord{Who: who.Name, Role: who.Role, Source: who.Source, Request: access.RemoveController.Name, Subject: name, Outcome: mgmt.AuditDone}
	if err != nil {
		record.Outcome, record.Reason = mgmt.AuditFailed, err.Error()
	}
	t.Audit.Record(record)
	return err
}

// runs reports whether a controller has a session with the store.
func (c *members) runs(ctx context.Context, name string) bool {
	live, err := c.m.engine.Live(ctx)
	return err == nil && slices.Contains(live, name)
}

func (c *members) remove(ctx context.Context, name string) error {
	if !c.m.external() {
		all, err := c.m.engine.Members(ctx)
		if err != nil {
			return err
		}
		for _, one := range all {
			if one.Name != name && !c.isOf(one, name) {
				continue
			}
			if err := c.m.engine.Remove(ctx, one.ID); err != nil {
				return err
			}
		}
	}
	if err := c.m.engine.Withdraw(ctx, name); err != nil {
		return err
	}
	c.m.log.Info("controller was removed", "controller", name)
	return nil
}

// isOf reports whether a member of the store that was never started is that of a controller.
func (c *members) isOf(one quorum.Member, name string) bool {
	return one.Name == "" && slices.ContainsFunc(c.all(), func(a announced) bool { return a.Name == name && slices.Contains(one.URLs, a.Peer) })
}

// HandOver implements web.Controllers.
func (c *members) HandOver(ctx context.Context, who mgmt.Principal, to string) error {
	t := c.m.term.Load()
	switch {
	case t == nil:
		return errFollows
	case to == c.m.set.Name:
		return nil // it leads
	case to != "" && !slices.ContainsFunc(c.all(), func(a announced) bool { return a.Name == to }):
		return refused(access.NotFound, "there is no controller %s", to)
	case len(c.all()) == 1:
		return refused(access.Conflict, "there is no other controller")
	}
	c.ask(ctx) // who has just come counts
	if one := c.member(ctx, to); one.Role == mgmt.ControllerAway || one.Role == mgmt.ControllerLearns {
		return refused(access.Conflict, "controller %s cannot lead now: %s", to, cmp.Or(one.Err, "it has no vote yet"))
	}
	t.Audit.Record(mgmt.AuditRecord{
		Who: who.Name, Role: who.Role, Source: who.Source, Request: access.LeadController.Name, Subject: cmp.Or(to, "any other controller"), Outcome: mgmt.AuditDone,
	})
	// The term ends all other requests in it.
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), handOverTime, errors.New("no other controller has taken the lead"))
	defer cancel()
	leader, err := c.m.leading.HandOver(ctx, to)
	if err == nil && to != "" && leader != to {
		return refused(access.Conflict, "controller %s leads now: controller %s has not taken the lead in time", leader, to)
	}
	return err
}

// handOverTime bounds the time until another controller leads that was asked to.
const handOverTime = 5 * time.Second

// member returns how a controller is. The zero value stands for one that is not known.
func (c *members) member(ctx context.Context, name string) mgmt.ControllerMember {
	r, err := c.Report(ctx)
	if err != nil {
		return mgmt.ControllerMember{}
	}
	at := slices.IndexFunc(r.Members, func(m mgmt.ControllerMember) bool { return m.Name == name })
	if at < 0 {
		return mgmt.ControllerMember{}
	}
	return r.Members[at]
}

// pause waits, or until ctx is done.
func pause(ctx context.Context, d time.Duration) { within(ctx, d, nil) }
