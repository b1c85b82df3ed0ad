package etcdstore

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ofEtcd has etcd's own intervals: it is read before any member starts.
var ofEtcd = struct{ resync, probe time.Duration }{resyncInterval, probeInterval}

// The names by which these intervals are set are names of etcd's variables. If etcd has them no
// longer, they are zero, and the intervals are to be looked for in its source.
func TestEtcdHasTheIntervals(t *testing.T) {
	if ofEtcd.resync != 100*time.Millisecond {
		t.Errorf("etcd looks for watches that are behind each %v, want 100ms: is it still mvcc.watchResyncPeriod?", ofEtcd.resync)
	}
	if ofEtcd.probe != 4*time.Second {
		t.Errorf("etcd measures messages to other members each %v, want 4s: is it still rafthttp.proberInterval?", ofEtcd.probe)
	}
}

// The order in which Go initializes packages decides whether metrics of etcd come into the registry.
func TestEtcdRegistersNoMetrics(t *testing.T) {
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil || len(families) == 0 {
		t.Fatalf("%d families of metrics, error %v; want those of Go and of the process", len(families), err)
	}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "go_") && !strings.HasPrefix(f.GetName(), "process_") {
			t.Errorf("%s is registered: is the package unregistered initialized too late?", f.GetName())
		}
	}
}
