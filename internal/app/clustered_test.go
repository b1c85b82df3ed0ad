//go:build !noetcd

package app_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/member"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/porttest"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// memberOf is one of several controllers in this process.
type memberOf struct {
	t      *testing.T
	set    settings.Controller
	api    *api.Client
	stop   context.CancelCauseFunc
	ended  chan error
	logged logged
	// clustered is the controller that was started last, if it is clustered.
	clustered *app.Clustered
}

// logged is what a controller has logged.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

// awaitLog waits until the controller has logged something since it was started.
func (m *memberOf) awaitLog(part string) {
	m.t.Helper()
	var text string
	for began := time.Now(); time.Since(began) < patience.Limit; time.Sleep(20 * time.Millisecond) {
		m.logged.mu.Lock()
		text = m.logged.text.String()
		m.logged.mu.Unlock()
		if strings.Contains(text, part) {
			return
		}
	}
	m.t.Fatalf("%s has not logged %q, but %s", m.set.Name, part, text)
}

var errStopped = errors.New("stopped by the test")

// newMember returns a controller that does not run yet, with ports of its own.
func newMember(t *testing.T, ports *porttest.Ports, number int) *memberOf {
	t.Helper()
	set := authoritySettings(t, "127.0.0.1")
	set.Name = fmt.Sprintf("c-%d", number)
	set.Broker.Port, set.WebSocket.Port = ports.At(3*number), ports.At(3*number+1)
	set.Cluster = settings.Cluster{
		On: true, Advertise: "127.0.0.1", Peer: settings.Listen{Addr: netip.MustParseAddr("127.0.0.1"), Port: ports.At(3*number + 2)},
		Heartbeat: 100 * time.Millisecond, Election: time.Second, QuotaMegabytes: 256,
	}
	client, err := api.New(api.Config{Address: fmt.Sprintf("127.0.0.1:%d", set.WebSocket.Port)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return &memberOf{t: t, set: set, api: client}
}

// start opens and runs the controller.
func (m *memberOf) start() {
	m.t.Helper()
	if err := m.tryStart(app.Opening{Version: "1.2.3"}); err != nil {
		m.t.Fatal(err)
	}
}

// tryStart is start. It returns the error of a controller that does not open.
func (m *memberOf) tryStart(how app.Opening) error {
	var c interface{ Run(context.Context) error }
	var err error
	m.logged.mu.Lock()
	m.logged.text.Reset()
	m.logged.mu.Unlock()
	log := testLog(m.t, m.set.Name, &m.logged)
	if m.set.Cluster.On {
		m.clustered, err = app.OpenClustered(m.t.Context(), m.set, log, how)
		c = m.clustered
	} else {
		c, err = app.OpenController(m.t.Context(), m.set, log, app.PortFlags{})
	}
	if err != nil {
		return err
	}
	var ctx context.Context
	ctx, m.stop = context.WithCancelCause(context.Background())
	m.ended = make(chan error, 1)
	go func() { m.ended <- c.Run(ctx) }()
	m.t.Cleanup(func() { m.end() })
	return nil
}

// end stops the controller, and returns the error of its Run.
func (m *memberOf) end() error {
	if m.stop == nil {
		return nil
	}
	m.stop(errStopped)
	m.stop = nil
	select {
	case err := <-m.ended:
		return err
	case <-time.After(patience.Limit):
		m.t.Errorf("%s has not ended", m.set.Name)
		return nil
	}
}

// testLog writes into the log of the test while that runs, and elsewhere.
func testLog(t *testing.T, name string, also ...io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(io.MultiWriter(append(also, logTo{t, name})...), &slog.HandlerOptions{Level: slog.LevelInfo}))
}

type logTo struct {
	t    *testing.T
	name string
}

func (l logTo) Write(text []byte) (int, error) {
	if l.t.Context().Err() == nil {
		l.t.Logf("%s: %s", l.name, strings.TrimSpace(string(text)))
	}
	return len(text), nil
}

// join makes the controller a member, with a token of another one.
func (m *memberOf) join(of *memberOf) {
	m.t.Helper()
	token, err := of.api.CreateToken(m.t.Context(), api.TokenRequest{Controller: m.set.Name})
	if err != nil {
		m.t.Fatal(err)
	}
	if err := app.JoinController(m.t.Context(), app.ControllerJoining{
		Settings: m.set, Addresses: []string{"127.0.0.1:1", of.api.Address()}, Token: token.Text, Version: "1.2.3", Logger: slog.New(slog.DiscardHandler),
	}); err != nil {
		m.t.Fatal(err)
	}
}

// await asks the controller until it answers that all is as it should be.
func (m *memberOf) await(what string, right func(api.Controllers) bool) {
	m.t.Helper()
	var last any
	for began := time.Now(); time.Since(began) < patience.Limit; time.Sleep(20 * time.Millisecond) {
		list, err := m.api.Controllers(m.t.Context())
		if err == nil && right(list) {
			return
		}
		if last = list; err != nil {
			last = err
		}
	}
	m.t.Fatalf("%s never sees: %s; at last: %+v", m.set.Name, what, last)
}

// roles returns the roles of the controllers, sorted by their names.
func roles(list api.Controllers) (all []string) {
	for _, one := range list.Members {
		all = append(all, one.Role)
	}
	return all
}

// token makes a joining token at the controller, and tries again while nobody leads.
func (m *memberOf) token(instance string) {
	m.t.Helper()
	var err error
	for began := time.Now(); time.Since(began) < patience.Limit; {
		if _, err = m.api.CreateToken(m.t.Context(), api.TokenRequest{Instance: instance}); err == nil {
			return
		}
	}
	m.t.Fatalf("%s: %v", m.set.Name, err)
}

// tokens returns the instances for which there are tokens, as the controller says.
func (m *memberOf) tokens() (all []string) {
	m.t.Helper()
	list, err := m.api.Tokens(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	for _, one := range list {
		all = append(all, one.For)
	}
	slices.Sort(all)
	return all
}

func reserve(t *testing.T) *porttest.Ports {
	t.Helper()
	ports, err := porttest.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ports.Close() })
	return ports
}

func TestThreeControllersServeOneFleet(t *testing.T) {
	ports := reserve(t)
	one, two, three := newMember(t, ports, 1), newMember(t, ports, 2), newMember(t, ports, 3)
	one.start()
	one.token("before")
	for _, other := range []*memberOf{two, three} {
		other.join(one)
		other.start()
		other.await("itself among those with a vote", func(list api.Controllers) bool {
			return len(list.Members) > 0 && !slices.Contains(roles(list), api.ControllerLearns) && !slices.Contains(roles(list), api.ControllerAway)
		})
	}
	three.await("three controllers", func(list api.Controllers) bool {
		return slices.Equal(roles(list), []string{"leader", "follower", "follower"}) && list.Leader == "c-1" && list.Self == "c-3"
	})

	one.backup()
	three.backup()
	three.token("by-three")
	if got := two.tokens(); !slices.Equal(got, []string{"agent/before", "agent/by-three"}) {
		t.Errorf("controller two has the tokens %q", got)
	}

	if err := one.end(); !errors.Is(err, errStopped) {
		t.Errorf("the first controller ends with %v", err)
	}
	two.token("without-one")
	err := two.api.Lead(t.Context(), "c-1")
	if p, ok := errors.AsType[*api.Problem](err); !ok || p.Status != http.StatusConflict || !strings.Contains(p.Detail, "controller c-1 cannot lead now") {
		t.Errorf("a controller that is away is to lead: %v", err)
	}
	one.start()
	one.await("another one that leads", func(list api.Controllers) bool {
		return list.Leader != "c-1" && list.Leader != "" && list.Term > 1 && len(list.Members) == 3
	})
	if got := one.tokens(); !slices.Contains(got, "agent/without-one") {
		t.Errorf("the first controller has the tokens %q", got)
	}

	list, err := one.api.Controllers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	leads := map[string]*memberOf{"c-1": one, "c-2": two, "c-3": three}[list.Leader]
	gone := one
	if err := leads.api.RemoveController(t.Context(), gone.set.Name); err != nil {
		t.Fatal(err)
	}
	if err := <-gone.ended; !errors.Is(err, app.ErrRemoved) {
		t.Errorf("the removed controller ends with %v", err)
	}
	gone.stop = nil
	leads.await("two controllers", func(list api.Controllers) bool { return len(list.Members) == 2 })
	leads.token("without-one-for-ever")

	if got := leads.storeAnswers(two); got != http.StatusOK {
		t.Errorf("a store answers a member with status %d", got)
	}
	if got := leads.storeAnswers(gone); got != http.StatusForbidden {
		t.Errorf("a store answers a controller that was removed with status %d", got)
	}
}

// backup makes a backup at the controller, and forgets it.
func (m *memberOf) backup() {
	m.t.Helper()
	content, err := m.api.Backup(m.t.Context())
	if err != nil {
		m.t.Fatalf("%s: %v", m.set.Name, err)
	}
	defer content.Close()
	if n, err := io.Copy(io.Discard, content); err != nil || n == 0 {
		m.t.Errorf("%s: a backup with %d bytes, %v", m.set.Name, n, err)
	}
}

// storeAnswers returns how the store of the controller answers one that has the certificate of
// another one.
func (m *memberOf) storeAnswers(asks *memberOf) int {
	m.t.Helper()
	place, err := member.Load(asks.set.Directory)
	if err != nil {
		m.t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(place.Certificate, place.Key)
	if err != nil {
		m.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(place.CA)
	transport := &http.Transport{TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool}}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport}).Get(fmt.Sprintf("https://127.0.0.1:%d/version", m.set.Cluster.Peer.Port))
	if err != nil {
		m.t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

// A controller that joins hides no state of its own.
// A controller that is started alone says what it waits for, and that it waits no longer.
func TestAControllerWithoutAMajoritySaysSo(t *testing.T) {
	ports := reserve(t)
	c1, c2 := newMember(t, ports, 1), newMember(t, ports, 2)
	c1.start()
	c1.await("it leads", func(list api.Controllers) bool { return list.Leader == "c-1" })
	c2.join(c1)
	c2.start()
	c1.await("both have a vote", func(list api.Controllers) bool {
		return slices.Equal(roles(list), []string{"leader", "follower"})
	})
	c2.end()
	c1.end()
	c1.start()
	c1.awaitLog("the majority of the controllers is missing: nothing can be changed until it is there; start the other controllers")
	c1.awaitLog("away=c-2 ")
	c2.start()
	c1.awaitLog("the store has its majority again")
	c1.await("one leads", func(list api.Controllers) bool { return list.Leader != "" })
}

func TestWhoHasStateDoesNotJoin(t *testing.T) {
	ports := reserve(t)
	one, two := newMember(t, ports, 1), newMember(t, ports, 2)
	one.start()
	one.token("x")
	path := filepath.Join(two.set.Directory, "state.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := app.JoinController(t.Context(), app.ControllerJoining{Settings: two.set, Addresses: []string{one.api.Address()}, Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "move the directory away") {
		t.Errorf("got %v", err)
	}
}

// An agent remembers a greater term than the store has: the store was restored from a backup.
func TestLeadTakesOverTheTermOfAnAgent(t *testing.T) {
	one := newMember(t, reserve(t), 1)
	one.start()
	agent, err := bus.New(bus.Config{})
	if err != nil {
		t.Fatal(err)
	}
	sub := agent.Subscribe(0, "zeek/fleet/obeys/41/")
	defer sub.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- agent.Dial(ctx, one.set.Broker.AddrPort().String(), bus.DialConfig{}) }()
	defer func() {
		cancel()
		<-ended
	}()
	patience.Find(t, sub.Events(), "a term that is greater than the agent's", func(ev bus.Event) bool {
		var topics bus.Topics
		switch ev := ev.(type) {
		case bus.PeerAdded:
			topics = ev.Topics
		case bus.PeerUpdated:
			topics = ev.Topics
		}
		return slices.Contains(topics.Below("zeek/fleet/term/"), "42/")
	})
	one.await("the greater term", func(list api.Controllers) bool { return list.Term == 42 && list.Leader == "c-1" })
}

// restart ends the controller, and starts it with other settings.
func (m *memberOf) restart(clustered bool) {
	m.t.Helper()
	m.end()
	m.set.Cluster.On = clustered
	m.start()
}

// A controller that was alone takes its state into a cluster of controllers, and the last one
// of a cluster takes it back.
func TestFromOneControllerToSeveralAndBack(t *testing.T) {
	ports := reserve(t)
	one, two := newMember(t, ports, 1), newMember(t, ports, 2)
	one.set.Cluster.On = false
	one.start()
	one.token("alone")
	audited := func(m *memberOf) (subjects []string) {
		list, err := m.api.Audit(t.Context(), api.AuditQuery{})
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range list {
			subjects = append(subjects, one.Subject)
		}
		return subjects
	}

	one.restart(true)
	one.token("shared")
	two.join(one)
	two.start()
	two.await("two controllers", func(list api.Controllers) bool { return slices.Equal(roles(list), []string{"leader", "follower"}) })
	two.token("by-two")
	if got, want := two.tokens(), []string{"agent/alone", "agent/by-two", "agent/shared"}; !slices.Equal(got, want) {
		t.Errorf("the tokens of several are %q, want %q", got, want)
	}
	if got, want := audited(two), []string{"agent/alone", "agent/shared", "controller/c-2", "controller/c-2", "agent/by-two"}; !slices.Equal(got, want) {
		t.Errorf("the audit of several has %q, want %q", got, want)
	}

	one.end()
	two.end()
	one.set.Cluster.On = false
	if err := one.tryStart(app.Opening{}); err == nil || !strings.Contains(err.Error(), "controller.cluster is off") {
		t.Fatalf("with two controllers it starts alone: %v", err)
	}
	one.set.Cluster.On = true
	one.start()
	two.start()
	one.await("two controllers", func(list api.Controllers) bool {
		return list.Leader != "" && !slices.Contains(roles(list), api.ControllerAway)
	})
	list, err := one.api.Controllers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if list.Leader == "c-2" {
		if err := one.api.Lead(t.Context(), "c-1"); err != nil {
			t.Fatal(err)
		}
		one.await("itself leading", func(list api.Controllers) bool { return list.Leader == "c-1" })
	}
	if err := one.api.RemoveController(t.Context(), "c-2"); err != nil {
		t.Fatal(err)
	}
	if err := <-two.ended; !errors.Is(err, app.ErrRemoved) {
		t.Errorf("the removed controller ends with %v", err)
	}
	two.stop = nil
	one.restart(false)
	one.token("alone-again")
	if got, want := one.tokens(), []string{"agent/alone", "agent/alone-again", "agent/by-two", "agent/shared"}; !slices.Equal(got, want) {
		t.Errorf("the tokens of one are %q, want %q", got, want)
	}
}
