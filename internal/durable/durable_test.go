package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/durable"
)

var replacing = map[string]func(path, fresh string, text []byte) error{
	"synced": durable.Replace, "unsynced": durable.ReplaceUnsynced,
}

func TestReplace(t *testing.T) {
	for name, replace := range replacing {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, fresh := filepath.Join(dir, "file"), filepath.Join(dir, "file.new")
			if err := os.WriteFile(fresh, []byte("a longer text that a crash has left"), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{"first", "second"} {
				if err := replace(path, fresh, []byte(text)); err != nil {
					t.Fatal(err)
				}
				if got, err := os.ReadFile(path); string(got) != text || err != nil {
					t.Errorf("got %q, %v, want %q", got, err, text)
				}
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
			wantNone(t, fresh)
		})
	}
}

func TestFailedReplaceLeavesNoFile(t *testing.T) {
	for name, replace := range replacing {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, fresh := filepath.Join(dir, "taken"), filepath.Join(dir, "taken.new")
			if err := os.MkdirAll(filepath.Join(path, "by a directory"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := replace(path, fresh, []byte("text")); err == nil {
				t.Error("a directory was replaced")
			}
			wantNone(t, fresh)
		})
	}
}

func TestSyncDirOfAMissingDirectory(t *testing.T) {
	if err := durable.SyncDir(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %v", err, fs.ErrNotExist)
	}
}

// wantNone fails the test if there is a file at path.
func wantNone(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left: %v", path, err)
	}
}
