package controller

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// operations holds the operations that run, and the latest that have ended. What other
// goroutines get of them is a copy, which is made when somebody asks for it and shared
// until the operation changes.
type operations struct {
	*turn
	cfg  *Config
	last mgmt.OperationID
	list []*operation // oldest first
	// unsaved says that an operation must be saved soon: one has ended, or has come to a
	// point from which another life of the controller could go on.
	unsaved bool
}

// operation is one operation. Its owner is the part of the Machine that began it.
type operation struct {
	all *operations
	// is holds the operation now. Nobody else has its steps.
	is    mgmt.Operation
	steps map[stepKey]int // their indexes
	// outputs is the size of all outputs in the steps, and texts that of all other texts.
	outputs, texts int
	// shown is a copy of is. It is nil if is has changed since.
	shown *mgmt.Operation
	// source is the address of the user who began it, and subject what that user has named.
	// because says, if the controller itself has begun it or goes on with it, why. They are
	// for the audit, and may be empty.
	source, subject, because string
	// stray are the nodes of steps that have changed otherwise than their steps would change
	// them.
	stray map[stepKey]bool
}

// stepKey says which step is meant. An empty node means the step about the instance.
type stepKey struct {
	instance mgmt.InstanceName
	node     mgmt.NodeName
}

func newOperations(t *turn, cfg *Config, saved State) *operations {
	ops := &operations{turn: t, cfg: cfg, last: saved.LastOperation}
	for _, old := range saved.Operations {
		o := &operation{all: ops, is: *old, shown: old}
		o.setSteps(old.Steps)
		o.subject = o.named(saved)
		ops.list = append(ops.list, o)
		ops.last = max(ops.last, old.ID)
	}
	return ops
}

// begin begins an operation that somebody has asked for. Its ID, State, Begun and what is
// known of its user are set here. The caller adds its steps. It is saved with the next Save,
// whoever asks for that.
func (ops *operations) begin(is mgmt.Operation, asked detail) *operation {
	ops.last++
	is.ID, is.State, is.Begun = ops.last, mgmt.OperationRunning, ops.now
	is.Who, is.Role, is.Request = asked.principal.Name, asked.principal.Role, mgmt.KindOf(asked.msg).Name()
	o := &operation{all: ops, is: is, source: asked.principal.Source, subject: subject(asked.msg)}
	o.setSteps(is.Steps)
	ops.list = append(ops.list, o)
	ops.forgetOld()
	o.happened("", mgmt.OperationRunning, o.beginning())
	return o
}

// forgetOld forgets the oldest operations that have ended, if there are too many, or if
// they are too large together. It never forgets one that runs.
func (ops *operations) forgetOld() {
	count, bytes := 0, 0
	for i, o := range slices.Backward(ops.list) {
		count++
		bytes += o.size()
		if o.is.State.Ends() && (count > ops.cfg.Operations || bytes > ops.cfg.OperationBytes) {
			ops.list = slices.Delete(ops.list, i, i+1)
		}
	}
}

// unfinished returns the operations that run, oldest first.
func (ops *operations) unfinished() []*operation {
	var list []*operation
	for _, o := range ops.list {
		if o.running() {
			list = append(list, o)
		}
	}
	return list
}

// find returns the operation with this ID, or nil.
func (ops *operations) find(id mgmt.OperationID) *operation {
	for _, o := range slices.Backward(ops.list) {
		if o.is.ID == id {
			return o
		}
	}
	return nil
}

// newestFirst returns copies of all operations for a Snapshot.
func (ops *operations) newestFirst() []*mgmt.Operation {
	list := ops.views()
	slices.Reverse(list)
	return list
}

// views returns copies of all operations, oldest first.
func (ops *operations) views() []*mgmt.Operation {
	var list []*mgmt.Operation
	for _, o := range ops.list {
		list = append(list, o.view())
	}
	return list
}

func (o *operation) id() mgmt.OperationID { return o.is.ID }

func (o *operation) running() bool { return o != nil && !o.is.State.Ends() }

// view returns a copy that does not change.
func (o *operation) view() *mgmt.Operation {
	if o.shown == nil {
		is := o.is
		is.Steps = slices.Clone(o.is.Steps)
		if is.Batch == 0 {
			sort.Slice(is.Steps, func(i, j int) bool { return byNode(is.Steps[i], is.Steps[j]) < 0 })
		}
		o.shown = &is
	}
	return o.shown
}

// byNode orders steps by instance and node. The step about an instance comes first.
func byNode(a, b mgmt.OperationStep) int {
	return cmp.Or(cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.Node, b.Node))
}

// change lets f change o, except its ID, its State, and its steps.
func (o *operation) change(f func(*mgmt.Operation)) {
	f(&o.is)
	o.shown = nil
}

// doing says what o waits for.
func (o *operation) doing(text string) {
	if o.is.Doing != text {
		o.change(func(is *mgmt.Operation) { is.Doing = text })
	}
}

// setSteps replaces all steps.
func (o *operation) setSteps(steps []mgmt.OperationStep) {
	o.is.Steps, o.steps, o.outputs, o.texts = nil, make(map[stepKey]int, len(steps)), 0, 0
	for _, s := range steps {
		o.put(s)
	}
}

// plan replaces all steps. They keep this order.
func (o *operation) plan(steps []mgmt.OperationStep) {
	o.setSteps(steps)
	o.shown = nil
}

// put adds a step, or replaces the step about the same node.
func (o *operation) put(s mgmt.OperationStep) {
	limits := o.all.cfg.Limits
	s.Because, s.Error = mgmt.CutText(s.Because, limits.StepText), mgmt.CutText(s.Error, limits.StepText)
	key := stepKey{s.Instance, s.Node}
	i, known := o.steps[key]
	if known {
		o.count(o.is.Steps[i], -1)
	} else {
		i = len(o.is.Steps)
		o.steps[key] = i
		o.is.Steps = append(o.is.Steps, s)
	}
	if o.outputs+len(s.Outputs.Stdout)+len(s.Outputs.Stderr) > limits.StepOutputs {
		s.Outputs = mgmt.NodeOutputs{}
	}
	o.is.Steps[i] = s
	o.count(s, 1)
}

// count adds the sizes of a step, or takes them away.
func (o *operation) count(s mgmt.OperationStep, sign int) {
	o.outputs += sign * (len(s.Outputs.Stdout) + len(s.Outputs.Stderr))
	o.texts += sign * (len(s.Because) + len(s.Error))
}

// step sets the state of a step. why is its error, and may be empty. A step that o did
// not have is added without an action.
func (o *operation) step(key stepKey, state mgmt.StepState, why string, outputs mgmt.NodeOutputs) {
	s := mgmt.OperationStep{Instance: key.instance, Node: key.node, Action: mgmt.ActionNone}
	if i, ok := o.steps[key]; ok {
		s = o.is.Steps[i]
	}
	before := s.State
	s.State, s.Error, s.Outputs = state, why, outputs
	o.put(s)
	o.stepped(before, s)
	o.shown = nil
}

// set adds a step, or replaces the step about the same node.
func (o *operation) set(s mgmt.OperationStep) {
	before, _ := o.stepOf(stepKey{s.Instance, s.Node})
	o.put(s)
	o.stepped(before.State, s)
	o.shown = nil
}

// stepOf returns a step. It returns false if o has none about that node.
func (o *operation) stepOf(key stepKey) (mgmt.OperationStep, bool) {
	i, ok := o.steps[key]
	if !ok {
		return mgmt.OperationStep{}, false
	}
	return o.is.Steps[i], true
}

// failures returns how many steps have failed.
func (o *operation) failures() int {
	n := 0
	for _, s := range o.is.Steps {
		if s.State == mgmt.StepFailed {
			n++
		}
	}
	return n
}

// save has o saved before anything else happens that needs no Save of its own.
func (o *operation) save() { o.all.unsaved = true }

// end ends o. Steps that were not begun are skipped. A step that was begun, and whose
// outcome is not known, has failed. The audit gets the end at once: if the controller ended
// before the end is saved, its next life would end o again. The end is saved soon.
func (o *operation) end(state mgmt.OperationState, err string) {
	if !o.running() {
		return
	}
	for i, s := range o.is.Steps {
		switch s.State {
		case mgmt.StepWaiting:
			o.is.Steps[i].State = mgmt.StepSkipped
		case mgmt.StepRunning:
			o.is.Steps[i].State = mgmt.StepFailed
			if s.Error == "" {
				o.is.Steps[i].Error = "its outcome is not known"
			}
		}
		o.stepped(s.State, o.is.Steps[i])
	}
	o.stray = nil
	o.is.State, o.is.Ended, o.is.Error, o.is.Doing = state, o.all.now, mgmt.CutText(err, o.all.cfg.Limits.StepText), ""
	o.shown = nil
	o.audit(outcomes[state], o.is.Error)
	o.happened(mgmt.OperationRunning, state, o.ending())
	o.save()
	o.all.forgetOld()
}

// errInterrupted is the error of an operation that ran when the controller ended.
const errInterrupted = "the controller ended meanwhile"

// interruptAll ends the operations that ran when the controller ended, except those with
// which a part of the Machine goes on.
func (ops *operations) interruptAll(goesOn func(*operation) bool) {
	for _, o := range ops.unfinished() {
		if !goesOn(o) {
			o.interrupt()
		}
	}
}

// interrupt ends o, which ran when the controller ended.
func (o *operation) interrupt() {
	why := errInterrupted
	switch o.is.Kind {
	case mgmt.OperationRestart:
		why += fmt.Sprintf(" (a restart that resumes operation %d goes on)", o.id())
	case mgmt.OperationStart, mgmt.OperationStop, mgmt.OperationPause, mgmt.OperationResume:
		why += "; the order holds, and agents that do not have it get it when they connect"
	}
	o.end(mgmt.OperationInterrupted, why)
}

// size returns about how many bytes o takes.
func (o *operation) size() int {
	const operation, step, selector = 500, 200, 16
	given := len(o.is.Note) + len(o.is.Error)
	for _, text := range o.is.Selectors {
		given += selector + len(text)
	}
	return operation + given + step*len(o.is.Steps) + o.outputs + o.texts
}

// kept returns s with the operations as they are now.
func (ops *operations) kept(s State) State {
	s.LastOperation, s.Operations = ops.last, ops.views()
	return s
}
