package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/crowd"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/sockowner"
	"github.com/zeekfleet/zeekfleet/internal/sockowner/sockownertest"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

// These constants say how often a controller under attack is asked, and within which
// limits it must stay. `make bench` measures how fast it answers.
const (
	siegeRequests = 100
	heapLimit     = 512 << 20
	// askPause is between two requests of a client. It is the attackers' time.
	askPause = 50 * time.Millisecond
	// linesLimit is a full burst of each kind of line that strangers can cause.
	linesLimit = 15_000
	// bytesLimit is what all kinds together may take, and something for each.
	bytesLimit = 6 << 20
)

func TestHostilePeersHurtNobodyElse(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(app.MemoryTarget)) // as the daemons do
	log := newLogCounter("")
	cluster := startController(t, t.TempDir(), slog.New(log))
	cluster.startAgent("good")
	cluster.deployTwo("good")
	conn := cluster.client()
	defer conn.Close()
	cluster.stageMany(9000) // for those who ask for it

	var watcher sync.WaitGroup
	ctx, endOfSiege := context.WithCancel(t.Context())
	cluster.besiege("good")
	heap := watchHeap(ctx, &watcher)
	askUnderAttack(t, conn)
	newcomer := cluster.client() // there is a place for the own user
	defer newcomer.Close()
	if _, err := again(func() (client.Result, error) { return newcomer.GetInstances(t.Context()) }); err != nil {
		t.Errorf("get-instances of a new client: %v", err)
	}
	if got, err := again(func() (client.Result, error) { return conn.GetInstances(t.Context()) }); err != nil || !onlyOneAgent(got, "good") {
		t.Errorf("instances are %+v, %v, want the good agent alone", got, err)
	}
	endOfSiege()
	watcher.Wait()

	t.Logf("heap at most %d MiB; %d lines logged: %v", *heap>>20, log.total(), log.counts())
	if *heap > heapLimit {
		t.Errorf("the heap grew to %d MiB, want at most %d", *heap>>20, heapLimit>>20)
	}
	if log.total() > linesLimit {
		t.Errorf("%d lines were logged: %v", log.total(), log.counts())
	}
	if n := log.size(); n > bytesLimit {
		t.Errorf("%d bytes were logged", n)
	}
}

// startController is startCluster with another directory and logger.
func startController(t *testing.T, dir string, log *slog.Logger) *testCluster {
	t.Helper()
	broker, websocket := listen(t), listen(t)
	c := &testCluster{t: t, dir: dir, peers: broker.Addr().String(), clients: websocket.Addr().String()}
	c.inBackground("controller", nil, func(ctx context.Context) error {
		return daemon.NewController(daemon.ControllerConfig{
			Core:            controller.Config{Rules: mgmt.Rules{AssignBroker: true, AssignMetrics: true}},
			Store:           c.open("controller"),
			Broker:          broker,
			WebSocket:       websocket,
			WebSocketServer: bus.WebSocketConfig{Version: "test"},
			Callers:         attackersAreNobody(),
			Logger:          log,
		}).Run(ctx)
	})
	return c
}

// attackersAreNobody makes the attackers' connections look like connections of another
// user. That user may connect.
func attackersAreNobody() daemon.Callers {
	return daemon.Callers{
		Users: map[uint32]mgmt.UserRole{sockownertest.Nobody: mgmt.Admin},
		Owner: func(at, peer netip.AddrPort) (sockowner.Owner, error) {
			if at.Addr() == netip.MustParseAddr(crowd.Source) {
				return sockowner.Owner{UID: sockownertest.Nobody}, nil
			}
			return sockowner.Owner{UID: uint32(os.Geteuid())}, nil
		},
	}
}

// twoNodes is a configuration with two nodes on an instance.
func twoNodes(id string, name client.InstanceName) client.Configuration {
	return client.Configuration{
		ID:        id,
		Instances: []client.Instance{{Name: name, Host: client.UnknownHost}},
		Nodes: []client.Node{
			{Name: "manager", Instance: name, Role: client.Manager, State: client.Running},
			{Name: "worker", Instance: name, Role: client.Worker, State: client.Running},
		},
	}
}

// besiege sets a crowd upon the controller until the end of the test, and
// returns when the attack has begun.
func (c *testCluster) besiege(victim client.InstanceName) {
	c.t.Helper()
	attack, err := crowd.Start(c.t.Context(), c.peers, c.clients, mgmt.InstanceName(victim))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(attack.Stop)
}

// deployTwo deploys two nodes on an instance.
func (c *testCluster) deployTwo(name client.InstanceName) {
	c.t.Helper()
	conn := c.client()
	defer conn.Close()
	staged, err := conn.Stage(c.t.Context(), twoNodes("two", name))
	if err != nil || !staged[0].Success {
		c.t.Fatalf("stage: %+v, %v", staged, err)
	}
	deployed, err := conn.Deploy(c.t.Context())
	if err != nil || slices.ContainsFunc(deployed, func(r client.Result) bool { return !r.Success }) {
		c.t.Fatalf("deploy: %+v, %v", deployed, err)
	}
}

// stageMany stages a configuration with many nodes.
func (c *testCluster) stageMany(nodes int) {
	c.t.Helper()
	config := client.Configuration{ID: "many"}
	for i := range nodes {
		host := client.InstanceName(fmt.Sprintf("sensor-%d", i/10))
		if i%10 == 0 {
			config.Instances = append(config.Instances, client.Instance{Name: host, Host: client.UnknownHost})
		}
		config.Nodes = append(config.Nodes, client.Node{
			Name: client.NodeName(fmt.Sprintf("worker-%d", i)), Instance: host, Role: client.Worker, State: client.Running,
			Interface: new(fmt.Sprintf("af_packet::eth%d", i%10)), CPUAffinity: new(int64(i % 64)),
			Scripts: []string{"policy/misc/weird-stats", "site/local-worker"}, Env: map[string]string{"MALLOC_ARENA_MAX": "2"},
		})
	}
	conn := c.client()
	defer conn.Close()
	if staged, err := conn.Stage(c.t.Context(), config); err != nil || !staged[0].Success {
		c.t.Fatalf("stage %d nodes: %v, %v", nodes, staged[:min(len(staged), 1)], err)
	}
}

// TestAConfigurationOfTheGreatestSizeCanBeStagedAndRead: what a client may send in
// a message has room for as many nodes as a configuration may have.
func TestAConfigurationOfTheGreatestSizeCanBeStagedAndRead(t *testing.T) {
	nodes := mgmt.DefaultMaxNodes
	if raceDetector {
		nodes /= 20 // make test has all of them once more without it
	}
	cluster := startController(t, t.TempDir(), slog.New(slog.DiscardHandler))
	cluster.stageMany(nodes)
	conn := cluster.client()
	defer conn.Close()
	got, err := conn.GetConfiguration(t.Context(), false)
	if config, ok := got.Data.(client.Configuration); !ok || err != nil || len(config.Nodes) != nodes {
		t.Errorf("got %d nodes, %v, %v", len(config.Nodes), got.Error, err)
	}
}

// TestARequestThatIsTooLongSaysSo names the limit.
func TestARequestThatIsTooLongSaysSo(t *testing.T) {
	cluster := startController(t, t.TempDir(), slog.New(slog.DiscardHandler))
	conn := cluster.client()
	defer conn.Close()
	var err error
	for range 10 {
		_, err = conn.Stage(t.Context(), client.Configuration{ID: strings.Repeat("x", 33<<20)})
		// The controller waits 300 ms for the rest of the request. A client that takes longer to
		// send it finds the connection broken.
		if closed, ok := errors.AsType[*client.ServerClosed](err); !ok || closed.Code != brokenOff {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "the controller takes no request of this length") || !strings.Contains(err.Error(), "more than 32 MiB") {
		t.Errorf("got %v", err)
	}
}

// askUnderAttack asks for the nodes every now and then. Each answer must be right.
func askUnderAttack(t *testing.T, conn *client.Client) {
	t.Helper()
	for range siegeRequests {
		results, err := again(func() ([]client.Result, error) { return conn.GetNodes(t.Context()) })
		if err != nil {
			t.Fatalf("get-nodes under attack: %v", err)
		}
		if len(results) != 1 || !results[0].Success || results[0].Instance != "good" || len(results[0].Data.(client.NodeStatuses)) != 3 {
			t.Fatalf("get-nodes under attack answers %+v", results)
		}
		time.Sleep(askPause)
	}
}

// again makes a request once more, on another connection, as long as one side ends the
// connection because a ping was not answered, and for a time. This process has the attackers in
// it, and on a slow host it may have no time for a pong of the client or of the controller.
func again[T any](request func() (T, error)) (T, error) {
	for began := time.Now(); ; {
		got, err := request()
		closed, ok := errors.AsType[*client.ServerClosed](err)
		unanswered := ok && closed.Code == pingTimeout || errors.Is(err, websocket.ErrSilent)
		if !unanswered || time.Since(began) > patience.Limit {
			return got, err
		}
	}
}

// pingTimeout is the code with which a controller ends a connection whose client does not answer
// its pings.
const pingTimeout = 1011

// brokenOff is the code for a connection that has ended without one.
const brokenOff = 1006

func onlyOneAgent(r client.Result, name client.InstanceName) bool {
	list, ok := r.Data.(client.Instances)
	return ok && len(list) == 1 && list[0].Name == name
}

// watchHeap keeps the highest HeapInuse until ctx is done.
func watchHeap(ctx context.Context, done *sync.WaitGroup) *uint64 {
	most := new(uint64)
	done.Go(func() {
		ticks := time.NewTicker(20 * time.Millisecond)
		defer ticks.Stop()
		for {
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			*most = max(*most, stats.HeapInuse)
			select {
			case <-ticks.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return most
}

func TestSecondAgentOfANameIsRefusedAndDisplacesNobody(t *testing.T) {
	log, refused := newLogCounter("second agent of that name refused"), newLogCounter("a controller refuses this agent")
	cluster := startController(t, t.TempDir(), slog.New(log))
	cluster.startAgent("good")
	cluster.deployTwo("good")
	conn := cluster.client()
	defer conn.Close()
	before, err := conn.GetNodes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second := *cluster
	second.dir, second.agents = t.TempDir(), refused
	second.startAgent("good")
	patience.Closed(t, log.awaited, "the controller to refuse the second agent")
	patience.Closed(t, refused.awaited, "the second agent to say that it is refused")
	after, err := conn.GetNodes(t.Context())
	if diff := gocmp.Diff(before, after, comparable); diff != "" || err != nil {
		t.Errorf("%v, nodes before and after (-before +after):\n%s", err, diff)
	}
	if got, err := conn.GetInstances(t.Context()); err != nil || !onlyOneAgent(got, "good") {
		t.Errorf("instances are %+v, %v, want the first agent alone", got, err)
	}
}

// logCounter counts what is logged at Info or above, by message.
type logCounter struct {
	awaits  string
	awaited chan struct{} // closed when that message was logged

	mu    sync.Mutex
	lines map[string]int
	bytes int // of attributes
}

func newLogCounter(awaits string) *logCounter {
	return &logCounter{awaits: awaits, awaited: make(chan struct{}), lines: map[string]int{}}
}

func (l *logCounter) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo
}

func (l *logCounter) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines[r.Message]++
	r.Attrs(func(a slog.Attr) bool {
		l.bytes += len(a.Key) + len(a.Value.String())
		return true
	})
	if r.Message == l.awaits && l.lines[r.Message] == 1 {
		close(l.awaited)
	}
	return nil
}

func (l *logCounter) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l *logCounter) WithGroup(string) slog.Handler      { return l }

func (l *logCounter) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes
}

// counts returns how often each message was logged so far: the daemons go on logging.
func (l *logCounter) counts() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.lines)
}

func (l *logCounter) total() (sum int) {
	for _, n := range l.counts() {
		sum += n
	}
	return sum
}
