package etcdstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// feed is a quorum.Feed.
type feed struct {
	e    *conn
	name string
}

// Feed implements quorum.Engine.
func (e *Engine) Feed(name string) quorum.Feed { return &feed{e.conn, name} }

const (
	maxBatch      = 512 << 10
	batchesAtOnce = 16
)

// batchName is the name of a batch below the key of its feed. It has what Trim must know, so
// that Trim reads no lines.
func batchName(b quorum.Batch) string {
	return fmt.Sprintf("%016x-%016x-%08x", b.Last, b.First, len(b.Lines))
}

const batchNameSize = 16 + 1 + 16 + 1 + 8

// parseBatchName returns the numbers of the records of a batch, and its size.
func parseBatchName(name string) (first, last uint64, size int64, err error) {
	var numbers [3]uint64
	parts := strings.Split(name, "-")
	if len(name) != batchNameSize || len(parts) != 3 || len(parts[0]) != 16 || len(parts[1]) != 16 {
		return 0, 0, 0, errForm
	}
	for i, p := range parts {
		if _, err := hex.DecodeString(p); err != nil || strings.ToLower(p) != p {
			return 0, 0, 0, errForm
		}
		if numbers[i], err = strconv.ParseUint(p, 16, 64); err != nil {
			return 0, 0, 0, errForm
		}
	}
	if numbers[1] > numbers[0] {
		return 0, 0, 0, errForm
	}
	return numbers[1], numbers[0], int64(numbers[2]), nil
}

// Append implements quorum.Feed.
func (f *feed) Append(ctx context.Context, fence quorum.Fence, b quorum.Batch) error {
	err := f.check(b)
	if err == nil {
		err = f.append(ctx, fence, b)
	}
	if err != nil {
		return fmt.Errorf("append to %s: %w", f.name, err)
	}
	return nil
}

func (f *feed) check(b quorum.Batch) error {
	switch {
	case b.First == 0 || b.Last < b.First:
		return fmt.Errorf("a batch of the records %d to %d", b.First, b.Last)
	case len(b.Lines) > maxBatch:
		return fmt.Errorf("%w: a batch of %d bytes where %d are allowed", store.ErrTooLarge, len(b.Lines), maxBatch)
	}
	return nil
}

func (f *feed) append(ctx context.Context, fence quorum.Fence, b quorum.Batch) error {
	last := f.e.keys.feedLast(f.name)
	name := batchName(b)
	key, stored := f.e.keys.feed(f.name)+name, string(seal(formFeed, name, b.Lines))
	// A comparison with the value of a key that does not exist never holds. So the first batch
	// needs a guard of its own.
	guards := []clientv3.Cmp{
		clientv3.Compare(clientv3.Value(last), "<", number(b.First)),
		clientv3.Compare(clientv3.CreateRevision(last), "=", 0),
	}
	for _, guard := range guards {
		r, err := f.e.txn(ctx, []clientv3.Cmp{f.e.fenced(fence), guard}, []clientv3.Op{
			clientv3.OpPut(last, number(b.Last)), clientv3.OpPut(key, stored),
		}, clientv3.OpGet(f.e.keys.lead()), clientv3.OpGet(last), clientv3.OpGet(key))
		if err != nil {
			return err
		}
		if r.Succeeded {
			return nil
		}
		if err := f.e.leads(fence, r.Responses[0].GetResponseRange().Kvs); err != nil {
			return err
		}
		if kvs := r.Responses[1].GetResponseRange().Kvs; len(kvs) > 0 {
			newest, err := parseNumber("feed-last", kvs[0].Value)
			if err != nil {
				return err
			}
			if kvs := r.Responses[2].GetResponseRange().Kvs; r.repeated && len(kvs) > 0 && string(kvs[0].Value) == stored {
				return nil // the answer to the first attempt was lost
			}
			return fmt.Errorf("%w: the feed has record %d, and the batch begins with %d", store.ErrConflict, newest, b.First)
		}
	}
	return fmt.Errorf("%w: the feed has changed", store.ErrConflict)
}

// newest returns the number of the last record, and the revision of etcd at which it is that.
func (f *feed) newest(ctx context.Context) (last uint64, revision int64, err error) {
	r, err := f.e.get(ctx, f.e.keys.feedLast(f.name))
	if err != nil {
		return 0, 0, err
	}
	if len(r.Kvs) > 0 {
		last, err = parseNumber("feed-last", r.Kvs[0].Value)
	}
	return last, r.Header.Revision, err
}

// Read implements quorum.Feed.
func (f *feed) Read(ctx context.Context, after uint64, each func(quorum.Batch) error) error {
	_, _, err := f.read(ctx, after, each)
	if err != nil {
		return fmt.Errorf("read %s: %w", f.name, err)
	}
	return nil
}

// read calls each, and returns the number of the last record that it had, and the revision
// of etcd that was current before.
func (f *feed) read(ctx context.Context, after uint64, each func(quorum.Batch) error) (uint64, int64, error) {
	last, revision, err := f.newest(ctx)
	if err != nil || last <= after {
		return after, revision, err
	}
	base := f.e.keys.feed(f.name)
	from, to := base+fmt.Sprintf("%016x", after+1), base+fmt.Sprintf("%016x.", last)
	for {
		r, err := f.e.get(ctx, from, clientv3.WithRange(to), clientv3.WithLimit(batchesAtOnce))
		if err != nil {
			return after, revision, err
		}
		for _, kv := range r.Kvs {
			b, err := parseBatch(strings.TrimPrefix(string(kv.Key), base), kv.Value)
			if err == nil {
				err = each(b)
			}
			if err != nil {
				return after, revision, err
			}
			after = b.Last
			from = string(kv.Key) + "\x00"
		}
		if !r.More || len(r.Kvs) == 0 {
			return last, revision, nil
		}
	}
}

func parseBatch(name string, stored []byte) (quorum.Batch, error) {
	lines, err := openAs(formFeed, name, stored)
	if err != nil {
		return quorum.Batch{}, err
	}
	first, last, _, err := parseBatchName(name)
	if err != nil {
		return quorum.Batch{}, fmt.Errorf("the batch %.60q of etcd is damaged: its name: %w; restore a backup", name, err)
	}
	return quorum.Batch{First: first, Last: last, Lines: append([]byte(nil), lines...)}, nil
}

// Follow implements quorum.Feed. It also returns when etcd fails.
func (f *feed) Follow(ctx context.Context, after uint64, each func(quorum.Batch) error) error {
	return f.e.bell(ctx, f.e.keys.feedLast(f.name), func(ctx context.Context) (revision int64, err error) {
		after, revision, err = f.read(ctx, after, each)
		if err != nil {
			err = fmt.Errorf("follow %s: %w", f.name, err)
		}
		return revision, err
	})
}

// Trim implements quorum.Feed.
func (f *feed) Trim(ctx context.Context, fence quorum.Fence, records int, bytes int64) error {
	if err := f.trim(ctx, fence, records, bytes); err != nil {
		return fmt.Errorf("trim %s: %w", f.name, err)
	}
	return nil
}

// namesAtOnce is how many names of batches are read in one request.
const namesAtOnce = 1000

func (f *feed) trim(ctx context.Context, fence quorum.Fence, records int, bytes int64) error {
	names, err := f.names(ctx)
	if err != nil {
		return err
	}
	base := f.e.keys.feed(f.name)
	var kept struct {
		records uint64
		bytes   int64
	}
	for i := len(names) - 1; i >= 0; i-- {
		first, last, size, err := parseBatchName(names[i])
		if err != nil {
			return fmt.Errorf("the batch %.60q of etcd is damaged: its name: %w; restore a backup", names[i], err)
		}
		kept.records += last - first + 1
		kept.bytes += size
		if i == len(names)-1 || kept.records <= uint64(max(records, 0)) && kept.bytes <= bytes {
			continue
		}
		r, err := f.e.txn(ctx, []clientv3.Cmp{f.e.fenced(fence)},
			[]clientv3.Op{clientv3.OpDelete(base, clientv3.WithRange(base+names[i]+"\x00"))},
			clientv3.OpGet(f.e.keys.lead()))
		if err != nil || r.Succeeded {
			return err
		}
		if err := f.e.leads(fence, r.Responses[0].GetResponseRange().Kvs); err != nil {
			return err
		}
		return errors.New("the lead has changed meanwhile")
	}
	return nil
}

// names returns the names of all batches, the oldest first.
func (f *feed) names(ctx context.Context) ([]string, error) {
	base := f.e.keys.feed(f.name)
	from, to := base, clientv3.GetPrefixRangeEnd(base)
	var names []string
	for {
		r, err := f.e.get(ctx, from, clientv3.WithRange(to), clientv3.WithLimit(namesAtOnce), clientv3.WithKeysOnly())
		if err != nil {
			return nil, err
		}
		names = append(names, suffixes(r.Kvs, base)...)
		if !r.More || len(r.Kvs) == 0 {
			return names, nil
		}
		from = string(r.Kvs[len(r.Kvs)-1].Key) + "\x00"
	}
}
