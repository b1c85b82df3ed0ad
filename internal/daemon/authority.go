package daemon

import (
	"cmp"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/core/authority"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
)

// AuthorityConfig has the settings of an Authority.
type AuthorityConfig struct {
	Core authority.Config
	// Directory is the controller's directory. The authority keeps its state there, in
	// authority.db.
	Directory string
	// Name is the name of the controller. Hosts are the DNS names and the IP addresses in
	// the controller's own certificate.
	Name  string
	Hosts []string
	// Audit keeps a record before the request that it is about is answered. Nil discards
	// the records.
	Audit func(mgmt.AuditRecord)
	// SaveTimeout bounds a save. Zero means 5 s.
	SaveTimeout time.Duration
	// Logger gets the log records. Nil discards them.
	Logger *slog.Logger
}

func (c AuthorityConfig) withDefaults() AuthorityConfig {
	c.SaveTimeout = cmp.Or(c.SaveTimeout, defaultSaveTimeout)
	c.Logger = limitedLog(cmp.Or(c.Logger, slog.New(slog.DiscardHandler)))
	if c.Audit == nil {
		c.Audit = func(mgmt.AuditRecord) {}
	}
	return c
}

// errAuthorityEnded is the error of calls of an Authority that has ended.
var errAuthorityEnded = errors.New("the authority of the cluster has ended")

// Authority is the authority of a cluster, in this process: it knows who may do what, and
// signs certificates. Its private keys never leave it, except that the controller's own
// is in what Certificate returns.
type Authority struct {
	store *boltstore.Store
	shell *authorityShell

	questions chan *question
	// uses has room for a few. One that finds no room is lost, and the next use counts.
	uses  chan authority.Event
	ended chan struct{} // is closed when Run returns

	view      atomic.Pointer[authority.View]
	own       atomic.Pointer[tls.Certificate]
	listeners listeners
	founded   bool
	// unsaved is the error of the latest save, or nil.
	unsaved atomic.Pointer[error]
}

// question is a request of Ask.
type question struct {
	who    mgmt.Principal
	req    access.Request
	answer chan access.Answer // has room for one
}

// OpenAuthority reads authority.db in the controller's directory, or makes the cluster's
// authority there. When it returns, Directory and Certificate work.
func OpenAuthority(ctx context.Context, cfg AuthorityConfig) (*Authority, error) {
	cfg = cfg.withDefaults()
	if err := (identity.Identity{Kind: identity.Controller, Name: cfg.Name}).Check(); err != nil {
		return nil, fmt.Errorf("the name of the controller (controller.name) becomes that of its certificate: %w", err)
	}
	s, err := openAuthorityState(ctx, cfg.Directory, cfg.Logger)
	if err != nil {
		return nil, err
	}
	a := &Authority{
		store: s, questions: make(chan *question), uses: make(chan authority.Event, 64), ended: make(chan struct{}),
	}
	if err := a.open(ctx, cfg); err != nil {
		s.Close()
		return nil, err
	}
	return a, nil
}

// Founded reports whether OpenAuthority made the authority, because there was none.
func (a *Authority) Founded() bool { return a.founded }

// Foreign reports whether an organisation signs the certificates of the cluster itself.
// Then Certificate and all that signs return errors.
func (a *Authority) Foreign() bool { return len(a.shell.cfg.Core.Foreign) > 0 }

// Unsaved returns why the latest save of the authority's state has failed. It returns nil if
// it has not. Any goroutine may call it.
func (a *Authority) Unsaved() error {
	if err := a.unsaved.Load(); err != nil {
		return *err
	}
	return nil
}

// Close closes the authority's file, when it is not running.
func (a *Authority) Close() error { return a.store.Close() }

// Run runs the authority until ctx is done, and returns the cause of ctx then. It returns
// store.ErrConflict if another process has changed the file. It can run once.
func (a *Authority) Run(ctx context.Context) error {
	defer close(a.ended)
	return a.shell.run(ctx)
}

// Ask makes a request on behalf of a user. A refusal is an answer, too. The error says
// that ctx is done, or that the authority has ended. What was asked for may be done then
// all the same. Any goroutine may call Ask while Run runs.
func (a *Authority) Ask(ctx context.Context, who mgmt.Principal, req access.Request) (access.Answer, error) {
	q := &question{who, req, make(chan access.Answer, 1)}
	select {
	case a.questions <- q:
	case <-a.ended:
		return nil, errAuthorityEnded
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	select {
	case answer := <-q.answer:
		return answer, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-a.ended:
	}
	select {
	case answer := <-q.answer: // it came first
		return answer, nil
	default:
		return nil, errAuthorityEnded
	}
}

// Directory returns what the authority believes of everybody now. Any goroutine may call
// Directory.
func (a *Authority) Directory() *access.Directory { return a.view.Load().Directory }

// Changed calls f after each change of the Directory, and after the end of an API token,
// until stop is called. f must not wait, and must not call Ask. A call of f may still run
// when stop returns.
func (a *Authority) Changed(f func(*access.Directory)) (stop func()) { return a.listeners.add(f) }

// Bearer returns the user who acts with an API token. Its error is for that user.
func (a *Authority) Bearer(text string) (mgmt.Principal, error) {
	shown, err := identity.ParseAPIToken(text)
	if err != nil {
		return mgmt.Principal{}, err
	}
	view, now := a.view.Load(), time.Now()
	known, ok := view.Bearers[shown.ID]
	hash := identity.SecretHash(shown.Secret)
	switch {
	case !ok || subtle.ConstantTimeCompare(known.Hash[:], hash[:]) != 1:
		return mgmt.Principal{}, fmt.Errorf("the API token %s is not known here: it was revoked, it has expired, or it is misspelt", shown.ID)
	case !known.Expires.IsZero() && !now.Before(known.Expires):
		return mgmt.Principal{}, fmt.Errorf("the API token %s expired at %s", shown.ID, identity.Clock(known.Expires))
	}
	user, err := view.Directory.Principal(identity.Identity{Kind: identity.User, Name: known.User})
	if err == nil && !now.Before(known.NextUse) {
		a.noteUse(authority.BearerUsed{Token: shown.ID})
	}
	return user, err
}

// Certificate returns the controller's own certificate, with that of its authority.
func (a *Authority) Certificate() (*tls.Certificate, error) {
	own := a.own.Load()
	if own == nil {
		return nil, errors.New("this controller has no authority of its own: its certificate comes from a file (tls.cert)")
	}
	return own, nil
}

// Judge returns whose certificate the first of a chain is, such as "agent/sensor-1". The
// owner must have proved that it has the key.
func (a *Authority) Judge(chain []*x509.Certificate) (string, error) {
	view := a.view.Load()
	id, err := view.Directory.Trust.Judge(chain, time.Now())
	if err != nil {
		return "", err
	}
	if serial := identity.Serial(chain[0]); view.Fresh[serial] {
		a.noteUse(authority.CertificateUsed{Serial: serial})
	}
	return id.String(), nil
}

// Authorities returns the authorities whose certificates count, as a hint for peers.
func (a *Authority) Authorities() *x509.CertPool {
	return identity.Pool(a.Directory().Trust.Authorities)
}

func (a *Authority) noteUse(ev authority.Event) {
	select {
	case a.uses <- ev:
	default:
	}
}
