package daemon_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/removed"
)

func TestDirectoryOfARemovedNodeIsDeletedAndThoseOfOthersStay(t *testing.T) {
	z := newZeekAgent(t, "8.2.2", nil)
	nodes := filepath.Join(z.dir, "nodes")
	deleted := make(chan string, 100) // the nodes go as well when the test ends
	z.removed = func(cfg *daemon.AgentConfig) {
		log := slog.New(deletions{cfg.Logger.Handler(), deleted})
		rescuer := daemon.AgentConfig{Archive: cfg.Archive, Logger: cfg.Logger}
		var err error
		cfg.Removed, err = removed.Open(removed.Config{
			Nodes: nodes, Trash: filepath.Join(nodes, ".removed"), File: filepath.Join(z.dir, "directories.json"), Keep: time.Millisecond,
			Rescue: rescuer.RescueLogs, Logger: log,
		})
		if err != nil {
			t.Fatal(err)
		}
		cfg.SweepEvery = 10 * time.Millisecond
	}
	foreign := filepath.Join(nodes, "foreign") // of another agent on this host
	if err := os.MkdirAll(foreign, 0o755); err != nil {
		t.Fatal(err)
	}
	z.start()
	all := z.nodes()
	z.deployAll(all...)
	gone := all[len(all)-1]
	z.deployAll(all[:len(all)-1]...)
	if name := patience.Next(t, deleted, "the directory of the removed node to be deleted"); name != string(gone.Name) {
		t.Errorf("the directory of %s is deleted", name)
	}
	if _, err := os.Lstat(filepath.Join(nodes, string(gone.Name))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("directory of the removed node: %v", err)
	}
	for _, dir := range []string{foreign, filepath.Join(nodes, string(all[0].Name)), filepath.Join(nodes, string(all[1].Name))} {
		if _, err := os.Lstat(dir); err != nil {
			t.Error(err)
		}
	}
}

// deletions is a log that tells of the nodes whose directories are deleted.
type deletions struct {
	slog.Handler
	nodes chan string
}

func (d deletions) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "directory of a removed node is deleted" {
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "node" {
				d.nodes <- a.Value.String()
			}
			return true
		})
	}
	return d.Handler.Handle(ctx, r)
}
