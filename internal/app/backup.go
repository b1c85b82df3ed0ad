package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/zeekfleet/zeekfleet/internal/backup"
	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/member"
	"github.com/zeekfleet/zeekfleet/internal/settings"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

func bundleBounds(set settings.Controller) bundle.Config {
	return bundle.Config{Bytes: int64(set.BundleMegabytes) << 20}
}

// Backup writes a backup of the controller, which may run.
func (c Controller) Backup(ctx context.Context, w io.Writer) error {
	stores := map[string]store.Store{backup.PartController: c.store}
	if c.Authority != nil {
		stores[backup.PartAuthority] = c.Authority.Store()
	}
	_, err := backup.Write(ctx, w, backup.NewDirectory(backup.Directory{
		Dir: c.directory, Stores: stores, Controller: c.Core.Rules.Controller.Name, Program: c.Version, Bundle: c.bundle,
	}))
	return err
}

// BackupFiles writes the state in the files of a controller that does not run to a file.
func BackupFiles(ctx context.Context, set settings.Controller, path, version string, salvage bool) (backup.Report, error) {
	if _, err := os.Lstat(member.File(set.Directory)); err == nil {
		return backup.Report{}, fmt.Errorf("controller %s shares its state with others: ask one that runs (zeekfleet backup FILE), or start this one alone (--force-new-cluster) if all others are lost", set.Name)
	}
	return backup.WriteFile(ctx, path, backup.NewDirectory(backup.Directory{
		Dir: set.Directory, Salvage: salvage, Controller: set.Name, Program: version, Bundle: bundleBounds(set),
	}))
}

// Restore makes the files of a controller that does not run those of a backup. With replace it
// may have a state, which is kept beside its directory.
func Restore(ctx context.Context, set settings.Controller, path string, replace bool, log *slog.Logger) (backup.Report, error) {
	lock, err := lockDirectory(set.Directory)
	if err != nil {
		return backup.Report{}, err
	}
	defer lock.Close()
	place := member.File(set.Directory)
	_, err = os.Lstat(place)
	shares := err == nil
	if shares && !replace {
		return backup.Report{}, fmt.Errorf("controller %s shares its state with others (%s): --replace makes it the first controller of a new cluster; the others then join anew", set.Name, place)
	}
	file, err := os.Open(path)
	if err != nil {
		return backup.Report{}, err
	}
	defer file.Close()
	r, err := backup.Copy(ctx, backup.Read(file), backup.NewDirectorySink(backup.DirectoryTarget{
		Dir: set.Directory, Replace: replace, Bundle: bundleBounds(set), Logger: log,
	}))
	if err != nil {
		return r, fmt.Errorf("restore %s: %w", path, err)
	}
	if !shares {
		return r, nil
	}
	return r, leaveOthers(set.Directory)
}

// leaveOthers makes a controller one that belongs to no cluster of controllers. What it had
// there is kept beside.
func leaveOthers(dir string) error {
	kept := backup.Kept(dir)
	if err := os.MkdirAll(kept, 0o700); err != nil {
		return err
	}
	for _, name := range []string{storeDir, filepath.Base(member.File(dir))} {
		if err := os.RemoveAll(filepath.Join(kept, name)); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(kept, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
