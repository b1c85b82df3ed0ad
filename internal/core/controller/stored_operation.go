package controller

import (
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// operationForm2 is an operation in form 2 of the stored state. A number of zero means
// none. Request and Role came later.
type operationForm2 struct {
	Version    int                 `json:"version"`
	ID         mgmt.OperationID    `json:"id"`
	Kind       mgmt.OperationKind  `json:"kind"`
	State      mgmt.OperationState `json:"state"`
	Who        string              `json:"who,omitempty"`
	Note       string              `json:"note,omitempty"`
	Request    string              `json:"request,omitempty"`
	Role       string              `json:"role,omitempty"`
	Begun      time.Time           `json:"begun"`
	Ended      time.Time           `json:"ended,omitzero"`
	Selectors  []string            `json:"selectors,omitempty"`
	Batch      int                 `json:"batch,omitempty"`
	From       uint64              `json:"from,omitempty"`
	Revision   uint64              `json:"revision,omitempty"`
	Of         uint64              `json:"of,omitempty"`
	Resumes    mgmt.OperationID    `json:"resumes,omitempty"`
	Reverts    mgmt.OperationID    `json:"reverts,omitempty"`
	RevertedBy mgmt.OperationID    `json:"reverted_by,omitempty"`
	RevertAt   time.Time           `json:"revert_at,omitzero"`
	Error      string              `json:"error,omitempty"`
	Steps      []stepForm2         `json:"steps,omitempty"`
}

type stepForm2 struct {
	Instance mgmt.InstanceName `json:"instance,omitempty"`
	Node     mgmt.NodeName     `json:"node,omitempty"`
	Action   mgmt.NodeAction   `json:"action"`
	State    mgmt.StepState    `json:"state"`
	Because  string            `json:"because,omitempty"`
	Batch    int               `json:"batch,omitempty"`
	Error    string            `json:"error,omitempty"`
	Stdout   string            `json:"stdout,omitempty"`
	Stderr   string            `json:"stderr,omitempty"`
}

// encodeOperation returns the value of an operation.
func encodeOperation(o *mgmt.Operation) []byte {
	f := operationForm2{
		Version: storedForm, ID: o.ID, Kind: o.Kind, State: o.State, Who: o.Who, Note: o.Note, Request: o.Request,
		Begun: o.Begun.UTC(), Ended: inUTC(o.Ended), Selectors: o.Selectors, Batch: o.Batch,
		From: o.From, Revision: o.Revision, Of: o.Of,
		Resumes: o.Resumes, Reverts: o.Reverts, RevertedBy: o.RevertedBy, RevertAt: inUTC(o.RevertAt), Error: o.Error,
	}
	if o.Role != mgmt.NoUser {
		f.Role = o.Role.String()
	}
	for _, s := range o.Steps {
		f.Steps = append(f.Steps, stepForm2{
			s.Instance, s.Node, s.Action, s.State, s.Because, s.Batch, s.Error, s.Outputs.Stdout, s.Outputs.Stderr,
		})
	}
	return form.Encode(f)
}

func inUTC(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}

// readOperation returns the operation that a value holds.
func readOperation(value []byte) (*mgmt.Operation, error) {
	var f operationForm2
	if err := readForm2(value, &f); err != nil {
		return nil, err
	}
	role := mgmt.NoUser
	if f.Role != "" {
		var err error
		if role, err = access.ParseRole(f.Role); err != nil {
			return nil, err
		}
	}
	o := &mgmt.Operation{
		ID: f.ID, Kind: f.Kind, State: f.State, Who: f.Who, Note: f.Note, Request: f.Request, Role: role, Begun: f.Begun, Ended: f.Ended,
		Selectors: f.Selectors, Batch: f.Batch, From: f.From, Revision: f.Revision, Of: f.Of,
		Resumes: f.Resumes, Reverts: f.Reverts, RevertedBy: f.RevertedBy, RevertAt: f.RevertAt, Error: f.Error,
	}
	for _, s := range f.Steps {
		o.Steps = append(o.Steps, mgmt.OperationStep{
			Instance: s.Instance, Node: s.Node, Action: s.Action, State: s.State, Because: s.Because, Batch: s.Batch,
			Error: s.Error, Outputs: mgmt.NodeOutputs{Stdout: s.Stdout, Stderr: s.Stderr},
		})
	}
	return o, nil
}
