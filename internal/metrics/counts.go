package metrics

import (
	"maps"
	"math"
	"slices"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Counts counts what leaves no state behind. A nil Counts counts nothing.
type Counts struct {
	began                      time.Time
	operations, requests, http vector[histogram]
	happened, crashes          vector[atomic.Uint64]
}

// maxCounted bounds the series of what is counted. Names of nodes come from agents.
const maxCounted = 20_000

var (
	requestBuckets   = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60}
	operationBuckets = []float64{.1, .25, .5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640, 1800}
)

// NewCounts returns counts that are zero.
func NewCounts() *Counts { return &Counts{began: time.Now()} }

// pair are the values of up to two labels.
type pair [2]string

// vector has something for each pair of labels.
type vector[T any] struct {
	mu sync.Mutex
	of map[pair]*T
}

// at returns what a pair has, or nil if there are too many.
func (v *vector[T]) at(key pair) *T {
	v.mu.Lock()
	defer v.mu.Unlock()
	one := v.of[key]
	if one == nil && len(v.of) < maxCounted {
		if v.of == nil {
			v.of = map[pair]*T{}
		}
		one = new(T)
		v.of[key] = one
	}
	return one
}

// all returns a copy of the map.
func (v *vector[T]) all() map[pair]*T {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.of)
}

// maxBuckets is the number of buckets of the longest list.
const maxBuckets = 14

// histogram counts values by size.
type histogram struct {
	counts [maxBuckets + 1]atomic.Uint64 // the last one: of what is larger than all bounds
	sum    atomic.Uint64                 // the bits of a float64
}

func (h *histogram) observe(bounds []float64, value float64) {
	if h == nil {
		return
	}
	i, _ := slices.BinarySearch(bounds, value)
	h.counts[i].Add(1)
	for {
		old := h.sum.Load()
		if h.sum.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+value)) {
			return
		}
	}
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
	c.requests.at(pair{name, outcome}).observe(requestBuckets, took.Seconds())
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
	c.http.at(pair{operation, class}).observe(requestBuckets, took.Seconds())
}

var classes = [...]string{"1xx", "2xx", "3xx", "4xx", "5xx"}

// Operation counts an operation that has ended.
func (c *Counts) Operation(o *mgmt.Operation) {
	if c != nil {
		c.operations.at(pair{string(o.Kind), string(o.State)}).observe(operationBuckets, max(0, o.Ended.Sub(o.Begun).Seconds()))
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
	if n := c.happened.at(pair{string(h.Kind)}); n != nil {
		n.Add(1)
	}
	if h.Kind == mgmt.HappenedNode && h.To == string(mgmt.Crashed) {
		if n := c.crashes.at(pair{clean(string(h.Instance)), clean(string(h.Node))}); n != nil {
			n.Add(1)
		}
	}
}

// counts adds what was counted.
func (s *sheet) counts(c *Counts) {
	if c == nil {
		return
	}
	s.histograms(&operations, operationBuckets, c.operations.all())
	s.histograms(&requests, requestBuckets, c.requests.all())
	s.histograms(&httpRequests, requestBuckets, c.http.all())
	s.counters(&happened, c.happened.all())
	s.counters(&crashes, c.crashes.all())
}

func (s *sheet) counters(f *Family, all map[pair]*atomic.Uint64) {
	for _, key := range sortedPairs(all) {
		s.add(f, float64(all[key].Load()), f.labelled(key))
	}
}

func (s *sheet) histograms(f *Family, bounds []float64, all map[pair]*histogram) {
	for _, key := range sortedPairs(all) {
		of, sum := f.labelled(key), uint64(0)
		for i := range all[key].counts[:len(bounds)+1] {
			sum += all[key].counts[i].Load()
			bound := "+Inf"
			if i < len(bounds) {
				bound = strconv.FormatFloat(bounds[i], 'g', -1, 64)
			}
			s.line(f, "_bucket", float64(sum), of.with("le", bound))
		}
		s.line(f, "_sum", math.Float64frombits(all[key].sum.Load()), of)
		s.line(f, "_count", float64(sum), of)
	}
}

func sortedPairs[T any](all map[pair]*T) []pair {
	list := slices.Collect(maps.Keys(all))
	sort.Slice(list, func(i, j int) bool { return slices.Compare(list[i][:], list[j][:]) < 0 })
	return list
}

// labelled returns the labels of a family with these values.
func (f *Family) labelled(values pair) (p pairs) {
	for i, name := range f.Labels {
		p = p.with(name, values[i])
	}
	return p
}
