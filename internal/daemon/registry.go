package daemon

import (
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/core/authority"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Registry knows who belongs to a cluster. Any goroutine may call its methods. *Authority is
// that of a controller that leads, *AuthorityView that of one that follows, and
// *SwitchedRegistry is one of them at each moment.
type Registry interface {
	// Directory returns what is believed of everybody now.
	Directory() *access.Directory
	// Bearer returns the user who acts with an API token. Its error is for that user.
	Bearer(text string) (mgmt.Principal, error)
	// Judge returns whose certificate the first of a chain is, such as "agent/sensor-1". The
	// owner must have proved that it has the key.
	Judge(chain []*x509.Certificate) (string, error)
	// Authorities returns the authorities whose certificates count, as a hint for peers.
	Authorities() *x509.CertPool
	// Certificate returns the controller's own certificate, with that of its authority.
	Certificate() (*tls.Certificate, error)
	// Foreign reports whether an organisation signs the certificates of the cluster itself.
	// Then Certificate and all that signs return errors.
	Foreign() bool
	// Changed calls f after each change of the Directory, and after the end of an API token,
	// until stop is called. f must not wait, and must not ask the authority. A call of f may
	// still run when stop returns.
	Changed(f func(*access.Directory)) (stop func())
}

// registered is a Registry of the view that was published last.
type registered struct {
	name      string // of the controller
	foreign   bool
	view      atomic.Pointer[authority.View]
	own       atomic.Pointer[tls.Certificate]
	hint      atomic.Pointer[hint]
	listeners listeners
	// noteUse takes that somebody has shown something. It does not wait.
	noteUse func(authority.Event)
}

// Foreign reports whether an organisation signs the certificates of the cluster itself.
// Then Certificate and all that signs return errors.
func (r *registered) Foreign() bool { return r.foreign }

// Directory returns what the authority believes of everybody now. Any goroutine may call
// Directory.
func (r *registered) Directory() *access.Directory { return r.view.Load().Directory }

// Changed calls f after each change of the Directory, and after the end of an API token,
// until stop is called. f must not wait, and must not call Ask. A call of f may still run
// when stop returns.
func (r *registered) Changed(f func(*access.Directory)) (stop func()) { return r.listeners.add(f) }

// Bearer returns the user who acts with an API token. Its error is for that user.
func (r *registered) Bearer(text string) (mgmt.Principal, error) {
	shown, err := identity.ParseAPIToken(text)
	if err != nil {
		return mgmt.Principal{}, err
	}
	view, now := r.view.Load(), time.Now()
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
		r.noteUse(authority.BearerUsed{Token: shown.ID})
	}
	return user, err
}

// Certificate returns the controller's own certificate, with that of its authority.
func (r *registered) Certificate() (*tls.Certificate, error) {
	own := r.own.Load()
	switch {
	case own != nil:
		return own, nil
	case r.foreign:
		return nil, errors.New("this controller has no authority of its own: its certificate comes from a file (tls.cert)")
	}
	return nil, fmt.Errorf("controller %s has no certificate of the cluster yet: the controller that leads makes it when this one belongs to the cluster", r.name)
}

// Judge returns whose certificate the first of a chain is, such as "agent/sensor-1". The
// owner must have proved that it has the key.
func (r *registered) Judge(chain []*x509.Certificate) (string, error) {
	view := r.view.Load()
	id, err := view.Directory.Trust.Judge(chain, time.Now())
	if err != nil {
		return "", err
	}
	if serial := identity.Serial(chain[0]); view.Fresh[serial] {
		r.noteUse(authority.CertificateUsed{Serial: serial})
	}
	return id.String(), nil
}

// Authorities returns the authorities whose certificates count, as a hint for peers.
func (r *registered) Authorities() *x509.CertPool {
	trust := r.Directory().Trust
	if made := r.hint.Load(); made != nil && made.of == trust {
		return made.pool
	}
	made := &hint{trust, identity.Pool(trust.Authorities)}
	r.hint.Store(made)
	return made.pool
}

// hint is the pool of authorities for peers, which all connections share.
type hint struct {
	of   *identity.Trust
	pool *x509.CertPool
}

// publish makes a view the one that all goroutines see. It tells the listeners if the
// Directory has changed, or if an API token has ended.
func (r *registered) publish(view authority.View) {
	before := r.view.Swap(&view)
	if before == nil || before.Directory == view.Directory && !lost(before.Bearers, view.Bearers) {
		return
	}
	for _, f := range r.listeners.all() {
		f(view.Directory)
	}
}

// certificateOf returns the controller's own certificate in the form of TLS.
func certificateOf(own *authority.Own) *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{own.Cert.Raw, own.Authority.Raw}, PrivateKey: own.Key, Leaf: own.Cert}
}

// lost reports whether there was an API token that is no longer there.
func lost(before, after map[string]authority.Bearer) bool {
	for id := range before {
		if _, ok := after[id]; !ok {
			return true
		}
	}
	return false
}

// listeners are the functions that Changed calls.
type listeners struct {
	mu    sync.Mutex
	funcs map[int]func(*access.Directory)
	next  int
}

func (l *listeners) add(f func(*access.Directory)) (stop func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.funcs == nil {
		l.funcs = map[int]func(*access.Directory){}
	}
	n := l.next
	l.next++
	l.funcs[n] = f
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.funcs, n)
	}
}

// all returns the functions in the order in which they were added.
func (l *listeners) all() []func(*access.Directory) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []func(*access.Directory)
	for _, n := range slices.Sorted(maps.Keys(l.funcs)) {
		list = append(list, l.funcs[n])
	}
	return list
}
