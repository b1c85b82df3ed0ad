package controller

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// change begins the deployment of a configuration that comes with the request. The
// request is answered when the operation is saved. The deployment goes on without its
// client.
func (ds *deployments) change(r *request, msg mgmt.ChangeRequest) {
	if why := ds.whyNot(msg); why != "" {
		ds.requests.refuse(r, why)
		return
	}
	if _, errs := ds.fill(msg.Config); len(errs) > 0 {
		ds.requests.refuse(r, mgmt.FewTexts(errs, maxNamed, "; "))
		return
	}
	if earlier := ds.running(); earlier != nil {
		ds.supersede(earlier)
	}
	who := r.Detail.principal.Name
	given := &Entry{Config: msg.Config.Clone(), When: ds.now, Who: who}
	d := &deployment{parts: ds.parts, id: r.ID, target: newTarget(given.Config), order: &order{
		asked: r.Detail, given: given, partial: msg.Partial, revertAfter: msg.RevertAfter,
		origin: mgmt.Origin{Kind: mgmt.OperationDeploy, Note: msg.Note, Of: msg.Of},
	}}
	if msg.Of != 0 {
		d.order.origin.Kind = mgmt.OperationRollback
	}
	ds.operate(d)
	r.Detail.operation = d.steps.op
	ds.memory.save(ds.memory.state, changeSave{ds, r, d, msg.Patience})
}

// changeSave begins a deployment when its operation is saved.
type changeSave struct {
	*deployments
	request  *request
	d        *deployment
	patience time.Duration
}

func (s changeSave) saved(err string) {
	op := s.d.steps.op
	if err != "" {
		op.end(mgmt.OperationFailed, "save operation: "+err)
		s.requests.refuse(s.request, "save operation: "+err)
		return
	}
	s.requests.answerOperation(s.request, op)
	s.start(s.d, s.patience)
}

// whyNot returns why a change is refused, or nothing.
func (ds *deployments) whyNot(msg mgmt.ChangeRequest) string {
	state := ds.memory.state
	if d := ds.running(); d != nil && !d.order.again() {
		return "earlier deployment still pending: " + d.steps.op.title()
	}
	if msg.Seen != nil && *msg.Seen != state.Deployed.revision() {
		return ds.moved(*msg.Seen)
	}
	if msg.Of != 0 {
		if err := state.known(msg.Of); err != nil {
			return err.Error()
		}
	}
	if why := ds.whyNotRevertible(msg.RevertAfter); why != "" {
		return why
	}
	return checkNote(msg.Note, ds.cfg.Limits.NoteBytes)
}

// known returns an error if a revision was never deployed, or is forgotten. Its
// configuration need not be kept: the request has it.
func (s State) known(revision uint64) error {
	if s.Deployed.revision() == revision {
		return nil
	}
	past, err := (&mgmt.Snapshot{Deployed: s.Deployed.View(), History: s.History}).Past(revision)
	if past.Revision != 0 {
		return nil
	}
	return err
}

// moved says what was deployed since somebody has seen a revision as the deployed one.
func (ds *deployments) moved(seen uint64) string {
	deployed := ds.memory.state.Deployed
	if deployed == nil {
		return fmt.Sprintf("nothing was deployed: revision %d is not deployed, and no other is; plan again", seen)
	}
	var texts []string
	for _, p := range slices.Backward(ds.memory.state.descriptions()) {
		if p.Revision > seen {
			texts = append(texts, described(p))
		}
	}
	since := fmt.Sprintf("since revision %d", seen)
	switch {
	case seen == 0:
		since = "meanwhile"
	case len(texts) == 0:
		return fmt.Sprintf("nothing was deployed: revision %d is not deployed, but %s; plan again", seen, described(deployed.past()))
	}
	return fmt.Sprintf("nothing was deployed: %s others have deployed %s; plan again", since, mgmt.FewTexts(texts, 3, "; "))
}

// described returns a revision with its origin as a text.
func described(p mgmt.PastConfig) string {
	text := fmt.Sprintf("revision %d (%s by %s, %s", p.Revision, p.Kind, p.Who, p.When.UTC().Format(time.DateTime+" UTC"))
	if p.Note != "" {
		text += fmt.Sprintf(", %q", p.Note)
	}
	return text + ")"
}

// checkNote returns why a user's note is refused, or nothing.
func checkNote(note string, most int) string {
	switch {
	case len(note) > most:
		return fmt.Sprintf("the note has %d bytes, at most %d are allowed", len(note), most)
	case !utf8.ValidString(note) || strings.ContainsFunc(note, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		return "the note has characters that are no text"
	}
	return ""
}
