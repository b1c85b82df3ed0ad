package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.etcd.io/etcd/client/pkg/v3/types"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// care looks after the database.
type care struct {
	*conn
	past    []moment             // the oldest first
	pending map[string]time.Time // when each pending set was first seen
}

// moment is the revision of etcd at a time.
type moment struct {
	at       time.Time
	revision int64
}

// Run looks after the database until ctx is done: it compacts what was replaced some time
// ago, removes chunks that do not count, gives unused space back, and lets etcd take writes
// again after it was full. Of the members in processes of controllers, the leader of etcd does what is
// for all. Only one Run may run at a time.
func (e *care) Run(ctx context.Context) error {
	tick := time.NewTicker(e.cfg.Maintain)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case now := <-tick.C:
			if err := e.maintain(ctx, now); err != nil && ctx.Err() == nil {
				e.cfg.Logger.Info("the database is not looked after", "err", err)
			}
		}
	}
}

func (e *care) maintain(ctx context.Context, now time.Time) error {
	var errs []error
	do := func(what string, f func(context.Context) error) {
		ctx, cancel := context.WithTimeout(ctx, e.cfg.Call)
		defer cancel()
		if err := f(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
	}
	if e.member == nil || e.member.health().Leader {
		do("compact", func(ctx context.Context) error { return e.compact(ctx, now) })
		do("collect", func(ctx context.Context) error { return e.collect(ctx, now) })
	} else {
		e.past = nil
	}
	if e.member != nil {
		if err := e.defragment(ctx); err != nil {
			errs = append(errs, fmt.Errorf("defragment: %w", err))
		}
		do("disarm", e.disarm)
	}
	return errors.Join(errs...)
}

// crowded reports that the database has so much of its quota that history is worth less than
// room.
func (m *member) crowded() bool { return m.server.Backend().Size() > m.cfg.Quota/10*7 }

// historyOfSite is how long what was replaced stays in the etcd of a site. Other programs of
// the site may need their history, and the site may compact by itself.
const historyOfSite = 24 * time.Hour

// compact forgets what was replaced before History.
func (e *care) compact(ctx context.Context, now time.Time) error {
	r, err := e.get(ctx, e.keys.lead(), clientv3.WithCountOnly())
	if err != nil {
		return err
	}
	history := e.cfg.History
	switch {
	case e.member == nil:
		history = max(history, historyOfSite)
	case e.member.crowded():
		history = min(history, e.cfg.Maintain)
	}
	var until int64
	for len(e.past) > 0 && now.Sub(e.past[0].at) >= history {
		until = e.past[0].revision
		e.past = e.past[1:]
	}
	e.past = append(e.past, moment{now, r.Header.Revision})
	if until == 0 {
		return nil
	}
	if _, err := e.client.Compact(ctx, until, clientv3.WithCompactPhysical()); err != nil && !errors.Is(err, rpctypes.ErrCompacted) {
		return e.explain(err)
	}
	return nil
}

// collect removes chunks that no entry names.
func (e *care) collect(ctx context.Context, now time.Time) error {
	pending := map[string]bool{}
	revision, err := e.all(ctx, e.keys.pendings(), func(name string, _ []byte) error {
		pending[name] = true
		return nil
	})
	if err != nil {
		return err
	}
	if err := e.expire(ctx, now, pending); err != nil {
		return err
	}
	sets, err := e.get(ctx, e.keys.sets(), clientv3.WithPrefix(), clientv3.WithRev(revision))
	if err != nil {
		return err
	}
	for _, kv := range sets.Kvs {
		name := strings.TrimPrefix(string(kv.Key), e.keys.sets())
		id, _, _ := strings.Cut(name, "/")
		if pending[id] {
			continue
		}
		named, err := e.names(ctx, string(kv.Value), name, revision)
		if err != nil {
			return err
		}
		if named {
			continue
		}
		// At this revision nothing names the chunks, and without its pending key nothing can
		// come to name them.
		_, err = e.txn(ctx, nil, []clientv3.Op{
			clientv3.OpDelete(e.keys.chunksOf(name), clientv3.WithPrefix()), clientv3.OpDelete(e.keys.set(name)),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// expire ends sets that are pending for longer than History: whoever writes them is gone, or
// will find that they have ended.
func (e *care) expire(ctx context.Context, now time.Time, pending map[string]bool) error {
	known := map[string]time.Time{}
	for name := range pending {
		first, ok := e.pending[name]
		if !ok {
			first = now
		}
		known[name] = first
		if now.Sub(first) >= e.cfg.History {
			if err := e.remove(ctx, e.keys.pending(name)); err != nil {
				return err
			}
		}
	}
	e.pending = known
	return nil
}

// names reports that the entry with a key names chunks, at a revision of etcd.
func (e *care) names(ctx context.Context, owner, chunks string, revision int64) (bool, error) {
	r, err := e.get(ctx, owner, clientv3.WithRev(revision))
	if err != nil || len(r.Kvs) == 0 {
		return false, err
	}
	m, err := e.manifestOf(owner, r.Kvs[0].Value)
	// The chunks of what cannot be read stay.
	return err != nil || m != nil && m.name == chunks, nil
}

// manifestOf returns the manifest that is stored at a key, or nil if none is.
func (e *care) manifestOf(key string, stored []byte) (*manifest, error) {
	if part, ok := strings.CutPrefix(key, e.keys.revisions()); ok {
		rec, err := decodeRecord("rev/"+part, stored)
		return rec.batch, err
	}
	name, want := "", byte(formManifest)
	if hash, ok := strings.CutPrefix(key, e.keys.archives()); ok {
		name, want = hash, formArchive
	} else if rest, ok := strings.CutPrefix(key, e.keys.allEntries()); ok {
		_, name, _ = strings.Cut(rest, "/")
	}
	form, content, err := open(name, stored)
	if err != nil || form != want {
		return nil, err
	}
	m, _, err := cutManifest(content)
	return &m, err
}

// disarm lets etcd take writes again when there is room.
func (e *care) disarm(ctx context.Context) error {
	own := uint64(e.member.server.MemberID())
	for _, a := range e.member.server.Alarms() {
		if a.MemberID != own || a.Alarm != etcdserverpb.AlarmType_NOSPACE || e.member.server.Backend().Size() > e.cfg.Quota/10*9 {
			continue
		}
		if _, err := e.client.AlarmDisarm(ctx, (*clientv3.AlarmMember)(a)); err != nil {
			return e.explain(err)
		}
		e.cfg.Logger.Info("etcd has room again and takes writes", "bytes", e.member.server.Backend().Size(), "quota", e.cfg.Quota)
	}
	return nil
}

// defragTimeout bounds how long one member defragments while no other one may.
const defragTimeout = 5 * time.Minute

// defragment gives unused space back. The member answers nothing meanwhile. So only one does
// it at a time, and the leader of etcd lets another member lead first.
func (e *care) defragment(ctx context.Context) error {
	server := e.member.server
	size, used := server.Backend().Size(), server.Backend().SizeInUse()
	worth := size >= e.cfg.DefragAbove && used <= size/2 || e.member.crowded() && used <= size/5*4
	if !worth {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, defragTimeout)
	defer cancel()
	free, err := e.lockDefragment(ctx)
	if err != nil || free == nil {
		return err
	}
	defer free()
	if e.member.health().Leader {
		if to := e.successor(ctx); to != 0 {
			return server.MoveLeader(ctx, uint64(server.MemberID()), uint64(to)) // the next time it is not the leader
		}
	}
	if err := server.Defragment(); err != nil {
		return err
	}
	e.cfg.Logger.Debug("the database was defragmented", "before", size, "bytes", server.Backend().Size())
	return nil
}

// lockDefragment makes this member the one that defragments. It returns nil if another one
// does.
func (e *care) lockDefragment(ctx context.Context) (free func(), err error) {
	key := e.keys.defragmenting()
	if r, err := e.get(ctx, key, clientv3.WithCountOnly()); err != nil || r.Count > 0 {
		return nil, err
	}
	if len(e.member.server.Cluster().Members()) == 1 {
		return func() {}, nil // also when etcd is full and grants nothing
	}
	lease, err := e.grant(ctx, defragTimeout)
	if errors.Is(err, rpctypes.ErrNoSpace) {
		return func() {}, nil // room is worth more than a pause
	}
	if err != nil {
		return nil, err
	}
	free = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.cfg.Call)
		defer cancel()
		if err := e.revoke(ctx, lease); err != nil {
			e.cfg.Logger.Debug("etcd: the lock of defragmentation ends later", "err", err)
		}
	}
	r, err := e.txn(ctx, []clientv3.Cmp{clientv3.Compare(clientv3.CreateRevision(key), "=", 0)},
		[]clientv3.Op{clientv3.OpPut(key, e.cfg.Name, clientv3.WithLease(lease))})
	if err != nil || !r.Succeeded {
		free()
		return nil, err
	}
	return free, nil
}

// successor returns a member with a vote that answers, or zero.
func (e *care) successor(ctx context.Context) types.ID {
	for _, m := range e.member.server.Cluster().Members() {
		if m.IsLearner || m.ID == e.member.server.MemberID() {
			continue
		}
		if _, err := e.member.ask(ctx, m.PeerURLs); err == nil {
			return m.ID
		}
	}
	return 0
}
