//go:build !noetcd

package app

import (
	"log/slog"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// The log says that the clock of the controller that leads differs from that of this one by
// clocksDiffer or more, and that it does not any more when it differs by less than clocksAgree.
const (
	clocksDiffer = time.Minute
	clocksAgree  = 30 * time.Second
)

// clocks says in the log when the clocks of two controllers differ. Any goroutine may call its
// methods.
type clocks struct {
	log *slog.Logger

	mu     sync.Mutex
	differ bool // it was said
}

// compare takes how far the clock of the controller that leads is ahead.
func (c *clocks) compare(leader string, ahead time.Duration) {
	by, where := ahead, "ahead"
	if by < 0 {
		by, where = -by, "behind"
	}
	c.mu.Lock()
	was := c.differ
	c.differ = by >= clocksDiffer || was && by >= clocksAgree
	is := c.differ
	c.mu.Unlock()
	switch {
	case is && !was:
		c.log.Warn("the clock of the controller that leads differs from this one: set the wrong one", "peer", leader, where, identity.Rough(by))
	case was && !is:
		c.log.Info("the clock of the controller that leads agrees with this one again", "peer", leader)
	}
}
