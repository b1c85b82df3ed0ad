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
	case "full disk":
		os.Exit(fullDiskMain(os.Args[1]))
	}
	panic("unknown role")
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T, s storetest.Settings) storetest.Store {
		return open(t, filepath.Join(s.Place, "state.db"), boltstore.Config{History: s.History, MaxBytes: s.MaxBytes})
	})
}

// open opens a store that its test may close itself.
func open(t testing.TB, path string, cfg boltstore.Config) *boltstore.Store {
	t.Helper()
	s, err := boltstore.Open(t.Context(), path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestFileAndDirectoriesAreTheOwnersAlone(t *testing.T) {
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

func TestSecondProcessIsToldWhoHoldsTheFile(t *testing.T) {
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

func TestOpenWaitsForAPredecessorThatIsClosing(t *testing.T) {
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

func TestHistoryHasTheTimeOfEachSave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	synctest.Test(t, func(t *testing.T) {
		s := open(t, path, boltstore.Config{})
		start := time.Now().UTC()
		for rev := range store.Revision(3) {
			if _, err := s.Save(t.Context(), []byte("x"), rev); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
		}
		versions, err := s.History(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range versions {
			if want := start.Add(time.Duration(2-i) * time.Hour); !v.Saved.Equal(want) {
				t.Errorf("revision %d: saved %v, want %v", v.Revision, v.Saved, want)
			}
		}
	})
}

func TestFileDoesNotGrowWithThePast(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path, boltstore.Config{History: 2})
	doc := bytes.Repeat([]byte("x"), 10_000)
	var rev store.Revision
	for range 200 {
		var err error
		if rev, err = s.Save(t.Context(), doc, rev); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if most := int64(256 << 10); info.Size() > most {
		t.Errorf("after 200 saves of 10 kB: %d bytes, want at most %d", info.Size(), most)
	}
}

func TestOpenRefusesWhatIsNotAStateFile(t *testing.T) {
	tests := map[string]struct {
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
		"a format of the future": {
			make: func(t *testing.T, path string) {
				open(t, path, boltstore.Config{}).Close()
				database(t, path, func(tx *bbolt.Tx) error {
					return tx.Bucket([]byte("zeekfleet")).Put([]byte("format"), []byte("2"))
				})
			},
			want: boltstore.ErrForeign,
		},
		"an entry that is no document": {
			make: func(t *testing.T, path string) {
				open(t, path, boltstore.Config{}).Close()
				database(t, path, func(tx *bbolt.Tx) error {
					return tx.Bucket([]byte("documents")).Put([]byte("short"), []byte("x"))
				})
			},
			want: boltstore.ErrDamaged,
		},
		"a bucket among the documents": {
			make: func(t *testing.T, path string) {
				open(t, path, boltstore.Config{}).Close()
				database(t, path, func(tx *bbolt.Tx) error {
					_, err := tx.Bucket([]byte("documents")).CreateBucket([]byte("theirs"))
					return err
				})
			},
			want: boltstore.ErrDamaged,
		},
	}
	for name, tt := range tests {
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

// database changes a file as another program would.
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

// populated returns the bytes of a file with a branch page, overflow pages,
// free pages and inline buckets, and the number of its current revision.
func populated(t testing.TB) ([]byte, store.Revision) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path, boltstore.Config{History: 20})
	var rev store.Revision
	for i := range 30 {
		var err error
		if rev, err = s.Save(t.Context(), bytes.Repeat([]byte{byte(i)}, 100+i*300), rev); err != nil {
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
	return file, rev
}

// use opens a file, and if that succeeds, does everything with it. An error is
// fine at each step; a panic or a fault is not.
func use(t testing.TB, path string) error {
	s, err := boltstore.Open(t.Context(), path, boltstore.Config{History: 5})
	if err != nil {
		if !strings.Contains(err.Error(), path) {
			t.Errorf("Open: got %q, want the path in it", err)
		}
		return err
	}
	defer s.Close()
	_, rev, err := s.Load(t.Context())
	if err != nil {
		return err
	}
	versions, err := s.History(t.Context())
	for _, v := range versions {
		if _, err := s.LoadAt(t.Context(), v.Revision); err != nil {
			return err
		}
	}
	for range 3 {
		next, err := s.Save(t.Context(), bytes.Repeat([]byte("new"), 5000), rev)
		if err != nil {
			return err
		}
		rev = next
	}
	return err
}

func TestEveryTruncationIsAnErrorNeverAPanic(t *testing.T) {
	file, _ := populated(t)
	path := filepath.Join(t.TempDir(), "state.db")
	for size := len(file) - 512; size > 0; size -= 512 {
		write(t, path, file[:size])
		// bbolt grows files ahead of their content, so the end may be missing.
		if err := use(t, path); err == nil && size < len(file)/2 {
			t.Errorf("cut to %d of %d bytes: got no error", size, len(file))
		}
	}
}

func TestDamageIsAnErrorNeverAPanic(t *testing.T) {
	file, _ := populated(t)
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

func TestDamagedDocumentIsNotReturned(t *testing.T) {
	file, rev := populated(t)
	path := filepath.Join(t.TempDir(), "state.db")
	doc := bytes.Repeat([]byte{29}, 100+29*300)
	at := bytes.Index(file, doc)
	if at < 0 {
		t.Fatal("the current document is not in the file")
	}
	for at := at; at >= 0; { // an older copy may stand in free pages
		file[at+len(doc)/2]++
		at = bytes.Index(file, doc)
	}
	write(t, path, file)
	_, err := boltstore.Open(t.Context(), path, boltstore.Config{})
	if !errors.Is(err, boltstore.ErrDamaged) || !strings.Contains(err.Error(), fmt.Sprintf("revision %d", rev)) {
		t.Errorf("Open: got %v, want ErrDamaged for revision %d", err, rev)
	}
}

func FuzzOpen(f *testing.F) {
	file, _ := populated(f)
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
