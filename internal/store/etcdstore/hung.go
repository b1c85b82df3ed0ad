package etcdstore

import (
	"context"
	"errors"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3rpc"
	"go.etcd.io/etcd/server/v3/proxy/grpcproxy/adapter"
	"google.golang.org/grpc"
)

// errHung is the error of a request to a member that has failed.
var errHung = errors.New("it has failed, and answers no longer")

// client returns a client that calls the member. Its requests end when the member has failed. The
// member's goroutine that has failed holds a lock for ever, and reads wait for it whatever their
// contexts say.
func (m *member) client() *clientv3.Client {
	c := v3client.New(m.server)
	c.KV = clientv3.NewKVFromKVClient(unlessHung{adapter.KvServerToKvClient(v3rpc.NewQuotaKVServer(m.server)), m.hung}, c)
	return c
}

// unlessHung makes requests that end when a member has failed.
type unlessHung struct {
	etcdserverpb.KVClient
	hung <-chan struct{}
}

// Range implements etcdserverpb.KVClient.
func (u unlessHung) Range(ctx context.Context, in *etcdserverpb.RangeRequest, opts ...grpc.CallOption) (*etcdserverpb.RangeResponse, error) {
	return until(u.hung, func() (*etcdserverpb.RangeResponse, error) { return u.KVClient.Range(ctx, in, opts...) })
}

// Txn implements etcdserverpb.KVClient.
func (u unlessHung) Txn(ctx context.Context, in *etcdserverpb.TxnRequest, opts ...grpc.CallOption) (*etcdserverpb.TxnResponse, error) {
	return until(u.hung, func() (*etcdserverpb.TxnResponse, error) { return u.KVClient.Txn(ctx, in, opts...) })
}

// until makes a call, and leaves it alone when the member hangs.
func until[T any](hung <-chan struct{}, call func() (T, error)) (T, error) {
	type outcome struct {
		answer T
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		answer, err := call()
		done <- outcome{answer, err}
	}()
	select {
	case o := <-done:
		return o.answer, o.err
	case <-hung:
		var none T
		return none, errHung
	}
}
