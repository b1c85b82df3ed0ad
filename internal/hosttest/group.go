package hosttest

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/patience"
)

// controlGroup makes the control group that a host takes for the root of all groups. Hosts
// that run at the same time have services of the same name: without groups of their own the
// systemd of one host would end the services of another. The group goes at the end of the test.
func controlGroup(t testing.TB) string {
	t.Helper()
	own := ownGroup(t)
	for _, controller := range []string{"+memory", "+cpu"} {
		// The host has the controllers that this machine lets it have.
		os.WriteFile(filepath.Join(own, "cgroup.subtree_control"), []byte(controller), 0o644)
	}
	dir, err := os.MkdirTemp(own, "zeekfleet-host-")
	if err != nil {
		t.Fatalf("make a control group for a host: %v", err)
	}
	t.Cleanup(func() { removeGroup(t, dir) })
	return dir
}

// ownGroup returns the directory of the control group in which this test is.
func ownGroup(t testing.TB) string {
	t.Helper()
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for group := range strings.Lines(string(groups)) {
		path, ok := strings.CutPrefix(strings.TrimSuffix(group, "\n"), "0::")
		if !ok {
			continue
		}
		for mount := range strings.Lines(string(mounts)) {
			before, after, _ := strings.Cut(mount, " - ")
			if fields := strings.Fields(before); strings.HasPrefix(after, "cgroup2 ") && len(fields) > 4 {
				if below, err := filepath.Rel(fields[3], path); err == nil && filepath.IsLocal(below) {
					return filepath.Join(fields[4], below)
				}
			}
		}
	}
	return mountGroups(t)
}

// mountGroups mounts cgroup v2 for the time of the test, on a machine where it is mounted nowhere.
func mountGroups(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("cgroup2", dir, "cgroup2", 0, ""); err != nil {
		t.Fatalf("a host needs cgroup v2: mount it: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("unmount cgroup v2: %v", err)
		}
	})
	return dir
}

// removeGroup removes a group, and the groups that the host has made in it. The kernel lets go
// of a group a moment after its last process has ended.
func removeGroup(t testing.TB, dir string) {
	for deadline := time.Now().Add(patience.Limit); ; time.Sleep(10 * time.Millisecond) {
		var groups []string
		filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				groups = append(groups, path)
			}
			return nil
		})
		slices.Reverse(groups) // a group goes after those in it
		for _, group := range groups {
			os.Remove(group)
		}
		_, err := os.Lstat(dir)
		if os.IsNotExist(err) {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("the control group of a host cannot be removed: %s", dir)
			return
		}
	}
}
