package daemon_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
)

func TestControllerOnAFullDiskRefusesWhatItCannotSaveAndServesTheRest(t *testing.T) {
	disk := mountDisk(t, 8<<20)
	cluster := startController(t, disk, slog.New(slog.DiscardHandler))
	agents := *cluster
	agents.dir = t.TempDir()
	agents.startAgent("good")
	cluster.deployTwo("good")
	conn := cluster.client()
	defer conn.Close()
	ctx := t.Context()

	// What is staged is stored once more when it is deployed.
	if results, err := conn.Stage(ctx, bulky("large", 4)); err != nil || !results[0].Success {
		t.Fatalf("stage with room: %+v, %v", results, err)
	}
	ballast := fill(t, disk)

	refused := func(what string, results []client.Result, err error) {
		t.Helper()
		file := filepath.Join(disk, "controller", "state.db")
		if err != nil || len(results) != 1 || results[0].Success ||
			!strings.Contains(results[0].Error, file) || !strings.Contains(results[0].Error, syscall.ENOSPC.Error()) {
			t.Errorf("%s on a full disk: %+v, %v; want a failure that names %s and its reason", what, results, err, file)
		}
	}
	configured := func(deployed bool, want string) {
		t.Helper()
		r, err := conn.GetConfiguration(ctx, deployed)
		if config, ok := r.Data.(client.Configuration); err != nil || !ok || config.ID != want {
			t.Errorf("get-config, deployed %t: %+v, %v; want %s", deployed, r.Error, err, want)
		}
	}
	for range 3 {
		results, err := conn.Deploy(ctx)
		refused("deploy", results, err)
		results, err = conn.Stage(ctx, bulky("larger", 16))
		refused("stage", results, err)
		configured(true, "two")
		configured(false, "large")
		if nodes, err := conn.GetNodes(ctx); err != nil || len(nodes) != 1 || !nodes[0].Success {
			t.Errorf("get-nodes on a full disk: %+v, %v", nodes, err)
		}
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	results, err := conn.Deploy(ctx)
	for _, r := range results {
		if !r.Success {
			t.Errorf("deploy with room again: %+v", r)
		}
	}
	if err != nil || len(results) != 3 {
		t.Errorf("deploy with room again: %d results, %v", len(results), err)
	}
	configured(true, "large")
}

// bulky is a configuration that takes so many times 100 kB to store.
func bulky(id string, times int) client.Configuration {
	config := twoNodes(id, "good")
	config.Nodes[0].Env = map[string]string{}
	for i := range times {
		config.Nodes[0].Env[fmt.Sprintf("BULK_%d", i)] = strings.Repeat("x", 100_000)
	}
	return config
}

// mountDisk mounts a disk of that many bytes until the end of the test.
func mountDisk(t *testing.T, bytes int) string {
	t.Helper()
	roottest.Need(t, "mounts a disk")
	dir := t.TempDir()
	if err := syscall.Mount("zeekfleet-test", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Fatalf("mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

// fill writes a file until the disk is full, and returns its path.
func fill(t *testing.T, disk string) string {
	t.Helper()
	f, err := os.Create(filepath.Join(disk, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return f.Name()
}
