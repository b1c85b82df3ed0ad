package daemon_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/depot"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
)

// shelf has archives of bundles in memory.
type shelf struct {
	mu       sync.Mutex
	archives map[mgmt.BundleHash][]byte
	breaks   int64   // a reader fails there, once; 0: none does
	begun    []int64 // where readers began
	open     int     // readers
	most     int     // that were open at a time
}

// put puts a bundle with one file onto the shelf.
func (s *shelf) put(t *testing.T, name string, kind mgmt.BundleKind, content string) mgmt.Bundle {
	t.Helper()
	var archive bytes.Buffer
	contents, err := bundle.Config{}.Pack(&archive, []bundle.File{{
		Path: "main.zeek", Mode: bundle.Plain, Size: int64(len(content)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil },
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.archives == nil {
		s.archives = map[mgmt.BundleHash][]byte{}
	}
	s.archives[contents.Hash] = archive.Bytes()
	return mgmt.Bundle{Name: name, Kind: kind, Hash: contents.Hash}
}

// Archive implements daemon.BundleArchives.
func (s *shelf) Archive(hash mgmt.BundleHash) (io.ReadSeekCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	archive, ok := s.archives[hash]
	if !ok {
		return nil, fmt.Errorf("open %s: %w", hash, fs.ErrNotExist)
	}
	s.open++
	s.most = max(s.most, s.open)
	return &shelfReader{Reader: bytes.NewReader(archive), shelf: s}, nil
}

type shelfReader struct {
	*bytes.Reader
	shelf *shelf
	begun bool
}

func (r *shelfReader) Read(p []byte) (int, error) {
	r.shelf.mu.Lock()
	defer r.shelf.mu.Unlock()
	at := r.Size() - int64(r.Len())
	if !r.begun {
		r.begun = true
		r.shelf.begun = append(r.shelf.begun, at)
	}
	if r.shelf.breaks > 0 {
		if at >= r.shelf.breaks {
			r.shelf.breaks = 0
			return 0, errors.New("the disk is broken")
		}
		p = p[:min(int64(len(p)), r.shelf.breaks-at)]
	}
	return r.Reader.Read(p)
}

func (r *shelfReader) Close() error {
	r.shelf.mu.Lock()
	defer r.shelf.mu.Unlock()
	r.shelf.open--
	return nil
}

func (c *testCluster) openDepot(name mgmt.InstanceName) *depot.Depot {
	c.t.Helper()
	d, err := depot.Open(depot.Config{State: filepath.Join(c.dir, string(name)), Logger: c.agentLog(name)})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { d.Close() })
	return d
}

// withBundles is a cluster of one worker with these bundles.
func withBundles(bundles ...mgmt.Bundle) client.Configuration {
	node := client.Node{Name: "worker-1", Instance: "sensor-1", Role: client.Worker, State: client.Running}
	for _, b := range bundles {
		node.Bundles = append(node.Bundles, client.Bundle{Name: b.Name, Kind: string(b.Kind), Hash: string(b.Hash)})
	}
	return client.Configuration{ID: "c", Instances: []client.Instance{{Name: "sensor-1", Host: client.UnknownHost}}, Nodes: []client.Node{node}}
}

// deployed deploys a configuration and returns the failures.
func (c *testCluster) deployed(conn *client.Client, config client.Configuration) string {
	c.t.Helper()
	ctx := patience.Context(c.t)
	if staged, err := conn.Stage(ctx, config); err != nil || whyNot(staged) != "" {
		c.t.Fatalf("stage: %v %s", err, whyNot(staged))
	}
	results, err := conn.DeployStaged(ctx, client.Deployment{})
	if err != nil {
		c.t.Fatal(err)
	}
	return whyNot(results)
}

func whyNot(results []client.Result) string {
	var all []string
	for _, r := range results {
		if !r.Success {
			all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s: %s", r.Instance, r.Node, r.Error)))
		}
	}
	return strings.Join(all, "; ")
}

// pidOf returns the PID of the worker, and 0 if it has none.
func (c *testCluster) pidOf(conn *client.Client, node client.NodeName) int64 {
	c.t.Helper()
	results, err := conn.GetNodes(patience.Context(c.t))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, r := range results {
		statuses, _ := r.Data.(client.NodeStatuses)
		for _, s := range statuses {
			if s.Node == node && s.PID != nil {
				return *s.PID
			}
		}
	}
	return 0
}

func (c *testCluster) text(path ...string) string {
	text, err := os.ReadFile(filepath.Join(append([]string{c.dir, "sensor-1"}, path...)...))
	if err != nil {
		return ""
	}
	return string(text)
}

// Bundles come to the host before its nodes start. Other content of scripts restarts a node,
// and other content of data switches a path.
func TestBundlesComeWithTheDeployment(t *testing.T) {
	c := startCluster(t)
	c.startAgent("sensor-1")
	conn := c.client()
	defer conn.Close()
	large := strings.Repeat("# a comment\n", 50_000)
	site, intel := c.bundles.put(t, "site", mgmt.ScriptBundle, large), c.bundles.put(t, "intel", mgmt.DataBundle, "1")
	if why := c.deployed(conn, withBundles(site, intel)); why != "" {
		t.Fatal(why)
	}
	if got := c.text("bundles", site.Hash.Digits(), "main.zeek"); got != large {
		t.Errorf("the host has %d bytes, want %d", len(got), len(large))
	}
	if got := c.text("data", "intel", "current", "main.zeek"); got != "1" {
		t.Errorf("the data are %q", got)
	}
	first := c.pidOf(conn, "worker-1")
	if why := c.deployed(conn, withBundles(site, c.bundles.put(t, "intel", mgmt.DataBundle, "2"))); why != "" {
		t.Fatal(why)
	}
	if got := c.text("data", "intel", "current", "main.zeek"); got != "2" {
		t.Errorf("the data are %q after a switch", got)
	}
	if now := c.pidOf(conn, "worker-1"); now != first || now == 0 {
		t.Errorf("other data restarted the node: PID %d, was %d", now, first)
	}
	if why := c.deployed(conn, withBundles(c.bundles.put(t, "site", mgmt.ScriptBundle, "# other\n"), intel)); why != "" {
		t.Fatal(why)
	}
	if now := c.pidOf(conn, "worker-1"); now == first || now == 0 {
		t.Errorf("other scripts did not restart the node: PID %d", now)
	}
	if got := c.text("data", "intel", "current", "main.zeek"); got != "1" {
		t.Errorf("the data are %q after they were switched back", got)
	}
}

// What cannot come to the host changes nothing there.
func TestWithoutItsBundlesNothingIsDeployed(t *testing.T) {
	c := startCluster(t)
	c.startAgent("sensor-1")
	conn := c.client()
	defer conn.Close()
	good := c.bundles.put(t, "site", mgmt.ScriptBundle, "good")
	if why := c.deployed(conn, withBundles(good)); why != "" {
		t.Fatal(why)
	}
	pid := c.pidOf(conn, "worker-1")

	nowhere := good
	nowhere.Hash = mgmt.NewBundleHash([32]byte{1})
	damaged := c.bundles.put(t, "site", mgmt.ScriptBundle, "whole")
	c.bundles.archives[damaged.Hash] = bytes.Replace(c.bundles.archives[damaged.Hash], []byte("whole"), []byte("wrong"), 1)
	short := c.bundles.put(t, "site", mgmt.ScriptBundle, "short")
	c.bundles.archives[short.Hash] = c.bundles.archives[short.Hash][:600]
	for name, tt := range map[string]struct {
		bundle mgmt.Bundle
		want   string
	}{
		"the controller does not have it":  {nowhere, "the controller does not have the content"},
		"the archive has another content":  {damaged, "site"},
		"the archive lacks its end":        {short, "site"},
		"its name could lead out of there": {mgmt.Bundle{Name: "site", Kind: mgmt.ScriptBundle, Hash: good.Hash[:len(good.Hash)-1]}, "is not the hash of a bundle"},
	} {
		ctx := patience.Context(t)
		staged, err := conn.Stage(ctx, withBundles(tt.bundle))
		if err != nil {
			t.Fatal(err)
		}
		why := whyNot(staged)
		if why == "" {
			results, err := conn.DeployStaged(ctx, client.Deployment{})
			if err != nil {
				t.Fatal(err)
			}
			why = whyNot(results)
		}
		if !strings.Contains(why, tt.want) || !strings.Contains(why, "sensor-1") && !strings.Contains(why, "worker-1") {
			t.Errorf("%s: %q, want %q", name, why, tt.want)
		}
		t.Logf("%s: %s", name, why)
		if _, err := os.Stat(filepath.Join(c.dir, "sensor-1", "bundles", tt.bundle.Hash.Digits())); tt.bundle.Hash != good.Hash && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the bundle is there: %v", name, err)
		}
	}
	if now := c.pidOf(conn, "worker-1"); now != pid {
		t.Errorf("the node was restarted: PID %d, was %d", now, pid)
	}
}

// A transfer goes on where it ended.
func TestATransferGoesOnWhereItEnded(t *testing.T) {
	c := startCluster(t)
	c.startAgent("sensor-1")
	conn := c.client()
	defer conn.Close()
	site := c.bundles.put(t, "site", mgmt.ScriptBundle, strings.Repeat("x", 1_000_000))
	c.bundles.breaks = 600_000
	if why := c.deployed(conn, withBundles(site)); !strings.Contains(why, "the disk is broken") {
		t.Fatalf("got %q", why)
	}
	if why := c.deployed(conn, withBundles(site)); why != "" {
		t.Fatal(why)
	}
	c.bundles.mu.Lock()
	defer c.bundles.mu.Unlock()
	if begun := c.bundles.begun; len(begun) != 2 || begun[0] != 0 || begun[1] != 600_000 {
		t.Errorf("transfers began at %v", begun)
	}
}

// An agent has two transfers at a time.
func TestTransfersTakeTurns(t *testing.T) {
	c := startCluster(t)
	c.startAgent("sensor-1")
	conn := c.client()
	defer conn.Close()
	var all []mgmt.Bundle
	for i := range 6 {
		all = append(all, c.bundles.put(t, fmt.Sprintf("bundle-%d", i), mgmt.DataBundle, strings.Repeat(fmt.Sprint(i), 300_000)))
	}
	if why := c.deployed(conn, withBundles(all...)); why != "" {
		t.Fatal(why)
	}
	for _, b := range all {
		if c.text("data", b.Name, "current", "main.zeek") == "" {
			t.Errorf("%s is not there", b.Name)
		}
	}
	c.bundles.mu.Lock()
	defer c.bundles.mu.Unlock()
	if c.bundles.most > 2 {
		t.Errorf("%d transfers at a time", c.bundles.most)
	}
}

func TestTransfersKeepTheirRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		s := daemon.LimitedStream(t.Context(), io.NopCloser(bytes.NewReader(make([]byte, 1<<20))), 256<<10)
		if n, err := io.Copy(io.Discard, s); n != 1<<20 || err != nil {
			t.Fatal(n, err)
		}
		// The first 8 KiB come at once.
		if took := time.Since(begun); took < 3900*time.Millisecond || took > 4*time.Second {
			t.Errorf("a MiB with 256 KiB a second took %v", took)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		enough := errors.New("enough")
		cancel(enough)
		s = daemon.LimitedStream(ctx, io.NopCloser(bytes.NewReader(make([]byte, 1<<20))), 1)
		if _, err := io.Copy(io.Discard, s); err == nil {
			t.Error("a transfer goes on that nobody wants")
		}
	})
}
