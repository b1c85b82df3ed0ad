package boltstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
)

// readAll reads a file.
func readAll(t *testing.T, path string) (entries []store.Entry, rev store.Revision, err error) {
	t.Helper()
	err = boltstore.Read(t.Context(), path, boltstore.Reader{
		Begin: func(r store.Revision) error { rev = r; return nil },
		Visit: func(e store.Entry) error { entries = append(entries, e); return nil },
	})
	return entries, rev, err
}

func TestAFileIsReadAsItWasWrittenAndNotChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	w, err := boltstore.NewWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	var want []store.Entry
	for i := range 3000 {
		e := store.Entry{Key: fmt.Sprintf("key/%06d", i), Value: bytes.Repeat([]byte{byte(i)}, i%5000)}
		want = append(want, e)
		if err := w.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is there before its end: %v", err)
	}
	if err := w.Commit(4711); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got, rev, err := readAll(t, path)
		if err != nil || rev != 4711 {
			t.Fatalf("revision %d, %v", rev, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%.1000s", diff)
		}
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("reading has changed it: %v", err)
	}
	// It is a store like any other.
	s := open(t, path, boltstore.Config{})
	if _, _, err := readAll(t, path); !errors.Is(err, boltstore.ErrInUse) {
		t.Errorf("a file in use is read: %v", err)
	}
	if next, err := s.Save(t.Context(), []store.Change{{Key: "a", Value: []byte("b")}}, 4711); err != nil || next != 4712 {
		t.Errorf("the next revision is %d, %v", next, err)
	}
}

func TestReadingEndsWithTheErrorOfTheReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path, boltstore.Config{})
	if _, err := s.Save(t.Context(), []store.Change{{Key: "a", Value: []byte("b")}}, 0); err != nil {
		t.Fatal(err)
	}
	s.Close()
	enough := errors.New("enough")
	begin, visit := func(store.Revision) error { return nil }, func(store.Entry) error { return nil }
	for name, r := range map[string]boltstore.Reader{
		"begin": {Begin: func(store.Revision) error { return enough }, Visit: visit},
		"visit": {Begin: begin, Visit: func(store.Entry) error { return enough }},
	} {
		if err := boltstore.Read(t.Context(), path, r); err != enough {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatCannotBeReadIsAnErrorAndIsNotMade(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := readAll(t, filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	for name, text := range map[string][]byte{"empty": nil, "foreign": []byte("another program's file")} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := readAll(t, filepath.Join(dir, name)); err == nil {
			t.Errorf("%s is read", name)
		}
	}
	w, err := boltstore.NewWriter(filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Put(store.Entry{}); err == nil {
		t.Error("an entry without a key is put")
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "state.db*")); len(left) > 0 {
		t.Errorf("a writer without a commit leaves %v", left)
	}
}

// One entry that is damaged need not hide the others.
func TestADamagedEntryIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path, boltstore.Config{})
	if _, err := s.Save(t.Context(), []store.Change{{Key: "a", Value: []byte("one")}, {Key: "b", Value: []byte("unmistakable")}, {Key: "c", Value: []byte("three")}}, 0); err != nil {
		t.Fatal(err)
	}
	s.Close()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.ReplaceAll(text, []byte("unmistakable"), []byte("unmistakeble")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := readAll(t, path); !errors.Is(err, boltstore.ErrDamaged) {
		t.Errorf("got %v", err)
	}
	var keys, damaged []string
	err = boltstore.Read(t.Context(), path, boltstore.Reader{
		Begin:   func(store.Revision) error { return nil },
		Visit:   func(e store.Entry) error { keys = append(keys, e.Key); return nil },
		Damaged: func(key string) { damaged = append(damaged, key) },
	})
	if err != nil || fmt.Sprint(keys, damaged) != "[a c] [b]" {
		t.Errorf("read %v, damaged %v, %v", keys, damaged, err)
	}
}

// Each form is read without being converted.
func TestAFileOfFormat1IsReadAsItIs(t *testing.T) {
	path := copyOf(t, filepath.Join(saved, "history/nodes/controller/state.db"))
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	entries, rev, err := readAll(t, path)
	if err != nil || len(entries) != 1 || entries[0].Key != "state" || rev == 0 {
		t.Errorf("got %v, revision %d, %v", entries, rev, err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("it was converted: %v", err)
	}
}
