package etcdstore

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
)

// set writes chunks that count later. All of one Save belong to one set.
type set struct {
	e      *conn
	guards []clientv3.Cmp // what must hold for each chunk to be written
	name   string
	values int
}

// errPending says that a set took longer than Run lets sets take.
var errPending = errors.New("it took too long to store its parts, and they were removed; try again")

// begin begins a set. It returns errGuard if a guard does not hold.
func (e *conn) begin(ctx context.Context, guards ...clientv3.Cmp) (*set, error) {
	s := &set{e: e, name: rand.Text()}
	pending := e.keys.pending(s.name)
	r, err := e.txn(ctx, guards, []clientv3.Op{clientv3.OpPut(pending, e.cfg.Name)})
	if err != nil {
		return nil, err
	}
	if !r.Succeeded {
		return nil, errGuard
	}
	s.guards = append(guards, s.exists())
	return s, nil
}

// exists is the guard with which the set comes to count.
func (s *set) exists() clientv3.Cmp {
	return clientv3.Compare(clientv3.CreateRevision(s.e.keys.pending(s.name)), ">", 0)
}

// counts is the operation with which the set counts.
func (s *set) counts() clientv3.Op { return clientv3.OpDelete(s.e.keys.pending(s.name)) }

// dropTimeout bounds drop, which no caller waits for gladly.
const dropTimeout = time.Second

// drop says that the set will not count. Run removes its chunks.
func (s *set) drop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropTimeout)
	defer cancel()
	if err := s.e.remove(ctx, s.e.keys.pending(s.name)); err != nil {
		s.e.cfg.Logger.Debug("etcd: chunks are removed later", "err", err)
	}
}

// add writes a value that the entry with the key owner will name.
func (s *set) add(ctx context.Context, owner string, value io.Reader) (manifest, error) {
	m := manifest{name: s.name + "/" + strconv.Itoa(s.values)}
	s.values++
	sum := sha256.New()
	chunk := make([]byte, s.e.cfg.Chunk)
	first := clientv3.OpPut(s.e.keys.set(m.name), owner)
	for n := 0; ; n++ {
		size, err := io.ReadFull(value, chunk)
		if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
			return m, err
		}
		last := err != nil
		m.size += uint64(size)
		sum.Write(chunk[:size])
		ops := []clientv3.Op{clientv3.OpPut(s.e.keys.chunk(m.name, n), string(chunk[:size]))}
		if n == 0 {
			ops = append(ops, first)
		}
		r, err := s.e.txn(ctx, s.guards, ops)
		if err != nil {
			return m, err
		}
		if !r.Succeeded {
			return m, errGuard
		}
		if last {
			sum.Sum(m.sum[:0])
			return m, nil
		}
	}
}

// errGuard says that a guard of a transaction did not hold.
var errGuard = errors.New("a guard does not hold")

// fenced is the guard of a fence.
func (e *conn) fenced(f quorum.Fence) clientv3.Cmp {
	return clientv3.Compare(clientv3.CreateRevision(e.keys.lead()), "=", f.Token)
}

// chunksAtOnce is how many chunks are read in one request.
const chunksAtOnce = 8

// fetch writes the value of a manifest, as it was at a revision of etcd, to w.
func (e *conn) fetch(ctx context.Context, m manifest, revision int64, w io.Writer) error {
	from, to := e.keys.chunksOf(m.name), clientv3.GetPrefixRangeEnd(e.keys.chunksOf(m.name))
	sum, size := sha256.New(), uint64(0)
	for {
		r, err := e.get(ctx, from, clientv3.WithRange(to), clientv3.WithLimit(chunksAtOnce), clientv3.WithRev(revision))
		if err != nil {
			return err
		}
		for _, kv := range r.Kvs {
			size += uint64(len(kv.Value))
			sum.Write(kv.Value)
			if _, err := w.Write(kv.Value); err != nil {
				return err
			}
			from = string(kv.Key) + "\x00"
		}
		if !r.More || len(r.Kvs) == 0 {
			break
		}
	}
	if !m.matches(size, sum) {
		return fmt.Errorf("the chunks %s of etcd are damaged: %d bytes were stored, and there are %d, or others; restore a backup", m.name, m.size, size)
	}
	return nil
}

// matches reports that what was read is what was stored.
func (m manifest) matches(size uint64, sum hash.Hash) bool {
	return size == m.size && string(sum.Sum(nil)) == string(m.sum[:])
}
