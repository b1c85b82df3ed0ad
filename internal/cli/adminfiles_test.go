package cli_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/joined"
)

// signing answers requests for certificates with those of the site.
func (s *site) signing(t *testing.T) *fakeController {
	return &fakeController{answers: map[string]any{"POST /api/v1/certificates": func(body []byte) any {
		var in api.SignRequest
		must(t, json.Unmarshal(body, &in))
		id, err := identity.Parse(in.Identity)
		must(t, err)
		public, err := identity.ReadRequest([]byte(in.Key))
		must(t, err)
		signed, err := s.authority.Issue(identity.Leaf{Cluster: s.cluster, Identity: id, Key: public, Hosts: in.Hosts, Life: time.Hour}, time.Now())
		must(t, err)
		return api.Certificate{
			Cluster: s.cluster, Identity: id.String(), Expires: noon,
			Certificate: string(identity.CertPEM(signed)), Authorities: string(s.authorities()),
		}
	}}}
}

func TestFilesForZeek(t *testing.T) {
	s := newSite(t)
	f := s.signing(t)
	f.answers["GET /api/v1/"] = api.Root{Addresses: []string{"192.0.2.1:2149"}}
	f.start(t, nil)
	dir := filepath.Join(t.TempDir(), "certs")
	a, stdout, stderr := admin(t, f.address)
	n := cli.NewFiles{Identity: identity.Identity{Kind: identity.Agent, Name: "sensor-9"}, Dir: dir, Hosts: []string{"192.0.2.9"}, Life: cli.ByHand}
	if status := a.ForZeek(t.Context(), n); status != cli.StatusDone {
		t.Fatalf("status %d: %s", status, stderr)
	}
	want := strings.ReplaceAll(`# For local.zeek on the host of that Zeek. The paths are those of this host: adapt them.
@load policy/frameworks/management/agent
redef Broker::disable_ssl = F;
@if ( getenv("CLUSTER_NODE") == "" )
redef Broker::ssl_certificate = "DIR/sensor-9.pem";
redef Broker::ssl_keyfile = "DIR/sensor-9.key";
@else
redef Broker::ssl_certificate = "DIR/sensor-9-nodes.pem";
redef Broker::ssl_keyfile = "DIR/sensor-9-nodes.key";
@endif
redef Broker::ssl_cafile = "DIR/sensor-9-ca.pem";
redef Management::Agent::name = "sensor-9";
# If it connects to the controller, and not the controller to it:
# redef Management::Agent::controller = [$address="192.0.2.1", $bound_port=2150/tcp];
`, "DIR", dir)
	if stdout.String() != want {
		t.Errorf("got:\n%swant:\n%s", stdout, want)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "sensor-9.pem"), filepath.Join(dir, "sensor-9.key"))
	must(t, err)
	trust := identity.Trust{Cluster: s.cluster, Authorities: []*x509.Certificate{s.authority.Cert}}
	if id, err := trust.Judge([]*x509.Certificate{pair.Leaf}, time.Now()); err != nil || id != n.Identity {
		t.Errorf("it is the certificate of %v, %v", id, err)
	}
	if text, _ := os.ReadFile(filepath.Join(dir, "sensor-9-ca.pem")); !bytes.Equal(text, slices.Concat(s.authorities(), s.authorities())) {
		t.Error("the authorities are not those of both answers") // the site's is one authority for both
	}
	nodes, err := tls.LoadX509KeyPair(filepath.Join(dir, "sensor-9-nodes.pem"), filepath.Join(dir, "sensor-9-nodes.key"))
	must(t, err)
	if id, err := trust.Judge([]*x509.Certificate{nodes.Leaf}, time.Now()); err != nil || id.String() != "node/sensor-9" {
		t.Errorf("the certificate of its nodes is that of %v, %v", id, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "sensor-9.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info.Mode(), err)
	}

	stderr.Reset()
	asked := len(f.seen())
	if status := a.ForZeek(t.Context(), n); status != cli.StatusFailed || len(f.seen()) != asked {
		t.Errorf("files are overwritten: status %d", status)
	}
	exists := "zeekfleet: " + filepath.Join(dir, "sensor-9.pem") + " exists already: choose another directory with --dir, or replace it with --replace\n"
	if stderr.String() != exists {
		t.Errorf("got:\n%swant:\n%s", stderr, exists)
	}
	n.Replace = true
	if status := a.ForZeek(t.Context(), n); status != cli.StatusDone {
		t.Errorf("with --replace: status %d, %s", status, stderr)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*.new"))
	if left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestControllerOfZeekHasNoNodes(t *testing.T) {
	s := newSite(t)
	f := s.signing(t)
	f.start(t, nil)
	dir := filepath.Join(t.TempDir(), "certs")
	a, stdout, stderr := admin(t, f.address)
	n := cli.NewFiles{Identity: identity.Identity{Kind: identity.Controller, Name: "zeek"}, Dir: dir, Life: cli.ByHand}
	if status := a.ForZeek(t.Context(), n); status != cli.StatusDone {
		t.Fatalf("status %d: %s", status, stderr)
	}
	want := strings.ReplaceAll(`# For local.zeek on the host of that Zeek. The paths are those of this host: adapt them.
@load policy/frameworks/management/controller
redef Broker::disable_ssl = F;
redef Broker::ssl_certificate = "DIR/zeek.pem";
redef Broker::ssl_keyfile = "DIR/zeek.key";
redef Broker::ssl_cafile = "DIR/zeek-ca.pem";
redef Management::Controller::name = "zeek";
`, "DIR", dir)
	if stdout.String() != want {
		t.Errorf("got:\n%swant:\n%s", stdout, want)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 3 {
		t.Errorf("files: %v", files)
	}
}

func TestFileOfNodesIsNotOverwritten(t *testing.T) {
	s := newSite(t)
	f := s.signing(t)
	f.start(t, nil)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "sensor-9-nodes.key"), nil, 0o600))
	a, _, stderr := admin(t, f.address)
	n := cli.NewFiles{Identity: identity.Identity{Kind: identity.Agent, Name: "sensor-9"}, Dir: dir, Life: cli.ByHand}
	if status := a.ForZeek(t.Context(), n); status != cli.StatusFailed || len(f.seen()) != 0 {
		t.Errorf("status %d, asked %v: %s", status, f.seen(), stderr)
	}
}

func TestSectionForZeekClient(t *testing.T) {
	s := newSite(t)
	f := s.signing(t)
	f.start(t, nil)
	dir := filepath.Join(t.TempDir(), "50%")
	a, stdout, stderr := admin(t, f.address)
	if status := a.ForZeekClient(t.Context(), cli.NewFiles{Identity: ann, Dir: dir, Life: cli.ByHand}); status != cli.StatusDone {
		t.Fatalf("status %d: %s", status, stderr)
	}
	// The section is read as zeek-client reads it.
	src := configured{files: map[string]string{"home.cfg": stdout.String()}}.sources()
	got, _, err := cli.ResolveSettings(src)
	must(t, err)
	want := cli.TLSSettings{Enable: true, Certificate: dir + "/ann.pem", KeyFile: dir + "/ann.key", CAFile: dir + "/ann-ca.pem"}
	if got.TLS != want {
		t.Errorf("got  %+v\nwant %+v", got.TLS, want)
	}
}

func TestSign(t *testing.T) {
	s := newSite(t)
	f := s.signing(t)
	f.start(t, nil)
	dir := t.TempDir()
	pending, err := joined.NewPending("sensor-1", "192.0.2.1:2149")
	must(t, err)
	request, err := pending.Request()
	must(t, err)
	sensor := identity.Identity{Kind: identity.Agent, Name: "sensor-1"}
	path := filepath.Join(dir, "sensor-1.json")
	must(t, os.WriteFile(path, request.Encode(), 0o600))
	plain := filepath.Join(dir, "plain.csr")
	must(t, os.WriteFile(plain, request.Key, 0o600))
	bad := filepath.Join(dir, "bad.csr")
	must(t, os.WriteFile(bad, []byte("{}"), 0o600))

	a, _, stderr := admin(t, f.address)
	if status := a.Sign(t.Context(), cli.SignFile{Path: path, Identity: sensor}); status != cli.StatusDone {
		t.Fatalf("status %d: %s", status, stderr)
	}
	text, err := os.ReadFile(filepath.Join(dir, "sensor-1.signed.json"))
	must(t, err)
	answer, err := joined.DecodeSigned(text)
	must(t, err)
	credentials, err := pending.Complete(answer)
	must(t, err)
	held, err := credentials.Use()
	must(t, err)
	if held.Cluster != s.cluster || len(held.NodeCertificate) == 0 {
		t.Errorf("got %+v", held.Credentials)
	}

	if status := a.Sign(t.Context(), cli.SignFile{Path: plain, Identity: ann, Hosts: []string{"h"}}); status != cli.StatusDone {
		t.Fatalf("status %d: %s", status, stderr)
	}
	text, err = os.ReadFile(filepath.Join(dir, "plain.pem"))
	must(t, err)
	certs, err := identity.ReadCerts(text)
	must(t, err)
	if certs[0].DNSNames[0] != "h" {
		t.Errorf("names: %v", certs[0].DNSNames)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "plain-ca.pem")); err != nil || !bytes.Equal(text, s.authorities()) {
		t.Errorf("the authorities: %v", err)
	}

	for name, tt := range map[string]struct {
		sign cli.SignFile
		want string
	}{
		"for another": {cli.SignFile{Path: path, Identity: ann}, "it is the request of agent/sensor-1, and --identity says user/ann"},
		"no request":  {cli.SignFile{Path: bad, Identity: ann}, "bad.csr: "},
		"no file":     {cli.SignFile{Path: dir + "/gone", Identity: ann}, "no such file"},
	} {
		stderr.Reset()
		before := len(f.seen())
		status := a.Sign(t.Context(), tt.sign)
		if status != cli.StatusFailed || !strings.Contains(stderr.String(), tt.want) || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%s: status %d, %swant %s", name, status, stderr, tt.want)
		}
		if len(f.seen()) != before {
			t.Errorf("%s: the controller was asked", name)
		}
	}
}
