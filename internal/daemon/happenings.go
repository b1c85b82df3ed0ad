package daemon

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// keepHappenings writes what happens into the controller's log, and asks agents to tell more,
// until ctx is done.
func (c *controllerShell) keepHappenings(ctx context.Context) error {
	cause := strings.TrimSpace("the controller has started " + c.cfg.Version)
	if c.cfg.Term > 0 {
		cause = fmt.Sprintf("controller %s leads, in term %d", c.cfg.Core.Rules.Controller.Name, c.cfg.Term)
	}
	c.cfg.Happenings.Record(mgmt.Happening{Time: time.Now(), Kind: mgmt.HappenedController, Cause: cause})
	return c.cfg.Happenings.Run(ctx, func(a happenings.Ask) {
		topic := c.cfg.AgentTopics + "/" + string(a.Instance)
		c.endpoint.PublishTo(string(a.Peer), topic, codec.Encode(mgmt.HappeningsWanted{Log: a.Log, After: a.After}))
	})
}

// keepHappenings writes what happens into the agent's log, and tells it to the controllers
// that ask.
func (a *agentShell) keepHappenings(ctx context.Context) {
	if a.cfg.Happenings == nil {
		return
	}
	a.teller = happenings.NewTeller(a.cfg.Happenings.Log(), a.cfg.Logger)
	a.parts.run(ctx, "happenings", func(ctx context.Context) error {
		return a.cfg.Happenings.Run(ctx, func(happenings.Ask) {})
	})
	a.parts.run(ctx, "telling what happens", func(ctx context.Context) error {
		return a.teller.Run(ctx, func(b happenings.Batch) {
			a.endpoint.PublishTo(string(b.Peer), a.topic, codec.Encode(mgmt.HappeningsTold{Log: b.Log, Last: b.Last, Lines: b.Lines}))
		})
	})
}
