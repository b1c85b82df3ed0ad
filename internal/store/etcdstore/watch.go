package etcdstore

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// bell calls look first now, and then after changes of the keys that begin with a prefix. look
// returns the revision of etcd at which it has looked. A watch that is behind what etcd has
// compacted begins again. bell returns when ctx is done, look fails, or the watch breaks.
func (e *conn) bell(ctx context.Context, prefix string, look func(context.Context) (int64, error)) error {
	for {
		seen, err := look(ctx)
		if err != nil {
			return err
		}
		if err := e.ring(ctx, prefix, seen, look); err != nil {
			return err
		}
	}
}

// ring watches from a revision. It returns nil if look must begin anew.
func (e *conn) ring(ctx context.Context, prefix string, seen int64, look func(context.Context) (int64, error)) error {
	watching, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	changes := e.client.Watch(watching, prefix, clientv3.WithPrefix(), clientv3.WithRev(seen+1))
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case r, ok := <-changes:
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case !ok:
				return errors.New("etcd: the watch has ended")
			case errors.Is(r.Err(), rpctypes.ErrCompacted):
				return nil
			case r.Err() != nil:
				return fmt.Errorf("etcd: the watch has ended: %w", r.Err())
			}
			if !after(r.Events, seen) {
				continue
			}
			var err error
			if seen, err = look(ctx); err != nil {
				return err
			}
		}
	}
}

// after reports that an event is newer than a revision.
func after(events []*clientv3.Event, seen int64) bool {
	return len(events) > 0 && events[len(events)-1].Kv.ModRevision > seen
}
