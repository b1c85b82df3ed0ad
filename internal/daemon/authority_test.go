package daemon_test

import (
	"context"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
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
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
)

var authorityAdmin = mgmt.Principal{Name: "root (uid 0)", Role: mgmt.Admin}

// startAuthority opens an authority in dir, and runs it until the test ends or stop is
// called.
func startAuthority(t *testing.T, cfg daemon.AuthorityConfig) (a *daemon.Authority, stop func()) {
	t.Helper()
	if cfg.Name == "" {
		cfg.Name, cfg.Hosts = "ctl", []string{"127.0.0.1", "localhost"}
	}
	cfg.SaveTimeout = time.Minute // no test depends on how fast the disk is
	a, err := daemon.OpenAuthority(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() {
		if err := a.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
	stop = func() {
		cancel()
		run.Wait()
		a.Close()
	}
	t.Cleanup(stop)
	return a, stop
}

// askAuthority returns the answer of this type.
func askAuthority[A access.Answer](t *testing.T, a *daemon.Authority, who mgmt.Principal, req access.Request) A {
	t.Helper()
	answer, err := a.Ask(t.Context(), who, req)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := answer.(A)
	if !ok {
		t.Fatalf("%T: got %T %+v, want %T", req, answer, answer, got)
	}
	return got
}

func authorityCSR(t *testing.T) []byte {
	t.Helper()
	key, err := identity.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	text, err := identity.NewRequest(identity.Identity{Kind: identity.Agent, Name: "any"}, key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// certsOf returns the chain of the controller's own certificate.
func certsOf(t *testing.T, a *daemon.Authority) []*x509.Certificate {
	t.Helper()
	own, err := a.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	chain := []*x509.Certificate{own.Leaf}
	for _, der := range own.Certificate[1:] {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		chain = append(chain, cert)
	}
	return chain
}

func TestAuthorityIsMadeOnceAndKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ctl")
	a, stop := startAuthority(t, daemon.AuthorityConfig{Directory: dir})
	if !a.Founded() {
		t.Error("it was not made")
	}
	made := askAuthority[access.Token](t, a, authorityAdmin, access.CreateToken{Instance: "sensor-1"})
	own, err := a.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "authority.db"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	stop()
	if _, err := a.Ask(t.Context(), authorityAdmin, access.ListTokens{}); err == nil {
		t.Error("an authority that has ended answers")
	}

	a, _ = startAuthority(t, daemon.AuthorityConfig{Directory: dir})
	if a.Founded() {
		t.Error("it was made anew")
	}
	if again, err := a.Certificate(); err != nil || !again.Leaf.Equal(own.Leaf) {
		t.Errorf("the controller's own certificate changed: %v", err)
	}
	joined := askAuthority[access.Joined](t, a, mgmt.Principal{}, access.Join{Token: made.Text, Key: authorityCSR(t)})
	chain, err := identity.ReadCerts(joined.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := a.Judge(chain); err != nil || id != "agent/sensor-1" {
		t.Errorf("Judge: got %q, %v", id, err)
	}
	if id, err := a.Judge(certsOf(t, a)); err != nil || id != "controller/ctl" {
		t.Errorf("Judge: got %q, %v", id, err)
	}
}

func TestAuthorityThatOthersMayReadIsRefused(t *testing.T) {
	dir := t.TempDir()
	_, stop := startAuthority(t, daemon.AuthorityConfig{Directory: dir})
	stop()
	file := filepath.Join(dir, "authority.db")
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	_, err := daemon.OpenAuthority(t.Context(), daemon.AuthorityConfig{Directory: dir, Name: "ctl"})
	if err == nil || !strings.Contains(err.Error(), file+" has the keys of the authority, and others may read it (mode 0640)") {
		t.Errorf("got %v", err)
	}
}

func TestChangedDirectoryIsTold(t *testing.T) {
	var mu sync.Mutex
	var audited []string
	a, _ := startAuthority(t, daemon.AuthorityConfig{Directory: t.TempDir(), Audit: func(r mgmt.AuditRecord) {
		mu.Lock()
		defer mu.Unlock()
		audited = append(audited, r.Request+" "+r.Subject+" "+string(r.Outcome))
	}})
	told := make(chan *access.Directory, 10)
	stop := a.Changed(func(d *access.Directory) { told <- d })
	made := askAuthority[access.Token](t, a, authorityAdmin, access.AddUser{Name: "ann", Role: mgmt.Operator})
	if d := <-told; d.Roles["ann"] != mgmt.Operator || a.Directory() != d {
		t.Errorf("got roles %v", d.Roles)
	}
	signed := askAuthority[access.Certificate](t, a, mgmt.Principal{}, access.Login{Token: made.Text, Key: authorityCSR(t)})
	if d := <-told; !d.Until["user/ann"].Equal(signed.Expires) {
		t.Errorf("got %v", d.Until)
	}
	askAuthority[access.Done](t, a, authorityAdmin, access.RevokeCertificate{Serial: signed.Serial})
	if d := <-told; !d.Trust.Revoked[signed.Serial] {
		t.Error("the certificate was not revoked")
	}
	if chain, err := identity.ReadCerts(signed.Certificate); err != nil {
		t.Fatal(err)
	} else if id, err := a.Judge(chain); err == nil {
		t.Errorf("a revoked certificate counts as that of %s", id)
	}
	stop()
	askAuthority[access.Done](t, a, authorityAdmin, access.RemoveUser{Name: "ann"})
	if len(told) != 0 {
		t.Error("it was told after stop")
	}
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(audited, ", "); got != "user add user/ann done, login user/ann done, cert revoke user/ann "+signed.Serial+" done, user remove user/ann done" {
		t.Errorf("the audit is %s", got)
	}
}

func TestBearerIsTheUserOfAnAPIToken(t *testing.T) {
	dir := t.TempDir()
	a, _ := startAuthority(t, daemon.AuthorityConfig{Directory: dir})
	askAuthority[access.Token](t, a, authorityAdmin, access.AddUser{Name: "ann", Role: mgmt.Operator})
	made := askAuthority[access.Token](t, a, authorityAdmin, access.CreateAPIToken{User: "ann", Name: "ci"})
	if user, err := a.Bearer(made.Text); err != nil || user != (mgmt.Principal{Name: "ann", Role: mgmt.Operator}) {
		t.Errorf("got %+v, %v", user, err)
	}
	for {
		list := askAuthority[access.Tokens](t, a, authorityAdmin, access.ListTokens{})
		if !list[len(list)-1].LastUse.IsZero() {
			break
		}
	}
	wrong := made.Text[:len(made.Text)-2] + "22"
	for text, want := range map[string]string{
		wrong: "is not known here", "zfa-": "this is not an API token", "": "this is not an API token",
	} {
		if _, err := a.Bearer(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", text, err)
		}
	}
	askAuthority[access.Done](t, a, authorityAdmin, access.SetRole{Name: "ann", Role: mgmt.Viewer})
	if user, err := a.Bearer(made.Text); err != nil || user.Role != mgmt.Viewer {
		t.Errorf("got %+v, %v", user, err)
	}
	askAuthority[access.Done](t, a, authorityAdmin, access.RevokeToken{ID: made.ID})
	if _, err := a.Bearer(made.Text); err == nil {
		t.Error("a revoked token works")
	}
}

func TestUnreadableAuthorityIsAnError(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "authority.db"), []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := daemon.OpenAuthority(t.Context(), daemon.AuthorityConfig{Directory: dir, Name: "ctl"})
	if err == nil || !strings.Contains(err.Error(), "every agent and user must join or log in again") {
		t.Errorf("got %v", err)
	}
	_, err = daemon.OpenAuthority(t.Context(), daemon.AuthorityConfig{Directory: t.TempDir(), Name: "a/b"})
	if err == nil || !strings.Contains(err.Error(), "controller.name") {
		t.Errorf("got %v", err)
	}
}

// An authority that was made while the clock was ahead.
func TestAuthorityWithAWrongClockSaysSo(t *testing.T) {
	dir := t.TempDir()
	ahead := time.Now().Add(72 * time.Hour)
	m := authority.New(authority.Config{}, authority.State{}, daemon.Maker{})
	s, err := boltstore.Open(t.Context(), filepath.Join(dir, "authority.db"), boltstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range m.Step(ahead, authority.Start{Cluster: "c", Name: "ctl"}) {
		save, ok := e.(authority.Save)
		if !ok {
			t.Fatalf("got %T", e)
		}
		var changes []store.Change
		for _, c := range save.Changes {
			changes = append(changes, store.Change(c))
		}
		if _, err := s.Save(t.Context(), changes, 0); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	_, err = daemon.OpenAuthority(t.Context(), daemon.AuthorityConfig{Directory: dir, Name: "ctl"})
	if err == nil || !strings.Contains(err.Error(), "the clock is wrong by 71h55m") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
}
