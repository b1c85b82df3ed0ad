package daemon

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/authority"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/loop"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
)

// authorityFile is the name of the file with the authority's state, in the controller's
// directory.
const authorityFile = "authority.db"

const withoutAuthority = "without it the controller makes a new authority, and every agent and user must join or log in again"

var readAuthorityState = readerFor(authority.Restore, withoutAuthority)

// openAuthorityState opens the file. Nobody but its owner may read it: it has the
// authority's keys.
func openAuthorityState(ctx context.Context, directory string, log *slog.Logger) (*boltstore.Store, error) {
	path := filepath.Join(directory, authorityFile)
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("state file %s has the keys of the authority, and others may read it (mode %04o): find out who has; then chmod 600 it", path, info.Mode().Perm())
	}
	return boltstore.Open(ctx, path, boltstore.Config{WithoutIt: withoutAuthority, Check: func(entries []store.Entry) error {
		_, err := readAuthorityState(entries)
		return err
	}})
}

// authorityShell belongs to the goroutine of its loop.
type authorityShell struct {
	*Authority
	cfg     AuthorityConfig
	kept    *keeper
	loop    *loop.Loop[authority.Event, authority.Effect]
	waiting map[uint64]*question
	asked   uint64 // counts the questions
	// saveErr is the error of the last save, and conflict says that another process has
	// changed the file.
	saveErr, conflict error
}

// open starts the core.
func (a *Authority) open(ctx context.Context, cfg AuthorityConfig) error {
	kept, saved, err := loadState(ctx, cfg.Store, cfg.SaveTimeout, readAuthorityState)
	if err != nil {
		return err
	}
	if len(cfg.Core.Foreign) == 0 {
		if err := saved.CheckClock(time.Now()); err != nil {
			return fmt.Errorf("%s: %w", kept.place, err)
		}
	}
	a.founded = kept.revision == 0 && len(cfg.Core.Foreign) == 0
	s := &authorityShell{Authority: a, cfg: cfg, kept: kept, waiting: map[uint64]*question{}}
	s.loop = loop.New(authority.New(cfg.Core, saved, maker{}), s.perform)
	a.shell = s
	start := authority.Start{Cluster: identity.NewCluster(), Name: cfg.Name, Hosts: cfg.Hosts, Members: coreMembers(cfg.Members)}
	if err := s.loop.Step(ctx, start); err != nil {
		return err
	}
	if a.view.Load() == nil || len(cfg.Core.Foreign) == 0 && a.own.Load() == nil {
		return fmt.Errorf("make the authority of the cluster in %s: %w", kept.place, errors.Join(s.saveErr, context.Cause(ctx)))
	}
	return nil
}

func (s *authorityShell) run(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	return s.loop.Run(ctx, func(due <-chan time.Time) (authority.Event, bool) {
		if s.conflict != nil {
			end(s.conflict)
			return nil, false
		}
		select {
		case <-ctx.Done():
			return nil, false
		case <-due:
			return authority.Tick{}, true
		case list := <-s.members:
			return authority.MembersChanged{Members: coreMembers(list)}, true
		case use := <-s.uses:
			return use, true
		case q := <-s.questions:
			s.asked++
			s.waiting[s.asked] = q
			return authority.Request{ID: s.asked, Who: q.who, Req: q.req}, true
		}
	})
}

func (s *authorityShell) perform(ctx context.Context, effect authority.Effect) (*authority.Event, error) {
	switch e := effect.(type) {
	case authority.Save:
		return new(s.save(ctx, e.Changes)), nil
	case authority.Audit:
		s.cfg.Audit(e.Record)
	case authority.Reply:
		s.waiting[e.ID].answer <- e.Answer
		delete(s.waiting, e.ID)
	case authority.Published:
		s.publish(e.View)
	case authority.Own:
		s.own.Store(certificateOf(&e))
	case authority.Note:
		logNote(ctx, s.cfg.Logger, e.Note, "request", e.Request, "subject", e.Subject, "who", e.Who.Name, "addr", e.Who.Source)
	default:
		panic(fmt.Sprintf("daemon: unhandled effect %T", effect))
	}
	return nil, nil
}

// coreMembers keeps the difference between no list and an empty one.
func coreMembers(list []AuthorityMember) []authority.Member {
	if list == nil {
		return nil
	}
	members := []authority.Member{}
	for _, one := range list {
		members = append(members, authority.Member(one))
	}
	return members
}

func (s *authorityShell) save(ctx context.Context, changes []authority.Change) authority.Event {
	list := make([]store.Change, len(changes))
	for i, change := range changes {
		list[i] = store.Change(change)
	}
	s.saveErr = s.kept.save(ctx, list)
	s.unsaved.Store(nil)
	if s.saveErr != nil {
		s.unsaved.Store(new(s.saveErr))
	}
	switch {
	case errors.Is(s.saveErr, store.ErrConflict):
		s.conflict = s.saveErr
		return authority.Deposed{}
	case s.saveErr != nil:
		return authority.Saved{Err: s.saveErr.Error()}
	}
	return authority.Saved{}
}

// maker makes keys, certificates and secrets for the core.
type maker struct{}

func (maker) Authority(name string, now time.Time, life time.Duration) (identity.Authority, error) {
	return identity.NewAuthority(name, now, life)
}

func (maker) Issue(by identity.Authority, leaf identity.Leaf, now time.Time) (*x509.Certificate, error) {
	return by.Issue(leaf, now)
}

func (maker) Key() (crypto.Signer, error) { return identity.NewKey() }

func (maker) Secret() identity.APIToken { return identity.NewAPIToken() }
