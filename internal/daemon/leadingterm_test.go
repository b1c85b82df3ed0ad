package daemon_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/joined"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/metrics"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/porttest"
	"github.com/zeekfleet/zeekfleet/internal/proc/proctest"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/memstore"
)

// member is a controller of a cluster of several: what outlives its terms.
type member struct {
	*testCluster
	endpoint *bus.Endpoint
	peers    string // host:port for agents
	store    store.Store
}

func newMember(t *testing.T) *member {
	broker, clients := listen(t), listen(t)
	m := &member{
		testCluster: &testCluster{t: t, dir: t.TempDir(), clients: clients.Addr().String()},
		peers:       broker.Addr().String(), store: new(memstore.Store),
	}
	cfg := daemon.ControllerConfig{
		Store: m.store, Broker: broker, WebSocket: clients, WebSocketServer: bus.WebSocketConfig{Version: "test"},
		Logger: m.logger("member"),
	}
	var err error
	if m.endpoint, err = daemon.NewEndpoint(cfg); err != nil {
		t.Fatal(err)
	}
	m.inBackground("ports", nil, func(ctx context.Context) error {
		return daemon.ServeEndpoint(ctx, cfg, m.endpoint, daemon.NewWho(cfg))
	})
	return m
}

// lead begins a term. end ends it, and returns when it has ended.
func (m *member) lead(term uint64, change func(*daemon.ControllerConfig)) (c *daemon.Controller, end func()) {
	cfg := daemon.ControllerConfig{Store: m.store, Endpoint: m.endpoint, Term: term, Logger: m.logger(fmt.Sprint("term ", term))}
	if change != nil {
		change(&cfg)
	}
	c = daemon.NewController(cfg)
	ctx, cancel := context.WithCancel(context.WithoutCancel(m.t.Context()))
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	end = func() {
		cancel()
		if err := patience.Next(m.t, done, "the end of the term"); err != context.Canceled {
			m.t.Errorf("term %d has ended with %v", term, err)
		}
		done <- context.Canceled
	}
	m.t.Cleanup(end)
	return c, end
}

// runAgent runs an agent that dials the member. It returns where it listens.
func (m *member) runAgent(s store.Store, change func(*daemon.AgentConfig)) (at string) {
	broker := listen(m.t)
	cfg := daemon.AgentConfig{
		Core: agent.Config{Name: "a1", Connecting: true}, Store: s, Broker: broker, Controller: m.peers,
		Processes: fakeProcesses{proctest.New(proctest.Config{})},
		Launch:    launch.Embedded{Program: os.Args[0], StateDir: m.dir}, Logger: m.logger("a1"),
	}
	if change != nil {
		change(&cfg)
	}
	m.inBackground("a1", nil, func(ctx context.Context) error { return daemon.RunAgent(ctx, cfg) })
	return broker.Addr().String()
}

// awaitAgent waits until the agent has said hello to a controller.
func awaitAgent(t *testing.T, c *daemon.Controller) {
	t.Helper()
	for {
		changed := c.Changed()
		snap, err := c.Snapshot(patience.Context(t))
		if err != nil {
			t.Fatal(err)
		}
		if in := snap.Instance("a1"); in != nil && in.Peer != "" {
			return
		}
		patience.Closed(t, changed, "the agent's hello")
	}
}

// agentLink returns the connection of the agent with a member.
func (m *member) agentLink() bus.Traffic {
	m.t.Helper()
	for _, p := range m.endpoint.Peers() {
		if p.Kind == bus.Native {
			return p
		}
	}
	m.t.Fatal("no agent is connected")
	return bus.Traffic{}
}

// order has an endpoint send a request to the agent, and returns the error in the answer.
func order(t *testing.T, e *bus.Endpoint, sub *bus.Subscription, to string, id mgmt.ReqID) string {
	t.Helper()
	topic := mgmt.AgentTopics + "/a1"
	patience.Find(t, sub.Events(), "the agent", func(ev bus.Event) bool {
		added, ok := ev.(bus.PeerAdded)
		return ok && (to == "" || added.Peer.ID == to)
	})
	e.Publish(topic, codec.Encode(mgmt.AgentStandbyRequest{ReqID: id}))
	var answer mgmt.AgentStandbyResponse
	patience.Find(t, sub.Events(), "an answer", func(ev bus.Event) bool {
		m, ok := ev.(bus.Message)
		if !ok {
			return false
		}
		msg, err := codec.Decode(m.Value)
		if err != nil {
			t.Fatal(err)
		}
		answer, ok = msg.(mgmt.AgentStandbyResponse)
		return ok && answer.ReqID == id
	})
	return answer.Result.Error
}

func TestAgentsStayConnectedFromTermToTerm(t *testing.T) {
	m := newMember(t)
	records := make(auditLog, 100)
	scraped := listen(t)
	at := m.runAgent(new(memstore.Store), func(c *daemon.AgentConfig) {
		c.Audit, c.Metrics = audit.NewRecorder(records, nil), scraped
	})
	first, end := m.lead(3, nil)
	awaitAgent(t, first)
	obeys(t, records, 3)
	link := m.agentLink()
	conn := m.client()
	defer conn.Close()
	if _, err := conn.GetInstances(patience.Context(t)); err != nil {
		t.Fatal(err)
	}
	end()
	if _, err := conn.GetInstances(patience.Context(t)); err == nil {
		t.Error("a client was answered although nobody leads")
	}
	// What an earlier term has left to be sent.
	sub := m.endpoint.Subscribe(0, mgmt.AgentTopics)
	if why := order(t, m.endpoint, sub, link.ID, "late"); !strings.Contains(why, "leads no longer") {
		t.Errorf("a late order was answered %q", why)
	}
	sub.Close()
	second, _ := m.lead(5, nil)
	awaitAgent(t, second)
	obeys(t, records, 5)
	if now := m.agentLink(); now.ID != link.ID || !now.Since.Equal(link.Since) {
		t.Errorf("the agent has connected anew: %v, was %v", now.Since, link.Since)
	}
	for path, want := range map[string]string{
		metrics.HealthPath: "obeys controller " + m.peers + " in term 5", metrics.Path: "\nzeekfleet_agent_term 5\n",
	} {
		if text := page(t, "http://"+scraped.Addr().String()+path); !strings.Contains(text, want) {
			t.Errorf("%s has %q, want %q", path, text, want)
		}
	}
	// Another member that was paused since term 4.
	paused, err := bus.New(bus.Config{})
	if err != nil {
		t.Fatal(err)
	}
	m.inBackground("paused", nil, func(ctx context.Context) error { return paused.Dial(ctx, at, bus.DialConfig{}) })
	sub = paused.Subscribe(0, mgmt.AgentTopics, "zeek/fleet/controller/", "zeek/fleet/term/4/")
	defer sub.Close()
	if why := order(t, paused, sub, "", "old"); !strings.Contains(why, "led in term 4, and this agent obeys term 5") {
		t.Errorf("an order of an earlier term was answered %q", why)
	}
	patience.Find(t, records, "the refusal in the audit", func(r mgmt.AuditRecord) bool {
		return r.Outcome == mgmt.AuditRefused && strings.Contains(r.Reason, "led in term 4")
	})
}

func page(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(patience.Context(t), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// obeys waits for the record that says which term the agent obeys.
func obeys(t *testing.T, records auditLog, term uint64) {
	t.Helper()
	patience.Find(t, records, "the record of a term", func(r mgmt.AuditRecord) bool {
		return r.Request == "lead" && r.Reason == fmt.Sprint("in term ", term) && strings.HasPrefix(r.Who, "controller/")
	})
}

// Agents that remember a greater term than the store has: it was restored from a backup.
func TestLeadTakesTheGreaterTermOfItsAgents(t *testing.T) {
	m := newMember(t)
	s := new(memstore.Store)
	values := agent.State{Term: 9}.Changes()
	if _, err := s.Save(t.Context(), []store.Change{store.Change(values[0])}, 0); err != nil {
		t.Fatal(err)
	}
	m.runAgent(s, nil)
	seen := make(chan uint64, 100)
	c, _ := m.lead(3, func(cfg *daemon.ControllerConfig) { cfg.TermSeen = func(term uint64) { seen <- term } })
	if term := patience.Next(t, seen, "the agent's term"); term != 9 {
		t.Errorf("saw term %d, want 9", term)
	}
	if snap, err := c.Snapshot(t.Context()); err != nil || snap.Instance("a1") != nil && snap.Instance("a1").Peer != "" {
		t.Errorf("the agent has said hello to an earlier term: %v, %v", snap, err)
	}
	c.Raise(2)
	c.Raise(10)
	awaitAgent(t, c)
}

func TestAgentsDialTheControllersThatTheyAreTold(t *testing.T) {
	m := newMember(t)
	path := joined.ControllersIn(m.dir, "")
	m.runAgent(new(memstore.Store), func(c *daemon.AgentConfig) { c.ToldControllers = path })
	second, err := bus.New(bus.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ln := listen(t)
	m.inBackground("second", nil, func(ctx context.Context) error { return second.Serve(ctx, ln, bus.ListenConfig{}) })
	sub := second.Subscribe(0)
	defer sub.Close()
	var others atomic.Pointer[[]string]
	others.Store(&[]string{m.peers, ln.Addr().String()})
	changed := make(chan struct{}, 1)
	c, _ := m.lead(1, func(cfg *daemon.ControllerConfig) {
		cfg.Addresses, cfg.AddressesChanged = func() []string { return *others.Load() }, changed
	})
	awaitAgent(t, c)
	patience.Find(t, sub.Events(), "the agent at the second controller", func(ev bus.Event) bool { _, ok := ev.(bus.PeerAdded); return ok })
	if kept, err := path.Load(); err != nil || len(kept) != 2 {
		t.Errorf("the agent has kept %q, %v", kept, err)
	}
	others.Store(&[]string{m.peers})
	changed <- struct{}{}
	patience.Find(t, sub.Events(), "the agent's leaving", func(ev bus.Event) bool { _, ok := ev.(bus.PeerLost); return ok })
	if kept, err := path.Load(); err != nil || len(kept) != 1 || kept[0] != m.peers {
		t.Errorf("the agent has kept %q, %v", kept, err)
	}
}

// An agent that was told before dials them all when it starts.
func TestAgentsRememberTheControllersThatTheyWereTold(t *testing.T) {
	m := newMember(t)
	path := joined.ControllersIn(m.dir, "")
	if err := path.Save([]string{m.peers}); err != nil {
		t.Fatal(err)
	}
	m.runAgent(new(memstore.Store), func(c *daemon.AgentConfig) {
		c.Controller, c.ToldControllers = porttest.Nobody(t), path
	})
	c, _ := m.lead(1, nil)
	awaitAgent(t, c)
}

// A controller that follows subscribes to nothing, and a term leaves no goroutine.
func TestTermsLeaveNothingBehind(t *testing.T) {
	m := newMember(t)
	watch, err := bus.New(bus.Config{})
	if err != nil {
		t.Fatal(err)
	}
	sub := watch.Subscribe(0)
	defer sub.Close()
	m.inBackground("watch", nil, func(ctx context.Context) error { return watch.Dial(ctx, m.peers, bus.DialConfig{}) })
	patience.Find(t, sub.Events(), "the member", func(ev bus.Event) bool { _, ok := ev.(bus.PeerAdded); return ok })
	announces := func(want string) {
		t.Helper()
		patience.Find(t, sub.Events(), "what the member announces: "+want, func(ev bus.Event) bool {
			updated, ok := ev.(bus.PeerUpdated)
			return ok && strings.Join(updated.Topics.Below("zeek/fleet/term/"), " ") == want && (want != "" || updated.Topics.Below("") == nil)
		})
	}
	var before int
	for term := range uint64(6) {
		c, end := m.lead(term+1, nil)
		announces(fmt.Sprintf("%d/", term+1))
		if _, err := c.Snapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
		end()
		announces("")
		if term == 0 {
			before = runtime.NumGoroutine()
		}
	}
	for ctx := patience.Context(t); runtime.NumGoroutine() > before; runtime.Gosched() {
		if ctx.Err() != nil {
			t.Fatalf("there are %d goroutines, and there were %d after the first term", runtime.NumGoroutine(), before)
		}
	}
}

// heldStore is a store that gives nothing before it is let go.
type heldStore struct {
	store.Store
	letGo chan struct{}
}

func (s heldStore) Load(ctx context.Context, prefix string) ([]store.Entry, store.Revision, error) {
	<-s.letGo
	return s.Store.Load(ctx, prefix)
}

// A term that still reads its state hears no client, and says so.
func TestATermSaysWhenItHears(t *testing.T) {
	m := newMember(t)
	letGo := make(chan struct{})
	c, end := m.lead(1, func(cfg *daemon.ControllerConfig) { cfg.Store = heldStore{m.store, letGo} })
	if c.Hears() {
		t.Error("it hears before it has its state")
	}
	close(letGo)
	if _, err := c.Snapshot(patience.Context(t)); err != nil {
		t.Fatal(err)
	}
	if !c.Hears() {
		t.Error("it answers, and does not hear")
	}
	end()
	if c.Hears() {
		t.Error("it hears after its end")
	}
}
