package daemon_test

import (
	"bytes"
	"context"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/samples"
)

// awaitSample waits until the controller has such a sample of an instance.
func (c *testCluster) awaitSample(instance mgmt.InstanceName, such func(samples.Host) bool) samples.Host {
	c.t.Helper()
	ctx := patience.Context(c.t)
	for {
		changed := c.samples.Changed()
		latest := c.samples.Latest(time.Now())
		for _, h := range latest {
			if h.Instance == instance && such(h) {
				return h
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			c.t.Fatalf("no such sample of %s; the last ones are %+v", instance, latest)
		}
	}
}

// peerOf returns a connection of an agent, or nil.
func peerOf(h samples.Host, name string) *mgmt.PeerSample {
	i := slices.IndexFunc(h.Sample.Peers, func(p mgmt.PeerSample) bool { return p.Peer == name })
	if i < 0 {
		return nil
	}
	return &h.Sample.Peers[i]
}

// checkPeer checks what is known of a connection over which a message came, and whether one
// was sent.
func checkPeer(t *testing.T, p *mgmt.PeerSample, sent bool) {
	t.Helper()
	if p == nil || p.Sent == nil || p.Received == nil || p.Dropped == nil {
		t.Fatalf("got %+v", p)
	}
	if p.Addr == "" || p.Kind == "" || p.Limit == 0 || p.Since.IsZero() || time.Since(p.Since) > time.Hour ||
		*p.Sent > 0 != sent || *p.Received == 0 || *p.Dropped != 0 {
		t.Errorf("got %+v, sent %d, received %d, lost %d", p, *p.Sent, *p.Received, *p.Dropped)
	}
}

func TestSamplesOfHostsAndNodesComeToTheController(t *testing.T) {
	c := startCluster(t)
	c.startAgent("sensor-1")
	c.startAgent("sensor-2")
	c.deployTwo("sensor-1")
	connected := func(h samples.Host) bool {
		return len(h.Sample.Nodes) == 2 && !slices.ContainsFunc(h.Sample.Nodes, func(n mgmt.NodeSample) bool {
			return n.PID == 0 || peerOf(h, string(n.Node)) == nil
		})
	}
	h := c.awaitSample("sensor-1", connected)
	for _, n := range h.Sample.Nodes {
		if n.PID == 0 || n.Memory == 0 || n.Threads == 0 || n.Files == 0 || n.Started.IsZero() || n.Restarts != 0 {
			t.Errorf("got %+v", n)
		}
		checkPeer(t, peerOf(h, string(n.Node)), false) // these nodes have no dispatches
	}
	s := h.Sample
	if s.CPUs == 0 || s.Memory.Total == 0 || len(s.Disks) != 1 || s.Disks[0].Use != "state" || h.Skew > time.Minute {
		t.Errorf("host: %+v", h)
	}
	if len(s.Peers) != 3 {
		t.Errorf("peers of the agent: %+v", s.Peers)
	}
	checkPeer(t, peerOf(h, "controller"), true)
	peers, err := c.controller.Peers(patience.Context(t))
	if err != nil || len(peers) < 2 || peers[0].Peer != "sensor-1" || peers[1].Peer != "sensor-2" || peers[0].Limit == 0 {
		t.Errorf("peers of the controller: %+v, %v", peers, err)
	}
	if other := c.awaitSample("sensor-2", func(samples.Host) bool { return true }); len(other.Sample.Nodes) != 0 {
		t.Errorf("the other host: %+v", other.Sample)
	}
}

// A node that hangs holds nobody up, and has no figures of its own. Nodes of Zeek before 8.1
// connect to their agent, and later ones serve it.
func TestFiguresOfZeekComeToTheController(t *testing.T) {
	for _, version := range []string{"7.0.0", "8.2.2"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			z := newZeekAgent(t, version, nil)
			z.start()
			nodes := z.nodes()
			z.deployAll(nodes...)
			all := func(h samples.Host) bool {
				return len(h.Sample.Nodes) == len(nodes) && !slices.ContainsFunc(h.Sample.Nodes, func(n mgmt.NodeSample) bool { return n.Zeek == nil })
			}
			h := z.awaitSample(mgmt.InstanceName(z.name), all)
			for _, n := range h.Sample.Nodes {
				if n.Zeek.Time.IsZero() || n.Zeek.Lag != nil || n.Memory == 0 {
					t.Errorf("node: %+v", n)
				}
				checkPeer(t, peerOf(h, string(n.Node)), true)
			}
			hangs := h.Sample.Nodes[0]
			signal := func(sig syscall.Signal) {
				t.Helper()
				if err := syscall.Kill(hangs.PID, sig); err != nil {
					t.Fatal(err)
				}
			}
			signal(syscall.SIGSTOP)
			defer signal(syscall.SIGCONT)
			z.awaitSample(mgmt.InstanceName(z.name), func(h samples.Host) bool {
				told := 0
				for _, n := range h.Sample.Nodes {
					if n.Zeek != nil {
						told++
					}
				}
				return h.Sample.Nodes[0].Zeek == nil && h.Sample.Nodes[0].PID == hangs.PID && told == len(nodes)-1
			})
		})
	}
}

// What a node tells of itself is taken with care.
func TestFiguresOfNodesAreJudged(t *testing.T) {
	told := daemon.FiguresOf(`{"packets_received":7,"packets_dropped":1,"packets_on_link":9,"bytes_received":8,"memory":5,"events_queued":3,` +
		`"events_dispatched":2,"uptime":1.5,"lag":0.25,"peers":[{"peer":"","address":"127.0.0.1:41552","kind":"broker","queued":1,"limit":8192,"dropped":2},{"peer":"logger"},` +
		`{"peer":"w","address":"::ffff:10.0.0.2:56698"},{"peer":"p","address":"fd00::1:2200"},{"peer":"x","address":"nonsense"}]}`)
	want := []mgmt.PeerSample{
		{Peer: "127.0.0.1:41552", Addr: "127.0.0.1:41552", Kind: "broker", Queued: 1, Limit: 8192, Dropped: new(uint64(2))}, {Peer: "logger", Dropped: new(uint64(0))},
		{Peer: "w", Addr: "10.0.0.2:56698", Dropped: new(uint64(0))}, {Peer: "p", Addr: "[fd00::1]:2200", Dropped: new(uint64(0))}, {Peer: "x", Addr: "nonsense", Dropped: new(uint64(0))},
	}
	if told == nil || told.Zeek.Received != 7 || told.Zeek.Lag == nil || *told.Zeek.Lag != 0.25 || !reflect.DeepEqual(told.Peers, want) {
		t.Errorf("got %+v", told)
	}
	for name, text := range map[string]string{
		"no JSON": "T", "a negative count": `{"packets_received":-7}`, "too long": strings.Repeat(" ", daemon.MaxNodeStats) + "{}",
		"too many values": `{"peers":[{}` + strings.Repeat(",{}", daemon.MaxNodeFacts) + `]}`,
	} {
		if got := daemon.FiguresOf(text); got != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// The stream of samples does not take a place of those that users have.
func TestSamplesTakeNoPlaceOfUsersStreams(t *testing.T) {
	c := startCluster(t)
	c.startAgent("sensor-1")
	c.awaitSample("sensor-1", func(samples.Host) bool { return true })
	c.keep("sensor-1", "worker-1", "stdout", "line\n")
	for i := range 8 { // carry.Config.PerPeer
		s, err := c.controller.Stream(patience.Context(t), anOperator, "sensor-1", mgmt.StreamLogs, mgmt.LogsQuery{Node: "worker-1", Lines: 1, Follow: true})
		if err != nil {
			t.Fatalf("stream %d: %v", i, err)
		}
		defer s.Close()
	}
	_, err := c.controller.Stream(patience.Context(t), anOperator, "sensor-1", mgmt.StreamLogs, mgmt.LogsQuery{Node: "worker-1", Lines: 1, Follow: true})
	wantStreamError(t, err, mgmt.StreamBusy, "no more are allowed")
	after := time.Now()
	c.awaitSample("sensor-1", func(h samples.Host) bool { return h.Heard.After(after) })
}

func TestSamplesOfAnAgentThatComesBack(t *testing.T) {
	c := startCluster(t)
	broker := listen(t)
	host, err := proc.New(proc.Config{RecordDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = daemon.RunAgent(ctx, daemon.AgentConfig{
			Core:  agent.Config{Name: "sensor-1", Connecting: true, PID: int64(os.Getpid())},
			Store: c.open("first"), Broker: broker, Controller: c.peers, Processes: host,
			Launch: launch.Embedded{Program: os.Args[0], StateDir: t.TempDir()},
		})
	}()
	c.awaitSample("sensor-1", func(samples.Host) bool { return true })
	stop()
	patience.Closed(t, ended, "the agent ends")
	after := time.Now()
	c.startAgent("sensor-1")
	c.awaitSample("sensor-1", func(h samples.Host) bool { return h.Heard.After(after) })
}

// An agent that somebody has taken over fills neither memory nor screens with samples.
func TestSamplesAreBounded(t *testing.T) {
	long, interfaces := strings.Repeat("x", 1000), ""
	for i := range mgmt.MaxSampleInterfaces {
		interfaces += `,{"name":"eth` + strconv.Itoa(i) + `"}`
	}
	got, err := daemon.ReadSample([]byte(`{"disks":[{"path":"` + long + `"}],"nodes":[{"node":"` + long + `"},{"node":"w","interface":"` + long + `"}],` +
		`"interfaces":[{"name":"` + long + `"}` + interfaces + `],` +
		`"peers":[{"peer":"` + long + `"}` + strings.Repeat(`,{"peer":"x"}`, mgmt.MaxSamplePeers) + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Disks[0].Path) > 256 || len(got.Nodes) != 1 || len(got.Nodes[0].Interface) > 256 || len(got.Peers[0].Peer) > 256 {
		t.Errorf("texts: %+v", got)
	}
	if len(got.Interfaces) != mgmt.MaxSampleInterfaces || len(got.Peers) != mgmt.MaxSamplePeers {
		t.Errorf("%d interfaces, %d peers", len(got.Interfaces), len(got.Peers))
	}
	for name, text := range map[string]string{
		"no JSON":         "\x1b[2J",
		"too many values": `{"nodes":[{}` + strings.Repeat(",{}", daemon.MaxSampleFacts) + `]}`,
	} {
		if _, err := daemon.ReadSample([]byte(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Whoever looks for samples that do not come is told why.
func TestSamplesThatDoNotComeHaveAReason(t *testing.T) {
	c := startCluster(t)
	store := samples.New(samples.Config{})
	c.controller.FollowInstance(patience.Context(t), store, "nowhere")
	if why := store.Missing("nowhere"); !strings.Contains(why, `its samples do not come: there is no instance "nowhere"`) {
		t.Errorf("got %q", why)
	}
}

// A sample has nothing that breaks what is made of it: an SSE stream, a list, a history, a sum.
func TestSamplesOfATakenOverAgentAreMadeHarmless(t *testing.T) {
	got, err := daemon.ReadSample([]byte(`{"cpus":-1,"busy":1e308,"load":[-1,1e308,2],"disks":[{"use":"spool"},{"use":"spool"}],` +
		`"interfaces":[{"name":"a\n\nevent: gone\rb\u2028\u202e\u001b[2J"},{"name":"eth0"},{"name":"eth0"}],` +
		`"nodes":[{"node":"w","cpu":1e308,"pid":-7,"threads":-1,"files":-1,"interface":"\r\nx","zeek":{"lag":-1e308},"peers":[{"peer":"\u0000p"}]},{"node":"w","cpu":1}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if got.CPUs != 0 || got.Busy != 1e6 || got.Load != [3]float64{0, 1e6, 2} || len(got.Disks) != 1 || len(got.Interfaces) != 2 {
		t.Errorf("host: %+v", got)
	}
	if name := got.Interfaces[0].Name; name != "a??event: gone?b???[2J" {
		t.Errorf("interface: %q", name)
	}
	if len(got.Nodes) != 1 {
		t.Fatalf("nodes: %+v", got.Nodes)
	}
	if n := got.Nodes[0]; n.CPU != 1e6 || n.PID != 0 || n.Threads != 0 || n.Files != 0 || n.Interface != "??x" || *n.Zeek.Lag != -1e10 || n.Peers[0].Peer != "?p" {
		t.Errorf("node: %+v", n)
	}
}

// endless is a stream of samples that has no end and no pause.
type endless struct{ lines int }

func (e *endless) Read(p []byte) (int, error) {
	e.lines++
	return copy(p, "{}\n"), nil
}

func TestSamplesThatComeTooSoonWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		from := &endless{}
		taken, err := daemon.TakeSamples(ctx, from, samples.New(samples.Config{}), "sensor-1")
		if err == nil || taken < 12 || taken > 61 || from.lines > 100 {
			t.Errorf("took %d of %d samples within a minute, and got the error %v", taken, from.lines, err)
		}
	})
}

// Nodes that tell of too many peers do not keep the controller from the figures of their host.
func TestSampleOfNodesThatTellTooMuchIsShort(t *testing.T) {
	is, long := &mgmt.HostSample{Busy: 1}, strings.Repeat("<", 256)
	for i := range mgmt.MaxSampleNodes {
		n := mgmt.NodeSample{Node: mgmt.NodeName("w" + strconv.Itoa(i)), PID: 7, Interface: long, Zeek: &mgmt.ZeekSample{Received: 1}}
		for range 4 {
			n.Peers = append(n.Peers, mgmt.PeerSample{Peer: long, Addr: long, Kind: long})
		}
		is.Nodes = append(is.Nodes, n)
	}
	line, err := daemon.SampleLine(is)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := daemon.TakeSamples(t.Context(), bytes.NewReader(line), samples.New(samples.Config{}), "sensor-1")
	if taken != 1 || len(is.Nodes[0].Peers) != 4 {
		t.Errorf("of a line of %d bytes, %d samples were taken: %v", len(line), taken, err)
	}
}
