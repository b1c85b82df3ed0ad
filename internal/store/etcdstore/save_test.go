package etcdstore_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/etcdstore"
)

// many are changes of more entries than one transaction can have, and one of a large value.
func many(n int, text string) []store.Change {
	var changes []store.Change
	for i := range n {
		changes = append(changes, store.Change{Key: fmt.Sprintf("key/%04d", i), Value: []byte(text)})
	}
	return append(changes, store.Change{Key: "large", Value: []byte(strings.Repeat(text, 20_000))})
}

func wantAll(t *testing.T, s store.Store, prefix string, wantRev store.Revision, want []store.Change) {
	t.Helper()
	entries, rev, err := s.Load(t.Context(), prefix)
	if err != nil || rev != wantRev {
		t.Fatalf("Load: got revision %d, %v, want %d", rev, err, wantRev)
	}
	var got []store.Change
	for _, e := range entries {
		got = append(got, store.Change(e))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Load (-want +got):\n%.2000s", diff)
	}
}

func TestLargeSaveIsOneRevision(t *testing.T) {
	s := single.Store(partOf(t), quorum.Fence{})
	first := many(1000, "a")
	rev, err := s.Save(t.Context(), first, 0)
	done(t, "Save", err)
	wantAll(t, s, "", rev, first)
	wantAll(t, s, "key/099", rev, first[990:1000])
	// Deletions of most, and a new value of the others.
	var changes []store.Change
	for _, c := range first[:900] {
		changes = append(changes, store.Change{Key: c.Key})
	}
	changes = append(changes, many(1000, "b")[900:]...)
	rev, err = s.Save(t.Context(), changes, rev)
	done(t, "Save", err)
	wantAll(t, s, "", rev, many(1000, "b")[900:])
}

// A process may end after its batch counts and before its changes are in their entries.
func TestBatchThatWasNotMovedCounts(t *testing.T) {
	ctx := t.Context()
	s := single.Store(partOf(t), quorum.Fence{})
	_, err := s.Save(ctx, append(put("before", "1"), put("key/0001", "old")...), 0)
	done(t, "Save", err)
	changes := append(many(300, "c"), store.Change{Key: "before"})
	done(t, "Save that ends in between", etcdstore.SaveHalf(ctx, s, changes, 1))
	wantAll(t, s, "", 2, many(300, "c"))
	wantAll(t, s, "key/0001", 2, many(300, "c")[1:2])
	wantAll(t, s, "before", 2, nil)
	_, err = s.Save(ctx, nil, 1)
	want(t, "Save on the revision before", err, store.ErrConflict)

	t.Run("a small save goes on", func(t *testing.T) {
		rev, err := s.Save(ctx, put("large", "small"), 2)
		done(t, "Save", err)
		wantAll(t, s, "", rev, append(many(300, "c")[:300], put("large", "small")...))
	})
	t.Run("a large save goes on", func(t *testing.T) {
		done(t, "Save that ends in between", etcdstore.SaveHalf(ctx, s, many(300, "d"), 3))
		rev, err := s.Save(ctx, many(400, "e"), 4)
		done(t, "Save", err)
		wantAll(t, s, "", rev, many(400, "e"))
	})
}
