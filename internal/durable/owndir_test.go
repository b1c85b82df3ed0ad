package durable_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
)

func TestDirectoryThatIsOnesOwn(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	own := filepath.Join(dir, "own")
	if err := errors.Join(os.Mkdir(own, 0o700), os.Symlink(own, link)); err != nil {
		t.Fatal(err)
	}
	for _, fine := range []string{own, link, filepath.Join(dir, "none")} {
		if err := durable.CheckOwnDir(fine); err != nil {
			t.Errorf("%s: %v", fine, err)
		}
	}
	open := filepath.Join(dir, "open")
	if err := errors.Join(os.Mkdir(open, 0o700), os.Chmod(open, 0o777), os.WriteFile(filepath.Join(dir, "file"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"open": "every user can write in", "file": "not a directory"} {
		if err := durable.CheckOwnDir(filepath.Join(dir, name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}

func TestDirectoryOfAnotherUser(t *testing.T) {
	roottest.Need(t, "gives directories away")
	dir := t.TempDir()
	own, others, link := filepath.Join(dir, "own"), filepath.Join(dir, "others"), filepath.Join(dir, "link")
	if err := errors.Join(
		os.Mkdir(own, 0o700), os.Mkdir(others, 0o700), os.Chown(others, 54321, 54321),
		os.Symlink(own, link), os.Lchown(link, 54321, 54321), // it can lead elsewhere tomorrow
	); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{others, link} {
		if err := durable.CheckOwnDir(path); err == nil || !strings.Contains(err.Error(), "belongs to user 54321") {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

// A node's user can give a file of somebody else a name in the node's directory.
func TestFileWithAnotherNameInADirectoryOfAnotherUser(t *testing.T) {
	roottest.Need(t, "gives directories away")
	dir := t.TempDir()
	secret, own, others := filepath.Join(dir, "secret"), filepath.Join(dir, "own"), filepath.Join(dir, "others")
	if err := errors.Join(
		os.WriteFile(secret, []byte("secret"), 0o600), os.Mkdir(own, 0o700), os.Mkdir(others, 0o700),
		os.Link(secret, filepath.Join(own, "file")), os.Link(secret, filepath.Join(others, "file")),
		os.WriteFile(filepath.Join(others, "sole"), nil, 0o600), os.Chown(others, 54321, 54321),
	); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]error{"own/file": nil, "others/file": durable.ErrShared, "others/sole": nil} {
		f, err := durable.OpenSole(filepath.Join(dir, file))
		if !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: got %v, want %v", file, err, want)
		}
		if err == nil {
			f.Close()
		}
	}
	if err := durable.Truncate(filepath.Join(others, "file")); !errors.Is(err, durable.ErrShared) {
		t.Errorf("truncated: %v", err)
	}
	if text, err := os.ReadFile(secret); string(text) != "secret" || err != nil {
		t.Errorf("the file has %q, %v", text, err)
	}
}
