package depot_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/depot"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/durable/durabletest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
)

// life is what an agent does with bundles, until it fails.
func life(t testing.TB, state string, disk durable.Disk, c controller, old, b mgmt.Bundle) error {
	d, err := tryOpen(t, depot.Config{State: state, Disk: disk})
	if err != nil {
		return err
	}
	for _, one := range []mgmt.Bundle{old, b} {
		err := d.Fetch(t.Context(), start, one, c.cut(2000), nil)
		for err != nil && strings.Contains(err.Error(), "the line is cut") {
			err = d.Fetch(t.Context(), start, one, c.cut(2000), nil)
		}
		if err == nil {
			err = d.Use(start, []mgmt.Bundle{one})
		}
		if err != nil {
			return err
		}
	}
	_, err = d.Collect(start.Add(48*time.Hour), depot.Needs{Desired: []mgmt.Bundle{b}, KeptKnown: true})
	return err
}

func TestAKillAtAnyOperationLeavesNothingHalfDone(t *testing.T) {
	c := controller{}
	old, b := c.add(t, "intel", mgmt.DataBundle, "old"), c.add(t, "intel", mgmt.DataBundle, "new")
	texts := map[mgmt.BundleHash]string{old.Hash: "old", b.Hash: "new"}
	for n := 1; ; n++ {
		state := durabletest.Dir(t)
		disk, count := durabletest.Kill(n)
		err := life(t, state, disk, c, old, b)
		if *count < n {
			if err != nil || n < 35 {
				t.Errorf("%d operations, %v", n, err)
			}
			return
		}
		if !errors.Is(err, durabletest.ErrKilled) && err != nil {
			t.Fatalf("operation %d: got %v, want %v", n, err, durabletest.ErrKilled)
		}
		d := open(t, depot.Config{State: state})
		for _, name := range files(t, state+"/bundles") {
			if suffix := filepath.Ext(name); suffix != "" && suffix != ".about" {
				t.Errorf("operation %d: %s is left", n, name)
			}
		}
		for _, tree := range d.List() {
			if got := text(t, d.Dir(tree.Hash)); got != texts[tree.Hash] {
				t.Errorf("operation %d: a tree has %q", n, got)
			}
			if _, err := os.Stat(filepath.Join(d.Dir(tree.Hash), "lib/program")); err != nil {
				t.Errorf("operation %d: %v", n, err)
			}
		}
		if _, err := os.Readlink(d.Current("intel")); err == nil {
			if got := text(t, d.Current("intel")); got != "old" && got != "new" {
				t.Errorf("operation %d: the data is %q", n, got)
			}
		}
		if err := life(t, state, durable.Disk{}, c, old, b); err != nil {
			t.Errorf("operation %d: the next life: %v", n, err)
		}
		if got := text(t, d.Current("intel")); got != "new" {
			t.Errorf("operation %d: in the end the data is %q", n, got)
		}
		if left := files(t, state+"/bundles"); len(left) != 2 {
			t.Errorf("operation %d: left are %v", n, left)
		}
	}
}

// A failure that is no crash: the same process tries again.
func TestAFailureOfAnyOperationIsRepairedByTheNextTry(t *testing.T) {
	c := controller{}
	old, b := c.add(t, "intel", mgmt.DataBundle, "old"), c.add(t, "intel", mgmt.DataBundle, "new")
	const ofOpen = 6
	for n := ofOpen + 1; ; n++ {
		state := durabletest.Dir(t)
		count := 0
		d := open(t, depot.Config{State: state, Disk: durable.Disk{Before: func(string, string) error {
			if count++; count == n {
				return unix.EIO
			}
			return nil
		}}})
		once := func() error {
			for _, one := range []mgmt.Bundle{old, b} {
				if err := d.Fetch(t.Context(), start, one, c.open, nil); err != nil {
					return err
				}
				if err := d.Use(start, []mgmt.Bundle{one}); err != nil {
					return err
				}
			}
			_, err := d.Collect(start.Add(48*time.Hour), depot.Needs{Desired: []mgmt.Bundle{b}, KeptKnown: true})
			return err
		}
		if err := once(); err != nil {
			if !errors.Is(err, unix.EIO) {
				t.Fatalf("operation %d: %v", n, err)
			}
			if err := once(); err != nil {
				t.Errorf("operation %d: the next try: %v", n, err)
			}
		}
		if d.Have(old.Hash) || text(t, d.Current("intel")) != "new" {
			t.Errorf("operation %d: old %v, now %q", n, d.Have(old.Hash), text(t, d.Current("intel")))
		}
		if count < n {
			return
		}
	}
}

// A power cut keeps what was synced. So everything in a tree is synced before the tree has
// its name, and the directory of the trees after that.
func TestATreeIsSyncedBeforeItHasItsName(t *testing.T) {
	c := controller{}
	b := c.add(t, "site", mgmt.ScriptBundle, "text")
	var seen []string
	disk := durable.Disk{Before: func(operation, path string) error {
		seen = append(seen, operation+" "+path[strings.LastIndexByte(path, '/')+1:])
		return nil
	}}
	d := open(t, depot.Config{Disk: disk})
	fetch(t, d, c, b, start)
	named := 0
	for i, operation := range seen {
		if operation == "rename "+b.Hash.Digits() {
			named = i
		}
	}
	before, after := strings.Join(seen[:named], "\n")+"\n", strings.Join(seen[named:], "\n")+"\n"
	for _, want := range []string{"sync file\n", "sync program\n", "sync lib\n", "sync .\n", "replace " + b.Hash.Digits() + ".about\n"} {
		if !strings.Contains(before, want) {
			t.Errorf("no %q before the tree has its name:\n%s", want, before)
		}
	}
	if i := strings.Index(before, "sync file"); strings.Contains(before[i:], "link ") || strings.Contains(before[i:], "write ") {
		t.Errorf("something changes after it was synced:\n%s", before)
	}
	if !strings.Contains(after, "sync bundles\n") {
		t.Errorf("the name is not synced:\n%s", after)
	}
}

func TestAFullDisk(t *testing.T) {
	c := controller{}
	b := c.add(t, "site", mgmt.ScriptBundle, strings.Repeat("x", 300_000))
	const ofOpen = 3
	for n := ofOpen + 1; ; n++ {
		count, full := 0, true
		state := durabletest.Dir(t)
		d := open(t, depot.Config{State: state, Disk: durable.Disk{Before: func(operation, _ string) error {
			switch operation {
			case "write", "create", "mkdir", "open", "replace", "link":
				if count++; count >= n && full {
					return unix.ENOSPC
				}
			}
			return nil
		}}})
		err := d.Fetch(t.Context(), start, b, c.open, nil)
		if count < n {
			if err != nil || n < 10 {
				t.Errorf("%d operations, %v", n, err)
			}
			return
		}
		if !isFull(err) || !strings.Contains(err.Error(), "fetch bundle site (") || !strings.Contains(err.Error(), "the disk is full") || d.Have(b.Hash) {
			t.Errorf("operation %d: got %v", n, err)
		}
		if left := files(t, state+"/bundles"); len(left) > 0 && !(len(left) == 1 && strings.HasSuffix(left[0], ".about")) {
			t.Errorf("operation %d: left are %v", n, left)
		}
		full = false
		fetch(t, d, c, b, start)
	}
}

// A real full disk, which is one in memory.
func TestADiskThatIsReallyFull(t *testing.T) {
	roottest.Need(t, "mounts a disk")
	c := controller{}
	b := c.add(t, "site", mgmt.ScriptBundle, strings.Repeat("x", 600<<10))
	for name, size := range map[string]string{"for the archive": "512k", "for the tree": "1m"} {
		t.Run(name, func(t *testing.T) {
			state := t.TempDir()
			if err := unix.Mount("tmpfs", state, "tmpfs", 0, "size="+size); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := unix.Unmount(state, 0); err != nil {
					t.Error(err)
				}
			})
			d := open(t, depot.Config{State: state})
			err := d.Fetch(t.Context(), start, b, c.open, nil)
			if !isFull(err) || !strings.Contains(err.Error(), "no space left on device") || d.Have(b.Hash) {
				t.Errorf("got %v", err)
			}
			if left := files(t, state+"/bundles"); len(left) > 0 {
				t.Errorf("left are %v", left)
			}
			if err := unix.Mount("", state, "", unix.MS_REMOUNT, "size=4m"); err != nil {
				t.Fatal(err)
			}
			fetch(t, d, c, b, start)
		})
	}
}
