package quorumtest

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// maxBatch bounds a batch.
const maxBatch = 512 << 10

type feed struct{ batches []quorum.Batch }

// feed returns a feed. mu is held.
func (c *Cluster) feed(name string) *feed {
	if c.feeds[name] == nil {
		c.feeds[name] = &feed{}
	}
	return c.feeds[name]
}

func (f *feed) last() uint64 {
	if len(f.batches) == 0 {
		return 0
	}
	return f.batches[len(f.batches)-1].Last
}

// after returns the batches that have records after a number. Nobody changes a batch.
func (f *feed) after(number uint64) []quorum.Batch {
	i, _ := slices.BinarySearchFunc(f.batches, number, func(b quorum.Batch, n uint64) int {
		if b.Last <= n {
			return -1
		}
		return 1
	})
	return slices.Clone(f.batches[i:])
}

// feedOf is a feed as an engine reaches it.
type feedOf struct {
	e    *Engine
	name string
}

// Append implements quorum.Feed.
func (f *feedOf) Append(ctx context.Context, fence quorum.Fence, b quorum.Batch) error {
	switch {
	case len(b.Lines) > maxBatch:
		return fmt.Errorf("a batch of %d bytes: %w", len(b.Lines), store.ErrTooLarge)
	case b.First == 0 || b.Last < b.First:
		return fmt.Errorf("a batch from %d to %d", b.First, b.Last)
	}
	return f.e.do(ctx, func() error {
		if err := f.e.c.holds(fence); err != nil {
			return err
		}
		feed := f.e.c.feed(f.name)
		if last := feed.last(); b.First <= last {
			return fmt.Errorf("%w: the feed %s goes to %d already, and the batch begins with %d", store.ErrConflict, f.name, last, b.First)
		}
		b.Lines = bytes.Clone(b.Lines)
		feed.batches = append(feed.batches, b)
		f.e.c.tell()
		return nil
	})
}

// Read implements quorum.Feed.
func (f *feedOf) Read(ctx context.Context, after uint64, each func(quorum.Batch) error) error {
	var batches []quorum.Batch
	err := f.e.do(ctx, func() error {
		batches = f.e.c.feed(f.name).after(after)
		return nil
	})
	if err != nil {
		return err
	}
	_, err = hand(batches, after, each)
	return err
}

// hand calls each with copies of the batches. It returns the number of the last record.
func hand(batches []quorum.Batch, after uint64, each func(quorum.Batch) error) (uint64, error) {
	for _, b := range batches {
		b.Lines = bytes.Clone(b.Lines)
		if err := each(b); err != nil {
			return after, err
		}
		after = b.Last
	}
	return after, nil
}

// Follow implements quorum.Feed.
func (f *feedOf) Follow(ctx context.Context, after uint64, each func(quorum.Batch) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	return watch(ctx, f.e, func() []quorum.Batch { return f.e.c.feed(f.name).after(after) }, func(batches []quorum.Batch) {
		if ctx.Err() != nil {
			return
		}
		var err error
		if after, err = hand(batches, after, each); err != nil {
			cancel(err)
		}
	})
}

// Trim implements quorum.Feed.
func (f *feedOf) Trim(ctx context.Context, fence quorum.Fence, records int, size int64) error {
	return f.e.do(ctx, func() error {
		if err := f.e.c.holds(fence); err != nil {
			return err
		}
		feed := f.e.c.feed(f.name)
		var count, bytes int64
		for i, b := range slices.Backward(feed.batches) {
			count += int64(b.Last - b.First + 1)
			bytes += int64(len(b.Lines))
			if i < len(feed.batches)-1 && (count > int64(records) || bytes > size) {
				feed.batches = slices.Clone(feed.batches[i+1:])
				break
			}
		}
		f.e.c.tell()
		return nil
	})
}
