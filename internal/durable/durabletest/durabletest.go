// Package durabletest makes disks for tests: fast ones, and ones that fail. It starts no
// goroutines.
package durabletest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/durable"
)

// memory is where most hosts have a file system in memory.
const memory = "/dev/shm"

// Dir returns an empty directory that is removed after the test. It is in memory if the host
// has room there, so that syncing takes no time.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(memory, "zeekfleet-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// ErrKilled is what every operation on files returns after Kill.
var ErrKilled = errors.New("killed")

// Kill returns a disk on which the process is killed at the n-th operation. That operation
// and all later ones fail. If that operation removes a directory, one of the files in it is
// gone. The number says how many operations there were.
func Kill(n int) (durable.Disk, *int) {
	count := 0
	return durable.Disk{Before: func(operation, path string) error {
		if count++; count < n {
			return nil
		}
		if count == n && operation == "removeall" {
			removeOne(path)
		}
		return ErrKilled
	}}, &count
}

func removeOne(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if !e.IsDir() {
			os.Remove(filepath.Join(dir, e.Name()))
			return
		}
	}
}
