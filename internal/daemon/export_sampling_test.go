package daemon

import (
	"context"
	"log/slog"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/samples"
)

const (
	MaxSampleFacts = maxSampleFacts
	MaxNodeStats   = maxNodeStats
	MaxNodeFacts   = maxNodeFacts
)

var (
	ReadSample  = readSample
	SampleLine  = sampleLine
	TakeSamples = takeSamples
)

// FiguresOf returns the sample of a node that has answered get_stats with text, or nil if the
// agent does not take that.
func FiguresOf(text string) *mgmt.NodeSample {
	book := newNodeBook()
	book.pages["w"] = &nodePage{pid: 1, launch: 3}
	s := &sampling{book: book, log: slog.New(slog.DiscardHandler), figures: map[mgmt.NodeName]nodeFigures{}}
	now := time.Now()
	s.told(now, agent.Measured{Node: "w", Launch: 3, Figures: text})
	if n := s.nodes(now)[0]; n.Zeek != nil {
		return &n
	}
	return nil
}

// FollowInstance follows the samples of an instance as long as it has them.
func (c *Controller) FollowInstance(ctx context.Context, store *samples.Store, instance mgmt.InstanceName) {
	c.followInstance(ctx, store, instance)
}
