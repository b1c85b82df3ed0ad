package joined_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/joined"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
	"github.com/zeekfleet/zeekfleet/internal/sockowner/sockownertest"
)

// site has the authorities of a cluster.
type site struct {
	cluster       string
	agents, nodes identity.Authority
	now           time.Time
}

func newSite(t testing.TB) site {
	t.Helper()
	s := site{cluster: identity.NewCluster(), now: time.Now().Truncate(time.Second)}
	var err1, err2 error
	s.agents, err1 = identity.NewAuthority("agents", s.now, identity.AuthorityLife)
	s.nodes, err2 = identity.NewAuthority("nodes", s.now, identity.AuthorityLife)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return s
}

// sign answers a request as a controller does.
func (s site) sign(t testing.TB, r joined.Request) joined.Signed {
	t.Helper()
	issue := func(a identity.Authority, kind identity.Kind, request []byte) []byte {
		key, err := identity.ReadRequest(request)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := a.Issue(identity.Leaf{
			Cluster: s.cluster, Identity: identity.Identity{Kind: kind, Name: r.Instance}, Key: key, Life: time.Hour,
		}, s.now)
		if err != nil {
			t.Fatal(err)
		}
		return identity.CertPEM(cert)
	}
	return joined.Signed{
		Cluster: s.cluster, Instance: r.Instance, Controller: r.Controller,
		Certificate: issue(s.agents, identity.Agent, r.Key), Authorities: identity.CertPEM(s.agents.Cert),
		NodeCertificate: issue(s.nodes, identity.Node, r.NodeKey), NodeAuthorities: identity.CertPEM(s.nodes.Cert),
	}
}

// join returns the credentials of an agent.
func (s site) join(t testing.TB, instance string) joined.Credentials {
	t.Helper()
	p, err := joined.NewPending(instance, "192.0.2.1:2150")
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Request()
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.Complete(s.sign(t, r))
	if err != nil {
		t.Fatal(err)
	}
	c.Received = s.now.UTC()
	return c
}

func TestCredentialsAreReadAsTheyWereSaved(t *testing.T) {
	dir := joined.DirIn(t.TempDir())
	if _, err := dir.Load(); !errors.Is(err, joined.ErrNone) {
		t.Errorf("got %v, want that there are none", err)
	}
	want := newSite(t).join(t, "sensor-1")
	if err := dir.Save(want); err != nil {
		t.Fatal(err)
	}
	got, err := dir.Load()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.Credentials); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	entries, err := os.ReadDir(string(dir))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if diff := cmp.Diff([]string{
		"agent.key", "agent.pem", "authorities.pem", "joined.json",
		"nodes-and-agent-authorities.pem", "nodes-authorities.pem", "nodes.key", "nodes.pem",
	}, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if info, err := os.Stat(string(dir)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory: %v, %v", info.Mode(), err)
	}
}

func TestCredentialsThatAreDamagedOrOpenAreRefused(t *testing.T) {
	rewrite := func(change func(string) string) func(t *testing.T, dir joined.Dir) {
		return func(t *testing.T, dir joined.Dir) {
			path := dir.Path("joined.json")
			text, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, []byte(change(string(text))), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, tt := range map[string]struct {
		harm func(t *testing.T, dir joined.Dir)
		want string
	}{
		"others may read it": {
			func(t *testing.T, dir joined.Dir) {
				if err := os.Chmod(string(dir), 0o750); err != nil {
					t.Fatal(err)
				}
			}, "chmod 700"},
		"a byte is wrong": {
			rewrite(func(s string) string { return strings.Replace(s, "sensor-1", "sensor-2", 1) }), "it is damaged"},
		"its end is missing": {
			rewrite(func(s string) string { return s[:len(s)/2] }), "its end is missing"},
		"it is empty": {
			rewrite(func(string) string { return "" }), "its end is missing"},
		"the directory is a file": {
			func(t *testing.T, dir joined.Dir) {
				if err := errors.Join(os.RemoveAll(string(dir)), os.WriteFile(string(dir), nil, 0o600)); err != nil {
					t.Fatal(err)
				}
			}, "is not a directory"},
		"it is a link": {
			func(t *testing.T, dir joined.Dir) {
				path := dir.Path("joined.json")
				if err := errors.Join(os.Rename(path, path+".moved"), os.Symlink(path+".moved", path)); err != nil {
					t.Fatal(err)
				}
			}, "not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := joined.DirIn(t.TempDir())
			if err := dir.Save(newSite(t).join(t, "sensor-1")); err != nil {
				t.Fatal(err)
			}
			tt.harm(t, dir)
			if _, err := dir.Load(); err == nil || errors.Is(err, joined.ErrNone) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestCredentialsOfAnotherUserAreForThatUserAndForRoot(t *testing.T) {
	roottest.Need(t, "gives a directory to another user")
	parent := t.TempDir()
	dir := joined.DirIn(parent)
	if err := dir.Save(newSite(t).join(t, "sensor-1")); err != nil {
		t.Fatal(err)
	}
	const owner, stranger = 65533, 65534
	for _, path := range []string{parent, filepath.Dir(parent)} { // both are of this test
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(string(dir), owner, owner); err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Load(); err != nil {
		t.Errorf("root: %v", err)
	}
	loaded := make(chan error, 1)
	go sockownertest.OnAnotherThread(func() {
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, stranger, stranger, stranger); errno != 0 {
			loaded <- errno
			return
		}
		_, err := dir.Load()
		loaded <- err
	})
	if err := <-loaded; err == nil || !strings.Contains(err.Error(), "belongs to user 65533, and this program runs as user 65534") {
		t.Errorf("a stranger: got %v", err)
	}
}

func TestCredentialsThatDoNotBelongTogetherAreNotSaved(t *testing.T) {
	s := newSite(t)
	other, elsewhere := s.join(t, "sensor-2"), newSite(t).join(t, "sensor-1")
	for name, tt := range map[string]struct {
		change func(*joined.Credentials)
		want   string
	}{
		"another's key":         {func(c *joined.Credentials) { c.Key = other.Key }, "does not belong to the key"},
		"another's certificate": {func(c *joined.Credentials) { c.Key, c.Certificate = other.Key, other.Certificate }, "of agent/sensor-2, not of agent/sensor-1"},
		"another cluster's authority": {
			func(c *joined.Credentials) { c.Authorities = elsewhere.Authorities }, "none of our authorities"},
		"another cluster": {func(c *joined.Credentials) { c.Cluster = elsewhere.Cluster }, "is of cluster"},
		"the nodes' certificate as the agent's": {
			func(c *joined.Credentials) {
				c.Key, c.Certificate, c.Authorities = c.NodeKey, c.NodeCertificate, c.NodeAuthorities
			}, "of node/sensor-1, not of agent/sensor-1"},
		"no key of the nodes": {func(c *joined.Credentials) { c.NodeKey = nil }, "of the nodes: there is no private key"},
		"no controller":       {func(c *joined.Credentials) { c.Controller = "" }, "not the address"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := joined.DirIn(t.TempDir())
			c := s.join(t, "sensor-1")
			tt.change(&c)
			if err := dir.Save(c); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if _, err := dir.Load(); !errors.Is(err, joined.ErrNone) {
				t.Errorf("got %v, want that nothing was saved", err)
			}
		})
	}
}

func TestFilesOfNodesAreMadeAgain(t *testing.T) {
	dir := joined.DirIn(t.TempDir())
	c := newSite(t).join(t, "sensor-1")
	if err := dir.Save(c); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(dir.Path("nodes.pem")), os.WriteFile(dir.Path("nodes.key"), []byte("half"), 0o600)); err != nil {
		t.Fatal(err)
	}
	h, err := dir.Load()
	if err == nil {
		err = dir.Repair(h)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]byte{"nodes.pem": c.NodeCertificate, "nodes.key": c.NodeKey} {
		if got, err := os.ReadFile(dir.Path(name)); string(got) != string(want) || err != nil {
			t.Errorf("%s is not what it was: %v", name, err)
		}
	}
}

func TestRenewalDoesNotOverwriteAnotherJoining(t *testing.T) {
	dir, s := joined.DirIn(t.TempDir()), newSite(t)
	first, anew, renewed := s.join(t, "sensor-1"), s.join(t, "sensor-1"), s.join(t, "sensor-1")
	if err := errors.Join(dir.Save(first), dir.Renew(first, renewed)); err != nil {
		t.Fatal(err)
	}
	if err := dir.Save(anew); err != nil {
		t.Fatal(err)
	}
	if err := dir.Renew(renewed, first); err == nil || !strings.Contains(err.Error(), "was changed by another program") {
		t.Errorf("got %v", err)
	}
	if h, err := dir.Load(); err != nil || string(h.Certificate) != string(anew.Certificate) {
		t.Errorf("the new credentials are gone: %v", err)
	}
}

// TestEveryFormIsRead reads the files that each released program wrote.
func TestEveryFormIsRead(t *testing.T) {
	dir := joined.Dir(t.TempDir())
	if err := os.Chmod(string(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	copyFile := func(from, to string) {
		text, err := os.ReadFile(filepath.Join("testdata", from))
		if err == nil {
			err = os.WriteFile(dir.Path(to), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	copyFile("form1/joined.json", "joined.json")
	copyFile("form1/request.json", "request.json")
	h, err := dir.Load()
	if err != nil || h.Instance != "sensor-1" || h.Controller != "192.0.2.1:2150" || len(h.NodesTrusted) != 1 {
		t.Errorf("joined.json: %+v, %v", h, err)
	}
	p, err := dir.LoadPending()
	if err != nil || p.Instance != "sensor-1" {
		t.Errorf("request.json: %v, %v", p.Instance, err)
	}
	copyFile("form2/joined.json", "joined.json")
	if h, err := dir.Load(); err != nil || h.Instance != "sensor-1" || !slices.Equal(h.Revoked, []string{"1f00"}) {
		t.Errorf("joined.json of form 2: %+v, %v", h, err)
	}
	copyFile("form9.json", "joined.json")
	before, _ := os.ReadFile(dir.Path("joined.json"))
	_, err = dir.Load()
	if newer, ok := errors.AsType[*form.NewerError](err); !ok || newer.Form != 9 || !strings.Contains(err.Error(), "joined.json") {
		t.Errorf("a newer form: got %v", err)
	}
	if after, _ := os.ReadFile(dir.Path("joined.json")); string(after) != string(before) {
		t.Error("the file of a newer form was changed")
	}
	request, err := os.ReadFile("testdata/form1/sensor-1.request")
	if err != nil {
		t.Fatal(err)
	}
	if r, err := joined.DecodeRequest(request); err != nil || r.Instance != "sensor-1" || len(r.NodeKey) == 0 {
		t.Errorf("a request: %+v, %v", r, err)
	}
	signed, err := os.ReadFile("testdata/form1/sensor-1.signed")
	if err != nil {
		t.Fatal(err)
	}
	s, err := joined.DecodeSigned(signed)
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.Complete(s)
	if err == nil {
		_, err = c.Use()
	}
	if err != nil {
		t.Errorf("a signed certificate: %v", err)
	}
}

func TestExchangedFilesAreRefusedInOneLine(t *testing.T) {
	pending, err := joined.NewPending("sensor-1", "192.0.2.1:2150")
	if err != nil {
		t.Fatal(err)
	}
	request, err := pending.Request()
	if err != nil {
		t.Fatal(err)
	}
	signed := newSite(t).sign(t, request)
	asSigned := func(text []byte) error { _, err := joined.DecodeSigned(text); return err }
	asRequest := func(text []byte) error { _, err := joined.DecodeRequest(text); return err }
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"a request to install":  {asSigned(request.Encode()), "it is not a signed certificate"},
		"a certificate to sign": {asRequest(signed.Encode()), "it is not a signing request"},
		"no JSON":               {asSigned([]byte("-----BEGIN CERTIFICATE-----")), "not a JSON object"},
		"no version":            {asSigned([]byte(`{"kind":"zeekfleet signed certificate"}`)), "no version"},
		"too long":              {asSigned(make([]byte, joined.MaxExchanged+1)), "longer than"},
		"a bad name":            {asRequest(joined.Request{Instance: "a/b"}.Encode()), "not a name"},
	} {
		if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) || strings.Contains(tt.err.Error(), "\n") {
			t.Errorf("%s: got %v, want %q", name, tt.err, tt.want)
		}
	}
	signed.Instance = "sensor-2"
	if _, err := pending.Complete(signed); err == nil || !strings.Contains(err.Error(), `for instance "sensor-2", and the request was for "sensor-1"`) {
		t.Errorf("got %v", err)
	}
}

// TestCredentialsOfAnOlderFormAreRenewed replaces credentials that an older program wrote.
func TestCredentialsOfAnOlderFormAreRenewed(t *testing.T) {
	text, err := os.ReadFile("testdata/form1/joined.json")
	if err != nil {
		t.Fatal(err)
	}
	dir := joined.DirIn(t.TempDir())
	if err := os.Mkdir(string(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir.File(), text, 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := dir.Load()
	if err != nil {
		t.Fatal(err)
	}
	next := h.Credentials
	next.Revoked = []string{"1f00", "2"}
	if err := dir.Renew(h.Credentials, next); err != nil {
		t.Fatal(err)
	}
	if h, err = dir.Load(); err != nil || !slices.Equal(h.Revoked, next.Revoked) || !h.Trust().Revoked["1f00"] {
		t.Errorf("%v, %v", h.Revoked, err)
	}
	for _, bad := range [][]string{{""}, {"XYZ"}, {strings.Repeat("1", 41)}, make([]string, mgmt.MaxRevoked+1)} {
		next.Revoked = bad
		if _, err := next.Use(); err == nil {
			t.Errorf("%.3q is taken for serial numbers", bad)
		}
	}
}
