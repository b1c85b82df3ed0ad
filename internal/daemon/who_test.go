package daemon_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// registry is a cluster with an authority and users.
type registry struct {
	t         *testing.T
	authority identity.Authority
	directory access.Directory
}

const cluster = "abcdefghijklmnop"

func newRegistry(t *testing.T) *registry {
	t.Helper()
	a, err := identity.NewAuthority("test", time.Now(), 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return &registry{t, a, access.Directory{
		Trust: &identity.Trust{Cluster: cluster, Authorities: []*x509.Certificate{a.Cert}},
		Roles: map[string]mgmt.UserRole{"ann": mgmt.Operator, "bob": mgmt.Viewer},
	}}
}

func (r *registry) Directory() *access.Directory { return &r.directory }

func (r *registry) Bearer(text string) (mgmt.Principal, error) {
	if text != "zfa-good" {
		return mgmt.Principal{}, errors.New("no such token")
	}
	return mgmt.Principal{Name: "ci", Role: mgmt.Operator}, nil
}

// peer returns a peer that shows the certificate of an identity.
func (r *registry) peer(who string) bus.Peer {
	r.t.Helper()
	id, err := identity.Parse(who)
	if err != nil {
		r.t.Fatal(err)
	}
	key, err := identity.NewKey()
	if err != nil {
		r.t.Fatal(err)
	}
	cert, err := r.authority.Issue(identity.Leaf{Cluster: cluster, Identity: id, Key: key.Public(), Life: time.Hour}, time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	return bus.Peer{
		Addr: netip.MustParseAddrPort("[::ffff:192.0.2.7]:40000"), Kind: bus.WebSocket, Identity: who,
		Certificate: cert, Chain: &bus.Chain{Certificates: []*x509.Certificate{cert}},
	}
}

// certified is a peer whose certificate comes from a file and gives no identity.
func certified(name string) bus.Peer {
	cert := &x509.Certificate{Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	return bus.Peer{
		Addr: netip.MustParseAddrPort("[::ffff:192.0.2.7]:40000"), Certificate: cert, Chain: &bus.Chain{Certificates: []*x509.Certificate{cert}},
	}
}

func TestWhoTheCallersOfAControllerAre(t *testing.T) {
	r := newRegistry(t)
	remote := bus.Peer{Addr: netip.MustParseAddrPort("[::ffff:192.0.2.7]:40000")}
	local := func(uid uint32) bus.Peer {
		p := remote
		p.Caller = bus.Caller{Local: true, Known: true, UID: uid, Trusted: true}
		return p
	}
	refused := errors.New("user \"guest\" may not connect")
	files := daemon.ControllerConfig{}
	own := daemon.ControllerConfig{Callers: daemon.Callers{Users: map[uint32]mgmt.UserRole{4_000_000_000: mgmt.Viewer}}}
	for name, tt := range map[string]struct {
		cfg    daemon.ControllerConfig
		files  bool // there is no authority
		peer   bus.Peer
		denied error
		bearer string
		want   string // name and role
		err    string
	}{
		"root":                                 {cfg: own, peer: local(0), want: "root (uid 0) admin"},
		"a viewer without an account":          {cfg: own, peer: local(4_000_000_000), want: "uid 4000000000 viewer"},
		"a stranger of this host":              {cfg: own, peer: remote, denied: refused, err: "user \"guest\" may not connect"},
		"a stranger with a token":              {cfg: own, peer: remote, denied: refused, bearer: "zfa-good", want: "ci operator"},
		"a token that does not count":          {cfg: own, peer: local(0), bearer: "zfa-bad", err: "no such token"},
		"a token where there is no authority":  {cfg: files, files: true, peer: local(0), bearer: "zfa-good", err: "no API tokens"},
		"a user's certificate":                 {cfg: own, peer: r.peer("user/ann"), want: "ann operator"},
		"a stranger with a user's certificate": {cfg: own, peer: r.peer("user/bob"), denied: refused, want: "bob viewer"},
		"the certificate counts before the local user": {cfg: own, peer: func() bus.Peer {
			p := r.peer("user/bob")
			p.Caller = local(0).Caller
			return p
		}(), want: "bob viewer"},
		"a user who was removed":              {cfg: own, peer: r.peer("user/eve"), err: `user "eve" is unknown here`},
		"an agent's certificate":              {cfg: own, peer: r.peer("agent/sensor-1"), err: "this is the certificate of agent/sensor-1, and only users may ask the controller"},
		"a node's certificate":                {cfg: own, peer: r.peer("node/sensor-1"), err: "this is the certificate of node/sensor-1"},
		"a controller's certificate":          {cfg: own, peer: r.peer("controller/main"), err: "this is the certificate of controller/main"},
		"an agent's, by tls.identities":       {cfg: files, files: true, peer: r.peer("agent/sensor-1"), err: "this is the certificate of agent/sensor-1"},
		"a user's, by tls.identities":         {cfg: files, files: true, peer: r.peer("user/ann"), want: "ann admin"},
		"a certificate from files":            {cfg: files, files: true, peer: certified("ann"), want: "ann (certificate) admin"},
		"a certificate like an account":       {cfg: files, files: true, peer: certified("root (uid 0)"), want: "root (uid 0) (certificate) admin"},
		"a long name, which is cut":           {cfg: files, files: true, peer: certified(strings.Repeat("ü", 5000)), want: strings.Repeat("ü", 127) + "… (certificate) admin"},
		"a certificate, if agents have such":  {cfg: daemon.ControllerConfig{SharedAuthority: true}, files: true, peer: certified("sensor-1"), err: "nothing says that the certificate of sensor-1 is a user's"},
		"a user's, although agents have such": {cfg: daemon.ControllerConfig{SharedAuthority: true}, files: true, peer: r.peer("user/ann"), want: "ann admin"},
		"an agent's, if agents have such":     {cfg: daemon.ControllerConfig{SharedAuthority: true}, files: true, peer: r.peer("agent/sensor-1"), err: "this is the certificate of agent/sensor-1"},
		"nothing":                             {cfg: own, peer: remote, err: "this controller does not know who you are"},
		"nothing, where that is enough":       {cfg: daemon.ControllerConfig{Insecure: true}, files: true, peer: remote, want: "unknown at 192.0.2.7 admin"},
		"a stranger, where nothing is enough": {cfg: daemon.ControllerConfig{Insecure: true}, files: true, peer: remote, denied: refused, err: "may not connect"},
	} {
		t.Run(name, func(t *testing.T) {
			who := daemon.NewWho(tt.cfg)
			if !tt.files {
				who = daemon.NewWhoOf(tt.cfg, r)
			}
			got, err := who.Principal(tt.peer, tt.denied, tt.bearer)
			if got.Source != "192.0.2.7:40000" {
				t.Errorf("the source is %s", got.Source)
			}
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || got.Role != mgmt.NoUser {
					t.Errorf("got %+v, %v; want an error with %q", got, err, tt.err)
				}
				return
			}
			if text := got.Name + " " + got.Role.String(); err != nil || text != tt.want {
				t.Errorf("got %s, %v; want %s", text, err, tt.want)
			}
		})
	}
}

func TestOpenConnectionsStandAsLongAsTheirIdentityDoes(t *testing.T) {
	now := time.Now()
	later := now.Add(2 * time.Hour) // the certificates have expired
	other := newRegistry(t)
	for name, tt := range map[string]struct {
		at     time.Time
		change func(*registry, bus.Peer)
		err    string
	}{
		"nothing has changed":      {now, func(*registry, bus.Peer) {}, ""},
		"a certificate is revoked": {now, revoke, "was revoked"},
		"it is revoked, and there is a newer one": {now, func(r *registry, p bus.Peer) {
			revoke(r, p)
			r.directory.Until = map[string]time.Time{p.Identity: later.Add(time.Hour)}
		}, "was revoked"},
		"it has expired": {later, func(*registry, bus.Peer) {}, "expired at"},
		"it has expired, and there is a newer one":      {later, renewed, ""},
		"it has expired, and the newer one has expired": {later.Add(2 * time.Hour), renewed, "expired at"},
		"its authority is gone":                         {now, func(r *registry, p bus.Peer) { r.directory.Trust = other.directory.Trust }, "none of our authorities"},
		"its authority is gone, and there is a newer one": {now, func(r *registry, p bus.Peer) {
			renewed(r, p)
			r.directory.Trust = other.directory.Trust
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegistry(t)
			who, p := daemon.NewWhoOf(daemon.ControllerConfig{}, r), r.peer("agent/sensor-1")
			if err := who.Stands(p, now); err != nil {
				t.Fatal(err)
			}
			tt.change(r, p)
			err := who.Stands(p, tt.at)
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v, want %q", err, tt.err)
			}
		})
	}
}

func revoke(r *registry, p bus.Peer) {
	trust := *r.directory.Trust
	trust.Revoked = map[string]bool{identity.Serial(p.Certificate): true}
	r.directory.Trust = &trust
}

func renewed(r *registry, p bus.Peer) {
	r.directory.Until = map[string]time.Time{p.Identity: time.Now().Add(3 * time.Hour)}
}

func TestWhichInstancesPeersAre(t *testing.T) {
	r := newRegistry(t)
	remote := bus.Peer{Addr: netip.MustParseAddrPort("192.0.2.7:40000")}
	local := func(uid uint32) bus.Peer {
		p := remote
		p.Caller = bus.Caller{Local: true, Known: true, UID: uid, Trusted: true}
		return p
	}
	cfg := daemon.ControllerConfig{Callers: daemon.Callers{Users: map[uint32]mgmt.UserRole{8: mgmt.Operator, 9: mgmt.Viewer}}}
	named := cfg
	named.AgentNames = map[string][]string{"sensor-1": {"sensor-2"}, "fleet": {daemon.AnyInstance}}
	for name, tt := range map[string]struct {
		cfg    daemon.ControllerConfig
		peer   bus.Peer
		any    bool
		want   []mgmt.InstanceName
		barred string
	}{
		"root":                         {cfg: cfg, peer: local(0), any: true},
		"an operator of this host":     {cfg: cfg, peer: local(8), any: true},
		"a viewer of this host":        {cfg: cfg, peer: local(9), barred: "may not speak for an instance; root can allow it with local_users"},
		"an agent":                     {cfg: cfg, peer: r.peer("agent/sensor-1"), want: []mgmt.InstanceName{"sensor-1"}},
		"an agent, beside a setting":   {cfg: named, peer: r.peer("agent/sensor-1"), want: []mgmt.InstanceName{"sensor-1"}},
		"a user":                       {cfg: cfg, peer: r.peer("user/ann"), barred: "this is the certificate of user/ann, and only agents may connect"},
		"a node":                       {cfg: cfg, peer: r.peer("node/sensor-1"), barred: "this is the certificate of node/sensor-1, and only agents"},
		"another controller":           {cfg: cfg, peer: r.peer("controller/x"), barred: "this is the certificate of controller/x, and only agents"},
		"a name, by a setting":         {cfg: named, peer: certified("sensor-1"), want: []mgmt.InstanceName{"sensor-1", "sensor-2"}},
		"all names, by a setting":      {cfg: named, peer: certified("fleet"), any: true},
		"nobody":                       {cfg: cfg, peer: remote, barred: "this controller does not know who you are"},
		"nobody, where that is enough": {cfg: daemon.ControllerConfig{Insecure: true}, peer: remote, any: true},
	} {
		t.Run(name, func(t *testing.T) {
			got := daemon.Claim(tt.cfg, tt.peer)
			any := got.Certificate() == "" && got.Barred() == ""
			if any != tt.any || !slices.Equal(got.Instances(), tt.want) || (got.Barred() == "") != (tt.barred == "") || !strings.Contains(got.Barred(), tt.barred) {
				t.Errorf("got %+v", got)
			}
		})
	}
}
