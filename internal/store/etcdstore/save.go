package etcdstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/zeekfleet/zeekfleet/internal/store"
)

// Save implements store.Store.
func (s *Entries) Save(ctx context.Context, changes []store.Change, replaces store.Revision) (store.Revision, error) {
	err := context.Cause(ctx)
	if err == nil {
		err = s.check(changes)
	}
	if err == nil {
		err = s.save(ctx, changes, replaces)
	}
	if err != nil {
		return 0, fmt.Errorf("save %s: %w", s.part, err)
	}
	return replaces + 1, nil
}

// check refuses changes that exceed a limit.
func (s *Entries) check(changes []store.Change) error {
	all := 0
	for _, c := range changes {
		if len(c.Key) == 0 || len(c.Key) > store.MaxKey {
			return fmt.Errorf("a key of %d bytes: 1 to %d are allowed", len(c.Key), store.MaxKey)
		}
		if len(c.Value) > s.e.cfg.MaxValue {
			return fmt.Errorf("%w: entry %.40q has %d bytes where %d are allowed", store.ErrTooLarge, c.Key, len(c.Value), s.e.cfg.MaxValue)
		}
		all += len(c.Key) + len(c.Value)
	}
	if all > s.e.cfg.MaxSave {
		return fmt.Errorf("%w: changes of %d bytes where %d are allowed", store.ErrTooLarge, all, s.e.cfg.MaxSave)
	}
	return nil
}

// last returns the changes with the last one of each key. They come to the same.
func last(changes []store.Change) []store.Change {
	at := map[string]int{}
	var kept []store.Change
	for _, c := range changes {
		if i, twice := at[c.Key]; twice {
			kept[i] = c
			continue
		}
		at[c.Key] = len(kept)
		kept = append(kept, c)
	}
	return kept
}

// save makes the changes count. Before that it moves a batch of an earlier Save.
func (s *Entries) save(ctx context.Context, changes []store.Change, replaces store.Revision) error {
	changes = last(changes)
	w := &saving{Entries: s, replaces: replaces, nonce: rand.Text()}
	defer w.drop(ctx)
	for {
		err := w.try(ctx, changes)
		if errors.Is(err, rpctypes.ErrNoSpace) && w.sent {
			return w.despite(ctx, err)
		}
		if !errors.Is(err, errGuard) {
			return err
		}
		again, err := w.why(ctx)
		if err != nil || !again {
			return err
		}
	}
}

// saving is one Save.
type saving struct {
	*Entries
	replaces store.Revision
	nonce    string   // of this Save
	set      *set     // nil until something needs chunks
	ready    []sealed // the changes with their chunks stored
	prepared bool
	record   record
	sent     bool // the changes may count
	half     bool // in tests: the batch is not moved
	repeated bool // they may count because of an attempt whose answer was lost
}

// drop removes what was stored for a Save that was never sent. Of the others Run removes what
// does not count.
func (w *saving) drop(ctx context.Context) {
	if w.set != nil && !w.sent {
		w.set.drop(ctx)
	}
}

// guards are what must hold for the Save: the controller leads, and the revision is the one
// that is replaced.
func (w *saving) guards() []clientv3.Cmp {
	key := w.e.keys.revision(w.part)
	current := clientv3.Compare(clientv3.CreateRevision(key), "=", 0)
	if w.replaces > 0 {
		old := record{revision: w.replaces}.encode(w.recordName())
		current = clientv3.Compare(clientv3.Value(key), "=", string(old))
	}
	return []clientv3.Cmp{w.e.fenced(w.fence), current}
}

// try stores what needs chunks, once, and makes the changes count. It returns errGuard if a
// guard does not hold.
func (w *saving) try(ctx context.Context, changes []store.Change) error {
	if !w.prepared {
		if err := w.prepare(ctx, changes); err != nil {
			return err
		}
		w.prepared = true
	}
	guards := w.guards()
	ops := []clientv3.Op{
		clientv3.OpPut(w.e.keys.revision(w.part), string(w.record.encode(w.recordName()))),
		clientv3.OpPut(w.e.keys.saver(w.part), w.nonce),
	}
	if w.record.batch == nil {
		ops = append(ops, w.ops(w.ready)...)
	}
	if w.set != nil {
		guards = append(guards, w.set.exists())
		ops = append(ops, w.set.counts())
	}
	w.sent = true
	r, err := w.e.txn(ctx, guards, ops)
	if err != nil {
		return err
	}
	w.repeated = w.repeated || r.repeated
	if !r.Succeeded {
		return errGuard
	}
	w.finish(ctx)
	return nil
}

// finish moves the batch of a Save that counts.
func (w *saving) finish(ctx context.Context) {
	if w.record.batch != nil && !w.half {
		if err := w.move(ctx, w.record, w.ready); err != nil {
			w.e.cfg.Logger.Debug("etcd: a batch is moved later", "part", w.part, "err", err)
		}
	}
}

// prepare stores large values in chunks, and a Save of too much as a batch.
func (w *saving) prepare(ctx context.Context, changes []store.Change) error {
	w.ready = w.ready[:0]
	size := 0
	for _, c := range changes {
		var stored []byte
		switch {
		case c.Value == nil:
		case len(c.Value) <= w.e.cfg.Chunk:
			stored = seal(formValue, c.Key, c.Value)
		default:
			m, err := w.chunks(ctx, w.e.keys.entries(w.part)+c.Key, c.Value)
			if err != nil {
				return err
			}
			stored = seal(formManifest, c.Key, m.encode())
		}
		w.ready = append(w.ready, sealed{c.Key, stored})
		size += len(c.Key) + len(stored)
	}
	w.record = record{revision: w.replaces + 1}
	if len(w.ready) <= maxChanges && size <= maxTxnBytes {
		return nil
	}
	m, err := w.chunks(ctx, w.e.keys.revision(w.part), encodeBatch(w.ready))
	w.record.batch = &m
	return err
}

// chunks stores a value in chunks of the set of this Save.
func (w *saving) chunks(ctx context.Context, owner string, value []byte) (manifest, error) {
	if w.set == nil {
		var err error
		if w.set, err = w.e.begin(ctx, w.guards()...); err != nil {
			return manifest{}, err
		}
	}
	return w.set.add(ctx, owner, bytes.NewReader(value))
}

// ops are the operations of changes.
func (s *Entries) ops(changes []sealed) []clientv3.Op {
	base := s.e.keys.entries(s.part)
	ops := make([]clientv3.Op, 0, len(changes)+3)
	for _, c := range changes {
		if c.value == nil {
			ops = append(ops, clientv3.OpDelete(base+c.key))
		} else {
			ops = append(ops, clientv3.OpPut(base+c.key, string(c.value)))
		}
	}
	return ops
}

// despite returns nil if the changes count in spite of an error. The transaction with which etcd
// finds that it has no room counts, although etcd returns an error for it.
func (w *saving) despite(ctx context.Context, err error) error {
	r, failed := w.e.get(ctx, w.e.keys.saver(w.part))
	if failed == nil && len(r.Kvs) > 0 && string(r.Kvs[0].Value) == w.nonce {
		w.finish(ctx)
		return nil
	}
	return err
}

// errLost says that a Save was made, and that others were made since.
var errLost = errors.New("etcd: the answer was lost, and the state has changed since")

// why finds which guard does not hold. It returns true if the Save can be tried again.
func (w *saving) why(ctx context.Context) (again bool, err error) {
	r, err := w.e.txn(ctx, nil, []clientv3.Op{
		clientv3.OpGet(w.e.keys.lead()), clientv3.OpGet(w.e.keys.revision(w.part)), clientv3.OpGet(w.e.keys.saver(w.part)),
	})
	if err != nil {
		return false, err
	}
	rec, err := w.Entries.record(r.Responses[1].GetResponseRange().Kvs)
	if err != nil {
		return false, err
	}
	if kvs := r.Responses[2].GetResponseRange().Kvs; rec.revision == w.replaces+1 && len(kvs) > 0 && string(kvs[0].Value) == w.nonce {
		w.finish(ctx) // the answer to the first attempt was lost
		return false, nil
	}
	if w.repeated && rec.revision > w.replaces {
		return false, errLost
	}
	if err := w.e.leads(w.fence, r.Responses[0].GetResponseRange().Kvs); err != nil {
		return false, err
	}
	switch {
	case rec.revision != w.replaces:
		return false, fmt.Errorf("%w: revision %d is current, not %d", store.ErrConflict, rec.revision, w.replaces)
	case rec.batch == nil:
		return false, errPending
	}
	changes, err := w.batch(ctx, rec, r.Header.Revision)
	if err != nil {
		return false, err
	}
	return true, w.move(ctx, rec, changes)
}

// move puts the changes of a batch that counts into their entries, and removes it from the
// record. If somebody else does the same, both come to the same.
func (s *Entries) move(ctx context.Context, rec record, changes []sealed) error {
	key := s.e.keys.revision(s.part)
	named := clientv3.Compare(clientv3.Value(key), "=", string(rec.encode(s.recordName())))
	for len(changes) > 0 {
		n := fit(changes)
		r, err := s.e.txn(ctx, []clientv3.Cmp{named}, s.ops(changes[:n]))
		if err != nil || !r.Succeeded {
			return err
		}
		changes = changes[n:]
	}
	chunks := s.e.keys.chunksOf(rec.batch.name)
	_, err := s.e.txn(ctx, []clientv3.Cmp{named}, []clientv3.Op{
		clientv3.OpPut(key, string(record{revision: rec.revision}.encode(s.recordName()))),
		clientv3.OpDelete(chunks, clientv3.WithPrefix()),
		clientv3.OpDelete(s.e.keys.set(rec.batch.name)),
	})
	return err
}

// fit returns how many of the changes, at least one, one transaction can have.
func fit(changes []sealed) int {
	size := 0
	for i, c := range changes {
		size += c.size()
		if i > 0 && (i == maxChanges || size > maxTxnBytes) {
			return i
		}
	}
	return len(changes)
}
