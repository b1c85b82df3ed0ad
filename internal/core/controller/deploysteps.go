package controller

import (
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// deploymentSteps are the steps of a deployment's operation. All methods do nothing for an
// internal deployment, which is no operation.
type deploymentSteps struct {
	op *operation // nil if the deployment is internal
	// planned has, by instance, the nodes that have steps.
	planned map[mgmt.InstanceName][]mgmt.NodeName
	// foreseen says what becomes of the nodes of agents that have not said it. It is nil
	// before it is needed.
	foreseen *foreseen
}

// instance sets the step about an instance. because says what it does now.
func (s *deploymentSteps) instance(name mgmt.InstanceName, state mgmt.StepState, because, err string) {
	if s.op != nil {
		s.op.set(mgmt.OperationStep{Instance: name, Action: mgmt.ActionNone, State: state, Because: because, Error: err})
	}
}

// plan adds a step for each node of an instance. A node that stays as it is needs nothing.
func (s *deploymentSteps) plan(name mgmt.InstanceName, nodes []mgmt.PlannedNode) {
	if s.op == nil {
		return
	}
	s.planned[name] = nil
	for _, n := range nodes {
		s.planned[name] = append(s.planned[name], n.Node)
		step := mgmt.OperationStep{
			Instance: name, Node: n.Node, Action: n.Action, State: mgmt.StepWaiting, Because: strings.Join(n.Because, "; "),
		}
		switch {
		case n.Stopped && n.Action == mgmt.ActionNone:
			step.State, step.Because = mgmt.StepSkipped, "a user has stopped it"
		case n.Action == mgmt.ActionNone:
			step.State = mgmt.StepDone
		}
		s.op.set(step)
	}
}

// begin says that an instance was sent the configuration.
func (s *deploymentSteps) begin(name mgmt.InstanceName) {
	if s.op == nil {
		return
	}
	s.instance(name, mgmt.StepRunning, "it changes its nodes", "")
	s.each(name, mgmt.StepWaiting, func(step *mgmt.OperationStep) { step.State = mgmt.StepRunning })
}

// each changes the steps of the nodes of an instance that are in a state.
func (s *deploymentSteps) each(name mgmt.InstanceName, in mgmt.StepState, change func(*mgmt.OperationStep)) {
	if s.op == nil {
		return
	}
	for _, n := range s.planned[name] {
		if step, ok := s.op.stepOf(stepKey{name, n}); ok && step.State == in {
			change(&step)
			s.op.set(step)
		}
	}
}

// took takes the results of an instance that was sent the configuration. A node about
// which the results say nothing is done if the instance has accepted the configuration.
func (s *deploymentSteps) took(name mgmt.InstanceName, results []mgmt.Result, accepted bool) {
	if s.op == nil {
		return
	}
	state, why := mgmt.StepDone, ""
	for _, r := range results {
		switch {
		case r.Node != "":
			s.node(name, r)
		case !r.Success:
			state, why = mgmt.StepFailed, s.op.all.cfg.Limits.reason(r)
		}
	}
	s.instance(name, state, "", why)
	s.each(name, mgmt.StepRunning, func(step *mgmt.OperationStep) {
		if step.State = mgmt.StepDone; !accepted || state == mgmt.StepFailed {
			step.State, step.Error = mgmt.StepFailed, why
		}
	})
}

// node takes the result of one node.
func (s *deploymentSteps) node(name mgmt.InstanceName, r mgmt.Result) {
	step, ok := s.op.stepOf(stepKey{name, r.Node})
	if !ok {
		step = mgmt.OperationStep{Instance: name, Node: r.Node, Action: mgmt.ActionNone}
	}
	outputs, _ := r.Data.(mgmt.NodeOutputs)
	switch {
	case !r.Success:
		step.State, step.Error, step.Outputs = mgmt.StepFailed, s.op.all.cfg.Limits.reason(r), outputs
	case step.State != mgmt.StepSkipped:
		step.State = mgmt.StepDone
	}
	s.op.set(step)
}

// miss says that nothing can be sent to an instance now. Its nodes get no steps of their
// own: nothing is done with them.
func (s *deploymentSteps) miss(name mgmt.InstanceName, r mgmt.Result) {
	state := mgmt.StepFailed
	if r.Success {
		state = mgmt.StepSkipped
	}
	s.instance(name, state, "", r.Error)
	s.each(name, mgmt.StepWaiting, func(step *mgmt.OperationStep) { step.State = mgmt.StepSkipped })
}

// away says that an instance whose nodes are to end is gone. They end later.
func (s *deploymentSteps) away(name mgmt.InstanceName, why string) {
	s.instance(name, mgmt.StepSkipped, "", why)
	s.each(name, mgmt.StepRunning, func(step *mgmt.OperationStep) { step.State, step.Error = mgmt.StepSkipped, why })
}

// changed says that a node is up.
func (s *deploymentSteps) changed(name mgmt.InstanceName, msg mgmt.NotifyChange) {
	if s.op == nil || msg.New != mgmt.Running {
		return
	}
	if step, ok := s.op.stepOf(stepKey{name, msg.Node.Name}); ok && step.State == mgmt.StepRunning && step.Action != mgmt.ActionStop && step.Action != mgmt.ActionOptions && step.Action != mgmt.ActionLimits {
		step.State = mgmt.StepDone
		s.op.set(step)
	}
}
