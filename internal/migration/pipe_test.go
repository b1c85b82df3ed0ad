package migration_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/migration"
)

func TestPipeInThePlaceOfAFileIsNotWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.cfg")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := migration.Read([]string{filepath.Dir(path)}, "")
	if err == nil {
		_, err = files.Import(migration.Options{})
	}
	if err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error that names %s", err, path)
	}
}
