package etcdstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// afterChange is how long a request may take after etcd has another leader. What was sent to
	// the leader before may be lost, and etcd would wait for it for 7 s.
	afterChange = 100 * time.Millisecond

	// attempts and pause bound how often and how fast a request is made again.
	attempts = 20
	pause    = 50 * time.Millisecond
)

// steady makes a request, and makes it again when etcd changes its leader or a connection
// breaks meanwhile. The request may then be done twice: f must come to the same.
func (e *conn) steady(ctx context.Context, f func(context.Context) error) error {
	var err error
	for range attempts {
		var lost bool
		if lost, err = e.once(ctx, f); err == nil || ctx.Err() != nil || !lost && !unsteady(err) {
			return err
		}
		wait := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			wait.Stop()
			return err
		case <-wait.C:
		}
	}
	return err
}

// once makes a request, until etcd changes its leader. Then it is lost.
func (e *conn) once(ctx context.Context, f func(context.Context) error) (lost bool, err error) {
	if e.member == nil {
		return false, f(ctx)
	}
	changed := e.member.server.LeaderChangedNotify()
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait() // deferred first, so it runs after cancel
	defer cancel()
	watching.Go(func() {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		wait := time.NewTimer(afterChange)
		defer wait.Stop()
		select {
		case <-ctx.Done():
		case <-wait.C:
			cancel()
		}
	})
	err = f(ctx)
	return ctx.Err() != nil, err
}

// unsteady reports that a request failed because etcd is changing.
func unsteady(err error) bool {
	for _, known := range []error{rpctypes.ErrLeaderChanged, rpctypes.ErrTimeoutDueToLeaderFail, rpctypes.ErrTimeoutDueToConnectionLost, rpctypes.ErrNoLeader} {
		if errors.Is(err, known) {
			return true
		}
	}
	return status.Code(err) == codes.Unavailable
}

// get reads keys.
func (e *conn) get(ctx context.Context, key string, opts ...clientv3.OpOption) (r *clientv3.GetResponse, err error) {
	err = e.steady(ctx, func(ctx context.Context) error {
		r, err = e.client.Get(ctx, key, opts...)
		return err
	})
	return r, e.explain(err)
}

// answer is the answer to a transaction.
type answer struct {
	*clientv3.TxnResponse
	repeated bool // it was made more than once
}

// txn makes a transaction. If its answer is lost it is made again. So its guards may fail
// because it was made already.
func (e *conn) txn(ctx context.Context, guards []clientv3.Cmp, then []clientv3.Op, otherwise ...clientv3.Op) (answer, error) {
	var a answer
	times := 0
	err := e.steady(ctx, func(ctx context.Context) (err error) {
		times++
		a.TxnResponse, err = e.client.Txn(ctx).If(guards...).Then(then...).Else(otherwise...).Commit()
		return err
	})
	a.repeated = times > 1
	return a, e.explain(err)
}

// put stores a value, and remove deletes one.
func (e *conn) put(ctx context.Context, key, value string, opts ...clientv3.OpOption) error {
	_, err := e.txn(ctx, nil, []clientv3.Op{clientv3.OpPut(key, value, opts...)})
	return err
}

func (e *conn) remove(ctx context.Context, key string) error {
	_, err := e.txn(ctx, nil, []clientv3.Op{clientv3.OpDelete(key)})
	return err
}

// grant makes a lease.
func (e *conn) grant(ctx context.Context, ttl time.Duration) (id clientv3.LeaseID, err error) {
	err = e.steady(ctx, func(ctx context.Context) error {
		r, err := e.client.Grant(ctx, int64(max((ttl+time.Second-1)/time.Second, 1)))
		if err == nil {
			id = r.ID
		}
		return err
	})
	return id, e.explain(err)
}

// revoke ends a lease.
func (e *conn) revoke(ctx context.Context, id clientv3.LeaseID) error {
	return e.explain(e.steady(ctx, func(ctx context.Context) error {
		_, err := e.client.Revoke(ctx, id)
		return err
	}))
}
