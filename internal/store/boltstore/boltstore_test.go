package boltstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
	"github.com/zeekfleet/zeekfleet/internal/store/storetest"
)

// roleEnv makes the test binary a process of the crash and full-disk tests.
const roleEnv = "BOLTSTORE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "":
		os.Exit(m.Run())
	case "saver":
		os.Exit(saverMain(os.Args[1]))
	case "opener":
		os.Exit(openerMain(os.Args[1]))
	case "another user":
		os.Exit(anotherUserMain(os.Args[1]))
	case "full disk":
		os.Exit(fullDiskMain(os.Args[1]))
	}
	panic("unknown role")
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T, s storetest.Settings) storetest.Store {
		return open(t, filepath.Join(s.Place, "state.db"), boltstore.Config{MaxValue: s.MaxValue, MaxSave: s.MaxSave})
	})
}

// open opens a store. It is closed at the end of the test, unless the test closes it.
func open(t testing.TB, path string, cfg boltstore.Config) *boltstore.Store {
	t.Helper()
	s, err := boltstore.Open(t.Context(), path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestOnlyTheOwnerCanReadTheFile(t *testing.T) {
	base := t.TempDir()
	open(t, filepath.Join(base, "a", "b", "state.db"), boltstore.Config{})
	for path, want := range map[string]os.FileMode{"a": 0o700, "a/b": 0o700, "a/b/state.db": 0o600} {
		info, err := os.Stat(filepath.Join(base, path))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("mode of %s: got %o, want %o", path, got, want)
		}
	}
	left, err := filepath.Glob(filepath.Join(base, "a", "b", "*"))
	if err != nil || len(left) != 1 {
		t.Errorf("files: got %v, %v, want the state file alone", left, err)
	}
}

func TestSecondOpenIsErrInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	first := open(t, path, boltstore.Config{})
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := boltstore.Open(t.Context(), path, boltstore.Config{LockTimeout: 3 * time.Second})
		if !errors.Is(err, boltstore.ErrInUse) {
			t.Fatalf("Open: got %v, want ErrInUse", err)
		}
		for _, want := range []string{path, "in use by another zeekfleet"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("Open: got %q, want %q in it", err, want)
			}
		}
		if got := time.Since(start); got != 3*time.Second {
			t.Errorf("gave up after %v, want 3s", got)
		}
	})
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path, boltstore.Config{})
}

func TestOpenWaitsForTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	first := open(t, path, boltstore.Config{})
	synctest.Test(t, func(t *testing.T) {
		time.AfterFunc(500*time.Millisecond, func() { first.Close() })
		s, err := boltstore.Open(t.Context(), path, boltstore.Config{})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
	})
}

func TestOpenEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	open(t, path, boltstore.Config{})
	because := errors.New("shutting down")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(because)
	if _, err := boltstore.Open(ctx, path, boltstore.Config{}); !errors.Is(err, because) {
		t.Errorf("Open: got %v, want %v", err, because)
	}
}

// put saves one entry.
func put(ctx context.Context, s *boltstore.Store, key string, value []byte, replaces store.Revision) (store.Revision, error) {
	return s.Save(ctx, []store.Change{{Key: key, Value: value}}, replaces)
}

func TestFileDoesNotGrowWithEachSave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path, boltstore.Config{})
	var rev store.Revision
	for range 200 {
		var err error
		if rev, err = put(t.Context(), s, "state", bytes.Repeat([]byte("x"), 10_000), rev); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if most := int64(128 << 10); info.Size() > most {
		t.Errorf("after 200 saves of 10 kB: %d bytes, want at most %d", info.Size(), most)
	}
}

// The longest known nodes have 700 bytes in a configuration.
func TestDefaultLimitsFitADeploymentOfTwentyThousandNodes(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "state.db"), boltstore.Config{})
	config := make([]byte, 20_000*700)
	changes := []store.Change{{Key: "staged", Value: config}, {Key: "ready", Value: config}, {Key: "deployed/1", Value: config}}
	if _, err := s.Save(t.Context(), changes, 0); err != nil {
		t.Error(err)
	}
}

// badStateFiles are files that Open refuses.
var badStateFiles = map[string]struct {
	make func(t *testing.T, path string)
	want error
}{
	"text": {
		make: func(t *testing.T, path string) { write(t, path, []byte("[instances]\nhost-1\n")) },
		want: boltstore.ErrForeign,
	},
	"zeroes": {
		make: func(t *testing.T, path string) { write(t, path, make([]byte, 64<<10)) },
		want: boltstore.ErrForeign,
	},
	"a directory": {
		make: func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		},
	},
	"another program's database": {
		make: func(t *testing.T, path string) {
			database(t, path, func(tx *bbolt.Tx) error {
				_, err := tx.CreateBucket([]byte("theirs"))
				return err
			})
		},
		want: boltstore.ErrForeign,
	},
	"a newer format": {
		make: func(t *testing.T, path string) { change(t, path, inBucket("zeekfleet", "format", "3")) },
		want: boltstore.ErrNewer,
	},
	"a format that is no number": {
		make: func(t *testing.T, path string) { change(t, path, inBucket("zeekfleet", "format", "two")) },
		want: boltstore.ErrDamaged,
	},
	"a revision of another length": {
		make: func(t *testing.T, path string) { change(t, path, inBucket("zeekfleet", "revision", "x")) },
		want: boltstore.ErrDamaged,
	},
	"an entry without a checksum": {
		make: func(t *testing.T, path string) { change(t, path, inBucket("entries", "short", "x")) },
		want: boltstore.ErrDamaged,
	},
	"an entry that was changed": {
		make: func(t *testing.T, path string) { change(t, path, inBucket("entries", "state", "\x00\x00\x00\x00text")) },
		want: boltstore.ErrDamaged,
	},
	"no entries": {
		make: func(t *testing.T, path string) {
			change(t, path, func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("entries")) })
		},
		want: boltstore.ErrDamaged,
	},
	"a bucket among the entries": {
		make: func(t *testing.T, path string) {
			change(t, path, func(tx *bbolt.Tx) error {
				_, err := tx.Bucket([]byte("entries")).CreateBucket([]byte("theirs"))
				return err
			})
		},
		want: boltstore.ErrDamaged,
	},
}

func TestOpenRefusesBadStateFiles(t *testing.T) {
	for name, tt := range badStateFiles {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			tt.make(t, path)
			_, err := boltstore.Open(t.Context(), path, boltstore.Config{})
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Fatalf("Open: got %v, want %v", err, tt.want)
			}
			if !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Open: got %q, want one line that names %s", err, path)
			}
		})
	}
}

func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// change makes a store and then changes its file without package boltstore.
func change(t testing.TB, path string, how func(*bbolt.Tx) error) {
	t.Helper()
	if err := open(t, path, boltstore.Config{}).Close(); err != nil {
		t.Fatal(err)
	}
	database(t, path, how)
}

// inBucket returns a change that puts a value into a bucket.
func inBucket(bucket, key, value string) func(*bbolt.Tx) error {
	return func(tx *bbolt.Tx) error { return tx.Bucket([]byte(bucket)).Put([]byte(key), []byte(value)) }
}

// database changes a file with bbolt, without package boltstore.
func database(t testing.TB, path string, change func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(change), db.Close()); err != nil {
		t.Fatal(err)
	}
}

const lastSave = 30 // the number of saves of populated

// entryOf returns the value that a save of populated writes.
func entryOf(save int) []byte { return bytes.Repeat([]byte{byte(save)}, 100+save*300) }

// populated returns the bytes of a file with a branch page, overflow pages,
// free pages and inline buckets. Its current revision is lastSave.
func populated(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path, boltstore.Config{})
	for i := 1; i <= lastSave; i++ {
		changes := []store.Change{
			{Key: "state", Value: entryOf(i)},
			{Key: fmt.Sprintf("past/%02d", i), Value: entryOf(i)},
			{Key: fmt.Sprintf("past/%02d", i-20)},
		}
		if _, err := s.Save(t.Context(), changes, store.Revision(i-1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// isPopulated reports whether a store has the entries that populated saved.
func isPopulated(t testing.TB, s *boltstore.Store) bool {
	entries, rev, err := s.Load(t.Context(), "")
	if err != nil || rev != lastSave || len(entries) != 21 || !bytes.Equal(entries[20].Value, entryOf(lastSave)) {
		return false
	}
	for i, e := range entries[:20] {
		if !bytes.Equal(e.Value, entryOf(lastSave-19+i)) {
			return false
		}
	}
	return true
}

// use opens a file, loads its entries, and changes each of them. It stops at the first
// error. No step may panic or fault.
func use(t testing.TB, path string) error {
	s, err := boltstore.Open(t.Context(), path, boltstore.Config{})
	if err != nil {
		if !strings.Contains(err.Error(), path) {
			t.Errorf("Open: got %q, want the path in it", err)
		}
		return err
	}
	defer s.Close()
	entries, rev, err := s.Load(t.Context(), "")
	if err != nil {
		return err
	}
	for _, e := range entries {
		changes := []store.Change{{Key: e.Key}, {Key: "new", Value: bytes.Repeat([]byte("new"), 5000)}}
		if rev, err = s.Save(t.Context(), changes, rev); err != nil {
			return err
		}
	}
	return nil
}

func TestTruncationNeverPanics(t *testing.T) {
	file := populated(t)
	path := filepath.Join(t.TempDir(), "state.db")
	for size := len(file) - 512; size > 0; size -= 512 {
		write(t, path, file[:size])
		// bbolt makes files larger than their content, so a file without its end may be
		// complete.
		if err := use(t, path); err == nil && size < len(file)/2 {
			t.Errorf("cut to %d of %d bytes: got no error", size, len(file))
		}
	}
}

func TestDamageNeverPanics(t *testing.T) {
	file := populated(t)
	path := filepath.Join(t.TempDir(), "state.db")
	pages := len(file) / os.Getpagesize()
	refused := 0
	for page := range pages {
		for at := page % 4; at < 64; at += 4 { // headers, element tables, bucket headers
			damaged := bytes.Clone(file)
			damaged[page*os.Getpagesize()+at] ^= 1 << (at % 8)
			write(t, path, damaged)
			if use(t, path) != nil {
				refused++
			}
		}
	}
	if refused == 0 {
		t.Error("no damage was noticed")
	}
}

func TestOpenNamesADamagedEntry(t *testing.T) {
	file := populated(t)
	path := filepath.Join(t.TempDir(), "state.db")
	value := entryOf(lastSave - 5)
	at := bytes.Index(file, value)
	if at < 0 {
		t.Fatal("the entry is not in the file")
	}
	for at >= 0 { // free pages may have older copies
		file[at+len(value)/2]++
		at = bytes.Index(file, value)
	}
	write(t, path, file)
	_, err := boltstore.Open(t.Context(), path, boltstore.Config{})
	if !errors.Is(err, boltstore.ErrDamaged) || !strings.Contains(err.Error(), `entry "past/25": checksum mismatch`) {
		t.Errorf("Open: got %v, want ErrDamaged for past/25", err)
	}
}

func FuzzOpen(f *testing.F) {
	file := populated(f)
	f.Add(0, []byte{})
	f.Add(4096*3+10, []byte{0xff, 0xff})
	f.Add(4096*2, []byte{1, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, at int, patch []byte) {
		damaged := bytes.Clone(file)
		copy(damaged[uint(at)%uint(len(damaged)):], patch)
		path := filepath.Join(t.TempDir(), "state.db")
		write(t, path, damaged)
		_ = use(t, path)
	})
}
