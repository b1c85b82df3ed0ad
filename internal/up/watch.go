package up

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/cli"
)

// refreshPause is the pause before another refresh if the last refresh failed, or
// showed a node that does not run.
const refreshPause = time.Second

// watcher shows the nodes of a cluster.
type watcher struct {
	cfg     Config // for its messages
	address string // the address of the controller
	logger  *slog.Logger
	changed chan struct{} // gets a token when a node changes its state
	nodes   func(context.Context) ([]client.Result, error)
	view    *view

	ends      endings
	complete  bool             // the deployment has ended
	announced bool             // the user knows that all nodes run
	again     <-chan time.Time // delivers a value after refreshPause
}

// nudge makes the watcher refresh its view.
func nudge(changed chan<- struct{}) {
	select {
	case changed <- struct{}{}:
	default: // the channel has a token already
	}
}

// watch refreshes the view when a node has changed its state, until ctx is done or
// the deployment fails. A failed refresh does not end it, because the cluster runs
// on: watch tries again. It also refreshes again while a node does not run, because
// such a node can end without a change of its state.
func (w *watcher) watch(ctx context.Context, d *deployment) error {
	deploying := d.ended
	nudge(w.changed)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-deploying:
			if d.err != nil {
				return quietly(ctx, d.err)
			}
			deploying, w.complete = nil, true
			w.say(d.notes)
			w.ends.told(d.noted)
			nudge(w.changed)
		case text := <-d.told:
			w.say([]string{cli.Printable(text)})
			nudge(w.changed)
		case <-w.again:
			nudge(w.changed)
		case <-w.changed:
			w.refresh(ctx)
		}
	}
}

// refresh asks for the nodes and shows them.
func (w *watcher) refresh(ctx context.Context) {
	results, err := w.nodes(ctx)
	if err != nil {
		w.logger.Warn("nodes not shown", "err", err)
		w.again = time.After(refreshPause)
		return
	}
	if w.complete { // before that, deploy reports failures
		if texts := w.ends.news(results); len(texts) > 0 {
			w.say(append(texts, "what ended is started again; see "+w.cfg.Crashes))
		}
	}
	count, running := w.view.show(results)
	// A failure may be about an instance without an agent. When its agent connects,
	// no node changes its state.
	if running < count || len(failures(results)) > 0 {
		w.again = time.After(refreshPause)
	}
	if w.complete && !w.announced && running > 0 && running == count {
		w.announced = true
		try := w.cfg.Program + " " + controllerArg(w.address)
		w.view.announce(running, time.Since(w.cfg.Began))
		w.view.say(fmt.Sprintf("In another terminal, try:\n"+
			"  %sget-nodes\n  %sget-id-value Cluster::node\nCtrl-C stops everything.\n", try, try))
	}
}

// say prints texts for the user. The next drawing stands below them.
func (w *watcher) say(texts []string) {
	w.view.clear()
	for _, text := range texts {
		fmt.Fprintln(w.cfg.Err, "zeekfleet: "+text)
	}
}

// controllerArg returns the option with the controller's address that clients need,
// and a blank. It is empty if the address is the default.
func controllerArg(address string) string {
	if address == client.DefaultAddress {
		return ""
	}
	return "--controller " + address + " "
}
