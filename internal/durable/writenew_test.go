package durable_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/durable"
)

func filling(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

// A new file is there as a whole, or not at all, and replaces nothing.
func TestNewFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	bad := errors.New("it broke off")
	if err := durable.WriteNew(path, func(w io.Writer) error { return errors.Join(filling("half")(w), bad) }); !errors.Is(err, bad) {
		t.Errorf("got %v, want %v", err, bad)
	}
	if err := durable.CheckAbsent(path); err != nil {
		t.Errorf("what broke off is there: %v", err)
	}
	if err := durable.WriteNew(path, filling("one")); err != nil {
		t.Fatal(err)
	}
	if err := durable.CheckAbsent(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error that names the file", err)
	}
	if err := durable.WriteNew(path, filling("two")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want ErrExist", err)
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != "one" {
		t.Errorf("the file has %q, %v", text, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode: %v, %v", info.Mode(), err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("there are %d files, %v, want one", len(left), err)
	}
}
