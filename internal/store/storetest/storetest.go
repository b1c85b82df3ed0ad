package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/store"
)

// Store is what the suite tests.
type Store interface {
	store.Historian
	io.Closer
}

// Settings are what a test wants of a store.
type Settings struct {
	Place    string // names the document: an existing empty directory of the test's own
	History  int    // predecessors to keep
	MaxBytes int    // per document
}

// Run runs the suite. open opens the document at a place, again if it is closed;
// it fails the test if it cannot. The suite closes what it opens.
func Run(t *testing.T, open func(*testing.T, Settings) Store) {
	tests := map[string]func(*testing.T, opener){
		"nothing was saved":                           empty,
		"what was saved is loaded":                    saveAndLoad,
		"an empty document is a document":             emptyDocument,
		"the caller owns what it loads and saves":     ownership,
		"a save on an old revision conflicts":         conflict,
		"a document survives reopening":               reopen,
		"predecessors are kept up to the limit":       history,
		"a lower limit drops predecessors":            lowerHistory,
		"a document at the limit fits, one above not": sizeLimit,
		"a cancelled context saves nothing":           cancelled,
		"concurrent writers lose no update":           concurrent,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test(t, opener{open, Settings{Place: t.TempDir(), History: 3, MaxBytes: 64 << 10}})
		})
	}
}

type opener struct {
	open     func(*testing.T, Settings) Store
	settings Settings
}

// store opens the store and closes it at the end of the test.
func (o opener) store(t *testing.T) Store {
	t.Helper()
	s := o.open(t, o.settings)
	t.Cleanup(func() { s.Close() }) // a second Close may fail
	return s
}

func load(t *testing.T, s store.Store, wantDoc []byte, wantRev store.Revision) {
	t.Helper()
	doc, rev, err := s.Load(t.Context())
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	if !bytes.Equal(doc, wantDoc) || (doc == nil) != (wantDoc == nil) || rev != wantRev {
		t.Fatalf("Load: got %.40q (nil: %t) at revision %d, want %.40q (nil: %t) at %d",
			doc, doc == nil, rev, wantDoc, wantDoc == nil, wantRev)
	}
}

func save(t *testing.T, s store.Store, doc string, replaces store.Revision) store.Revision {
	t.Helper()
	rev, err := s.Save(t.Context(), []byte(doc), replaces)
	if err != nil {
		t.Fatalf("Save on %d: %v", replaces, err)
	}
	if rev <= replaces {
		t.Fatalf("Save on %d: got revision %d, want a greater one", replaces, rev)
	}
	return rev
}

func empty(t *testing.T, o opener) {
	s := o.store(t)
	load(t, s, nil, 0)
	versions, err := s.History(t.Context())
	if err != nil || len(versions) != 0 {
		t.Errorf("History: got %v, %v, want none", versions, err)
	}
	if _, err := s.LoadAt(t.Context(), 1); !errors.Is(err, store.ErrNotKept) {
		t.Errorf("LoadAt 1: got %v, want ErrNotKept", err)
	}
}

func saveAndLoad(t *testing.T, o opener) {
	s := o.store(t)
	rev := save(t, s, "one", 0)
	if rev != 1 {
		t.Errorf("first Save: got revision %d, want 1", rev)
	}
	load(t, s, []byte("one"), rev)
	rev = save(t, s, "two\x00\xff", rev)
	load(t, s, []byte("two\x00\xff"), rev)
}

func emptyDocument(t *testing.T, o opener) {
	s := o.store(t)
	rev := save(t, s, "", 0)
	load(t, s, []byte{}, rev)
}

func ownership(t *testing.T, o opener) {
	s := o.store(t)
	mine := []byte("mine")
	rev, err := s.Save(t.Context(), mine, 0)
	if err != nil {
		t.Fatal(err)
	}
	copy(mine, "XXXX")
	doc, _, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if string(doc) != "mine" {
		t.Fatalf("Load: got %q, want what Save was given", doc)
	}
	copy(doc, "YYYY")
	load(t, s, []byte("mine"), rev)
}

func conflict(t *testing.T, o opener) {
	s := o.store(t)
	one := save(t, s, "one", 0)
	two := save(t, s, "two", one)
	for _, replaces := range []store.Revision{0, one, two + 1, ^store.Revision(0)} {
		if _, err := s.Save(t.Context(), []byte("lost"), replaces); !errors.Is(err, store.ErrConflict) {
			t.Errorf("Save on %d: got %v, want ErrConflict", replaces, err)
		}
	}
	load(t, s, []byte("two"), two)
}

func reopen(t *testing.T, o opener) {
	var rev store.Revision
	for i := range 5 {
		s := o.store(t)
		if i > 0 {
			load(t, s, []byte(strconv.Itoa(i-1)), rev)
		}
		rev = save(t, s, strconv.Itoa(i), rev)
		if err := s.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
	}
}

func history(t *testing.T, o opener) {
	s := o.store(t)
	var revs []store.Revision
	var rev store.Revision
	for i := range 6 {
		rev = save(t, s, fmt.Sprintf("document %d", i), rev)
		revs = append(revs, rev)
	}
	kept := checkHistory(t, s, []store.Revision{revs[5], revs[4], revs[3], revs[2]})
	for i, v := range kept {
		want := fmt.Sprintf("document %d", 5-i)
		doc, err := s.LoadAt(t.Context(), v.Revision)
		if err != nil || string(doc) != want || v.Size != len(want) {
			t.Errorf("LoadAt %d (%d bytes): got %q, %v, want %q", v.Revision, v.Size, doc, err, want)
		}
		if v.Saved.IsZero() || v.Saved.Location() != time.UTC {
			t.Errorf("revision %d was saved at %v, want a time in UTC", v.Revision, v.Saved)
		}
	}
	if _, err := s.LoadAt(t.Context(), revs[1]); !errors.Is(err, store.ErrNotKept) {
		t.Errorf("LoadAt %d: got %v, want ErrNotKept", revs[1], err)
	}
}

func lowerHistory(t *testing.T, o opener) {
	s := o.store(t)
	var rev store.Revision
	for range 4 {
		rev = save(t, s, "x", rev)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	o.settings.History = 1
	s = o.store(t)
	next := save(t, s, "y", rev)
	checkHistory(t, s, []store.Revision{next, rev})
}

func checkHistory(t *testing.T, s Store, want []store.Revision) []store.Version {
	t.Helper()
	versions, err := s.History(t.Context())
	if err != nil {
		t.Fatalf("History: %v", err)
	}
	var got []store.Revision
	for _, v := range versions {
		got = append(got, v.Revision)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("History (-want +got):\n%s", diff)
	}
	return versions
}

func sizeLimit(t *testing.T, o opener) {
	s := o.store(t)
	fits := bytes.Repeat([]byte("x"), o.settings.MaxBytes)
	rev := save(t, s, string(fits), 0)
	if _, err := s.Save(t.Context(), append(fits, 'x'), rev); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("Save above the limit: got %v, want ErrTooLarge", err)
	}
	load(t, s, fits, rev)
}

func cancelled(t *testing.T, o opener) {
	s := o.store(t)
	rev := save(t, s, "kept", 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Save(ctx, []byte("lost"), rev); err == nil {
		t.Error("Save: got no error")
	}
	if _, _, err := s.Load(ctx); err == nil {
		t.Error("Load: got no error")
	}
	load(t, s, []byte("kept"), rev)
}

func concurrent(t *testing.T, o opener) {
	const writers, each = 4, 5
	s := o.store(t)
	var running sync.WaitGroup
	for range writers {
		running.Go(func() {
			for range each {
				if err := increment(t, s); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
	doc, _, err := s.Load(t.Context())
	if err != nil || string(doc) != strconv.Itoa(writers*each) {
		t.Errorf("Load: got %q, %v, want %d", doc, err, writers*each)
	}
}

// increment adds one to the number in the document, however often others come
// first.
func increment(t *testing.T, s store.Store) error {
	for {
		doc, rev, err := s.Load(t.Context())
		if err != nil {
			return err
		}
		n, _ := strconv.Atoi(string(doc)) // the first document is empty
		_, err = s.Save(t.Context(), []byte(strconv.Itoa(n+1)), rev)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}
