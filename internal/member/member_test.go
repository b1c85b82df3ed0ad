package member_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/member"
)

const url = "https://c-1.example.org:2152"

// found returns the place of a first controller in a directory.
func found(t *testing.T) (string, member.Place, identity.Authority) {
	t.Helper()
	p, authority, err := member.Found("c-1", "zeekfleet/", url, []string{"c-1.example.org", "192.0.2.1"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := p.Save(dir); err != nil {
		t.Fatal(err)
	}
	return dir, p, authority
}

func TestAPlaceIsKept(t *testing.T) {
	dir, p, _ := found(t)
	p.Settled, p.Peers = true, append(p.Peers, member.Peer{Name: "c-2", URL: "https://192.0.2.2:2152"})
	if err := p.Save(dir); err != nil {
		t.Fatal(err)
	}
	got, err := member.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	info, err := os.Stat(member.File(dir))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v, want mode 0600", info.Mode(), err)
	}
}

func TestThereIsNone(t *testing.T) {
	if _, err := member.Load(t.TempDir()); !errors.Is(err, member.ErrNone) {
		t.Errorf("got %v, want ErrNone", err)
	}
}

// A file that cannot be believed says what to do.
func TestBadFilesAreRefused(t *testing.T) {
	change := map[string]struct {
		file func(path, text string) error
		want string
	}{
		"damaged": {func(path, text string) error { return os.WriteFile(path, []byte(text[:len(text)/2]), 0o600) }, "join again"},
		"changed": {func(path, text string) error {
			return os.WriteFile(path, []byte(strings.Replace(text, "c-1", "c-9", 1)), 0o600)
		}, "join again"},
		"empty":          {func(path, _ string) error { return os.WriteFile(path, nil, 0o600) }, "join again"},
		"others read it": {func(path, _ string) error { return os.Chmod(path, 0o644) }, "others may read it"},
	}
	for name, c := range change {
		t.Run(name, func(t *testing.T) {
			dir, _, _ := found(t)
			path := member.File(dir)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.file(path, string(text)); err != nil {
				t.Fatal(err)
			}
			if _, err := member.Load(dir); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want an error about %s with %q", err, path, c.want)
			}
		})
	}
}

func TestPartsThatDoNotBelongTogetherAreNotSaved(t *testing.T) {
	dir, p, _ := found(t)
	_, other, _ := found(t)
	for name, bad := range map[string]member.Place{
		"another key":       {Name: p.Name, Prefix: p.Prefix, URL: p.URL, Peers: p.Peers, CA: p.CA, Certificate: p.Certificate, Key: other.Key},
		"another authority": {Name: p.Name, Prefix: p.Prefix, URL: p.URL, Peers: p.Peers, CA: other.CA, Certificate: p.Certificate, Key: p.Key},
		"no peers":          {Name: p.Name, Prefix: p.Prefix, URL: p.URL, CA: p.CA, Certificate: p.Certificate, Key: p.Key},
	} {
		if err := bad.Save(dir); err == nil {
			t.Errorf("%s: it was saved", name)
		}
	}
}

// The controller that joins makes its key itself, and the signer decides its name.
func TestOneThatJoinsIsSigned(t *testing.T) {
	_, p, authority := found(t)
	key, err := identity.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	request, err := identity.NewRequest(identity.Identity{Kind: identity.Controller, Name: "somebody"}, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := member.Sign(authority, "c-2", []string{"192.0.2.2"}, request, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	q := p
	q.Name, q.Certificate = "c-2", cert
	if q.Key, err = identity.KeyPEM(key); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := q.Save(dir); err != nil {
		t.Fatal(err)
	}
	files, err := q.Write(filepath.Join(dir, "peers"))
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	if err := pair.Leaf.VerifyHostname("192.0.2.2"); err != nil {
		t.Error(err)
	}
	// The stores verify each other as crypto/tls does.
	for clock, want := range map[time.Duration]bool{0: true, -2 * time.Hour: true, -3 * time.Hour: false} {
		_, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: identity.Pool([]*x509.Certificate{authority.Cert}), CurrentTime: time.Now().Add(clock)})
		if (err == nil) != want {
			t.Errorf("a store whose clock is off by %v: %v", clock, err)
		}
	}
	if pair.Leaf.Subject.CommonName != "c-2" {
		t.Errorf("it is the certificate of %s", pair.Leaf.Subject.CommonName)
	}
}
