package daemon

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/core/authority"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// AuthorityView is the authority of the cluster as a controller sees it that follows. It
// judges, and changes nothing. What it believes is as new as the last Reload.
type AuthorityView struct {
	registered
	store store.Store
	cfg   authority.Config

	// revision is the one that was read last, if loaded. They belong to the goroutine that
	// reloads.
	revision store.Revision
	loaded   bool
}

// OpenAuthorityView reads the state that the controllers of a cluster share. name is that of
// this controller. If no controller has ever led, nobody is trusted until a Reload finds an
// authority.
func OpenAuthorityView(ctx context.Context, s store.Store, name string, cfg authority.Config) (*AuthorityView, error) {
	v := NewAuthorityView(s, name, cfg)
	if err := v.Reload(ctx); err != nil {
		return nil, err
	}
	return v, nil
}

// NewAuthorityView returns a view that has read nothing: nobody is trusted until a Reload.
func NewAuthorityView(s store.Store, name string, cfg authority.Config) *AuthorityView {
	v := &AuthorityView{store: s, cfg: cfg}
	v.name, v.foreign = name, len(cfg.Foreign) > 0
	v.noteUse = func(authority.Event) {} // the controller that leads sees agents, too
	view, _ := authority.Look(cfg, authority.State{}, name, time.Now())
	v.publish(view)
	return v
}

// Reload reads the state again, and tells the listeners if it has changed. After an error the
// view stays as it is. One goroutine at a time may call it.
func (v *AuthorityView) Reload(ctx context.Context) error {
	next, own, err := v.load(ctx)
	if err != nil || next == nil {
		return err
	}
	if before := v.view.Load(); before != nil && reflect.DeepEqual(before.Directory, next.Directory) {
		next.Directory = before.Directory // so that nobody judges all peers again
	}
	v.own.Store(own)
	v.publish(*next)
	return nil
}

// load returns the state in the store, or nil if it is the one that was read last.
func (v *AuthorityView) load(ctx context.Context) (*authority.View, *tls.Certificate, error) {
	entries, revision, err := v.store.Load(ctx, "")
	if err != nil {
		return nil, nil, fmt.Errorf("load the authority of the cluster: %w", err)
	}
	if v.loaded && revision == v.revision {
		return nil, nil, nil
	}
	state, err := readAuthorityState(entries)
	if err != nil {
		return nil, nil, fmt.Errorf("load the authority of the cluster, revision %d: %w", revision, err)
	}
	view, own := authority.Look(v.cfg, state, v.name, time.Now())
	v.revision, v.loaded = revision, true
	if own == nil {
		return &view, nil, nil
	}
	return &view, certificateOf(own), nil
}

// SwitchedRegistry is one Registry at each moment. So ports outlive the change from a
// controller that leads to one that follows. Any goroutine may use it.
type SwitchedRegistry struct {
	listeners listeners
	current   atomic.Pointer[switchedTo]
}

// switchedTo is a registry, and how to end its calls.
type switchedTo struct {
	Registry
	stop func()
}

// NewSwitchedRegistry returns one that is r.
func NewSwitchedRegistry(r Registry) *SwitchedRegistry {
	s := &SwitchedRegistry{}
	s.Switch(r)
	return s
}

// Switch makes it r from now on, and tells the listeners.
func (s *SwitchedRegistry) Switch(r Registry) {
	next := &switchedTo{Registry: r}
	next.stop = r.Changed(func(*access.Directory) {
		if s.current.Load() == next {
			s.tell()
		}
	})
	if before := s.current.Swap(next); before != nil {
		before.stop()
	}
	s.tell()
}

func (s *SwitchedRegistry) tell() {
	directory := s.Directory()
	for _, f := range s.listeners.all() {
		f(directory)
	}
}

// Directory is the method of Registry.
func (s *SwitchedRegistry) Directory() *access.Directory { return s.current.Load().Directory() }

// Bearer is the method of Registry.
func (s *SwitchedRegistry) Bearer(text string) (mgmt.Principal, error) {
	return s.current.Load().Bearer(text)
}

// Judge is the method of Registry.
func (s *SwitchedRegistry) Judge(chain []*x509.Certificate) (string, error) {
	return s.current.Load().Judge(chain)
}

// Authorities is the method of Registry.
func (s *SwitchedRegistry) Authorities() *x509.CertPool { return s.current.Load().Authorities() }

// Certificate is the method of Registry.
func (s *SwitchedRegistry) Certificate() (*tls.Certificate, error) {
	return s.current.Load().Certificate()
}

// Foreign is the method of Registry.
func (s *SwitchedRegistry) Foreign() bool { return s.current.Load().Foreign() }

// Changed is the method of Registry. A Switch is a change, too.
func (s *SwitchedRegistry) Changed(f func(*access.Directory)) (stop func()) {
	return s.listeners.add(f)
}
