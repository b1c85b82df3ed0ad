package samples

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// A Figure is a figure that has history. The set is closed.
type Figure string

// The figures.
const (
	CPU       Figure = "cpu"        // of a node: processors used
	Memory    Figure = "memory"     // of a node: resident bytes; of a host: bytes in use
	Packets   Figure = "packets"    // of a node or an interface: received, per second
	Dropped   Figure = "dropped"    // of a node or an interface: packets per second
	DropShare Figure = "drop_share" // of a node or an interface: of all packets, from 0 to 1
	Lag       Figure = "lag"        // of a node: seconds
	Events    Figure = "events"     // of a node: handled, per second
	Bits      Figure = "bits"       // of an interface: received, per second
	Busy      Figure = "busy"       // of a host: processors at work
)

// What is kept: a point each 5 s for an hour, and one each minute for a day.
const (
	fine, fineKept     = mgmt.SampleInterval, time.Hour
	coarse, coarseKept = time.Minute, 24 * time.Hour
	maxPoints          = 1500 // of a series
)

// NodeFigures, InterfaceFigures and HostFigures return what has history.
func NodeFigures() []Figure      { return []Figure{CPU, Memory, Packets, Dropped, DropShare, Lag, Events} }
func InterfaceFigures() []Figure { return []Figure{Packets, Bits, Dropped, DropShare} }
func HostFigures() []Figure      { return []Figure{Busy, Memory} }

// A Query asks for the history of one thing.
type Query struct {
	Instance mgmt.InstanceName
	// Node or Interface names the thing. If both are empty it is the host itself.
	Node      mgmt.NodeName
	Interface string
	// Figures are those that are wanted. None means all that the thing has.
	Figures []Figure
	// From and To bound the time, by the controller's clock. A zero From means an hour
	// before To, and a zero To means now.
	From, To time.Time
	// Step is the time between two points. It becomes a multiple of 5 s, or of a minute if
	// From is more than an hour ago or there would be more than 1500 points. Zero means the
	// fine.
	Step time.Duration

	distance time.Duration // of the points that are kept
}

// A Series is the history of one figure. Point i is the mean from Start + i*Step to
// Start + (i+1)*Step. It is NaN if nothing is known of this time.
type Series struct {
	Figure Figure
	Start  time.Time
	Step   time.Duration
	Points []float64
}

// of returns the figures that the thing of a query has, and what the thing is.
func (q *Query) of() ([]Figure, string) {
	switch {
	case q.Node != "":
		return NodeFigures(), "a node"
	case q.Interface != "":
		return InterfaceFigures(), "an interface"
	}
	return HostFigures(), "a host"
}

// check fills in what a query leaves open, and returns what is wrong with it.
func (q *Query) check(now time.Time) error {
	if q.Node != "" && q.Interface != "" {
		return errors.New("a history is that of a node or of an interface, not of both")
	}
	has, thing := q.of()
	for _, f := range q.Figures {
		if !slices.Contains(has, f) {
			return fmt.Errorf("%q is not a figure of %s: there are %v", string(f), thing, has)
		}
	}
	if len(q.Figures) == 0 {
		q.Figures = has
	}
	if q.To.IsZero() || q.To.After(now) {
		q.To = now
	}
	if q.From.IsZero() {
		q.From = q.To.Add(-fineKept)
	}
	if q.From.Before(now.Add(-coarseKept)) {
		q.From = now.Add(-coarseKept)
	}
	if !q.From.Before(q.To) {
		return errors.New("the history is to end before it begins")
	}
	q.distance = fine
	if span := q.To.Sub(q.From); q.From.Before(now.Add(-fineKept-coarse)) || span/fine > maxPoints {
		q.distance = coarse
	}
	q.Step = max((q.Step+q.distance-1)/q.distance, 1) * q.distance
	q.From = q.From.Truncate(q.Step)
	return nil
}

// History returns the history of the figures that a query names, in its order. An unknown
// thing has a history without points that are known. An error says what is wrong with the
// query.
func (s *Store) History(now time.Time, q Query) ([]Series, error) {
	if err := q.check(now); err != nil {
		return nil, err
	}
	n := int((q.To.Sub(q.From) + q.Step - 1) / q.Step)
	sums := make([]point, n)
	kept := keptOf(&q)
	s.mu.Lock()
	if t := s.thing(&q); t != nil {
		t.each(q.distance, kept, func(at time.Time, values *[maxFigures]float64) {
			if since := at.Sub(q.From); since >= 0 && since < time.Duration(n)*q.Step {
				sums[since/q.Step].add(values)
			}
		})
	}
	s.mu.Unlock()
	list := make([]Series, len(q.Figures))
	for i, f := range q.Figures {
		list[i] = Series{Figure: f, Start: q.From, Step: q.Step, Points: make([]float64, n)}
		for at := range sums {
			list[i].Points[at] = sums[at].of(f, kept)
		}
	}
	return list, nil
}

// thing returns the thing of a query, or nil if it has no history. The caller holds mu.
func (s *Store) thing(q *Query) *thing {
	h := s.hosts[q.Instance]
	switch {
	case h == nil || h.past == nil:
		return nil
	case q.Node != "":
		return h.past.nodes[q.Node]
	case q.Interface != "":
		return h.past.interfaces[q.Interface]
	}
	return &h.past.self
}

// keptOf returns what is kept of the thing of a query.
func keptOf(q *Query) []Figure {
	switch {
	case q.Node != "":
		return keptOfNode
	case q.Interface != "":
		return keptOfInterface
	}
	return keptOfHost
}

// point collects what is known of one point.
type point struct {
	sums   [maxFigures]float64
	counts [maxFigures]uint16
}

func (p *point) add(values *[maxFigures]float64) {
	for i, v := range values {
		if !math.IsNaN(v) {
			p.sums[i] += v
			p.counts[i]++
		}
	}
}

// of returns the mean of a figure, or NaN.
func (p *point) of(f Figure, kept []Figure) float64 {
	if f == DropShare {
		packets, dropped := p.of(Packets, kept), p.of(Dropped, kept)
		if math.IsNaN(packets) || math.IsNaN(dropped) {
			return math.NaN()
		}
		return share(dropped, packets)
	}
	i := slices.Index(kept, f)
	if p.counts[i] == 0 {
		return math.NaN()
	}
	return p.sums[i] / float64(p.counts[i])
}
