package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/core/authority"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
)

// AuthorityConfig has the settings of an Authority.
type AuthorityConfig struct {
	Core authority.Config
	// Directory is the controller's directory. The authority keeps its state there, in
	// authority.db, unless there is a Store.
	Directory string
	// Store has the state that the controllers of a cluster share. Nil means that this
	// controller is the only one. Close does not close it.
	Store store.Store
	// Name is the name of the controller. Hosts are the DNS names and the IP addresses in
	// the controller's own certificate.
	Name  string
	Hosts []string
	// Members are the other controllers of the cluster. Nil means that they are not known
	// yet: nobody loses a certificate before SetMembers. Without a Store there are none.
	Members []AuthorityMember
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

// AuthorityMember is a controller of the cluster, besides the one that leads.
type AuthorityMember struct {
	Name string
	// Hosts are the DNS names and the IP addresses in its certificate. Nil keeps those that
	// its certificate has.
	Hosts []string
}

// errAuthorityEnded is the error of calls of an Authority that has ended.
var errAuthorityEnded = errors.New("the authority of the cluster has ended")

// Authority is the authority of a cluster, in this process: it knows who may do what, and
// signs certificates. Its private keys never leave it, except that the controller's own
// is in what Certificate returns.
type Authority struct {
	registered
	file  *boltstore.Store // nil if the store was given
	shell *authorityShell

	questions chan *question
	// members has the newest list that the shell has not taken yet, and room for one.
	members chan []AuthorityMember
	// uses has room for a few. One that finds no room is lost, and the next use counts.
	uses  chan authority.Event
	ended chan struct{} // is closed when Run returns

	founded bool
	// unsaved is the error of the latest save, or nil.
	unsaved atomic.Pointer[error]
}

// question is a request of Ask.
type question struct {
	who    mgmt.Principal
	req    access.Request
	answer chan access.Answer // has room for one
}

// OpenAuthority reads the state in the Store, or in authority.db in the controller's
// directory, or makes the cluster's authority there. When it returns, Directory and Certificate work.
func OpenAuthority(ctx context.Context, cfg AuthorityConfig) (*Authority, error) {
	cfg = cfg.withDefaults()
	if err := (identity.Identity{Kind: identity.Controller, Name: cfg.Name}).Check(); err != nil {
		return nil, fmt.Errorf("the name of the controller (controller.name) becomes that of its certificate: %w", err)
	}
	a := &Authority{
		questions: make(chan *question), members: make(chan []AuthorityMember, 1), uses: make(chan authority.Event, 64), ended: make(chan struct{}),
	}
	a.name, a.foreign, a.noteUse = cfg.Name, len(cfg.Core.Foreign) > 0, a.postUse
	if cfg.Store == nil {
		var err error
		if a.file, err = openAuthorityState(ctx, cfg.Directory, cfg.Logger); err != nil {
			return nil, err
		}
		cfg.Store, cfg.Members = a.file, []AuthorityMember{}
	}
	if err := a.open(ctx, cfg); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

// Founded reports whether OpenAuthority made the authority, because there was none.
func (a *Authority) Founded() bool { return a.founded }

// Unsaved returns why the latest save of the authority's state has failed. It returns nil if
// it has not. Any goroutine may call it.
func (a *Authority) Unsaved() error {
	if err := a.unsaved.Load(); err != nil {
		return *err
	}
	return nil
}

// Close closes the authority's file, if it has opened one, when it is not running.
func (a *Authority) Close() error {
	if a.file == nil {
		return nil
	}
	return a.file.Close()
}

// Store returns where the authority keeps its state, to read it.
func (a *Authority) Store() store.Store { return a.shell.kept.store }

// SetMembers says who the other controllers of the cluster are now. Each gets a certificate,
// which is with its key in the Store. The certificates of those that are gone are revoked. Any
// goroutine may call it; it does not wait.
func (a *Authority) SetMembers(list []AuthorityMember) {
	list = append([]AuthorityMember{}, list...)
	for {
		select {
		case a.members <- list:
			return
		default:
		}
		select {
		case <-a.members: // an older list
		default:
		}
	}
}

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

// postUse posts that somebody has shown something.
func (a *Authority) postUse(ev authority.Event) {
	select {
	case a.uses <- ev:
	default:
	}
}
