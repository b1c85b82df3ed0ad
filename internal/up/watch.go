package up

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/cli"
)

// lookAgain is the pause before the next look if a look failed or showed a node
// that does not run.
const lookAgain = time.Second

// watcher shows the nodes of a cluster.
type watcher struct {
	cfg     Config // its messages
	address string // of the controller
	logger  *slog.Logger
	changed chan struct{} // holds a token when a node has changed its state
	nodes   func(context.Context) ([]client.Result, error)
	view    *view

	ends      endings
	complete  bool             // the deployment has ended
	announced bool             // that all nodes run
	again     <-chan time.Time // says when to look again although nothing has changed
}

// nudge makes the watcher look again.
func nudge(changed chan<- struct{}) {
	select {
	case changed <- struct{}{}:
	default: // it will look anyway
	}
}

// watch shows the nodes whenever a node has changed its state, until ctx is done
// or the deployment fails. A look that fails is repeated: the cluster runs,
// whether it is shown or not. A look that shows a node which does not run is
// repeated as well: such a node can end without a change of its state.
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
			w.look(ctx)
		}
	}
}

// look shows the nodes as they are now.
func (w *watcher) look(ctx context.Context) {
	results, err := w.nodes(ctx)
	if err != nil {
		w.logger.Warn("nodes not shown", "err", err)
		w.again = time.After(lookAgain)
		return
	}
	if w.complete { // the deployment's answer tells of earlier failures
		if texts := w.ends.news(results); len(texts) > 0 {
			w.say(append(texts, "what ended is started again; see "+w.cfg.Crashes))
		}
	}
	count, running := w.view.show(results)
	if running < count || len(failures(results)) > 0 { // no change tells that an agent has joined
		w.again = time.After(lookAgain)
	}
	if w.complete && !w.announced && running > 0 && running == count {
		w.announced = true
		try := w.cfg.Program + " " + controllerArg(w.address)
		w.view.announce(running, time.Since(w.cfg.Began))
		w.view.say(fmt.Sprintf("In another terminal, try:\n"+
			"  %sget-nodes\n  %sget-id-value Cluster::node\nCtrl-C stops everything.\n", try, try))
	}
}

// say prints texts of one or more lines. They stand above the next drawing.
func (w *watcher) say(texts []string) {
	w.view.clear()
	for _, text := range texts {
		fmt.Fprintln(w.cfg.Err, "zeekfleet: "+text)
	}
}

// controllerArg returns the option by which clients find this controller, and a
// blank. It is empty if clients need no option.
func controllerArg(address string) string {
	if address == client.DefaultAddress {
		return ""
	}
	return "--controller " + address + " "
}
