package cli

import (
	"context"
	"errors"
	"iter"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/live"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// notBegun says why a change was not begun. If another revision is deployed than the plan
// was made for, it says how to see what has changed.
func (f Fleet) notBegun(ctx context.Context, seen uint64, err error) error {
	if ctx.Err() != nil {
		f.Log.Error("%v: what was asked for may have begun all the same; zeekfleet operations shows it", context.Cause(ctx))
		return exitStatus(interrupted(ctx))
	}
	p, ok := errors.AsType[*api.Problem](err)
	if !ok || p.Status != http.StatusPreconditionFailed {
		return err
	}
	f.Log.Error("%s", p.Detail) // it names the revisions
	if seen > 0 {
		f.Log.Error("zeekfleet diff %d shows what they have changed", seen)
	}
	return exitStatus(StatusFailed)
}

// interrupted returns the exit status of a command that has not waited for the end.
func interrupted(ctx context.Context) int {
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return StatusFailed // the user's own --timeout
	}
	return StatusInterrupted
}

// lostPatience is how long a controller that does not answer is asked for an operation.
const lostPatience = 2 * time.Minute

// follow shows an operation until it has ended, and prints what has become of it.
func (f Fleet) follow(ctx context.Context, c *api.Client, begun api.Operation) error {
	o, err := f.shown(ctx, c, begun)
	if err != nil {
		return err
	}
	return ended(ctx, f, c, o)
}

// ended prints what has become of an operation. The error is an exitStatus unless the operation has
// done all.
func ended(ctx context.Context, f Fleet, c *api.Client, o api.Operation) error {
	if err := show.PrintPage(f.output().Measured(), o, func() show.Page { return live.Summary(o) }); err != nil {
		return err
	}
	if o.State == api.OperationDone {
		if !f.forPerson() {
			for _, text := range live.Later(o) {
				f.Log.Warning("%s", text)
			}
		}
		return nil
	}
	f.sayFailure(o)
	if o.RevertedBy > 0 {
		if err := f.followRevert(ctx, c, o.RevertedBy); err != nil {
			return err
		}
	}
	return exitStatus(StatusFailed)
}

// shown shows an operation until it has ended. If the controller is gone for a while, it
// asks again: the operation goes on, or is said to be interrupted.
func (f Fleet) shown(ctx context.Context, c *api.Client, o api.Operation) (api.Operation, error) {
	heard := time.Now()
	follower := live.Follower{
		Output: f.output(), In: f.Keys, Environment: f.Environment,
		Say: func(line string) { f.Log.Notice("%s", line) },
		Watch: func(ctx context.Context, id uint64) iter.Seq2[api.Operation, error] {
			return func(yield func(api.Operation, error) bool) {
				for now, err := range c.Follow(ctx, id) {
					if err == nil {
						heard = time.Now()
					}
					if !yield(now, err) {
						return
					}
				}
			}
		},
		IsAway: func(err error) bool { return isAway(err) && time.Since(heard) < lostPatience },
	}
	o, err := follower.Follow(ctx, o, beginning(o))
	switch {
	case isAway(err):
		f.Log.Error("the controller does not answer; when it runs again, zeekfleet operation %d --follow shows what has become of operation %d", o.ID, o.ID)
		return o, err
	case err != nil:
		return o, err
	case !o.Ends():
		f.Log.Error("operation %d goes on without this command: zeekfleet operation %d --follow shows it", o.ID, o.ID)
		return o, exitStatus(interrupted(ctx))
	}
	return o, nil
}

// beginning returns when an operation began, by the clock of this host. If it seems to have
// begun just now, it has: the clock of the controller may be a little off.
func beginning(o api.Operation) time.Time {
	const off = 5 * time.Second
	if now := time.Now(); now.Sub(o.Begun) < off {
		return now
	}
	return o.Begun
}

// isAway reports whether an error means that the controller does not answer now, and may
// later.
func isAway(err error) bool {
	_, answered := errors.AsType[*api.Problem](err)
	_, other := errors.AsType[*api.NoAPIError](err)
	_, network := errors.AsType[net.Error](err)
	return err != nil && !answered && !other && (network || endedEarly(err))
}

// sayFailure says on standard error what has failed. A page has said it already.
func (f Fleet) sayFailure(o api.Operation) {
	if f.forPerson() {
		return
	}
	for line := range summaryLines(o) {
		f.Log.Error("%s", line)
	}
}

// summaryLines returns the lines of a summary, without empty ones.
func summaryLines(o api.Operation) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.Lines(live.Summary(o).Text(show.Screen{})) {
			if line = strings.TrimRight(line, " \n"); line != "" && !yield(line) {
				return
			}
		}
	}
}

// followRevert shows how a deployment is taken back.
func (f Fleet) followRevert(ctx context.Context, c *api.Client, id uint64) error {
	revert, err := c.Operation(ctx, id)
	if err != nil {
		return err
	}
	if revert, err = f.shown(ctx, c, revert); err != nil {
		return err
	}
	if f.forPerson() {
		return f.printPage(nil, func() show.Page { return append(show.Page{show.Blank()}, live.Summary(revert)...) })
	}
	for line := range summaryLines(revert) { // data has one document: that of the deployment
		f.Log.Notice("%s", line)
	}
	return nil
}

var stateTones = map[string]show.Tone{
	api.OperationDone: show.Good, api.OperationFailed: show.Bad, api.OperationInterrupted: show.Warning,
}
