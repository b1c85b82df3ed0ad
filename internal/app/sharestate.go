//go:build !noetcd

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/backup"
	"github.com/zeekfleet/zeekfleet/internal/member"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// bringState puts the state that this controller has had alone into the store, if the store has
// none yet.
func (m *Clustered) bringState(ctx context.Context) error {
	file, own := ownState(m.set.Directory)
	if m.external() {
		shared, err := m.hasState(ctx)
		switch {
		case err != nil:
			return err
		case shared && own:
			return fmt.Errorf("%s is the state of a controller of its own, and the etcd of the site has the state of a cluster already (controller.etcd.prefix %s): move the directory away, or use another prefix",
				file, m.set.Cluster.Etcd.Prefix)
		case shared:
			return nil
		}
	}
	if !own {
		return nil
	}
	r, err := backup.Copy(ctx,
		backup.NewDirectory(backup.Directory{Dir: m.set.Directory, Controller: m.set.Name, Program: m.how.Version, Bundle: bundleBounds(m.set)}),
		backup.NewEngineSink(backup.Shared{Engine: m.engine}))
	if err != nil {
		return fmt.Errorf("bring the state of this controller into the store of several: %w", err)
	}
	m.log.Info("the state of this controller is in the store of several controllers now", "entries", r.Entries, "records", r.Records, "bundles", r.Archives)
	return nil
}

// ownState returns a file with the state of a controller that is alone, if there is one.
func ownState(dir string) (file string, found bool) {
	for _, name := range ownFiles {
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); err == nil {
			return path, true
		}
	}
	return "", false
}

// hasState reports whether the store of the site has the state of a cluster.
func (m *Clustered) hasState(ctx context.Context) (bool, error) {
	for _, part := range []string{controllerPart, authorityPart} {
		if _, rev, err := m.engine.Store(part, quorum.Fence{}).Load(ctx, ""); err != nil || rev > 0 {
			return rev > 0, err
		}
	}
	return false, nil
}

// Backup implements web.Config.Backup.
func (c *members) Backup(ctx context.Context, w io.Writer) error {
	_, err := backup.Write(ctx, w, backup.NewEngine(backup.Shared{Engine: c.m.engine, Controller: c.m.set.Name, Program: c.m.how.Version}))
	return err
}

// beforeSingle ends the names of files of a controller that shares its state no more.
const beforeSingle = ".before-single"

// takeBack takes the state of a controller that was the last of its cluster back into its own
// files, if it shares its state no more (controller.cluster is off).
func takeBack(ctx context.Context, set settings.Controller, log *slog.Logger) error {
	place, err := member.Load(set.Directory)
	if errors.Is(err, member.ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	lock, err := lockDirectory(set.Directory)
	if err != nil {
		return err
	}
	defer lock.Close()
	if place.Settled {
		if err := copyBack(ctx, set, place, log); err != nil {
			return fmt.Errorf("this controller was one of several, and controller.cluster is off: %w", err)
		}
	}
	for _, name := range []string{filepath.Base(member.File(set.Directory)), storeDir} {
		path := filepath.Join(set.Directory, name)
		if err := os.RemoveAll(path + beforeSingle); err != nil {
			return err
		}
		if err := os.Rename(path, path+beforeSingle); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// aloneTimeout bounds the start of a store that has no others. One that has others does not
// start without them.
const aloneTimeout = 10 * time.Second

// copyBack copies the state from the store of a controller into its files.
func copyBack(ctx context.Context, set settings.Controller, place member.Place, log *slog.Logger) error {
	opening, cancel := context.WithTimeout(ctx, aloneTimeout)
	defer cancel()
	e, err := openEngine(opening, set, engineOptions{place: place, onRemoved: func() {}, log: log})
	if err != nil {
		return fmt.Errorf("its store does not start alone: turn controller.cluster on again, and remove the other controllers first (zeekfleet controller remove): %w", err)
	}
	defer e.Close()
	ctx, cancel = context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	all, err := e.Members(ctx)
	if err != nil {
		return err
	}
	if len(all) > 1 {
		return fmt.Errorf("there are %d controllers: turn controller.cluster on again, and remove the others first (zeekfleet controller remove)", len(all))
	}
	r, err := backup.Copy(ctx, backup.NewEngine(backup.Shared{Engine: e, Controller: set.Name}),
		backup.NewDirectorySink(backup.DirectoryTarget{Dir: set.Directory, Replace: true, KeepLogs: true, Bundle: bundleBounds(set), Logger: log}))
	if err != nil {
		return err
	}
	log.Info("this controller has its state in its own files again", "entries", r.Entries, "bundles", r.Archives)
	return nil
}
