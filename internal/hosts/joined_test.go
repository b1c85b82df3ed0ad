package hosts

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
)

// The addresses of the hosts of a network (RFC 5737). The controller moves to the spare
// host.
const (
	controllerAddr = "192.0.2.1"
	sensor1Addr    = "192.0.2.2"
	sensor2Addr    = "192.0.2.3"
	spareAddr      = "192.0.2.4"
)

// shortLife is the life of certificates that are renewed while the test waits.
const shortLife = 18 * time.Second

// atOnce is how long the controller may take to end the connection of a revoked agent. It takes
// milliseconds, on a busy machine more. Without the revocation the connection would last for the
// life of the certificate.
const atOnce = 10 * time.Second

// host is a host of the network: a namespace, and the home directory of its root.
type host struct {
	t    *testing.T
	ns   namespace
	name string
	home string
	log  string
	env  []string
	// program is another program for the daemon. Empty means program.
	program string
	cmd     *exec.Cmd // the daemon; nil while it does not run
}

// newHosts makes hosts with these addresses on one network.
func newHosts(t *testing.T, addrs map[string]string) map[string]*host {
	t.Helper()
	middle := newSwitch(t)
	hosts := map[string]*host{}
	for _, name := range slices.Sorted(maps.Keys(addrs)) {
		h := newHost(t, name)
		ip(t, "-n", string(middle), "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", string(h.ns))
		ip(t, "-n", string(middle), "link", "set", name, "master", "lan", "up")
		ip(t, "-n", string(h.ns), "address", "add", addrs[name]+"/24", "dev", "eth0")
		ip(t, "-n", string(h.ns), "link", "set", "eth0", "up")
		hosts[name] = h
	}
	return hosts
}

// newSwitch makes a namespace with the bridge "lan".
func newSwitch(t *testing.T) namespace {
	t.Helper()
	middle := newNamespace(t, "switch")
	ip(t, "-n", string(middle), "link", "add", "lan", "type", "bridge")
	ip(t, "-n", string(middle), "link", "set", "lan", "up")
	return middle
}

// newHost makes a host that is connected to nothing.
func newHost(t *testing.T, name string) *host {
	t.Helper()
	h := &host{t: t, ns: newNamespace(t, name), name: name, home: t.TempDir()}
	h.log = filepath.Join(h.home, "log")
	t.Cleanup(func() {
		h.stop()
		if t.Failed() {
			text, _ := os.ReadFile(h.log)
			t.Logf("log of %s:\n%s", h.name, text)
		}
	})
	return h
}

// command returns a command of this host's root. Its first word is "zeekfleet".
func (h *host) command(line string) *exec.Cmd {
	words := strings.Fields(line)
	cmd := exec.CommandContext(h.t.Context(), program, words[1:]...)
	cmd.Dir = h.home
	cmd.Env = append([]string{"HOME=" + h.home, "PATH=/nonexistent", "GORACE=atexit_sleep_ms=0"}, h.env...)
	return cmd
}

// run runs a command, and returns its standard output. The command must succeed.
func (h *host) run(line string) string {
	h.t.Helper()
	var out, errs bytes.Buffer
	cmd := h.command(line)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := h.ns.in(cmd.Run); err != nil {
		h.t.Fatalf("%s: %s: %v: %s", h.name, line, err, errs.String())
	}
	return out.String()
}

// start starts a daemon.
func (h *host) start(line string) {
	h.t.Helper()
	log, err := os.OpenFile(h.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		h.t.Fatal(err)
	}
	defer log.Close()
	h.cmd = h.command(line)
	if h.program != "" {
		h.cmd.Path = h.program
	}
	h.cmd.Stdout, h.cmd.Stderr = log, log
	if err := h.ns.in(h.cmd.Start); err != nil {
		h.t.Fatal(err)
	}
}

// stop asks the daemon to end, and waits for that.
func (h *host) stop() {
	if h.cmd == nil {
		return
	}
	h.cmd.Process.Signal(os.Interrupt)
	h.cmd.Wait()
	h.cmd = nil
}

// logged returns how many lines of the daemon's log have a text.
func (h *host) logged(text string) int {
	all, err := os.ReadFile(h.log)
	if err != nil {
		h.t.Fatal(err)
	}
	return strings.Count(string(all), text)
}

// joinedFleet is a controller and two sensors that have joined.
type joinedFleet struct {
	*cluster
	hosts             map[string]*host
	first, one, other *host // the controller's host, and the sensors
	nodes             running
}

// until waits until right returns true. It fails the test if that takes longer than
// within.
func (f *joinedFleet) until(t *testing.T, what string, within time.Duration, right func() bool) {
	t.Helper()
	began := time.Now()
	for !right() {
		if time.Since(began) > within {
			t.Fatalf("not %s within %v", what, within)
		}
		time.Sleep(pollInterval)
	}
	t.Logf("%s after %v", what, time.Since(began).Round(time.Millisecond))
}

// sixNodes is the cluster file of the test.
const sixNodes = `[instances]
sensor-1
sensor-2
[manager]
instance = sensor-1
role = manager
[logger]
instance = sensor-1
role = logger
[worker-1]
instance = sensor-1
role = worker
[proxy]
instance = sensor-2
role = proxy
[worker-2]
instance = sensor-2
role = worker
[worker-3]
instance = sensor-2
role = worker
`

// TestFleetThatJoined uses the documented commands and nothing else. Only the life of
// certificates is another at first, so that they are renewed while the test waits.
func TestFleetThatJoined(t *testing.T) {
	hosts := newHosts(t, map[string]string{
		"controller": controllerAddr, "sensor-1": sensor1Addr, "sensor-2": sensor2Addr, "spare": spareAddr,
	})
	f := &joinedFleet{
		cluster: &cluster{t: t, controllerHost: hosts["controller"].ns},
		hosts:   hosts, first: hosts["controller"], one: hosts["sensor-1"], other: hosts["sensor-2"],
	}
	f.first.env = []string{"ZEEKFLEET_CONTROLLER_CERTIFICATE_LIFE=" + fmt.Sprint(shortLife.Seconds())}
	f.first.start("zeekfleet controller --listen-address " + controllerAddr)
	f.await("the controller answers", recovery, func(view) bool { return true })
	f.one.start(f.token("sensor-1", ""))
	f.other.start(f.token("sensor-2", ""))
	f.await("both sensors connected", recovery, func(v view) bool { return len(v.connected) == 2 })
	if err := os.WriteFile(filepath.Join(f.first.home, "cluster.ini"), []byte(sixNodes), 0o600); err != nil {
		t.Fatal(err)
	}
	f.first.run("zeekfleet deploy-config cluster.ini")
	f.nodes = processes(t, f.await("all nodes RUNNING", recovery, f.whole))
	for _, tt := range []struct {
		name string
		does func(*joinedFleet, *testing.T)
	}{
		{"certificates are renewed, and no request is lost", (*joinedFleet).renewsWithoutLoss},
		{"another authority takes over, and agents trust both meanwhile", (*joinedFleet).rotates},
		{"a revoked agent is gone at once, and its nodes go on", (*joinedFleet).revokes},
		{"a controller that moved is found again", (*joinedFleet).moves},
	} {
		if !t.Run(tt.name, func(t *testing.T) { f.t = t; tt.does(f, t) }) {
			break
		}
		f.nodes.live(t)
	}
	f.t = t
}

// token makes a token on the controller, and returns the line for the sensor.
func (f *joinedFleet) token(instance, more string) string {
	f.t.Helper()
	return strings.TrimSpace(f.first.run("zeekfleet token create "+instance)) + more
}

func (f *joinedFleet) whole(v view) bool {
	if len(v.connected) != 2 || len(v.states) != 6 {
		return false
	}
	for _, s := range v.states {
		if s != client.Running {
			return false
		}
	}
	return true
}

// renewsWithoutLoss asks a hundred times a second, until both sensors have renewed their
// certificates twice.
func (f *joinedFleet) renewsWithoutLoss(t *testing.T) {
	const clients, perSecond = 4, 100
	lostBefore := f.first.logged("peer disconnected")
	ctx, stop := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	defer asking.Wait()
	defer stop() // before the wait
	began := time.Now()
	answers := make([]asked, clients)
	for i := range answers {
		conn := f.client()
		asking.Go(func() {
			defer conn.Close()
			answers[i] = askAgain(ctx, conn, clients*time.Second/perSecond)
		})
	}
	f.until(t, "both sensors have renewed twice", recovery+3*shortLife, func() bool {
		return f.one.logged("certificate renewed") >= 2 && f.other.logged("certificate renewed") >= 2
	})
	stop()
	asking.Wait()
	all := asked{}
	for _, a := range answers {
		all.requests += a.requests
		all.failed = append(all.failed, a.failed...)
	}
	t.Logf("%d requests in %v", all.requests, time.Since(began).Round(time.Millisecond))
	if all.requests < perSecond {
		t.Errorf("there were only %d requests", all.requests)
	}
	if len(all.failed) > 0 {
		t.Errorf("%d requests of %d failed, such as: %s", len(all.failed), all.requests, all.failed[0])
	}
	if lost := f.first.logged("peer disconnected"); lost > lostBefore {
		t.Error("a peering was lost")
	}
}

// asked counts the requests of one client.
type asked struct {
	requests int
	failed   []string
}

// askAgain asks all six nodes again and again until ctx ends.
func askAgain(ctx context.Context, conn *client.Client, every time.Duration) (a asked) {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return a
		case <-ticks.C:
		}
		results, err := conn.GetIDValue(context.WithoutCancel(ctx), "bits_per_uid")
		a.requests++
		if err != nil {
			a.failed = append(a.failed, err.Error())
		} else if text := failures(results); text != "" || len(results) != 6 {
			a.failed = append(a.failed, fmt.Sprintf("%d results: %s", len(results), text))
		}
	}
}

// rotates starts the controller again without the short life, and makes another authority.
func (f *joinedFleet) rotates(t *testing.T) {
	f.first.stop()
	f.first.env = nil
	f.first.start("zeekfleet controller --listen-address " + controllerAddr)
	f.await("all nodes RUNNING again", recovery, f.whole)
	renewed := f.one.logged("certificate renewed") + f.other.logged("certificate renewed")
	f.first.run("zeekfleet ca rotate")
	f.until(t, "both sensors have certificates of the new authority", recovery, func() bool {
		return f.one.logged("certificate renewed")+f.other.logged("certificate renewed") >= renewed+2
	})
	for _, h := range []*host{f.one, f.other} {
		if text, err := os.ReadFile(filepath.Join(h.home, ".local/state/zeekfleet/identity/authorities.pem")); err != nil || strings.Count(string(text), "BEGIN CERTIFICATE") != 2 {
			t.Errorf("%s trusts %s, %v, want the old authority and the new one", h.name, text, err)
		}
	}
	f.await("all nodes RUNNING still", recovery, f.whole)
}

// revokes ends the certificates of a sensor, and lets it join again.
func (f *joinedFleet) revokes(t *testing.T) {
	lost := f.first.logged("peer disconnected")
	f.first.run("zeekfleet cert revoke agent/sensor-2")
	began := time.Now()
	f.until(t, "the connection has ended", atOnce, func() bool { return f.first.logged("peer disconnected") > lost })
	f.await("sensor-2 is gone", noticing, func(v view) bool { return len(v.connected) == 1 })
	t.Logf("a revoked sensor was gone after %v", time.Since(began))
	f.nodes.live(t)
	f.until(t, "the sensor says why", recovery, func() bool {
		return f.other.logged("revoked") > 0 || f.other.logged("does not take our certificate") > 0
	})
	f.other.stop()
	f.nodes.live(t)
	f.other.start(f.token("sensor-2", " --replace"))
	f.await("all nodes RUNNING again", recovery, f.whole)
}

// moves moves the controller's directory to another host.
func (f *joinedFleet) moves(t *testing.T) {
	f.first.stop()
	spare := f.hosts["spare"]
	if err := os.Rename(filepath.Join(f.first.home, ".local"), filepath.Join(spare.home, ".local")); err != nil {
		t.Fatal(err)
	}
	spare.start("zeekfleet controller --listen-address " + spareAddr)
	f.controllerHost = spare.ns
	for _, h := range []*host{f.one, f.other} {
		h.stop()
		h.start("zeekfleet agent --join " + spareAddr)
	}
	f.await("all nodes RUNNING again", recovery, f.whole)
	var authorities []struct{ Signing bool }
	f.until(t, "the old authority is no longer trusted", recovery, func() bool {
		if err := json.Unmarshal([]byte(spare.run("zeekfleet ca show --json")), &authorities); err != nil {
			t.Fatal(err)
		}
		return len(authorities) == 1
	})
	f.one.stop()
	f.one.start("zeekfleet agent") // it knows the controller's new address
	f.await("all nodes RUNNING without a flag", recovery, f.whole)
}
