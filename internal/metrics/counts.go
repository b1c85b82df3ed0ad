package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Counts counts what leaves no state behind. A nil Counts counts nothing.
type Counts struct {
	began                 time.Time
	registry              *prometheus.Registry
	operations            *prometheus.HistogramVec
	requests, http        *prometheus.HistogramVec
	happened, nodeCrashes *prometheus.CounterVec

	mu      sync.Mutex
	crashed map[crashKey]prometheus.Counter
}

type crashKey struct {
	instance mgmt.InstanceName
	node     mgmt.NodeName
}

// maxCrashed bounds the nodes whose crashes are counted. Names come from agents.
const maxCrashed = 20_000

var (
	requestBuckets   = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60}
	operationBuckets = []float64{.1, .25, .5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640, 1800}
)

// NewCounts returns counts that are zero.
func NewCounts() *Counts {
	c := &Counts{
		began: time.Now(), registry: prometheus.NewRegistry(), crashed: map[crashKey]prometheus.Counter{},
		operations: histogramOf(&operations, operationBuckets), requests: histogramOf(&requests, requestBuckets), http: histogramOf(&httpRequests, requestBuckets),
		happened: counterOf(&happened), nodeCrashes: counterOf(&crashes),
	}
	c.registry.MustRegister(c.operations, c.requests, c.http, c.happened, c.nodeCrashes)
	return c
}

func histogramOf(f *Family, buckets []float64) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: f.Name, Help: f.Help, Buckets: buckets}, f.Labels)
}

func counterOf(f *Family) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: f.Name, Help: f.Help}, f.Labels)
}

// gatherer returns what gathers the counts, or nil.
func (c *Counts) gatherer() prometheus.Gatherer {
	if c == nil {
		return nil
	}
	return c.registry
}

// Request counts a request of the Management API. name is one of the table of requests.
func (c *Counts) Request(name string, success bool, took time.Duration) {
	if c == nil {
		return
	}
	outcome := "failure"
	if success {
		outcome = "success"
	}
	c.requests.WithLabelValues(name, outcome).Observe(took.Seconds())
}

// HTTP counts a request of the HTTP API. operation is one of its description, or "none".
func (c *Counts) HTTP(operation string, status int, took time.Duration) {
	if c == nil {
		return
	}
	class := "other"
	if status >= 100 && status < 600 {
		class = classes[status/100-1]
	}
	c.http.WithLabelValues(operation, class).Observe(took.Seconds())
}

var classes = [...]string{"1xx", "2xx", "3xx", "4xx", "5xx"}

// Operation counts an operation that has ended.
func (c *Counts) Operation(o *mgmt.Operation) {
	if c != nil {
		c.operations.WithLabelValues(string(o.Kind), string(o.State)).Observe(max(0, o.Ended.Sub(o.Begun).Seconds()))
	}
}

// Records counts what a log has got.
func (c *Counts) Records(list []happenings.Record) {
	for i := range list {
		c.Happened(list[i].Happening)
	}
}

// Happened counts something that has happened.
func (c *Counts) Happened(h mgmt.Happening) {
	if c == nil || h.Time.Before(c.began) {
		return // an agent tells what has happened while it was away
	}
	c.happened.WithLabelValues(string(h.Kind)).Inc()
	if h.Kind == mgmt.HappenedNode && h.To == string(mgmt.Crashed) {
		if n := c.crashesOf(crashKey{h.Instance, h.Node}); n != nil {
			n.Inc()
		}
	}
}

func (c *Counts) crashesOf(key crashKey) prometheus.Counter {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.crashed[key]
	if n == nil && len(c.crashed) < maxCrashed {
		n = c.nodeCrashes.WithLabelValues(clean(string(key.instance)), clean(string(key.node)))
		c.crashed[key] = n
	}
	return n
}
