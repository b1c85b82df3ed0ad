package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// notBegun says why a change was not begun. If another revision is deployed than the plan
// was made for, it says which ones were deployed since.
func (f Fleet) notBegun(ctx context.Context, c *api.Client, seen uint64, err error) error {
	if ctx.Err() != nil {
		f.Log.Error("%v: what was asked for may have begun all the same; zeekfleet operations shows it", context.Cause(ctx))
		return exitStatus(interrupted(ctx))
	}
	p, ok := errors.AsType[*api.Problem](err)
	if !ok || p.Status != http.StatusPreconditionFailed {
		return err
	}
	f.Log.Error("%s", p.Detail)
	const most = 10
	since, err := c.Revisions(ctx, api.RevisionQuery{Limit: most})
	if err != nil {
		return exitStatus(StatusFailed) // the list is an extra
	}
	for _, r := range since {
		if r.Revision > seen {
			f.Log.Error("revision %d was deployed since the plan, by %s at %s%s", r.Revision, r.Who, local(r.When, "an unknown time"), noted(r.Note))
		}
	}
	if seen > 0 {
		f.Log.Error("zeekfleet diff %d shows what has changed; plan and deploy again", seen)
	}
	return exitStatus(StatusFailed)
}

func noted(note string) string {
	if note == "" {
		return ""
	}
	return ": " + note
}

// interrupted returns the exit status of a command that has not waited for the end.
func interrupted(ctx context.Context) int {
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return StatusFailed // the user's own --timeout
	}
	return StatusInterrupted
}

// follow shows an operation until it has ended, and prints what has become of it. The
// error is an exitStatus unless the operation has done all.
func (f Fleet) follow(ctx context.Context, c *api.Client, begun api.Operation) error {
	o, err := f.awaitEnd(ctx, c, begun)
	if err != nil {
		return err
	}
	if err := f.printPage(o, func() show.Page { return operationPage(o) }); err != nil {
		return err
	}
	f.sayFailures(o)
	if o.RevertedBy > 0 {
		revert, err := c.Operation(ctx, o.RevertedBy)
		if err != nil {
			return err
		}
		f.Log.Notice("operation %d takes the deployment back", revert.ID)
		if revert, err = f.awaitEnd(ctx, c, revert); err != nil {
			return err
		}
		f.sayReverted(revert)
	}
	if o.State != api.OperationDone {
		return exitStatus(StatusFailed)
	}
	return nil
}

// sayReverted says what has become of a revert.
func (f Fleet) sayReverted(revert api.Operation) {
	if revert.State == api.OperationDone {
		f.Log.Notice("revision %d is deployed again, as revision %d", revert.Of, revert.Revision)
		return
	}
	f.Log.Error("%s", ending(revert))
	f.sayFailures(revert)
}

// How long a controller that does not answer is asked for an operation.
const (
	lostPatience = time.Minute
	lostPause    = time.Second
)

// awaitEnd shows an operation until it has ended. If the controller is gone for a while, it
// asks again: the operation may go on, or is said to be interrupted.
func (f Fleet) awaitEnd(ctx context.Context, c *api.Client, o api.Operation) (api.Operation, error) {
	if o.Ends() {
		return o, nil
	}
	watch := f.watch(o)
	defer watch.Close()
	lost := time.Time{}
	for {
		err := f.showUntilEnd(ctx, c, &o, watch, &lost)
		switch {
		case err == nil:
			return o, nil
		case ctx.Err() != nil:
			watch.Close()
			f.Log.Error("operation %d goes on without this command: zeekfleet operation %d --follow shows it", o.ID, o.ID)
			return o, exitStatus(interrupted(ctx))
		}
		if _, answered := errors.AsType[*api.Problem](err); answered {
			return o, err
		}
		if lost.IsZero() {
			lost = time.Now()
			f.Log.Warning("%s; asking again for %s", f.askMessage(err), lostPatience)
		}
		if time.Since(lost) > lostPatience {
			f.Log.Error("operation %d may go on when the controller runs again: zeekfleet operation %d --follow shows it", o.ID, o.ID)
			return o, err
		}
		pause(ctx, lostPause)
	}
}

// showUntilEnd shows an operation until it has ended, or until the controller does not
// answer.
func (f Fleet) showUntilEnd(ctx context.Context, c *api.Client, o *api.Operation, watch Watcher, lost *time.Time) error {
	for now, err := range c.Follow(ctx, o.ID) {
		if err != nil {
			return err
		}
		*lost, *o = time.Time{}, now
		watch.Show(now)
	}
	return nil
}

// pause waits, or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (f Fleet) watch(begun api.Operation) Watcher {
	if f.Watch != nil {
		return f.Watch(begun)
	}
	f.Log.Notice("operation %d has begun: %s", begun.ID, what(begun))
	return &lines{log: f.Log, states: map[string]string{}}
}

// what says what an operation does.
func what(o api.Operation) string {
	text := o.Kind
	switch {
	case o.Of > 0 && o.Kind != api.KindDeploy:
		text = fmt.Sprintf("%s to revision %d", o.Kind, o.Of)
	case o.Batch > 0:
		text = fmt.Sprintf("rolling %s, %s at a time", o.Kind, counted(o.Batch, "node"))
	}
	if len(o.Selectors) > 0 {
		text += " of " + strings.Join(o.Selectors, " ")
	}
	if o.Resumes > 0 {
		text += fmt.Sprintf(", which goes on with operation %d", o.Resumes)
	}
	return text
}

// lines shows an operation as lines on standard error: one for each step that has changed,
// or a count if many have.
type lines struct {
	log    *Log
	states map[string]string // of the steps
	doing  string
}

// mostLines is how many steps have lines of their own at once.
const mostLines = 20

// Show implements Watcher.
func (l *lines) Show(o api.Operation) {
	var changed []api.OperationStep
	for _, s := range o.Steps {
		key := s.Instance + "/" + s.Node
		if l.states[key] != s.State {
			l.states[key] = s.State
			if s.State != api.StepWaiting && s.Action != api.ActionNone {
				changed = append(changed, s)
			}
		}
	}
	if len(changed) <= mostLines {
		for _, s := range changed {
			l.log.Notice("%s: %s %s%s", at(s.Instance, s.Node), s.Action, stepWord(s.State), noted(s.Error))
		}
	} else {
		l.log.Notice("%s", progressText(o))
	}
	if o.Doing != l.doing {
		l.doing = o.Doing
		if o.Doing != "" {
			l.log.Notice("%s", o.Doing)
		}
	}
}

// Close implements Watcher.
func (l *lines) Close() {}

func stepWord(state string) string {
	if state == api.StepRunning {
		return "begun"
	}
	return state
}

// progressText says how far an operation is.
func progressText(o api.Operation) string {
	n := o.Counts
	text := fmt.Sprintf("%d of %d done", n.Done, n.Waiting+n.Running+n.Done+n.Failed+n.Skipped)
	if n.Running > 0 {
		text += fmt.Sprintf(", %d begun", n.Running)
	}
	if n.Failed > 0 {
		text += fmt.Sprintf(", %d failed", n.Failed)
	}
	return text
}

// sayFailures says on standard error what has failed, unless a page has said it.
func (f Fleet) sayFailures(o api.Operation) {
	if f.forPerson() || o.State == api.OperationRunning || o.State == api.OperationDone && o.Counts.Failed == 0 {
		return
	}
	failed := 0
	for _, s := range o.Steps {
		if s.State != api.StepFailed {
			continue
		}
		if failed++; failed > mostLines {
			continue
		}
		said := ""
		if last := lastLines(s.Stdout, s.Stderr, 1); len(last) > 0 {
			said = "; it printed last: " + last[0]
		}
		f.Log.Error("%s: %s%s", at(s.Instance, s.Node), cmp.Or(s.Error, noReason), said)
	}
	if failed > mostLines {
		f.Log.Error("%s more: zeekfleet operation %d shows all", counted(failed-mostLines, "failure"), o.ID)
	}
	f.Log.Error("%s", ending(o))
	if next := nextStep(o); next != "" {
		f.Log.Error("%s", next)
	}
}

// ending says in a line how an operation has ended, or how far it is.
func ending(o api.Operation) string {
	text := fmt.Sprintf("operation %d (%s) %s", o.ID, what(o), stateWords[o.State])
	if t := took(o.Begun, o.Ended); t != "" && o.Ends() {
		text += " after " + t
	}
	if o.Revision > 0 && o.State == api.OperationDone {
		text += fmt.Sprintf(": revision %d is deployed", o.Revision)
	}
	return text + noted(o.Error)
}

var stateWords = map[string]string{
	api.OperationRunning: "runs", api.OperationDone: "is done", api.OperationFailed: "has failed", api.OperationInterrupted: "was interrupted",
}

// nextStep says what a user can do about an operation that has failed.
func nextStep(o api.Operation) string {
	var failed []string
	for _, s := range o.Steps {
		if s.State == api.StepFailed && s.Node != "" {
			failed = append(failed, s.Node)
		}
	}
	resumes := ""
	if o.Batch > 0 && (o.State == api.OperationFailed || o.State == api.OperationInterrupted) {
		resumes = fmt.Sprintf("zeekfleet restart --resume %d goes on with the nodes that were not restarted", o.ID)
	}
	diag := ""
	if len(failed) > 0 {
		diag = fmt.Sprintf("zeekfleet diag %s tells more", failed[0])
	}
	switch {
	case diag != "" && resumes != "":
		return diag + "; " + resumes
	case diag != "" && o.Revision > 0 && o.From > 0 && o.RevertedBy == 0 && o.Kind == api.KindDeploy:
		return diag + "; zeekfleet rollback deploys the revision before again"
	}
	return diag + resumes
}

// operationPage shows an operation for a person.
func operationPage(o api.Operation) show.Page {
	tone := stateTones[o.State]
	page := show.Page{show.Text{Text: ending(o), Tone: tone}}
	if !o.Ends() {
		page = append(page, show.Text{Text: cmp.Or(o.Doing, progressText(o)), Indent: 2})
	}
	for _, s := range o.Steps {
		if s.State != api.StepFailed {
			continue
		}
		page = append(page, show.Text{Text: at(s.Instance, s.Node) + ": " + cmp.Or(s.Error, noReason), Tone: show.Bad, Indent: 2})
		if lines := lastLines(s.Stdout, s.Stderr, shownLines); len(lines) > 0 {
			page = append(page, show.Block{Text: strings.Join(lines, "\n"), Tone: show.Faint, Indent: 4})
		}
	}
	if next := nextStep(o); next != "" {
		page = append(page, show.Text{Text: next})
	}
	return page
}

var stateTones = map[string]show.Tone{
	api.OperationDone: show.Good, api.OperationFailed: show.Bad, api.OperationInterrupted: show.Warning,
}
