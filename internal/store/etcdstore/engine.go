package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
)

// Engine is a quorum.Engine on etcd.
type Engine struct {
	*conn
	election
	members
	care

	failed  chan error
	failing sync.Once
}

// conn is what all parts of an Engine use.
type conn struct {
	cfg    Config
	keys   keys
	client *clientv3.Client
	member *member // nil if the site runs etcd
}

var _ quorum.Engine = (*Engine)(nil)

// Open starts the member of etcd in this process, or becomes a client of the site's. It does
// not wait for a majority: calls do, as long as their contexts allow.
func Open(ctx context.Context, cfg Config) (*Engine, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	c := &conn{cfg: cfg, keys: keys{cfg.Prefix}}
	e := &Engine{conn: c, election: election{c}, members: members{c}, care: care{conn: c}, failed: make(chan error, 1)}
	var err error
	if cfg.Dir != "" {
		e.member, err = startMember(ctx, cfg, e.fail)
		if err == nil {
			e.client = e.member.client()
		}
	} else {
		e.client, err = dial(cfg)
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

// keepAlive and keepAliveTimeout are when a client of the site's etcd finds that a member is
// gone without a word. etcd ends connections on which it is asked more often than each 5 s.
const keepAlive, keepAliveTimeout = 6 * time.Second, 2 * time.Second

// dial makes a client of the site's etcd. It connects later.
func dial(cfg Config) (*clientv3.Client, error) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints:            cfg.Endpoints,
		TLS:                  cfg.TLS,
		Username:             cfg.Username,
		Password:             cfg.Password,
		DialTimeout:          cfg.Call,
		DialKeepAliveTime:    keepAlive,
		DialKeepAliveTimeout: keepAliveTimeout,
		Logger:               newZap(cfg.Logger, func(string) {}, func(string) {}),
	})
	if err != nil {
		return nil, fmt.Errorf("etcd at %v: %w", cfg.Endpoints, err)
	}
	return client, nil
}

// Failed has the error with which the member of etcd in this process has ended by itself. The
// error says what to do. The process must end then: parts of etcd may hang for ever.
func (e *Engine) Failed() <-chan error { return e.failed }

// Ready is closed when the member of etcd in this process takes part in its cluster, for which
// it needs a majority. It is nil if the site runs etcd.
func (e *Engine) Ready() <-chan struct{} {
	if e.member == nil {
		return nil
	}
	return e.member.server.ReadyNotify()
}

func (e *Engine) fail(err error) {
	e.failing.Do(func() { e.failed <- err })
}

// Close implements quorum.Engine. The own member hands the leadership of etcd to another
// one first.
func (e *Engine) Close() error {
	var err error
	if e.member != nil {
		err = e.member.close()
	}
	if closed := e.client.Close(); err == nil && !errors.Is(closed, context.Canceled) {
		err = closed
	}
	return err
}
