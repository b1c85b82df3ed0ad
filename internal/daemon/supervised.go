package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/systemd"
)

// statusEvery is how often the service manager hears how a daemon is doing, if it has no
// watchdog.
const statusEvery = time.Minute

// Supervised tells the service manager that a daemon serves, when its loop answers first. Then it
// tells again and again how the daemon is doing, and that it is not hung. ask asks the loop: a
// loop that does not answer is not reported, and the service manager ends the daemon when its
// watchdog has waited long enough.
func Supervised(ctx context.Context, n systemd.Notifier, log *slog.Logger, ask func(context.Context) (string, error)) {
	if !n.Listens() {
		return
	}
	every := n.Watchdog()
	if every <= 0 {
		every = statusEvery
	}
	warned := false
	tell := func(err error) {
		if err != nil && !warned {
			log.Warn("service manager is not told how this daemon is doing", "err", err)
		}
		warned = err != nil
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	said, ready := "", false
	for {
		text, err := ask(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil: // it is not hung, but has nothing to say
		case !ready:
			tell(n.Ready(text))
			ready, said = true, text
		case text != said:
			tell(n.Status(text))
			said = text
		}
		if n.Watchdog() > 0 {
			tell(n.Alive())
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Standing asks the loop of a controller how the cluster is.
func (c *Controller) Standing(ctx context.Context) (string, error) {
	snap, err := c.Snapshot(ctx)
	if err != nil {
		return "", err
	}
	ready := 0
	for _, in := range snap.Instances {
		if in.Standing == mgmt.Ready {
			ready++
		}
	}
	return fmt.Sprintf("instances that are ready: %d of %d", ready, len(snap.Instances)), nil
}
