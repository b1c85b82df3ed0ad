package agent

import (
	"fmt"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// find returns the node whose present process is this launch. A report about another
// launch is late, and is ignored.
func (r *rollout) find(name mgmt.NodeName, launch uint64) (*node, bool) {
	n, ok := r.nodes.named[name]
	if !ok || n.proc == nil || n.proc.launch != launch {
		r.emit(Note{Level: Debug, Text: "report about a process that is not known", Node: name})
		return nil, false
	}
	return n, true
}

func (r *rollout) started(ev Started) {
	n, ok := r.find(ev.Node, ev.Launch)
	if !ok || n.proc.begun {
		return
	}
	n.proc.begun, n.proc.pid, n.proc.since, n.proc.exposed = true, ev.PID, r.now, ev.Exposed
	if n.up() {
		r.cameUp(n)
	}
}

func (r *rollout) startFailed(ev StartFailed) {
	n, ok := r.find(ev.Node, ev.Launch)
	if !ok {
		return
	}
	tried := n.wanted && !n.stopping()
	r.vanished(n)
	if !tried {
		return
	}
	n.failures++
	n.due = r.now.Add(r.cfg.Backoff.delay(n.failures, r.rng))
	msg := fmt.Sprintf("failed to create node %s: %s", ev.Node, ev.Err)
	cause := "start failed: " + ev.Err
	if n.held = n.paused; n.held {
		msg, cause = msg+"; "+heldText, cause+"; "+heldText
	}
	r.setState(n, mgmt.Failed, cause)
	r.emit(Note{Level: Error, Text: "node could not be started", Node: ev.Node, Err: ev.Err})
	r.tell(mgmt.NotifyError{
		Instance: r.cfg.Name,
		Msg:      msg,
		Node:     ev.Node,
	})
	r.failed(n, ev.Err, ev.Outputs)
}

func (r *rollout) ready(ev Ready) {
	if n, ok := r.find(ev.Node, ev.Launch); ok && !n.stopping() {
		r.cameUp(n)
	}
}

// cameUp takes note that n's present process does its work. A process may say so
// before its Started. Then the node is RUNNING from Started on, with its PID.
func (r *rollout) cameUp(n *node) {
	n.proc.state = mgmt.Running
	if !n.up() {
		return
	}
	why := "came up"
	if n.state == mgmt.Unknown {
		why = "connected with its agent again"
	}
	r.setState(n, mgmt.Running, why)
	r.became(n, up)
}

// disconnected takes note that n's process is no longer connected. The process may
// live, but the agent does not know what it does.
func (r *rollout) disconnected(n *node) {
	if n.proc.state != mgmt.Running {
		return
	}
	n.proc.state = mgmt.Unknown
	if !n.stopping() {
		r.setState(n, mgmt.Unknown, "its connection with its agent was lost")
	}
}

func (r *rollout) exited(ev Exited) {
	r.burials.begin(r.now, ev.Node, ev.Launch)
	n, ok := r.find(ev.Node, ev.Launch)
	if !ok {
		return
	}
	p := n.proc
	r.vanished(n)
	switch {
	case p.halt != nil && (!n.wanted || n.rests):
		r.setStateOf(n, p.pid, mgmt.Stopped, "ended after all: "+ended(ev.Reason)) // it is UNKNOWN if it could not be stopped before
	case p.halt != nil:
	case n.kept:
		r.keptEnded(n, p, ev)
	case n.wanted:
		r.crashed(n, p, ev)
	}
}

// vanished takes note that n's process is gone.
func (r *rollout) vanished(n *node) {
	n.proc, n.peer = nil, ""
	r.became(n, gone)
	if !n.wanted && n.unseen == "" {
		r.nodes.forget(n)
	}
}

// crashed decides when a node that ended by itself is tried again.
func (r *rollout) crashed(n *node, p *process, ev Exited) {
	if r.now.Sub(p.since) >= r.cfg.Backoff.Reset {
		n.failures = 0
	}
	n.failures++
	delay := r.cfg.Backoff.delay(n.failures, r.rng)
	n.due = r.now.Add(delay)
	why := withWords(ev.Reason, ev.Outputs)
	msg := fmt.Sprintf("node %s crashed: %s", ev.Node, why)
	cause := withWords(ended(ev.Reason), ev.Outputs)
	switch {
	case n.paused:
		n.held = true
		r.setStateOf(n, p.pid, mgmt.Crashed, cause+"; "+heldText)
		msg += "; " + heldText
	case n.failures >= r.cfg.Backoff.GiveUp:
		r.setStateOf(n, p.pid, mgmt.Failed, fmt.Sprintf("%s; it failed %d times in a row, and is tried again in %s", cause, n.failures, delay))
		msg = fmt.Sprintf("node %s failed %d times in a row, next try in %s: %s", ev.Node, n.failures, delay, why)
	default:
		r.setStateOf(n, p.pid, mgmt.Crashed, cause)
	}
	n.last = crash{r.now, msg}
	r.reportEnd(n, msg, ev)
	r.failed(n, ev.Reason, ev.Outputs)
}

// keptEnded takes note that a kept node ended. The agent does not start it again.
func (r *rollout) keptEnded(n *node, p *process, ev Exited) {
	n.kept = false
	r.setStateOf(n, p.pid, mgmt.Crashed, ended(ev.Reason)+"; it is not started again: the agent does not know what it should run")
	r.reportEnd(n, fmt.Sprintf("node %s ended: %s. It is not started again: the agent does not know what it should run, until a controller tells it (deploy)", ev.Node, ev.Reason), ev)
}

// reportEnd tells everybody that a node ended by itself.
func (r *rollout) reportEnd(n *node, msg string, ev Exited) {
	r.emit(Note{Level: Error, Text: "node ended by itself", Node: ev.Node, Err: msg})
	r.tell(mgmt.NotifyError{Instance: r.cfg.Name, Msg: msg, Node: ev.Node})
	r.silenced(n, fmt.Sprintf("cluster node %s exited: %s", ev.Node, ev.Reason))
}

// ended says how a process has ended, in words that can begin a sentence.
func ended(reason string) string {
	if reason == "exit status unknown" {
		return "exited with a status that nobody knows"
	}
	for prefix, words := range map[string]string{"exit status ": "exited with status ", "exit code ": "exited with status ", "signal ": "killed by "} {
		if rest, ok := strings.CutPrefix(reason, prefix); ok {
			return words + rest
		}
	}
	return reason
}

// withWords adds the line that tells most of what the process printed. If the process has
// not ended by itself, only an error that ends processes has to do with its end.
func withWords(why string, outputs mgmt.NodeOutputs) string {
	said := outputs.TellingLine()
	if strings.HasPrefix(why, "signal ") || strings.HasPrefix(why, "killed by ") || why == "exit status unknown" || why == ended("exit status unknown") {
		said = outputs.EndingLine()
	}
	if said != "" {
		return why + "; it printed: " + said
	}
	return why
}

// stopFailed takes note that a process cannot be stopped and runs on. Requests no
// longer wait for its end. A later request tries again.
func (r *rollout) stopFailed(ev StopFailed) {
	n, ok := r.find(ev.Node, ev.Launch)
	if !ok || !n.stopping() {
		return
	}
	n.proc.halt.stuck = fmt.Sprintf("process %d of cluster node %s cannot be stopped and runs on: %s", n.proc.pid, ev.Node, ev.Err)
	r.emit(Note{Level: Error, Text: "node cannot be stopped", Node: ev.Node, Err: n.stuck()})
	r.setState(n, mgmt.Unknown, n.stuck())
	r.failed(n, n.stuck(), mgmt.NodeOutputs{})
	r.became(n, gone)
}

// reportLate reports the nodes that take longer to come up than StartDeadline.
func (r *rollout) reportLate() {
	for _, tier := range r.nodes.tiers {
		for _, n := range tier {
			p := n.proc
			if p == nil || p.halt != nil || p.state != mgmt.Pending || p.late.IsZero() || r.now.Before(p.late) {
				continue
			}
			p.late = time.Time{}
			r.emit(Note{Level: Warn, Text: "node still starting", Node: n.name()})
			r.tell(mgmt.NotifyLog{
				Instance: r.cfg.Name,
				Msg:      fmt.Sprintf("node %s still starting after %s", n.name(), r.cfg.StartDeadlineOf(n.plan.Node.Role)),
				Node:     n.name(),
			})
		}
	}
}
