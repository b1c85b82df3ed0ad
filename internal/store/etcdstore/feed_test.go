package etcdstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

type emptyReader struct{}

func (emptyReader) Read([]byte) (int, error) { return 0, io.EOF }

// batch has a line for each of the records.
func batch(first, last uint64) quorum.Batch {
	b := quorum.Batch{First: first, Last: last}
	for n := first; n <= last; n++ {
		b.Lines = fmt.Appendf(b.Lines, "record %d\n", n)
	}
	return b
}

func read(t *testing.T, f quorum.Feed, after uint64) (all []quorum.Batch) {
	t.Helper()
	done(t, "Read", f.Read(t.Context(), after, func(b quorum.Batch) error {
		all = append(all, b)
		return nil
	}))
	return all
}

func TestFeedIsRead(t *testing.T) {
	ctx := t.Context()
	f := single.Feed(partOf(t))
	if got := read(t, f, 0); got != nil {
		t.Errorf("nothing was appended: got %v", got)
	}
	var all []quorum.Batch
	for n := uint64(1); n < 200; n += 5 { // more than are read at once
		b := batch(n, n+4)
		done(t, "Append", f.Append(ctx, quorum.Fence{}, b))
		all = append(all, b)
	}
	for _, b := range []quorum.Batch{batch(1, 5), batch(200, 201), batch(150, 300)} {
		want(t, "Append of what is there", f.Append(ctx, quorum.Fence{}, b), store.ErrConflict)
	}
	want(t, "Append of too much", f.Append(ctx, quorum.Fence{}, quorum.Batch{First: 300, Last: 300, Lines: make([]byte, 513<<10)}), store.ErrTooLarge)
	for after, first := range map[uint64]int{0: 0, 4: 0, 5: 1, 99: 19, 100: 20, 199: 39, 200: 40, 1 << 60: 40} {
		if diff := cmp.Diff(all[first:], read(t, f, after), cmp.Transformer("nil", func(l []quorum.Batch) int { return len(l) })); diff != "" {
			t.Errorf("Read after %d (-want +got):\n%s", after, diff)
		}
	}
	if diff := cmp.Diff(all, read(t, f, 0)); diff != "" {
		t.Errorf("Read (-want +got):\n%s", diff)
	}
	stop := errors.New("stop")
	want(t, "Read that stops", f.Read(ctx, 0, func(quorum.Batch) error { return stop }), stop)
}

func TestFeedIsFollowed(t *testing.T) {
	f := single.Feed(partOf(t))
	done(t, "Append", f.Append(t.Context(), quorum.Fence{}, batch(1, 3)))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	following, stop := context.WithCancel(ctx)
	got := make(chan quorum.Batch, 100)
	followed := make(chan error, 1)
	go func() {
		followed <- f.Follow(following, 2, func(b quorum.Batch) error {
			got <- b
			return nil
		})
	}()
	for n := uint64(1); n < 40; n += 3 {
		if n > 1 {
			done(t, "Append", f.Append(t.Context(), quorum.Fence{}, batch(n, n+2)))
		}
		if diff := cmp.Diff(batch(n, n+2), <-got); diff != "" {
			t.Fatalf("Follow (-want +got):\n%s", diff)
		}
	}
	stop()
	want(t, "Follow", <-followed, context.Canceled)
}

func TestFeedIsTrimmed(t *testing.T) {
	ctx := t.Context()
	f := single.Feed(partOf(t))
	size := int64(0)
	for n := uint64(10); n <= 50; n += 10 {
		b := batch(n-9, n)
		size = int64(len(b.Lines))
		done(t, "Append", f.Append(ctx, quorum.Fence{}, b))
	}
	for _, tt := range []struct {
		records int
		bytes   int64
		oldest  uint64
	}{{50, 1 << 20, 1}, {49, 1 << 20, 11}, {1000, 3*size + 5, 21}, {29, 1 << 20, 31}, {0, 0, 41}} {
		done(t, "Trim", f.Trim(ctx, quorum.Fence{}, tt.records, tt.bytes))
		if got := read(t, f, 0); len(got) == 0 || got[0].First != tt.oldest {
			t.Errorf("Trim to %d records and %d bytes: got %v, want the first record %d", tt.records, tt.bytes, got, tt.oldest)
		}
	}
	want(t, "Trim with an old fence", f.Trim(ctx, quorum.Fence{Token: 1}, 0, 0), nil) // nothing is to be done
	done(t, "Append", f.Append(ctx, quorum.Fence{}, batch(51, 52)))
	want(t, "Trim with an old fence", f.Trim(ctx, quorum.Fence{Token: 1}, 0, 0), store.ErrConflict)
}

func TestArchives(t *testing.T) {
	ctx := t.Context()
	a := single.Archives()
	hash := partOf(t)
	content := bytes.Repeat([]byte("0123456789abcdef"), 5000) // 80 kB: several chunks
	want(t, "Put of what is known of nothing", a.Put(ctx, quorum.Fence{}, hash, []byte("about"), nil), fs.ErrNotExist)
	want(t, "Fetch of nothing", a.Fetch(ctx, hash, io.Discard), fs.ErrNotExist)
	done(t, "Put", a.Put(ctx, quorum.Fence{}, hash, []byte("about"), bytes.NewReader(content)))
	done(t, "Put of what is known", a.Put(ctx, quorum.Fence{}, hash, []byte("more"), nil))
	list, err := a.List(ctx)
	if err != nil || string(list[hash]) != "more" {
		t.Errorf("List: got %q, %v", list[hash], err)
	}
	var got bytes.Buffer
	done(t, "Fetch", a.Fetch(ctx, hash, &got))
	if !bytes.Equal(got.Bytes(), content) {
		t.Errorf("Fetch: got %d bytes, want the %d that were put", got.Len(), len(content))
	}
	broken := errors.New("the sender is gone")
	want(t, "Put that breaks off", a.Put(ctx, quorum.Fence{}, hash+"x", nil, io.MultiReader(bytes.NewReader(content), brokenReader{broken})), broken)
	want(t, "Fetch of what broke off", a.Fetch(ctx, hash+"x", io.Discard), fs.ErrNotExist)
	want(t, "Put of too much", a.Put(ctx, quorum.Fence{}, hash, make([]byte, 100_001), nil), store.ErrTooLarge)

	watching, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	seen := make(chan map[string][]byte)
	watched := make(chan error, 1)
	go func() {
		watched <- a.Watch(watching, func(list map[string][]byte) {
			select {
			case seen <- list:
			case <-watching.Done():
			}
		})
	}()
	if _, ok := (<-seen)[hash]; !ok {
		t.Error("Watch: the archive is not there at first")
	}
	done(t, "Remove", a.Remove(ctx, quorum.Fence{}, hash))
	if _, ok := (<-seen)[hash]; ok {
		t.Error("Watch: the archive is still there")
	}
	cancel()
	want(t, "Watch", <-watched, context.Canceled)
	want(t, "Fetch of what was removed", a.Fetch(ctx, hash, io.Discard), fs.ErrNotExist)
}

type brokenReader struct{ err error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.err }

func TestAnnouncements(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	seen := make(chan map[string][]byte)
	watched := make(chan error, 1)
	watching, stop := context.WithCancel(ctx)
	go func() {
		watched <- single.WatchAnnounced(watching, func(all map[string][]byte) {
			select {
			case seen <- all:
			case <-watching.Done():
			}
		})
	}()
	expect := func(names ...string) {
		t.Helper()
		all := <-seen
		for _, n := range names {
			if !strings.HasPrefix(string(all[n]), "text of "+n) {
				t.Errorf("got %q of %s", all[n], n)
			}
		}
		if len(all) != len(names) {
			t.Errorf("got %d controllers, want %v", len(all), names)
		}
	}
	expect()
	done(t, "Announce", single.Announce(ctx, "b/c", []byte("text of b/c")))
	expect("b/c")
	done(t, "Announce", single.Announce(ctx, "a", []byte("text of a, once")))
	expect("a", "b/c")
	done(t, "Withdraw", single.Withdraw(ctx, "b/c"))
	expect("a")
	stop()
	want(t, "WatchAnnounced", <-watched, context.Canceled)
	done(t, "Withdraw", single.Withdraw(ctx, "a"))
	if all, err := single.Announced(ctx); err != nil || len(all) > 0 {
		t.Errorf("Announced: got %v, %v", all, err)
	}
}
