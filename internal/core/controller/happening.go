package controller

import (
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// happened says what has happened in the cluster, now.
func (t *turn) happened(h mgmt.Happening) {
	h.Time = t.now
	t.emit(Happened{Happening: h})
}

// stands says that an instance has another standing, or the same one for another reason.
func (t *turn) stands(name mgmt.InstanceName, from, to mgmt.Standing, why string) {
	t.happened(mgmt.Happening{Kind: mgmt.HappenedInstance, Instance: name, From: string(from), To: string(to), Cause: why})
}

// asItsAgentSays says that a node changed, if the node's agent does not say so itself with
// the cause: an agent of Zeek tells states alone. Agents do not know of operations: which one
// has caused the change is said here in either case.
func (ops *operations) asItsAgentSays(a *agent, msg mgmt.NotifyChange) {
	if mgmt.CheckName(string(msg.Node.Name)) != nil {
		return
	}
	h := mgmt.Happening{Kind: mgmt.HappenedNode, Instance: a.name, Node: msg.Node.Name, From: string(msg.Old), To: string(msg.New)}
	by := ops.behind(stepKey{a.name, msg.Node.Name}, msg)
	if by != nil {
		h.Operation, h.Who = by.is.ID, by.is.Who
	}
	switch {
	case !a.peer.tells:
		h.Cause = "as its agent says"
		ops.happened(h)
	case by != nil:
		h.Time = ops.now
		ops.emit(Caused{a.peer.id, h})
	}
}

// behind returns the operation that has caused a change of a node, or nil if that is not
// certain. Its step is at work and leads to the new state, no other operation is at work with
// the node, and the node has not ended by itself since the step began: then its agent starts
// it again, and no user.
func (ops *operations) behind(key stepKey, msg mgmt.NotifyChange) (by *operation) {
	at, leads := 0, false
	for _, o := range ops.list {
		if !o.running() {
			continue
		}
		s, ok := o.stepOf(key)
		if !ok || s.State != mgmt.StepRunning || s.Action == mgmt.ActionNone {
			continue
		}
		at++
		by, leads = o, leadsTo(s.Action, msg.New) && msg.Old != mgmt.Unknown
		if !leads {
			o.strayed(key)
		}
		leads = leads && !o.stray[key]
	}
	if at != 1 || !leads {
		return nil
	}
	return by
}

// leadsTo reports whether an action brings a node into a state.
func leadsTo(action mgmt.NodeAction, s mgmt.State) bool {
	switch action {
	case mgmt.ActionStart, mgmt.ActionRestart, mgmt.ActionResume:
		return s == mgmt.Pending || s == mgmt.Running
	case mgmt.ActionStop:
		return s == mgmt.Stopped
	}
	return false
}

// strayed says that a node has changed otherwise than its step would change it.
func (o *operation) strayed(key stepKey) {
	if o.stray == nil {
		o.stray = map[stepKey]bool{}
	}
	o.stray[key] = true
}

// deploys says that another revision is deployed.
func (t *turn) deploys(e *Entry) {
	t.happened(mgmt.Happening{
		Kind: mgmt.HappenedRevision, Revision: e.Revision, Who: e.Who,
		Cause: fmt.Sprintf("revision %d is deployed, configuration '%.100s'", e.Revision, e.Config.ID),
	})
}

// happened says that o began, or ended.
func (o *operation) happened(from, to mgmt.OperationState, why string) {
	o.all.happened(mgmt.Happening{
		Kind: mgmt.HappenedOperation, Operation: o.is.ID, Revision: o.is.Revision, From: string(from), To: string(to), Cause: why, Who: o.is.Who,
	})
}

// beginning says what o is.
func (o *operation) beginning() string {
	if o.is.Note == "" {
		return string(o.is.Kind)
	}
	return string(o.is.Kind) + ": " + o.is.Note
}

// ending says how o has ended.
func (o *operation) ending() string {
	if o.is.Error == "" {
		return string(o.is.Kind)
	}
	return string(o.is.Kind) + ": " + o.is.Error
}

// stepped says that a step of o has another state. A step that waits has not happened yet.
// Of a step about an instance, or a node that stays as it is, it says only that it failed.
func (o *operation) stepped(from mgmt.StepState, s mgmt.OperationStep) {
	quiet := s.Node == "" || s.Action == mgmt.ActionNone
	if from == s.State || s.State == mgmt.StepWaiting || quiet && s.State != mgmt.StepFailed {
		return
	}
	why := string(s.Action)
	if quiet {
		why = s.Error
	} else if s.Error != "" {
		why += ": " + s.Error
	} else if s.Because != "" {
		why += ": " + s.Because
	}
	o.all.happened(mgmt.Happening{
		Kind: mgmt.HappenedStep, Operation: o.is.ID, Instance: s.Instance, Node: s.Node, From: string(from), To: string(s.State), Cause: why, Who: o.is.Who,
	})
}
