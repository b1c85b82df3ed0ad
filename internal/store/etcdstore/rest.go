package etcdstore

import (
	"sync"
	"time"
	_ "unsafe" // for go:linkname

	_ "github.com/zeekfleet/zeekfleet/internal/store/etcdstore/unregistered" // a start takes an eighth less
)

// etcd has no settings for these two intervals, so they are set by the names of its variables.
// TestEtcdHasTheIntervals fails if a version of etcd has them no longer.
//
// The threads of a controller at rest that follows wake up 400 times a second with etcd's intervals,
// and 270 times with these. It uses 1.1 % and 0.8 to 1 % of a processor.
var (
	// resyncInterval is how often etcd looks for watches that are behind, whether there are
	// any or not. A watch from a revision in the past is behind at first. Ours begin after the newest
	// revision that was read.
	//
	//go:linkname resyncInterval go.etcd.io/etcd/server/v3/storage/mvcc.watchResyncPeriod
	resyncInterval time.Duration

	// probeInterval is how often etcd measures how long a message to each other member takes, and
	// whether their clocks agree. It does so twice, and once with a new TLS connection.
	//
	//go:linkname probeInterval go.etcd.io/etcd/server/v3/etcdserver/api/rafthttp.proberInterval
	probeInterval time.Duration
)

// letRest sets the intervals of etcd, once, before the first member of this process starts.
var letRest = sync.OnceFunc(func() {
	resyncInterval = 500 * time.Millisecond // 100 ms before
	probeInterval = time.Minute             // 4 s before
})
