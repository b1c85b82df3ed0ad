package etcdstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/etcdstore"
)

// look runs Run of an engine until the end of a test.
func look(t *testing.T, e *etcdstore.Engine) {
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		want(t, "Run", <-ran, context.Canceled)
	})
}

// saves saves until it succeeds. With the History of a test, a writer may be too slow on a busy
// machine.
func saves(t *testing.T, e *etcdstore.Engine, changes []store.Change) {
	t.Helper()
	until(t, "Save", func(ctx context.Context) error {
		s := e.Store("part", quorum.Fence{})
		_, rev, err := s.Load(ctx, "no entry")
		if err == nil {
			_, err = s.Save(ctx, changes, rev)
		}
		return err
	})
}

func total(t *testing.T, e *etcdstore.Engine) (h quorum.Health) {
	t.Helper()
	list, err := e.Health(t.Context())
	done(t, "Health", err)
	for _, member := range list {
		if member.Leader {
			h = member
		}
	}
	return h
}

func TestFullDatabaseTakesWritesAgainWhenHistoryIsForgotten(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.change = func(cfg *etcdstore.Config) {
		cfg.Quota, cfg.History, cfg.Maintain = 4<<20, time.Hour, 20*time.Millisecond
	}
	e := c.start("one")[0]
	rev := fill(t, e) // almost all of it is history
	if h := total(t, e); len(h.Alarms) != 1 || !strings.Contains(h.Alarms[0], "NOSPACE") {
		t.Errorf("Health: got %+v, want NOSPACE", h)
	}
	look(t, e)
	until(t, "Save", func(ctx context.Context) error {
		_, err := e.Store("filled", quorum.Fence{}).Save(ctx, put("key", "value"), rev)
		return err
	})
	until(t, "Health without alarms", func(ctx context.Context) error {
		if h := total(t, e); len(h.Alarms) > 0 || h.Bytes > h.Quota/10*8 {
			return fmt.Errorf("%+v", h)
		}
		return nil
	})
}

func TestFullDatabaseTakesWritesAgainWithAGreaterQuota(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.change = func(cfg *etcdstore.Config) { cfg.Quota, cfg.Maintain = 4<<20, 20*time.Millisecond }
	rev := fill(t, c.start("one")[0])
	c.stop("one", (*etcdstore.Engine).Close)
	cfg := c.config("one")
	cfg.Quota = 64 << 20
	e := c.open("one", cfg)
	if e == nil {
		t.FailNow()
	}
	look(t, e)
	until(t, "Save", func(ctx context.Context) error {
		_, err := e.Store("filled", quorum.Fence{}).Save(ctx, put("key", "value"), rev)
		return err
	})
}

// A watch that is behind what was compacted begins again, and misses nothing.
func TestHistoryIsForgotten(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.change = func(cfg *etcdstore.Config) {
		cfg.History, cfg.Maintain, cfg.DefragAbove, cfg.Chunk = 50*time.Millisecond, 10*time.Millisecond, 1, 16<<10
	}
	e := c.start("one")[0]
	look(t, e)
	f := e.Feed("feed")
	ctx, cancel := context.WithCancel(t.Context())
	followed := make(chan error, 1)
	var got uint64
	slow := make(chan struct{})
	go func() {
		followed <- f.Follow(ctx, 0, func(b quorum.Batch) error {
			if b.First != got+1 {
				return fmt.Errorf("record %d after %d", b.First, got)
			}
			got = b.Last
			if got == 1 {
				<-slow
			}
			if got == 200 {
				cancel()
			}
			return nil
		})
	}()
	for n := uint64(1); n <= 200; n++ {
		done(t, "Append", f.Append(t.Context(), quorum.Fence{}, batch(n, n)))
	}
	for range 20 {
		saves(t, e, put("key", strings.Repeat("x", 500<<10)))
	}
	until(t, "what was replaced is gone", func(context.Context) error {
		if h := total(t, e); h.Used > 3<<20 || h.Bytes > 2*h.Used+1<<20 {
			return fmt.Errorf("%+v", h)
		}
		return nil
	})
	close(slow)
	want(t, "Follow", <-followed, context.Canceled)
	loads(t, e, "part", "key", strings.Repeat("x", 500<<10))
}

// Chunks that nothing names are removed, and those that count stay.
func TestChunksThatDoNotCountAreRemoved(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.change = func(cfg *etcdstore.Config) {
		cfg.History, cfg.Maintain, cfg.DefragAbove, cfg.Chunk = 50*time.Millisecond, 10*time.Millisecond, 1, 16<<10
	}
	e := c.start("one")[0]
	ctx := t.Context()
	large := strings.Repeat("0123456789", 50_000)
	rev, err := e.Store("part", quorum.Fence{}).Save(ctx, append(put("large", large), put("replaced", large)...), 0)
	done(t, "Save", err)
	_, err = e.Store("part", quorum.Fence{}).Save(ctx, put("replaced", "small"), rev)
	done(t, "Save", err)
	done(t, "Put", e.Archives().Put(ctx, quorum.Fence{}, "stays", nil, strings.NewReader(large)))
	done(t, "Put", e.Archives().Put(ctx, quorum.Fence{}, "goes", nil, strings.NewReader(large)))
	done(t, "Remove", e.Archives().Remove(ctx, quorum.Fence{}, "goes"))
	// A writer that is stopped in the middle leaves its chunks, and finds that they are gone when
	// it goes on.
	reader, writer := io.Pipe()
	stopped := make(chan error, 1)
	go func() { stopped <- e.Archives().Put(ctx, quorum.Fence{}, "slow", nil, reader) }()
	if _, err := writer.Write([]byte(large)); err != nil {
		t.Fatal(err)
	}
	until(t, "etcd has five large values", func(context.Context) error { // it counts what it has each 100 ms
		if h := total(t, e); h.Used < 5*500_000 {
			return fmt.Errorf("%+v", h)
		}
		return nil
	})
	look(t, e)
	until(t, "what does not count is removed", func(context.Context) error {
		if h := total(t, e); h.Used > 3*500_000 {
			return fmt.Errorf("%+v", h)
		}
		return nil
	})
	writer.Close()
	if err := <-stopped; err == nil || errors.Is(err, store.ErrConflict) {
		t.Errorf("Put of the writer that was stopped: got %v", err)
	}
	loads(t, e, "part", "large", large)
	loads(t, e, "part", "replaced", "small")
	var got bytes.Buffer
	done(t, "Fetch", e.Archives().Fetch(ctx, "stays", &got))
	if got.String() != large {
		t.Errorf("Fetch: got %d bytes", got.Len())
	}
}

// The leader of etcd lets another one lead before it defragments, and all of them do.
func TestMembersDefragmentOneAfterTheOther(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.change = func(cfg *etcdstore.Config) {
		cfg.History, cfg.Maintain, cfg.DefragAbove = 50*time.Millisecond, 20*time.Millisecond, 4<<20
	}
	engines := c.start("one", "two", "three")
	for range 20 {
		saves(t, engines[0], put("key", strings.Repeat("x", 500<<10)))
	}
	for _, e := range engines {
		look(t, e)
	}
	until(t, "each member has given space back", func(ctx context.Context) error {
		list, err := engines[0].Health(ctx)
		for _, h := range list {
			if h.Err != "" || h.Bytes > 4<<20 {
				err = fmt.Errorf("%+v", h)
			}
		}
		return err
	})
	loads(t, engines[2], "part", "key", strings.Repeat("x", 500<<10))
}
