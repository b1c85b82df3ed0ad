package boltstore_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/roottest"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
)

// anotherUserMain opens a store as a user without a name.
func anotherUserMain(path string) (code int) {
	if err := syscall.Setuid(54321); err != nil {
		fmt.Println(err)
		return 1
	}
	_, err := boltstore.Open(context.Background(), path, boltstore.Config{})
	fmt.Println(err)
	return 0
}

// A controller that root has started by hand becomes a service with a user of its own.
func TestTheStateOfAnotherUserIsNamed(t *testing.T) {
	roottest.Need(t, "runs as another user")
	dir, err := os.MkdirTemp("", "zeekfleet") // everybody may see that it is there
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "state.db")
	s, err := boltstore.Open(t.Context(), path, boltstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	cmd := exec.Command(os.Args[0], path)
	cmd.Env = append(os.Environ(), roleEnv+"=another user")
	out, err := cmd.CombinedOutput()
	want := dir + " belongs to user root, and this program runs as 54321: run it as that user, or give it the directory (chown -R 54321: " + dir + ")"
	if err != nil || !strings.Contains(string(out), want) {
		t.Errorf("got %v, %s, want %s", err, out, want)
	}
}
