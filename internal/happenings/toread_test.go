package happenings_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/happenings"
)

// TestALogIsReadWhileAnotherProcessWritesIt opens a log only to read it: it has what was
// written so far, and changes nothing in the directory.
func TestALogIsReadWhileAnotherProcessWritesIt(t *testing.T) {
	dir := t.TempDir()
	l := open(t, happenings.Config{Dir: dir})
	add(t, l, records(0, 3)...)
	before := filesOf(t, dir)
	reader, err := happenings.OpenToRead(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := seqs(read(t, reader, happenings.Query{Latest: true})); got != "1 2 3" {
		t.Errorf("read %q", got)
	}
	if err := reader.Append(records(3, 4)); !errors.Is(err, happenings.ErrClosed) {
		t.Errorf("append to a log that is only read: %v", err)
	}
	if err := reader.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if after := filesOf(t, dir); !slices.Equal(before, after) {
		t.Errorf("reading has left %q, there was %q", after, before)
	}
	add(t, l, records(3, 4)...)
	if got := seqs(read(t, l, happenings.Query{})); got != "1 2 3 4" {
		t.Errorf("the writer has %q afterwards", got)
	}
	if _, err := happenings.OpenToRead(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing directory: %v", err)
	}
}

// filesOf returns the files of a directory with their contents.
func filesOf(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e.Name(), string(text))
	}
	return list
}
