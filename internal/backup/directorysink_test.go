package backup_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/backup"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/durable/durabletest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// A kill at any operation leaves the state that was there, or all of the new one. The next
// restore works.
func TestAKillWhileADirectoryIsWrittenLeavesNothingHalfDone(t *testing.T) {
	from := newController(t, size{entries: 3, records: 3, bundles: 1, bundleBytes: 100})
	text := written(t, directory(from))
	want := stateOf(t, backup.Read(bytes.NewReader(text)))
	for _, there := range []bool{false, true} {
		for n := 1; ; n++ {
			base := durabletest.Dir(t)
			dir := filepath.Join(base, "ctl")
			var before state
			if there {
				must(t, os.CopyFS(dir, os.DirFS(newController(t, size{entries: 1, records: 1}))))
				write(t, filepath.Join(dir, "other", "file"), `{"o":1}`)
				before = stateOf(t, directory(dir))
			}
			disk, count := durabletest.Kill(n)
			_, err := backup.Copy(t.Context(), backup.Read(bytes.NewReader(text)), backup.NewDirectorySink(backup.DirectoryTarget{Dir: dir, Replace: true, Disk: disk}))
			switch _, gone := os.Stat(dir); {
			case *count < n:
				must(t, err)
				if n < 20 {
					t.Errorf("only %d operations were seen", n)
				}
			case !errors.Is(err, durabletest.ErrKilled) && err != nil:
				t.Fatalf("operation %d: got %v", n, err)
			case !there && gone != nil: // there was nothing, and there is nothing
			default:
				got := stateOf(t, directory(dir))
				if got.Last["audit"] == want.Last["audit"] {
					got.Revisions, want.Revisions = nil, nil
					same(t, want, got)
				} else {
					same(t, before, got)
				}
			}
			if *count < n {
				break
			}
			copyTo(t, backup.Read(bytes.NewReader(text)), backup.NewDirectorySink(backup.DirectoryTarget{Dir: dir, Replace: true}))
			got := stateOf(t, directory(dir))
			got.Revisions, want.Revisions = nil, nil
			same(t, want, got)
			if there {
				readable(t, filepath.Join(dir, "other", "file"))
			}
		}
	}
}

func readable(t *testing.T, path string) {
	t.Helper()
	if _, err := os.ReadFile(path); err != nil {
		t.Error(err)
	}
}

func TestAStateIsReplacedOnDemandAloneAndKept(t *testing.T) {
	base := durabletest.Dir(t)
	dir := filepath.Join(base, "ctl")
	must(t, os.CopyFS(dir, os.DirFS(newController(t, size{entries: 5, records: 9, bundles: 1, bundleBytes: 50}))))
	write(t, filepath.Join(dir, "nodes", "worker-1", "file"), `{"o":1}`)
	must(t, os.Symlink("nodes", filepath.Join(dir, "link")))
	must(t, os.Mkdir(filepath.Join(dir, "shut"), 0o755))
	before := stateOf(t, directory(dir))
	from := newController(t, small)
	want := stateOf(t, directory(from))
	_, err := backup.Copy(t.Context(), directory(from), backup.NewDirectorySink(backup.DirectoryTarget{Dir: dir}))
	if err == nil || !strings.Contains(err.Error(), dir+" has the state of a controller") || !strings.Contains(err.Error(), "--replace") {
		t.Errorf("got %v", err)
	}
	same(t, before, stateOf(t, directory(dir)))
	only(t, base, "ctl")
	for range 2 { // the second one replaces what was kept
		copyTo(t, directory(from), backup.NewDirectorySink(backup.DirectoryTarget{Dir: dir + "/", Replace: true}))
		same(t, want, stateOf(t, directory(dir)))
		only(t, base, "ctl", "ctl.before-restore")
		same(t, before, stateOf(t, directory(backup.Kept(dir))))
		readable(t, filepath.Join(dir, "nodes", "worker-1", "file"))
		if to, err := os.Readlink(filepath.Join(dir, "link")); to != "nodes" || err != nil {
			t.Errorf("the link is %q, %v", to, err)
		}
		if info, err := os.Stat(filepath.Join(dir, "shut")); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("a directory has the mode %v, %v", info.Mode(), err)
		}
		before = want
	}
}

// The counter of revisions never goes back, so that nobody takes an old state for a new one.
func TestRevisionsGoOn(t *testing.T) {
	dir := newController(t, size{entries: 50})
	older := newController(t, size{entries: 5})
	want := stateOf(t, directory(dir)).Revisions
	copyTo(t, directory(older), backup.NewDirectorySink(backup.DirectoryTarget{Dir: dir, Replace: true}))
	if got := stateOf(t, directory(dir)).Revisions; got["controller"] != want["controller"] || got["controller"] < 51 {
		t.Errorf("the revisions are %v, and were %v", got, want)
	}
}

// A controller that was one of several has its logs and its bundles on its disk already.
func TestLogsThatAreThereStayAndGetWhatIsNewer(t *testing.T) {
	from := newController(t, size{entries: 5, records: 20, bundles: 2, bundleBytes: 50})
	want := stateOf(t, directory(from))
	dir := filepath.Join(durabletest.Dir(t), "ctl")
	for _, name := range []string{"audit", "happenings", "blobs"} {
		must(t, os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(newController(t, size{entries: 1, records: 12, bundles: 1, bundleBytes: 50}), name))))
	}
	must(t, durable.Replace(filepath.Join(dir, "happenings", "identity.json"), filepath.Join(dir, "x"), readText(t, filepath.Join(from, "happenings", "identity.json"))))
	// What is shared begins with record 10.
	shared := listed{}
	_, err := backup.Copy(t.Context(), directory(from), &gather{to: &shared})
	must(t, err)
	copyTo(t, shared, backup.NewDirectorySink(backup.DirectoryTarget{Dir: dir, KeepLogs: true}))
	same(t, want, stateOf(t, directory(dir)))
}

func readText(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	return text
}

func TestNamesFromABackupAreNoPaths(t *testing.T) {
	base := durabletest.Dir(t)
	dir := filepath.Join(base, "a", "ctl")
	must(t, os.MkdirAll(filepath.Dir(dir), 0o700))
	state := []backup.Item{backup.Part{Name: "controller", Revision: 1}, backup.Entry{Key: "a", Value: []byte("v")}}
	for name, items := range map[string][]backup.Item{
		"a receiver":     {backup.Part{Name: "receivers"}, backup.Entry{Key: "../../x", Value: []byte("v")}},
		"alerts":         {backup.Part{Name: "alerts"}, backup.Entry{Key: "more", Value: []byte("v")}},
		"happenings":     {backup.Part{Name: "happenings"}, backup.Entry{Key: "more", Value: []byte("v")}},
		"a bundle":       {backup.Archive{Hash: "sha256:../../x", About: durable.Seal([]byte(`{"version":1,"files":1}`)), Write: content("c")}},
		"another bundle": {backup.Archive{Hash: "sha256:" + strings.Repeat("0", 64), About: durable.Seal([]byte(`{"version":1,"files":1}`)), Write: content("c")}},
	} {
		_, err := backup.Copy(t.Context(), listed{items: append(append([]backup.Item{}, state...), items...)}, backup.NewDirectorySink(backup.DirectoryTarget{Dir: dir}))
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	only(t, base, "a")
	only(t, filepath.Join(base, "a"))
}

// 20 MB of entries, with what a controller has beside them, go to a file and back in a few
// seconds.
func TestALargeDirectory(t *testing.T) {
	dir := newController(t, size{entries: 2200, records: 3000, bundles: 2, bundleBytes: 8 << 20})
	start := time.Now()
	file := filepath.Join(durabletest.Dir(t), "backup.tar")
	r, err := backup.WriteFile(t.Context(), file, directory(dir))
	must(t, err)
	restored := filepath.Join(durabletest.Dir(t), "ctl")
	copyTo(t, readFile(t, file), backup.NewDirectorySink(backup.DirectoryTarget{Dir: restored}))
	t.Logf("%d bytes there and back in %v", r.Bytes, time.Since(start))
	if r.Bytes < 36<<20 {
		t.Errorf("only %d bytes", r.Bytes)
	}
	same(t, stateOf(t, directory(dir)), stateOf(t, directory(restored)))
	l, err := audit.Open(audit.Config{Dir: filepath.Join(restored, "audit")})
	must(t, err)
	defer l.Close()
	must(t, l.Append(mgmt.AuditRecord{Time: noon, Outcome: mgmt.AuditDone}))
	if l.Newest() != 3001 {
		t.Errorf("the next record has the number %d", l.Newest())
	}
}
