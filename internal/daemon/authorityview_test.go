package daemon_test

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/core/authority"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/memstore"
)

// holder returns whose certificate a registry shows, judged by itself.
func holder(t *testing.T, r daemon.Registry) string {
	t.Helper()
	own, err := r.Certificate()
	if err != nil {
		return err.Error()
	}
	id, err := identity.ReadCerts(identity.CertPEM(own.Leaf))
	if err != nil {
		t.Fatal(err)
	}
	who, err := r.Judge(id)
	if err != nil {
		return err.Error()
	}
	return who
}

func openView(t *testing.T, s store.Store, name string) *daemon.AuthorityView {
	t.Helper()
	v, err := daemon.OpenAuthorityView(t.Context(), s, name, authority.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func reload(t *testing.T, v *daemon.AuthorityView) {
	t.Helper()
	if err := v.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// awaitHolder asks until a controller has the certificate that SetMembers has made.
func awaitHolder(t *testing.T, a *daemon.Authority, v *daemon.AuthorityView, want string) {
	t.Helper()
	for holder(t, v) != want {
		// An answer says that the authority has had a turn. The list may come in the next one.
		askAuthority[access.Tokens](t, a, authorityAdmin, access.ListTokens{})
		reload(t, v)
	}
}

func TestViewSeesWhatTheAuthorityOfAClusterHasSaved(t *testing.T) {
	shared := new(memstore.Store)
	v := openView(t, shared, "c2")
	if got := holder(t, v); got != "controller c2 has no certificate of the cluster yet: the controller that leads makes it when this one belongs to the cluster" {
		t.Errorf("without an authority: %s", got)
	}
	if id, err := v.Judge(newForeignChain(t)); err == nil {
		t.Errorf("without an authority it believes %s", id)
	}
	a, stop := startAuthority(t, daemon.AuthorityConfig{Store: shared})
	if !a.Founded() {
		t.Error("it was not made")
	}
	var told int
	defer v.Changed(func(*access.Directory) { told++ })()
	reload(t, v)
	before := v.Directory()
	reload(t, v)
	if told != 1 || before != v.Directory() {
		t.Errorf("the listener was told %d times", told)
	}

	a.SetMembers([]daemon.AuthorityMember{{Name: "c3"}})
	a.SetMembers([]daemon.AuthorityMember{{Name: "c2", Hosts: []string{"192.0.2.2"}}})
	awaitHolder(t, a, v, "controller/c2")
	own, _ := v.Certificate()
	if err := own.Leaf.VerifyHostname("192.0.2.2"); err != nil {
		t.Error(err)
	}
	if got := holder(t, a); got != "controller/ctl" {
		t.Errorf("the authority has the certificate of %s", got)
	}

	// Users and API tokens count at once.
	askAuthority[access.Token](t, a, authorityAdmin, access.AddUser{Name: "ann", Role: mgmt.Operator})
	bearer := askAuthority[access.Token](t, a, authorityAdmin, access.CreateAPIToken{User: "ann", Name: "ci"})
	reload(t, v)
	if who, err := v.Bearer(bearer.Text); err != nil || who.Name != "ann" || who.Role != mgmt.Operator {
		t.Errorf("the token is that of %+v, %v", who, err)
	}
	now := told
	askAuthority[access.Done](t, a, authorityAdmin, access.RevokeToken{ID: bearer.ID})
	reload(t, v)
	if _, err := v.Bearer(bearer.Text); err == nil || told != now+1 {
		t.Errorf("the token is revoked, and %v; the listener was told %d times", err, told-now)
	}

	// Another controller leads, and the one that led sees it as a fence.
	other, err := daemon.OpenAuthority(t.Context(), daemon.AuthorityConfig{Store: shared, Name: "c2", Hosts: []string{"192.0.2.2"}, SaveTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if got := holder(t, other); got != "controller/c2" || other.Founded() {
		t.Errorf("the other controller has the certificate of %s, founded %v", got, other.Founded())
	}
	stop()
	reload(t, v)
	if got := holder(t, v); got != "controller/c2" {
		t.Errorf("the certificate is that of %s", got)
	}
}

// newForeignChain returns a certificate of another cluster.
func newForeignChain(t *testing.T) []*x509.Certificate {
	t.Helper()
	a, stop := startAuthority(t, daemon.AuthorityConfig{Directory: t.TempDir()})
	defer stop()
	return certsOf(t, a)
}

// A view follows when the authority is replaced: it trusts the new one, and shows a
// certificate of it.
func TestViewFollowsANewAuthority(t *testing.T) {
	shared := new(memstore.Store)
	a, _ := startAuthority(t, daemon.AuthorityConfig{Store: shared, Members: []daemon.AuthorityMember{{Name: "c2"}}})
	v := openView(t, shared, "c2")
	before, err := v.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	list := askAuthority[access.Authorities](t, a, authorityAdmin, access.RotateAuthority{Now: true})
	// Nobody holds a certificate of the old one. So the new one counts at once.
	if len(askAuthority[access.Authorities](t, a, authorityAdmin, access.ListAuthorities{})) > 1 {
		t.Fatal("the old authority is still there")
	}
	reload(t, v)
	after, err := v.Certificate()
	if err != nil || after.Leaf.Equal(before.Leaf) {
		t.Errorf("the certificate is the old one: %v", err)
	}
	if got := holder(t, v); got != "controller/c2" {
		t.Errorf("the certificate is that of %s", got)
	}
	if got := v.Directory().Trust.Authorities; len(got) != 1 || identity.KeyHash(got[0]) != list[0].KeyHash {
		t.Errorf("the view trusts %d authorities", len(got))
	}
	if _, err := v.Judge(append([]*x509.Certificate{before.Leaf}, list2certs(t, identity.CertPEM(after.Leaf))...)); err == nil {
		t.Error("a certificate of the old authority still counts")
	}
}

func list2certs(t *testing.T, text []byte) []*x509.Certificate {
	t.Helper()
	list, err := identity.ReadCerts(text)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// fencedStore is a store that another controller has taken.
type fencedStore struct {
	store.Store
	mu     sync.Mutex
	fenced bool
}

func (s *fencedStore) Save(ctx context.Context, changes []store.Change, replaces store.Revision) (store.Revision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fenced {
		return 0, store.ErrConflict
	}
	return s.Store.Save(ctx, changes, replaces)
}

func TestAuthorityOfADeposedControllerEnds(t *testing.T) {
	shared := &fencedStore{Store: new(memstore.Store)}
	a, err := daemon.OpenAuthority(t.Context(), daemon.AuthorityConfig{Store: shared, Name: "ctl", SaveTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.Run(t.Context()) }()
	askAuthority[access.Token](t, a, authorityAdmin, access.CreateToken{Controller: "c2"})
	shared.mu.Lock()
	shared.fenced = true
	shared.mu.Unlock()
	refusal := askAuthority[access.Refusal](t, a, authorityAdmin, access.CreateToken{Controller: "c3"})
	if !strings.Contains(refusal.Reason, "another process has changed the stored state") {
		t.Errorf("got %q", refusal.Reason)
	}
	if err := <-ended; !errors.Is(err, store.ErrConflict) {
		t.Errorf("it has ended with %v", err)
	}
}

func TestControllerJoinsThroughTheAuthorityOfTheCluster(t *testing.T) {
	shared := new(memstore.Store)
	a, _ := startAuthority(t, daemon.AuthorityConfig{Store: shared})
	token := askAuthority[access.Token](t, a, authorityAdmin, access.CreateToken{Controller: "c2"})
	joined := askAuthority[access.JoinedController](t, a, mgmt.Principal{Name: "unknown"}, access.JoinController{Token: token.Text, Name: "c2", Hosts: []string{"192.0.2.2"}, Clock: time.Now()})
	v := openView(t, shared, "c2")
	own, err := v.Certificate()
	if err != nil || identity.Serial(own.Leaf) != joined.Serial {
		t.Errorf("the view has another certificate: %v", err)
	}
}

func TestSwitchedRegistryTellsOfEachChange(t *testing.T) {
	shared := new(memstore.Store)
	a, _ := startAuthority(t, daemon.AuthorityConfig{Store: shared, Members: []daemon.AuthorityMember{{Name: "c2"}}})
	v := openView(t, shared, "c2")
	r := daemon.NewSwitchedRegistry(v)
	var mu sync.Mutex
	var told []*access.Directory
	stop := r.Changed(func(d *access.Directory) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, d)
	})
	times := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(told)
	}
	if got := holder(t, r); got != "controller/c2" || r.Foreign() || r.Directory() != v.Directory() || !r.Authorities().Equal(v.Authorities()) {
		t.Errorf("it shows the certificate of %s", got)
	}
	r.Switch(a)
	if got := holder(t, r); got != "controller/ctl" || times() != 1 || r.Directory() != a.Directory() {
		t.Errorf("it shows the certificate of %s, and has told %d times", got, times())
	}
	askAuthority[access.Token](t, a, authorityAdmin, access.AddUser{Name: "ann", Role: mgmt.Viewer})
	if times() != 2 || told[1] != a.Directory() {
		t.Errorf("a change was told %d times", times()-1)
	}
	reload(t, v) // the one that it was before
	if times() != 2 {
		t.Error("it tells of changes of another registry")
	}
	bearer := askAuthority[access.Token](t, a, authorityAdmin, access.CreateAPIToken{User: "ann", Name: "ci"})
	if who, err := r.Bearer(bearer.Text); err != nil || who.Name != "ann" {
		t.Errorf("the token is that of %v, %v", who, err)
	}
	stop()
	r.Switch(v)
	if times() != 2 {
		t.Error("a listener that has stopped is told")
	}
	who := daemon.NewMemberWho(daemon.WhoConfig{Registry: r})
	if _, err := who.Principal(newRegistry(t).peer("user/ann"), nil, ""); err == nil || !strings.Contains(err.Error(), "none of our authorities") {
		t.Errorf("a user of another cluster: %v", err)
	}
}
