package etcdstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// Entries is the store.Store of one part.
type Entries struct {
	e     *conn
	part  string
	fence quorum.Fence
}

var _ store.Store = (*Entries)(nil)

// Store implements quorum.Engine.
func (e *Engine) Store(part string, fence quorum.Fence) store.Store {
	return &Entries{e.conn, part, fence}
}

// These bound one transaction and one page. Every etcd takes 128 operations and 1.5 MiB.
const (
	maxChanges  = 100
	maxTxnBytes = 1 << 20
	pageEntries = 100
)

// restarts is how often a Load begins again because etcd has compacted what it was reading.
const restarts = 3

// Load implements store.Store.
func (s *Entries) Load(ctx context.Context, prefix string) ([]store.Entry, store.Revision, error) {
	var err error
	for range restarts {
		if err = context.Cause(ctx); err != nil {
			break
		}
		var entries []store.Entry
		var rec record
		if entries, rec, err = s.load(ctx, prefix); err == nil {
			return entries, rec.revision, nil
		}
		if !errors.Is(err, rpctypes.ErrCompacted) {
			break
		}
	}
	return nil, 0, fmt.Errorf("load %s: %w", s.part, err)
}

func (s *Entries) load(ctx context.Context, prefix string) ([]store.Entry, record, error) {
	e := s.e
	base := e.keys.entries(s.part)
	from, to := base+prefix, clientv3.GetPrefixRangeEnd(base+prefix)
	first, err := e.txn(ctx, nil, []clientv3.Op{
		clientv3.OpGet(e.keys.revision(s.part)),
		clientv3.OpGet(from, clientv3.WithRange(to), clientv3.WithLimit(pageEntries)),
	})
	if err != nil {
		return nil, record{}, err
	}
	rec, err := s.record(first.Responses[0].GetResponseRange().Kvs)
	if err != nil {
		return nil, record{}, err
	}
	found := map[string][]byte{}
	page := first.Responses[1].GetResponseRange()
	for {
		for _, kv := range page.Kvs {
			found[strings.TrimPrefix(string(kv.Key), base)] = kv.Value
			from = string(kv.Key) + "\x00"
		}
		if !page.More || len(page.Kvs) == 0 {
			break
		}
		next, err := e.get(ctx, from, clientv3.WithRange(to), clientv3.WithLimit(pageEntries), clientv3.WithRev(first.Header.Revision))
		if err != nil {
			return nil, record{}, err
		}
		page.Kvs, page.More = next.Kvs, next.More
	}
	if err := s.overlay(ctx, rec, first.Header.Revision, prefix, found); err != nil {
		return nil, record{}, err
	}
	entries, err := s.values(ctx, found, first.Header.Revision)
	return entries, rec, err
}

// record returns the record of the part from what etcd has for its key.
func (s *Entries) record(kvs []*keyValue) (record, error) {
	if len(kvs) == 0 {
		return record{}, nil
	}
	return decodeRecord(s.recordName(), kvs[0].Value)
}

// recordName is the name for which the record is sealed.
func (s *Entries) recordName() string { return "rev/" + s.part }

// overlay puts the changes of a batch that is not moved yet over the entries.
func (s *Entries) overlay(ctx context.Context, rec record, revision int64, prefix string, found map[string][]byte) error {
	if rec.batch == nil {
		return nil
	}
	changes, err := s.batch(ctx, rec, revision)
	if err != nil {
		return err
	}
	for _, c := range changes {
		switch {
		case !strings.HasPrefix(c.key, prefix):
		case c.value == nil:
			delete(found, c.key)
		default:
			found[c.key] = c.value
		}
	}
	return nil
}

// batch reads the batch of a record.
func (s *Entries) batch(ctx context.Context, rec record, revision int64) ([]sealed, error) {
	var text bytes.Buffer
	if err := s.e.fetch(ctx, *rec.batch, revision, &text); err != nil {
		return nil, err
	}
	changes, err := decodeBatch(text.Bytes())
	if err != nil {
		return nil, fmt.Errorf("the batch %s of etcd is damaged: %w; restore a backup", rec.batch.name, err)
	}
	return changes, nil
}

// values opens what is stored, and reads the chunks of large values.
func (s *Entries) values(ctx context.Context, found map[string][]byte, revision int64) ([]store.Entry, error) {
	if len(found) == 0 {
		return nil, nil
	}
	entries := make([]store.Entry, 0, len(found))
	for key, stored := range found {
		value, err := s.value(ctx, key, stored, revision)
		if err != nil {
			return nil, err
		}
		entries = append(entries, store.Entry{Key: key, Value: value})
	}
	slices.SortFunc(entries, func(a, b store.Entry) int { return strings.Compare(a.Key, b.Key) })
	return entries, nil
}

func (s *Entries) value(ctx context.Context, key string, stored []byte, revision int64) ([]byte, error) {
	form, content, err := open(key, stored)
	switch {
	case err != nil:
		return nil, err
	case form == formValue:
		return append([]byte{}, content...), nil
	case form != formManifest:
		return nil, fmt.Errorf("the entry %.60q of etcd is damaged: it has the form %d; restore a backup", key, form)
	}
	m, rest, err := cutManifest(content)
	if err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("the entry %.60q of etcd is damaged: its manifest: %w; restore a backup", key, errForm)
	}
	var value bytes.Buffer
	value.Grow(int(min(m.size, uint64(s.e.cfg.MaxValue))))
	err = s.e.fetch(ctx, m, revision, &value)
	return value.Bytes(), err
}

// Changed implements quorum.Engine.
func (e *Engine) Changed(ctx context.Context, part string, changed func()) error {
	s := &Entries{e: e.conn, part: part}
	var last store.Revision
	first := true
	key := e.keys.revision(part)
	return e.bell(ctx, key, func(ctx context.Context) (int64, error) {
		r, err := e.get(ctx, key)
		if err != nil {
			return 0, err
		}
		rec, err := s.record(r.Kvs)
		if err != nil {
			return 0, err
		}
		if first || rec.revision != last {
			first, last = false, rec.revision
			changed()
		}
		return r.Header.Revision, nil
	})
}
