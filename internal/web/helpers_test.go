package web_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// fleet is a cluster that changes when a test changes it.
type fleet struct {
	snap   mgmt.Snapshot
	answer mgmt.Response
	// answers, if not nil, answers in place of answer.
	answers func(mgmt.Request) mgmt.Response
	past    map[uint64]*mgmt.ConfigRevision
	err     error
	// hangs, if not nil, gets a value for each request, which waits for the end of its context.
	hangs chan struct{}

	mu      sync.Mutex
	asked   []mgmt.Request
	by      []mgmt.Principal
	changed chan struct{}
	// awaited gets a value when somebody takes the channel of Changed. Nil: nobody asks.
	awaited chan struct{}
}

func (f *fleet) Snapshot(context.Context) (*mgmt.Snapshot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	snap := f.snap
	return &snap, f.err
}

// Submit refuses by role, like the core.
func (f *fleet) Submit(ctx context.Context, who mgmt.Principal, req mgmt.Request) (mgmt.Response, error) {
	if f.hangs != nil {
		f.hangs <- struct{}{}
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	kind := mgmt.KindOf(req)
	f.mu.Lock()
	if f.err == nil && who.Role >= kind.May {
		f.asked, f.by = append(f.asked, req), append(f.by, who)
	}
	f.mu.Unlock()
	switch {
	case f.err != nil:
		return nil, f.err
	case who.Role < kind.May:
		return req.Answer("", mgmt.Result{Error: access.Denied(who, kind.Name(), kind.May)}), nil
	}
	if f.answers != nil {
		return f.answers(req), nil
	}
	return f.answer, nil
}

func (f *fleet) Revision(_ context.Context, number uint64) (*mgmt.ConfigRevision, error) {
	if c := f.snap.Deployed; c != nil && c.Revision == number {
		return c, f.err
	}
	if _, err := f.snap.Past(number); err != nil {
		return nil, err
	}
	return f.past[number], f.err
}

func (f *fleet) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.changed == nil {
		f.changed = make(chan struct{})
	}
	if f.awaited != nil {
		f.awaited <- struct{}{}
	}
	return f.changed
}

// change changes what the cluster is, and tells whoever waits.
func (f *fleet) change(to func(*mgmt.Snapshot)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	to(&f.snap)
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
}

// requests returns what was asked, without refusals.
func (f *fleet) requests() []mgmt.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

// usually answers each request as a controller does that is well.
func usually(req mgmt.Request) mgmt.Response {
	done := mgmt.Result{Success: true}
	switch req := req.(type) {
	case mgmt.PlanRequest:
		return mgmt.PlanResponse{Result: done, Plan: &mgmt.FleetPlan{}}
	case mgmt.ChangeRequest:
		return mgmt.OperationResponse{Result: done, Operation: &mgmt.Operation{ID: 7, Kind: mgmt.OperationDeploy, State: mgmt.OperationRunning, Note: req.Note}}
	case mgmt.OperateRequest:
		return mgmt.OperationResponse{Result: done, Operation: &mgmt.Operation{ID: 8, Kind: req.Kind, State: mgmt.OperationRunning}}
	}
	return req.Answer("", done)
}

// office is an authority that refuses by role alone and gives every other request the
// answer that was set for it.
type office struct {
	mu       sync.Mutex
	asked    []access.Request
	by       []mgmt.Principal
	answers  func(access.Request) access.Answer
	roles    map[string]mgmt.UserRole
	trust    identity.Trust
	watchers []func(*access.Directory)
	foreign  bool // an organisation signs the certificates
}

func (o *office) Ask(_ context.Context, who mgmt.Principal, req access.Request) (access.Answer, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	row := access.RowOf(req)
	if who.Role < row.May {
		return access.Refusal{Why: access.Forbidden, Reason: access.Denied(who, row.Name, row.May)}, nil
	}
	o.asked, o.by = append(o.asked, req), append(o.by, who)
	if o.answers != nil {
		if answer := o.answers(req); answer != nil {
			return answer, nil
		}
	}
	return usual(req), nil
}

// usual returns an answer of the type that a request has.
func usual(req access.Request) access.Answer {
	switch req := req.(type) {
	case access.CreateToken:
		return access.Token{TokenInfo: access.TokenInfo{ID: "abc", For: identity.Identity{Kind: identity.Agent, Name: req.Instance}}, Text: "zf1-secret"}
	case access.CreateAPIToken:
		return access.Token{TokenInfo: access.TokenInfo{ID: "abc", API: true, Name: req.Name, For: identity.Identity{Kind: identity.User, Name: req.User}}, Text: "zfa-secret"}
	case access.AddUser:
		return access.Token{TokenInfo: access.TokenInfo{ID: "abc", For: identity.Identity{Kind: identity.User, Name: req.Name}}, Text: "zf1-secret"}
	case access.CreateOwnToken:
		return access.Token{TokenInfo: access.TokenInfo{ID: "abc", API: true, Name: req.Name, For: identity.Identity{Kind: identity.User, Name: "ann"}}, Text: "zfa-secret"}
	case access.ListTokens, access.ListOwnTokens:
		return access.Tokens{}
	case access.ListUsers:
		return access.Users{}
	case access.ListCertificates:
		return access.Certificates{}
	case access.ListAuthorities, access.RotateAuthority:
		return access.Authorities{}
	case access.Join:
		return access.Joined{Cluster: "c", Instance: "sensor-1"}
	case access.Login:
		return access.Certificate{Cluster: "c", Identity: identity.Identity{Kind: identity.User, Name: "ann"}}
	case access.Sign:
		return access.Certificate{Cluster: "c", Identity: req.Identity}
	case access.Renew:
		if req.Identity.Kind == identity.Agent {
			return access.Joined{Cluster: "c", Instance: req.Identity.Name}
		}
		return access.Certificate{Cluster: "c", Identity: req.Identity}
	}
	return access.Done{}
}

func (o *office) Directory() *access.Directory {
	o.mu.Lock()
	defer o.mu.Unlock()
	d := &access.Directory{Trust: &o.trust, Roles: maps.Clone(o.roles)}
	if !o.foreign {
		d.NodeAuthorities = []*x509.Certificate{{}}
	}
	return d
}

func (o *office) Changed(f func(*access.Directory)) (stop func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.watchers = append(o.watchers, f)
	return func() {}
}

// setRole changes the role of a user, and tells the watchers.
func (o *office) setRole(name string, role mgmt.UserRole) {
	o.mu.Lock()
	if o.roles == nil {
		o.roles = map[string]mgmt.UserRole{}
	}
	o.roles[name] = role
	watchers := o.watchers
	o.mu.Unlock()
	for _, f := range watchers {
		f(o.Directory())
	}
}

// requests returns what was asked, without refusals.
func (o *office) requests() []access.Request {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked
}

// book is an audit in memory.
type book struct {
	mu   sync.Mutex
	recs []mgmt.AuditRecord
	grew chan struct{} // gets a value when somebody begins to wait
	more chan struct{}
}

func (b *book) Read(q audit.Query) ([]mgmt.AuditRecord, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []mgmt.AuditRecord
	for _, r := range b.recs {
		if r.Seq > q.After && (q.User == "" || r.Who == q.User) && !r.Time.Before(q.Since) {
			found = append(found, r)
		}
	}
	return found[:min(len(found), q.Limit)], nil
}

func (b *book) Newest() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return uint64(len(b.recs))
}

func (b *book) Wait(ctx context.Context, after uint64) error {
	for b.Newest() <= after {
		select {
		case b.grew <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		select {
		case <-b.more:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (b *book) add(rec mgmt.AuditRecord) {
	b.mu.Lock()
	defer b.mu.Unlock()
	rec.Seq = uint64(len(b.recs) + 1)
	b.recs = append(b.recs, rec)
}

// The tokens with which the tests ask.
var users = map[string]mgmt.Principal{
	"viewer":   {Name: "vic", Role: mgmt.Viewer},
	"operator": {Name: "opal", Role: mgmt.Operator},
	"admin":    {Name: "ada", Role: mgmt.Admin},
}

var errNobody = errors.New("show an API token or a certificate")

// who judges the callers of the tests.
func who(bearer string) (mgmt.Principal, error) {
	if user, ok := users[bearer]; ok {
		return user, nil
	}
	return mgmt.Principal{}, errNobody
}

// site is a server behind a port of this host.
type site struct {
	t    testing.TB
	addr string
	*web.Server
	ended chan error
	stop  context.CancelCauseFunc
}

// serve serves until the test ends. dress, if not nil, changes what the server is told of
// each connection.
func serve(t testing.TB, cfg web.Config, dress func(*web.Connection)) *site {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	if cfg.Cluster == nil {
		cfg.Cluster = &fleet{}
	}
	server, err := web.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	s := &site{t: t, addr: ln.Addr().String(), Server: server, ended: make(chan error, 1), stop: stop}
	var all sync.WaitGroup
	all.Go(func() { s.ended <- server.Serve(ctx) })
	all.Go(func() {
		for {
			raw, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				c := web.Connection{Conn: raw, Remote: netip.MustParseAddrPort(raw.RemoteAddr().String()), Here: true, Who: who}
				if dress != nil {
					dress(&c)
				}
				server.Take(c)
			})
		}
	})
	t.Cleanup(func() {
		stop(errors.New("the test is over"))
		ln.Close()
		all.Wait()
	})
	return s
}

// dial opens a connection.
func (s *site) dial() net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience.Limit))
	return c
}

// raw sends a request as it is, and returns the answer with its body.
func (s *site) raw(text string) (*http.Response, string) {
	s.t.Helper()
	c := s.dial()
	if _, err := io.WriteString(c, text); err != nil {
		s.t.Fatal(err)
	}
	return readAnswer(s.t, bufio.NewReader(c))
}

func readAnswer(t testing.TB, br *bufio.Reader) (*http.Response, string) {
	t.Helper()
	answer, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatalf("read the answer: %v", err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("read the answer: %v", err)
	}
	return answer, string(body)
}

// ask makes a request with a bearer, a body and further header lines, each of which may
// be empty.
func (s *site) ask(method, path, bearer, body string, headers ...string) (*http.Response, string) {
	s.t.Helper()
	lines := append([]string{method + " " + path + " HTTP/1.1", "Host: " + s.addr, "Connection: close"}, headers...)
	if bearer != "" {
		lines = append(lines, "Authorization: Bearer "+bearer)
	}
	if body != "" {
		lines = append(lines, "Content-Type: application/json", fmt.Sprintf("Content-Length: %d", len(body)))
	}
	return s.raw(strings.Join(lines, "\r\n") + "\r\n\r\n" + body)
}
