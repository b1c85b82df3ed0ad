package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// archives is the quorum.Archives.
type archives struct{ e *conn }

// Archives implements quorum.Engine.
func (e *Engine) Archives() quorum.Archives { return archives{e.conn} }

const maxAbout = 100_000

// Put implements quorum.Archives.
func (a archives) Put(ctx context.Context, f quorum.Fence, hash string, about []byte, content io.Reader) error {
	if len(about) > maxAbout {
		return fmt.Errorf("put archive %.20s: %w: %d bytes are said of it where %d are allowed", hash, store.ErrTooLarge, len(about), maxAbout)
	}
	put := a.put
	if content == nil {
		put = a.describe
	}
	if err := put(ctx, f, hash, about, content); err != nil {
		return fmt.Errorf("put archive %.20s: %w", hash, err)
	}
	return nil
}

func (a archives) put(ctx context.Context, f quorum.Fence, hash string, about []byte, content io.Reader) error {
	key := a.e.keys.archive(hash)
	s, err := a.e.begin(ctx, a.e.fenced(f))
	if err == nil {
		var m manifest
		if m, err = s.add(ctx, key, content); err != nil {
			s.drop(ctx)
		} else {
			err = a.commit(ctx, s, hash, seal(formArchive, hash, m.encode(), about))
		}
	}
	if errors.Is(err, errGuard) {
		err = a.why(ctx, f, errPending)
	}
	return err
}

// commit makes the content of an archive count.
func (a archives) commit(ctx context.Context, s *set, hash string, stored []byte) error {
	key := a.e.keys.archive(hash)
	r, err := a.e.txn(ctx, s.guards, []clientv3.Op{clientv3.OpPut(key, string(stored)), s.counts()}, clientv3.OpGet(key))
	if err != nil || r.Succeeded {
		return err
	}
	if kvs := r.Responses[0].GetResponseRange().Kvs; len(kvs) > 0 && string(kvs[0].Value) == string(stored) {
		return nil // the answer to the first attempt was lost
	}
	s.drop(ctx)
	return errGuard
}

// describe replaces what is known of an archive.
func (a archives) describe(ctx context.Context, f quorum.Fence, hash string, about []byte, _ io.Reader) error {
	key := a.e.keys.archive(hash)
	for range takeAttempts {
		r, err := a.e.get(ctx, key)
		if err != nil {
			return err
		}
		if len(r.Kvs) == 0 {
			return fmt.Errorf("its content is not there: %w", fs.ErrNotExist)
		}
		m, _, err := openArchive(hash, r.Kvs[0].Value)
		if err != nil {
			return err
		}
		same := clientv3.Compare(clientv3.ModRevision(key), "=", r.Kvs[0].ModRevision)
		done, err := a.e.txn(ctx, []clientv3.Cmp{a.e.fenced(f), same},
			[]clientv3.Op{clientv3.OpPut(key, string(seal(formArchive, hash, m.encode(), about)))})
		if err != nil || done.Succeeded {
			return err
		}
		if err := a.why(ctx, f, nil); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: the archive changes all the time", store.ErrConflict)
}

// why returns store.ErrConflict if the fence does not hold, and otherwise another error.
func (a archives) why(ctx context.Context, f quorum.Fence, otherwise error) error {
	r, err := a.e.get(ctx, a.e.keys.lead())
	if err != nil {
		return err
	}
	if err := a.e.leads(f, r.Kvs); err != nil {
		return err
	}
	return otherwise
}

// openArchive returns the manifest of the chunks of an archive, and what is known of it.
func openArchive(hash string, stored []byte) (manifest, []byte, error) {
	content, err := openAs(formArchive, hash, stored)
	if err != nil {
		return manifest{}, nil, err
	}
	m, about, err := cutManifest(content)
	if err != nil {
		return m, nil, fmt.Errorf("the archive %.20s of etcd is damaged: its manifest: %w; restore a backup", hash, err)
	}
	return m, about, nil
}

// Remove implements quorum.Archives. Run removes the chunks.
func (a archives) Remove(ctx context.Context, f quorum.Fence, hash string) error {
	r, err := a.e.txn(ctx, []clientv3.Cmp{a.e.fenced(f)},
		[]clientv3.Op{clientv3.OpDelete(a.e.keys.archive(hash))}, clientv3.OpGet(a.e.keys.lead()))
	if err == nil && !r.Succeeded {
		err = a.e.leads(f, r.Responses[0].GetResponseRange().Kvs)
	}
	if err != nil {
		return fmt.Errorf("remove archive %.20s: %w", hash, err)
	}
	return nil
}

// List implements quorum.Archives.
func (a archives) List(ctx context.Context) (map[string][]byte, error) {
	list, _, err := a.list(ctx)
	return list, err
}

func (a archives) list(ctx context.Context) (map[string][]byte, int64, error) {
	base := a.e.keys.archives()
	list := map[string][]byte{}
	revision, err := a.e.all(ctx, base, func(name string, stored []byte) error {
		_, about, err := openArchive(name, stored)
		list[name] = append([]byte{}, about...)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list the archives: %w", err)
	}
	return list, revision, nil
}

// all calls each with what follows the prefix in each key, and its value, all at one revision
// of etcd, which it returns.
func (e *conn) all(ctx context.Context, prefix string, each func(name string, value []byte) error) (int64, error) {
	from, to := prefix, clientv3.GetPrefixRangeEnd(prefix)
	var revision int64
	for {
		r, err := e.get(ctx, from, clientv3.WithRange(to), clientv3.WithLimit(pageEntries), clientv3.WithRev(revision))
		if err != nil {
			return 0, err
		}
		if revision == 0 {
			revision = r.Header.Revision
		}
		for _, kv := range r.Kvs {
			if err := each(strings.TrimPrefix(string(kv.Key), prefix), kv.Value); err != nil {
				return 0, err
			}
			from = string(kv.Key) + "\x00"
		}
		if !r.More || len(r.Kvs) == 0 {
			return revision, nil
		}
	}
}

// Fetch implements quorum.Archives.
func (a archives) Fetch(ctx context.Context, hash string, w io.Writer) error {
	r, err := a.e.get(ctx, a.e.keys.archive(hash))
	if err != nil {
		return fmt.Errorf("fetch archive %.20s: %w", hash, err)
	}
	if len(r.Kvs) == 0 {
		return fmt.Errorf("fetch archive %.20s: %w", hash, fs.ErrNotExist)
	}
	m, _, err := openArchive(hash, r.Kvs[0].Value)
	if err == nil {
		err = a.e.fetch(ctx, m, r.Header.Revision, w)
	}
	if errors.Is(err, rpctypes.ErrCompacted) {
		err = fmt.Errorf("it took longer than etcd keeps what was replaced; try again: %w", err)
	}
	if err != nil {
		return fmt.Errorf("fetch archive %.20s: %w", hash, err)
	}
	return nil
}

// Watch implements quorum.Archives. It also returns when etcd fails.
func (a archives) Watch(ctx context.Context, changed func(map[string][]byte)) error {
	return a.e.bell(ctx, a.e.keys.archives(), func(ctx context.Context) (int64, error) {
		list, revision, err := a.list(ctx)
		if err == nil {
			changed(list)
		}
		return revision, err
	})
}
