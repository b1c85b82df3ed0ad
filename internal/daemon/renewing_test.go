package daemon_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/joined"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
)

// authorityInMemory signs certificates, and keeps nothing. The last authority signs.
type authorityInMemory struct {
	t       *testing.T
	cluster string
	life    time.Duration
	nodes   identity.Authority

	mu       sync.Mutex
	all      []identity.Authority
	revoked  []string // controllers
	refuses  string
	renewed  []access.Renew
	signed   []string // the serial numbers of agents' certificates
	listener func(*access.Directory)
}

func newAuthorityInMemory(t *testing.T, life time.Duration) *authorityInMemory {
	a := &authorityInMemory{t: t, cluster: identity.NewCluster(), life: life}
	a.nodes = a.newAuthority("nodes", time.Now())
	a.all = []identity.Authority{a.newAuthority("agents", time.Now().Add(-time.Hour))}
	return a
}

func (a *authorityInMemory) newAuthority(name string, now time.Time) identity.Authority {
	made, err := identity.NewAuthority(name, now, 24*time.Hour)
	if err != nil {
		a.t.Fatal(err)
	}
	return made
}

func (a *authorityInMemory) issue(by identity.Authority, who string, request []byte) ([]byte, error) {
	id, err := identity.Parse(who)
	if err != nil {
		return nil, err
	}
	key, err := identity.ReadRequest(request)
	if err != nil {
		return nil, err
	}
	cert, err := by.Issue(identity.Leaf{Cluster: a.cluster, Identity: id, Key: key, Life: a.life}, time.Now())
	if err != nil {
		return nil, err
	}
	if id.Kind == identity.Agent && id.Name == "sensor-1" {
		a.signed = append(a.signed, identity.Serial(cert))
	}
	return identity.CertPEM(cert), nil
}

func (a *authorityInMemory) Ask(_ context.Context, who mgmt.Principal, req access.Request) (access.Answer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	renew := req.(access.Renew)
	if a.refuses != "" {
		return access.Refusal{Why: access.Failed, Reason: a.refuses}, nil
	}
	if n := len(a.signed); renew.Serial != a.signed[n-1] {
		return access.Refusal{Why: access.Unproved, Reason: "this is not the latest certificate"}, nil
	}
	a.renewed = append(a.renewed, renew)
	answer := access.Joined{Cluster: a.cluster, Instance: renew.Identity.Name, Authorities: a.authorities()}
	var err error
	if answer.Certificate, err = a.issue(a.all[len(a.all)-1], renew.Identity.String(), renew.Key); err == nil && len(renew.NodeKey) > 0 {
		answer.NodeAuthorities = identity.CertPEM(a.nodes.Cert)
		answer.NodeCertificate, err = a.issue(a.nodes, "node/"+renew.Identity.Name, renew.NodeKey)
	}
	return answer, err
}

func (a *authorityInMemory) authorities() []byte { return identity.CertPEM(a.certs()...) }

func (a *authorityInMemory) certs() (all []*x509.Certificate) {
	for _, one := range a.all {
		all = append(all, one.Cert)
	}
	return all
}

func (a *authorityInMemory) Directory() *access.Directory {
	a.mu.Lock()
	defer a.mu.Unlock()
	return &access.Directory{
		Trust:           &identity.Trust{Cluster: a.cluster, Authorities: a.certs()},
		NodeAuthorities: []*x509.Certificate{a.nodes.Cert}, RevokedControllers: a.revoked,
	}
}

func (a *authorityInMemory) Changed(f func(*access.Directory)) (stop func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.listener = f
	return func() {}
}

// change changes the authority, and tells its listener.
func (a *authorityInMemory) change(f func()) {
	a.mu.Lock()
	f()
	tell := a.listener
	a.mu.Unlock()
	if tell != nil {
		tell(a.Directory())
	}
}

// join returns the credentials of an agent.
func (a *authorityInMemory) join(instance string) joined.Credentials {
	a.t.Helper()
	p, err := joined.NewPending(instance, "192.0.2.1:2150")
	if err != nil {
		a.t.Fatal(err)
	}
	r, err := p.Request()
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err1 := a.issue(a.all[0], "agent/"+instance, r.Key)
	nodes, err2 := a.issue(a.nodes, "node/"+instance, r.NodeKey)
	if err := errors.Join(err1, err2); err != nil {
		a.t.Fatal(err)
	}
	c, err := p.Complete(joined.Signed{
		Cluster: a.cluster, Instance: instance, Certificate: cert, Authorities: a.authorities(),
		NodeCertificate: nodes, NodeAuthorities: identity.CertPEM(a.nodes.Cert),
	})
	if err != nil {
		a.t.Fatal(err)
	}
	c.Received = time.Now()
	return c
}

// tls is how a daemon of the cluster speaks TLS.
func (a *authorityInMemory) tls(who string) *bus.TLS {
	a.t.Helper()
	p, err := joined.NewPending("x", "")
	if err != nil {
		a.t.Fatal(err)
	}
	r, err := p.Request()
	if err != nil {
		a.t.Fatal(err)
	}
	text, err := a.issue(a.all[0], who, r.Key)
	if err != nil {
		a.t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(text, p.Key)
	if err != nil {
		a.t.Fatal(err)
	}
	return &bus.TLS{
		Certificate: func() (*tls.Certificate, error) { return &pair, nil },
		Judge: func(chain []*x509.Certificate) (string, error) {
			id, err := a.Directory().Trust.Judge(chain, time.Now())
			return id.String(), err
		},
	}
}

// logged is a log whose records a test awaits.
type logged struct {
	slog.Handler
	records chan slog.Record
}

func (l logged) Enabled(context.Context, slog.Level) bool { return true }

func (l logged) Handle(ctx context.Context, r slog.Record) error {
	l.records <- r.Clone()
	return l.Handler.Handle(ctx, r)
}

// await returns when a record with this message was logged.
func (l logged) await(t *testing.T, message string) slog.Record {
	t.Helper()
	for {
		select {
		case r := <-l.records:
			if strings.HasPrefix(r.Message, message) {
				return r
			}
		case <-patience.Context(t).Done():
			t.Fatalf("%q is not logged", message)
		}
	}
}

// renewingAgent is an agent that has joined, as far as its certificate is concerned, with
// its controller.
type renewingAgent struct {
	*daemon.Credentials
	dir               joined.Dir
	log               logged
	authority         *authorityInMemory
	agent, controller *bus.Endpoint
	lost              <-chan struct{} // the peering has ended
}

// startRenewing starts both. life is the life of certificates. The agent dials.
func startRenewing(t *testing.T, life time.Duration) *renewingAgent {
	t.Helper()
	return startRenewingBy(t, life, func(r *renewingAgent) (dials, serves *bus.Endpoint) { return r.agent, r.controller })
}

// startRenewingBy is startRenewing with a choice of who dials whom.
func startRenewingBy(t *testing.T, life time.Duration, by func(*renewingAgent) (dials, serves *bus.Endpoint)) *renewingAgent {
	t.Helper()
	a := newAuthorityInMemory(t, life)
	dir := joined.DirIn(t.TempDir())
	if err := dir.Save(a.join("sensor-1")); err != nil {
		t.Fatal(err)
	}
	credentials, err := daemon.OpenCredentials(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := &renewingAgent{
		Credentials: credentials, dir: dir, authority: a,
		log: logged{slog.NewTextHandler(t.Output(), nil), make(chan slog.Record, 1000)},
	}
	endpoint := func(id *bus.TLS) *bus.Endpoint {
		e, err := bus.New(bus.Config{TLS: id})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	r.controller, r.agent = endpoint(a.tls("controller/c")), endpoint(credentials.TLS())
	run, sign := daemon.NewCertifying(a, r.controller, slog.New(slog.DiscardHandler))
	renews := daemon.NewRenewing(credentials, r.agent, slog.New(r.log))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var parts sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		parts.Wait()
	})
	lost := make(chan struct{})
	r.lost = lost
	watch := r.agent.Subscribe(0)
	dials, serves := by(r)
	for _, part := range []func(context.Context) error{
		run, sign, renews,
		func(ctx context.Context) error { return serves.Serve(ctx, ln, bus.ListenConfig{}) },
		func(ctx context.Context) error {
			return dials.Dial(ctx, ln.Addr().String(), bus.DialConfig{Transport: bus.TransportTLS})
		},
		func(ctx context.Context) error {
			defer watch.Close()
			for {
				select {
				case <-ctx.Done():
					return nil
				case ev := <-watch.Events():
					if _, ok := ev.(bus.PeerLost); ok && ctx.Err() == nil {
						close(lost)
						return nil
					}
				}
			}
		},
	} {
		parts.Go(func() { part(ctx) })
	}
	return r
}

// sameOnDisk checks that the agent's credentials are those on disk.
func (r *renewingAgent) sameOnDisk(t *testing.T) {
	t.Helper()
	held, err := r.dir.Load()
	if err != nil {
		t.Fatal(err)
	}
	if string(held.Certificate) != string(r.Held().Certificate) || string(held.Authorities) != string(r.Held().Authorities) {
		t.Error("the credentials on disk are others")
	}
}

func (r *renewingAgent) stillConnected(t *testing.T) {
	t.Helper()
	select {
	case <-r.lost:
		t.Error("the peering was lost")
	default:
	}
}

func TestCertificateIsRenewedOverThePeeringThatItSecures(t *testing.T) {
	r := startRenewing(t, 3*time.Second)
	first := r.Held()
	r.log.await(t, "certificate renewed")
	second := r.Held()
	if second.Pair.Leaf.Equal(first.Pair.Leaf) || string(second.Key) == string(first.Key) || string(second.NodeKey) != string(first.NodeKey) {
		t.Error("want another certificate, another key, and the same key of nodes")
	}
	r.sameOnDisk(t)
	r.log.await(t, "certificate renewed")
	if !time.Now().Before(r.Held().Pair.Leaf.NotAfter) {
		t.Error("the certificate has expired")
	}
	r.stillConnected(t)
	r.authority.mu.Lock()
	defer r.authority.mu.Unlock()
	if got := r.authority.renewed[0]; got.Identity.String() != "agent/sensor-1" || got.Serial != identity.Serial(first.Pair.Leaf) {
		t.Errorf("the authority was asked for %v with serial %s", got.Identity, got.Serial)
	}
}

func TestNewAuthorityIsTrustedBesideTheOldOneAndSignsAtOnce(t *testing.T) {
	r := startRenewing(t, time.Hour)
	old := r.Held().Trusted[0]
	next := r.authority.newAuthority("new", time.Now())
	r.authority.change(func() { r.authority.all = append(r.authority.all, next) })
	r.log.await(t, "the cluster's authorities have changed")
	r.log.await(t, "certificate renewed")
	held := r.Held()
	if len(held.Trusted) != 2 || !held.Trusted[0].Equal(old) {
		t.Errorf("%d authorities are trusted, want the old one and the new one", len(held.Trusted))
	}
	if err := held.Pair.Leaf.CheckSignatureFrom(next.Cert); err != nil {
		t.Errorf("the new authority has not signed the agent's certificate: %v", err)
	}
	r.sameOnDisk(t)
	// The controller's certificate on this connection is of the old one: it stays until
	// there is another connection.
	r.authority.change(func() { r.authority.all = []identity.Authority{next} })
	r.stillConnected(t)
}

func TestAgentThatWaitsForItsControllerRenewsToo(t *testing.T) {
	r := startRenewingBy(t, time.Hour, func(r *renewingAgent) (dials, serves *bus.Endpoint) { return r.controller, r.agent })
	next := r.authority.newAuthority("new", time.Now())
	r.authority.change(func() { r.authority.all = append(r.authority.all, next) })
	r.log.await(t, "certificate renewed")
	if err := r.Held().Pair.Leaf.CheckSignatureFrom(next.Cert); err != nil {
		t.Errorf("the new authority has not signed the agent's certificate: %v", err)
	}
	r.stillConnected(t)
}

func TestRefusedRenewalIsTriedAgain(t *testing.T) {
	r := startRenewing(t, 4*time.Second)
	r.authority.change(func() { r.authority.refuses = "the disk is full" })
	failed := r.log.await(t, "certificate was not renewed")
	said := ""
	failed.Attrs(func(a slog.Attr) bool { said += a.String(); return true })
	if !strings.Contains(said, "the controller says: the disk is full") {
		t.Errorf("logged %q", said)
	}
	r.authority.change(func() { r.authority.refuses = "" })
	r.log.await(t, "certificate renewed")
	r.stillConnected(t)
}

// TestAgentsBelieveControllersAlone publishes as peers that are no controllers.
func TestAgentsBelieveControllersAlone(t *testing.T) {
	r := startRenewing(t, time.Hour)
	forged := r.authority.newAuthority("forged", time.Now())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var parts sync.WaitGroup
	defer parts.Wait()
	defer cancel()
	parts.Go(func() { r.agent.Serve(ctx, ln, bus.ListenConfig{}) })
	for _, id := range []*bus.TLS{nil, r.authority.tls("agent/sensor-2"), r.authority.tls("user/ann")} {
		e, err := bus.New(bus.Config{TLS: id})
		if err != nil {
			t.Fatal(err)
		}
		sub := e.Subscribe(0, "x")
		transport := bus.TransportTLS
		if id == nil {
			transport = bus.TransportPlain
		}
		parts.Go(func() { e.Dial(ctx, ln.Addr().String(), bus.DialConfig{Transport: transport}) })
		peer := (<-sub.Events()).(bus.PeerAdded).Peer
		sent := e.PublishTo(peer.ID, "zeek/fleet/certificates/sensor-1", codec.Encode(mgmt.AuthoritiesChanged{
			Authorities: string(identity.CertPEM(forged.Cert)),
		}))
		if !sent {
			t.Error("the agent does not hear it")
		}
		r.log.await(t, "message ignored")
		sub.Close()
	}
	if len(r.Held().Trusted) != 1 {
		t.Error("the forged authority is trusted")
	}
}

// TestAgentsRequestsWaitForTheirAnswers asks again before there is an answer, and as a
// peer that is no agent.
func TestAgentsRequestsWaitForTheirAnswers(t *testing.T) {
	a := newAuthorityInMemory(t, time.Hour)
	asked, answer := make(chan struct{}), make(chan struct{})
	held := heldBack{a, asked, answer}
	controller, err := bus.New(bus.Config{TLS: a.tls("controller/c")})
	if err != nil {
		t.Fatal(err)
	}
	run, sign := daemon.NewCertifying(held, controller, slog.New(slog.DiscardHandler))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var parts sync.WaitGroup
	defer parts.Wait()
	defer cancel()
	for _, part := range []func(context.Context) error{
		run, sign, func(ctx context.Context) error { return controller.Serve(ctx, ln, bus.ListenConfig{}) },
	} {
		parts.Go(func() { part(ctx) })
	}
	ask := func(who, topic string) (send func(id mgmt.ReqID), answered func() mgmt.RenewCertificateResponse) {
		e, err := bus.New(bus.Config{TLS: a.tls(who)})
		if err != nil {
			t.Fatal(err)
		}
		sub := e.Subscribe(0, topic)
		parts.Go(func() { e.Dial(ctx, ln.Addr().String(), bus.DialConfig{Transport: bus.TransportTLS}) })
		peer := (<-sub.Events()).(bus.PeerAdded).Peer
		send = func(id mgmt.ReqID) {
			if !e.PublishTo(peer.ID, topic, codec.Encode(mgmt.RenewCertificateRequest{ReqID: id, Key: "no key"})) {
				t.Error("the controller does not hear it")
			}
		}
		return send, func() mgmt.RenewCertificateResponse {
			for {
				m, ok := patience.Next(t, sub.Events(), "an answer").(bus.Message)
				if !ok {
					continue
				}
				if msg, err := codec.Decode(m.Value); err == nil {
					if r, ok := msg.(mgmt.RenewCertificateResponse); ok {
						return r
					}
				}
			}
		}
	}
	agent, answered := ask("agent/sensor-1", "zeek/fleet/certificates/sensor-1")
	agent("first")
	<-asked
	agent("second")
	if got := answered(); got.ReqID != "second" || got.Result.Success || !strings.Contains(got.Result.Error, "is not answered yet") {
		t.Errorf("got %+v", got)
	}
	user, _ := ask("user/ann", "zeek/fleet/certificates/sensor-1")
	user("third")
	close(answer)
	if got := answered(); got.ReqID != "first" || got.Result.Success || !strings.Contains(got.Result.Error, "the answer came late") {
		t.Errorf("got %+v", got)
	}
	select {
	case <-asked:
		t.Error("the authority was asked for a user")
	default:
	}
}

// heldBack is an authority that waits before it answers.
type heldBack struct {
	*authorityInMemory
	asked, answer chan struct{}
}

func (h heldBack) Ask(ctx context.Context, _ mgmt.Principal, _ access.Request) (access.Answer, error) {
	h.asked <- struct{}{}
	<-h.answer
	return access.Refusal{Why: access.Failed, Reason: "the answer came late"}, nil
}

func TestNodesOfOtherInstancesHaveNoBusinessWithAnAgent(t *testing.T) {
	a := newAuthorityInMemory(t, time.Hour)
	dir := joined.DirIn(t.TempDir())
	if err := dir.Save(a.join("sensor-1")); err != nil {
		t.Fatal(err)
	}
	credentials, err := daemon.OpenCredentials(dir)
	if err != nil {
		t.Fatal(err)
	}
	judge := credentials.TLS().Judge
	for who, want := range map[string]string{
		"node/sensor-1": "node/sensor-1", "node/sensor-2": "", "controller/c": "",
	} {
		chain, err := identity.ReadCerts(a.signedByNodes(who))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := judge(chain); got != want || (err == nil) != (want != "") {
			t.Errorf("%s of the nodes' authority: got %q, %v", who, got, err)
		}
	}
	if err := os.Remove(dir.Path(joined.NodeCertificateFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := daemon.OpenCredentials(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir.Path(joined.NodeCertificateFile)); err != nil {
		t.Errorf("the file for nodes was not made again: %v", err)
	}
}

// signedByNodes returns a certificate that the authority of nodes has signed.
func (a *authorityInMemory) signedByNodes(who string) []byte {
	a.t.Helper()
	p, err := joined.NewPending("x", "")
	if err != nil {
		a.t.Fatal(err)
	}
	r, err := p.Request()
	if err != nil {
		a.t.Fatal(err)
	}
	text, err := a.issue(a.nodes, who, r.Key)
	if err != nil {
		a.t.Fatal(err)
	}
	return text
}

// TestRevokedControllerIsDroppedAndNoLongerBelieved revokes the certificate of another
// controller that an agent is connected with. That controller subscribes to nothing.
// Afterwards it comes in the place of the real controller, which is away.
func TestRevokedControllerIsDroppedAndNoLongerBelieved(t *testing.T) {
	r := startRenewing(t, time.Hour)
	stolen := r.authority.tls("controller/zd")
	cert, err := stolen.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var parts sync.WaitGroup
	defer parts.Wait()
	defer cancel()
	parts.Go(func() { r.agent.Serve(ctx, ln, bus.ListenConfig{}) })
	rogue, err := bus.New(bus.Config{TLS: stolen})
	if err != nil {
		t.Fatal(err)
	}
	sub := rogue.Subscribe(64)
	defer sub.Close()
	parts.Go(func() { rogue.Dial(ctx, ln.Addr().String(), bus.DialConfig{Transport: bus.TransportTLS}) })
	if _, ok := patience.Next(t, sub.Events(), "a connection").(bus.PeerAdded); !ok {
		t.Fatal("not connected")
	}
	serial := identity.Serial(cert.Leaf)
	r.authority.change(func() { r.authority.revoked = []string{serial} })
	r.log.await(t, "a controller is dropped: its certificate was revoked")
	if _, ok := patience.Next(t, sub.Events(), "the end of the connection").(bus.PeerLost); !ok {
		t.Error("the revoked controller is still connected")
	}
	r.authority.change(func() { r.authority.revoked = []string{"1f", serial} })
	r.log.await(t, "the controllers that were revoked have changed") // the real controller is heard

	again, err := daemon.OpenCredentials(r.dir) // as after a restart of the agent
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*daemon.Credentials{"running": r.Credentials, "restarted": again} {
		if got, err := c.TLS().Judge([]*x509.Certificate{cert.Leaf}); err == nil || !strings.Contains(err.Error(), "the certificate of controller/zd was revoked") {
			t.Errorf("%s: the revoked controller is %q, %v", name, got, err)
		}
	}
}

// TestTooManyRevokedControllersAreNotTakenOver sends an agent a list that is too long.
func TestTooManyRevokedControllersAreNotTakenOver(t *testing.T) {
	r := startRenewing(t, time.Hour)
	r.authority.change(func() { r.authority.revoked = make([]string, mgmt.MaxRevoked+1) })
	r.log.await(t, "the controller's new authorities are not trusted")
	if len(r.Held().Revoked) > 0 {
		t.Error("the list was taken over")
	}
}
