package storetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/store"
)

// Store is a store that the suite can close and open again.
type Store interface {
	store.Store
	io.Closer
}

// Settings are the settings of a store for one test.
type Settings struct {
	Place    string // where the store keeps its entries: a directory, empty at first, of this test only
	MaxValue int    // bytes of one value
	MaxSave  int    // bytes of the keys and values of one Save
}

// Run runs the suite. open opens the store at a place, also after it was closed. If it
// cannot, it must fail the test. The suite closes each store.
func Run(t *testing.T, open func(*testing.T, Settings) Store) {
	tests := map[string]func(*testing.T, opener){
		"nothing was saved":                            empty,
		"saved entries are loaded":                     saveAndLoad,
		"other entries stay":                           others,
		"a deleted key is gone":                        deletion,
		"an empty value is a value":                    emptyValue,
		"changes are made in their order":              order,
		"a load returns keys with a prefix, in order":  prefixes,
		"a save without changes makes a revision":      nothingChanged,
		"the caller owns the values":                   ownership,
		"a save on an old revision changes nothing":    conflict,
		"entries survive reopening":                    reopen,
		"only a key above the limit is refused":        keyLimit,
		"only a value above the limit is refused":      valueLimit,
		"only changes above the limit are refused":     saveLimit,
		"a save that exceeds a limit changes nothing":  tooLarge,
		"a cancelled context saves nothing":            cancelled,
		"concurrent writers lose no update":            concurrent,
		"a load returns the entries of one revision":   oneRevision,
		"revisions go on after everything was deleted": revisionsGoOn,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test(t, opener{open, Settings{Place: t.TempDir(), MaxValue: 64 << 10, MaxSave: 100 << 10}})
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

// entry returns an entry with a text as value.
func entry(key, value string) store.Entry { return store.Entry{Key: key, Value: []byte(value)} }

// put returns a change that stores a text.
func put(key, value string) store.Change { return store.Change{Key: key, Value: []byte(value)} }

func load(t *testing.T, s store.Store, prefix string, wantRev store.Revision, want ...store.Entry) {
	t.Helper()
	got, rev, err := s.Load(t.Context(), prefix)
	if err != nil {
		t.Fatalf("Load %q: %v", prefix, err)
	}
	if rev != wantRev {
		t.Fatalf("Load %q: got revision %d, want %d", prefix, rev, wantRev)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("Load %q (-want +got):\n%s", prefix, diff)
	}
}

func save(t *testing.T, s store.Store, replaces store.Revision, changes ...store.Change) store.Revision {
	t.Helper()
	rev, err := s.Save(t.Context(), changes, replaces)
	if err != nil {
		t.Fatalf("Save on %d: %v", replaces, err)
	}
	if rev <= replaces {
		t.Fatalf("Save on %d: got revision %d, want a greater one", replaces, rev)
	}
	return rev
}

// refused checks that a Save fails with the error want and changes nothing.
func refused(t *testing.T, s store.Store, replaces store.Revision, want error, changes ...store.Change) {
	t.Helper()
	before, rev, err := s.Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Save(t.Context(), changes, replaces); !errors.Is(err, want) {
		t.Errorf("Save on %d: got %v, want %v", replaces, err, want)
	}
	load(t, s, "", rev, before...)
}

func empty(t *testing.T, o opener) {
	s := o.store(t)
	load(t, s, "", 0)
	load(t, s, "state", 0)
}

func saveAndLoad(t *testing.T, o opener) {
	s := o.store(t)
	rev := save(t, s, 0, put("a", "one"))
	if rev != 1 {
		t.Errorf("first Save: got revision %d, want 1", rev)
	}
	load(t, s, "", rev, entry("a", "one"))
	rev = save(t, s, rev, put("a", "two\x00\xff"), put("b", "three"))
	load(t, s, "", rev, entry("a", "two\x00\xff"), entry("b", "three"))
}

func others(t *testing.T, o opener) {
	s := o.store(t)
	rev := save(t, s, 0, put("a", "1"), put("b", "1"), put("c", "1"))
	rev = save(t, s, rev, put("b", "2"))
	load(t, s, "", rev, entry("a", "1"), entry("b", "2"), entry("c", "1"))
}

func deletion(t *testing.T, o opener) {
	s := o.store(t)
	rev := save(t, s, 0, put("a", "1"), put("b", "1"))
	rev = save(t, s, rev, store.Change{Key: "a"}, store.Change{Key: "never there"})
	load(t, s, "", rev, entry("b", "1"))
}

func emptyValue(t *testing.T, o opener) {
	s := o.store(t)
	rev := save(t, s, 0, put("a", ""))
	load(t, s, "", rev, entry("a", ""))
}

func order(t *testing.T, o opener) {
	s := o.store(t)
	rev := save(t, s, 0, put("a", "1"), store.Change{Key: "a"}, put("b", "1"), put("b", "2"), put("c", "1"), store.Change{Key: "c"})
	load(t, s, "", rev, entry("b", "2"))
}

func prefixes(t *testing.T, o opener) {
	s := o.store(t)
	rev := save(t, s, 0, put("b/2", "2"), put("b", "0"), put("a", "a"), put("b/10", "10"), put("b0", "zero"), put("c", "c"))
	load(t, s, "", rev, entry("a", "a"), entry("b", "0"), entry("b/10", "10"), entry("b/2", "2"), entry("b0", "zero"), entry("c", "c"))
	load(t, s, "b/", rev, entry("b/10", "10"), entry("b/2", "2"))
	load(t, s, "c", rev, entry("c", "c"))
	load(t, s, "d", rev)
	load(t, s, "\xff\xff", rev)
}

func nothingChanged(t *testing.T, o opener) {
	s := o.store(t)
	rev := save(t, s, save(t, s, 0, put("a", "1")))
	load(t, s, "", rev, entry("a", "1"))
}

func ownership(t *testing.T, o opener) {
	s := o.store(t)
	mine := []byte("mine")
	rev, err := s.Save(t.Context(), []store.Change{{Key: "a", Value: mine}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	copy(mine, "XXXX")
	got, _, err := s.Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if string(got[0].Value) != "mine" {
		t.Fatalf("Load: got %q, want the value that was saved", got[0].Value)
	}
	copy(got[0].Value, "YYYY")
	load(t, s, "", rev, entry("a", "mine"))
}

func conflict(t *testing.T, o opener) {
	s := o.store(t)
	one := save(t, s, 0, put("a", "one"))
	two := save(t, s, one, put("a", "two"))
	for _, replaces := range []store.Revision{0, one, two + 1, ^store.Revision(0)} {
		refused(t, s, replaces, store.ErrConflict, put("a", "lost"), put("b", "lost"))
	}
}

func reopen(t *testing.T, o opener) {
	var rev store.Revision
	var all []store.Entry
	for i := range 5 {
		s := o.store(t)
		load(t, s, "", rev, all...)
		e := entry(strconv.Itoa(i), strings.Repeat("x", 3000*i))
		all = append(all, e)
		rev = save(t, s, rev, store.Change(e))
		if err := s.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
	}
}

func keyLimit(t *testing.T, o opener) {
	s := o.store(t)
	longest := strings.Repeat("k", store.MaxKey)
	rev := save(t, s, 0, put(longest, "1"))
	load(t, s, "", rev, entry(longest, "1"))
	for _, key := range []string{"", longest + "k"} {
		if _, err := s.Save(t.Context(), []store.Change{put("a", "1"), put(key, "1")}, rev); err == nil {
			t.Errorf("Save of a key of %d bytes: got no error", len(key))
		}
	}
	load(t, s, "", rev, entry(longest, "1"))
}

func valueLimit(t *testing.T, o opener) {
	s := o.store(t)
	fits := strings.Repeat("x", o.settings.MaxValue)
	rev := save(t, s, 0, put("a", fits))
	load(t, s, "", rev, entry("a", fits))
	refused(t, s, rev, store.ErrTooLarge, put("b", fits+"x"))
}

func saveLimit(t *testing.T, o opener) {
	s := o.store(t)
	half := strings.Repeat("x", o.settings.MaxSave/2-1)
	rev := save(t, s, 0, put("a", half), put("b", half))
	load(t, s, "", rev, entry("a", half), entry("b", half))
	refused(t, s, rev, store.ErrTooLarge, put("a", half), put("b", half+"x"))
}

func tooLarge(t *testing.T, o opener) {
	s := o.store(t)
	rev := save(t, s, 0, put("a", "1"))
	refused(t, s, rev, store.ErrTooLarge, put("a", "2"), store.Change{Key: "a"}, put("b", strings.Repeat("x", o.settings.MaxValue+1)))
}

func cancelled(t *testing.T, o opener) {
	s := o.store(t)
	rev := save(t, s, 0, put("a", "kept"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Save(ctx, []store.Change{put("a", "lost")}, rev); err == nil {
		t.Error("Save: got no error")
	}
	if _, _, err := s.Load(ctx, ""); err == nil {
		t.Error("Load: got no error")
	}
	load(t, s, "", rev, entry("a", "kept"))
}

func revisionsGoOn(t *testing.T, o opener) {
	s := o.store(t)
	rev := save(t, s, save(t, s, 0, put("a", "1")), store.Change{Key: "a"})
	load(t, s, "", rev)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = o.store(t)
	load(t, s, "", rev)
	save(t, s, rev, put("a", "2"))
}

const writers, each = 4, 5

func concurrent(t *testing.T, o opener) {
	s := o.store(t)
	var running sync.WaitGroup
	for range writers {
		running.Go(func() {
			for range each {
				if err := increment(t.Context(), s); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
	got, _, err := s.Load(t.Context(), "")
	want := []store.Entry{entry("number", strconv.Itoa(writers*each)), entry("same", strconv.Itoa(writers*each))}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Load: %v (-want +got):\n%s", err, diff)
	}
}

// increment adds one to the number in both entries. It tries again after each
// conflict.
func increment(ctx context.Context, s store.Store) error {
	for range writers * each {
		entries, rev, err := s.Load(ctx, "")
		if err != nil {
			return err
		}
		n := 0
		if len(entries) > 0 {
			n, _ = strconv.Atoi(string(entries[0].Value)) // the entry "number"
		}
		next := strconv.Itoa(n + 1)
		if _, err = s.Save(ctx, []store.Change{put("number", next), put("same", next)}, rev); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return errors.New("more conflicts than there are saves of other writers")
}

// oneRevision loads while another goroutine saves. The entries of each Load must come
// from one Save.
func oneRevision(t *testing.T, o opener) {
	s := o.store(t)
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() {
		for range writers * each {
			if err := increment(t.Context(), s); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range writers * each {
		entries, _, err := s.Load(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) > 0 && !slices.EqualFunc(entries[:1], entries[1:], func(a, b store.Entry) bool { return bytes.Equal(a.Value, b.Value) }) {
			t.Fatalf("entries of different saves: %q", entries)
		}
	}
}
