package hosts

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/patience"
)

// measure makes the test of slow lines print and judge how long requests take. Only a quiet
// machine can tell.
var measure = flag.Bool("measure", false, "judge times of requests")

// slow is a line of 40 Mbit/s with 100 ms there and back.
var slow = quality{delay: 50 * time.Millisecond, rate: 40e6}

// bundleCluster is a cluster behind slow lines, and a cluster file whose nodes use a bundle.
type bundleCluster struct {
	*cluster
	home  string
	files int // of the bundle
}

func newBundleCluster(t *testing.T) *bundleCluster {
	t.Helper()
	c := &bundleCluster{cluster: newCluster(t), home: t.TempDir()}
	var file strings.Builder
	fmt.Fprintf(&file, "[instances]\nwest\neast = %s:2151\n\n[bundle big]\npath = big\n", east)
	for i, n := range eight().Nodes {
		fmt.Fprintf(&file, "\n[%s]\ninstance = %s\nrole = %s\nport = %d\n", n.Name, n.Instance, n.Role, 3000+i)
	}
	if err := os.WriteFile(filepath.Join(c.home, "cluster.ini"), []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// fill makes the content of the bundle: so many files of a megabyte.
func (c *bundleCluster) fill(seed uint64, files int) {
	c.t.Helper()
	c.files = files
	chance := rand.New(rand.NewPCG(seed, seed))
	dir := filepath.Join(c.home, "big")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		c.t.Fatal(err)
	}
	content := make([]byte, 1<<20)
	for i := range files {
		for j := range content {
			content[j] = byte(chance.Uint64())
		}
		if err := os.WriteFile(filepath.Join(dir, fileName(i)), content, 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
}

func fileName(i int) string { return fmt.Sprintf("part-%02d.dat", i) }

// begin begins a deployment of the cluster file. done is closed when it has ended.
type deployment struct {
	done   chan struct{}
	err    error
	output string
}

func (c *bundleCluster) begin() *deployment {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), program, "deploy", "cluster.ini", "--yes")
	cmd.Dir = c.home
	cmd.Env = []string{"HOME=" + c.home, "PATH=/nonexistent", "GORACE=atexit_sleep_ms=0"}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := c.controllerHost.in(cmd.Start); err != nil {
		c.t.Fatal(err)
	}
	d := &deployment{done: make(chan struct{})}
	go func() {
		d.err = cmd.Wait()
		d.output = output.String()
		close(d.done)
	}()
	return d
}

// succeed waits for the deployment, and deploys again until it succeeds: a user does so if
// a host was away.
func (c *bundleCluster) succeed(d *deployment) {
	c.t.Helper()
	for until := time.Now().Add(2 * patience.Limit); ; d = c.begin() {
		<-d.done
		if d.err == nil {
			return
		}
		if time.Now().After(until) {
			c.t.Fatalf("deploy: %v\n%s", d.err, d.output)
		}
		time.Sleep(time.Second)
	}
}

// has checks that both hosts have the files of the bundle as they are.
func (c *bundleCluster) has() {
	c.t.Helper()
	for name, agent := range map[string]*part{"west": c.west, "east": c.east} {
		trees, err := filepath.Glob(filepath.Join(filepath.Dir(agent.log), "bundles", "*", fileName(0)))
		if err != nil {
			c.t.Fatal(err)
		}
		want := c.content(filepath.Join(c.home, "big"))
		if !slices.ContainsFunc(trees, func(tree string) bool { return slices.Equal(c.content(filepath.Dir(tree)), want) }) {
			c.t.Errorf("%s has not got the bundle: %v", name, trees)
		}
	}
}

// content returns a text for each file of a directory.
func (c *bundleCluster) content(dir string) []string {
	c.t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		c.t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			c.t.Fatal(err)
		}
		all = append(all, e.Name()+" "+string(text))
	}
	return all
}

// requests makes get_id_value requests until over is closed, and returns how long they took,
// sorted.
func (c *bundleCluster) requests(over <-chan struct{}) []time.Duration {
	c.t.Helper()
	conn := c.client()
	defer conn.Close()
	var took []time.Duration
	for {
		begun := time.Now()
		results, err := conn.GetIDValue(c.t.Context(), "Cluster::node")
		if err != nil || failures(results) != "" {
			c.t.Fatalf("get_id_value: %v %s", err, failures(results))
		}
		took = append(took, time.Since(begun))
		select {
		case <-over:
			slices.Sort(took)
			return took
		default:
		}
	}
}

func p99(took []time.Duration) time.Duration { return took[len(took)*99/100] }

// While a bundle is on its way to two hosts over slow lines, requests are answered.
func TestABundleLeavesRoomForRequests(t *testing.T) {
	c := newBundleCluster(t)
	for _, cable := range c.cables() {
		cable.set(slow)
	}
	c.fill(1, 1)
	c.succeed(c.begin())
	c.await("all nodes RUNNING", recovery, whole)
	files, quiet := 12, time.Second
	if *measure {
		files, quiet = 50, 15*time.Second
	}
	alone := make(chan struct{})
	time.AfterFunc(quiet, func() { close(alone) })
	before := c.requests(alone)

	c.fill(2, files)
	begun := time.Now()
	d := c.begin()
	arrived := make(chan struct{})
	go func() {
		defer close(arrived)
		c.awaitArrived(d, int64(files-2)<<20) // afterwards the nodes are restarted, and do not answer
	}()
	during := c.requests(arrived)
	t.Logf("the bundle took %v; get_id_value alone: p50 %v, p99 %v of %d; meanwhile: p50 %v, p99 %v of %d", time.Since(begun).Round(time.Millisecond),
		before[len(before)/2], p99(before), len(before), during[len(during)/2], p99(during), len(during))
	if *measure && p99(during) > p99(before)+5*time.Millisecond {
		t.Errorf("get_id_value takes %v (p99) while a bundle is on its way, and %v otherwise", p99(during), p99(before))
	}
	c.succeed(d)
	c.has()
}

// arrived returns how many bytes of the bundle have arrived on the host that has fewer. A
// host that has unpacked the bundle has all.
func (c *bundleCluster) arrived() int64 {
	least := int64(math.MaxInt64)
	for _, agent := range []*part{c.west, c.east} {
		bundles := filepath.Join(filepath.Dir(agent.log), "bundles")
		if whole, _ := filepath.Glob(filepath.Join(bundles, "*", fileName(c.files-1))); len(whole) > 0 {
			continue
		}
		archives, _ := filepath.Glob(filepath.Join(bundles, "incoming", "*"))
		bytes := int64(0)
		for _, archive := range archives {
			if info, err := os.Stat(archive); err == nil && info.Mode().IsRegular() {
				bytes += info.Size()
			}
		}
		least = min(least, bytes)
	}
	return least
}

// awaitArrived waits until both hosts have so many bytes. It reports false if d ends before.
func (c *bundleCluster) awaitArrived(d *deployment, bytes int64) bool {
	for c.arrived() < bytes {
		select {
		case <-d.done:
			return false
		case <-c.t.Context().Done():
			return false
		case <-time.After(pollInterval):
		}
	}
	return true
}

// Lines are cut, and agents and the controller are killed, while a bundle is on its way. It
// arrives, and what had arrived before is not sent again.
func TestABundleArrivesOverCutsAndKills(t *testing.T) {
	c := newBundleCluster(t)
	for _, cable := range c.cables() {
		cable.set(slow)
	}
	const files = 24
	c.fill(3, files)
	d := c.begin()
	for i := range int64(10) {
		d = c.goOn(d, (3*i/2+1)<<20)
		for _, cable := range c.cables() {
			cable.set(quality{cut: true})
		}
		if i%5 == 0 {
			time.Sleep(peerSilence + 2*time.Second) // the connections are lost
		} else {
			time.Sleep(300 * time.Millisecond)
		}
		for _, cable := range c.cables() {
			cable.set(slow)
		}
	}
	for i, p := range []*part{c.west, c.controller, c.east} {
		p.kill()
		p.start()
		d = c.goOn(d, int64(17+2*i)<<20)
	}
	c.succeed(d)
	c.await("all nodes RUNNING", recovery, whole)
	c.has()
	for name, cable := range c.cables() {
		if sent := cable.carried.Load(); sent > 2*files<<20 {
			t.Errorf("%d bytes went to and from %s: more than two bundles of %d", sent, name, files<<20)
		}
	}
}

// goOn waits until both hosts have so many bytes. A user deploys again if a deployment ends
// because a host was away.
func (c *bundleCluster) goOn(d *deployment, bytes int64) *deployment {
	c.t.Helper()
	for until := time.Now().Add(2 * patience.Limit); !c.awaitArrived(d, bytes); d = c.begin() {
		<-d.done
		if time.Now().After(until) {
			c.t.Fatalf("both hosts have %d bytes, and not %d: %v\n%s", c.arrived(), bytes, d.err, d.output)
		}
		time.Sleep(time.Second)
	}
	return d
}
