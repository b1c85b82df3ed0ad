package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Operation is a change of the cluster that takes time. It goes on when its client has
// left.
type Operation struct {
	ID        uint64    `json:"id"`
	Kind      string    `json:"kind" enum:"deploy,rollback,revert,start,stop,restart,pause,resume"`
	State     string    `json:"state" enum:"running,done,failed,interrupted"`
	Who       string    `json:"who" doc:"Who began it."`
	Note      string    `json:"note,omitempty"`
	Begun     time.Time `json:"begun"`
	Ended     time.Time `json:"ended,omitzero" doc:"Absent while it runs."`
	Selectors []string  `json:"nodes,omitempty" nullable:"false" doc:"The nodes as the asker has named them. Absent: all nodes, or those of the configuration."`
	Batch     int       `json:"batch,omitempty" doc:"How many nodes a rolling restart takes at once. Absent: it is not rolling."`
	From      uint64    `json:"from,omitempty" doc:"The revision that was deployed when it began."`
	Revision  uint64    `json:"revision,omitempty" doc:"The revision that it has deployed."`
	Of        uint64    `json:"of,omitempty" doc:"The revision whose configuration a rollback or a revert deploys."`
	Resumes   uint64    `json:"resumes,omitempty" doc:"The operation that this one goes on with."`
	Reverts   uint64    `json:"reverts,omitempty" doc:"The deployment that a revert takes back."`
	// RevertedBy is the ID of an operation.
	RevertedBy uint64    `json:"reverted_by,omitempty" doc:"The revert that has taken this deployment back."`
	RevertAt   time.Time `json:"revert_at,omitzero" doc:"When a deployment is taken back if its nodes are not up by then. Absent: never."`
	Doing      string    `json:"doing,omitempty" doc:"What it waits for."`
	Error      string    `json:"error,omitempty" doc:"Why it has failed, or what has interrupted it."`
	Counts     StepCount `json:"counts" doc:"How many steps are in each state."`
	// Steps are nil in lists of operations.
	Steps []OperationStep `json:"steps,omitempty" nullable:"false" doc:"A step for each node that it concerns, and one without a node for each instance about which there is something to say. Lists of operations have no steps."`
}

// The kinds of an Operation.
const (
	KindDeploy   = "deploy"
	KindRollback = "rollback"
	KindRevert   = "revert"
	KindStart    = "start"
	KindStop     = "stop"
	KindRestart  = "restart"
	KindPause    = "pause"
	KindResume   = "resume"
)

// The states of an Operation.
const (
	OperationRunning     = "running"
	OperationDone        = "done"
	OperationFailed      = "failed"
	OperationInterrupted = "interrupted"
)

// Ends reports whether the operation has ended.
func (o Operation) Ends() bool { return o.State != OperationRunning }

// OperationStep is what an operation does with a node.
type OperationStep struct {
	Instance string `json:"instance"`
	Node     string `json:"node,omitempty" doc:"Absent: the step concerns the instance."`
	Action   string `json:"action" enum:"none,start,stop,restart,pause,resume,options"`
	State    string `json:"state" enum:"waiting,running,done,failed,skipped"`
	Because  string `json:"because,omitempty" doc:"Why the action is needed."`
	Batch    int    `json:"batch,omitempty" doc:"Counts the batches of a rolling restart from 1."`
	Error    string `json:"error,omitempty" doc:"Why the step has failed."`
	Stdout   string `json:"stdout,omitempty" doc:"What the node printed last."`
	Stderr   string `json:"stderr,omitempty"`
}

// The states of an OperationStep.
const (
	StepWaiting = "waiting"
	StepRunning = "running"
	StepDone    = "done"
	StepFailed  = "failed"
	StepSkipped = "skipped"
)

// StepCount counts steps by their state.
type StepCount struct {
	Waiting int `json:"waiting"`
	Running int `json:"running"`
	Done    int `json:"done"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
}

// OperateRequest begins an operation with nodes.
type OperateRequest struct {
	Kind      string   `json:"kind" enum:"start,stop,restart,pause,resume"`
	Selectors []string `json:"nodes,omitempty" nullable:"false" maxItems:"20000" doc:"Which nodes: names, globs (worker-1*), roles (@workers), instances (%sensor-1). Absent: all nodes."`
	Rolling   bool     `json:"rolling,omitempty" doc:"Restart a batch of nodes at a time. Each batch waits for the one before to be RUNNING."`
	Batch     int      `json:"batch,omitempty" minimum:"0" maximum:"20000" doc:"How many nodes a batch has."`
	Percent   int      `json:"percent,omitempty" minimum:"0" maximum:"100" doc:"How many percent of the nodes a batch has, in place of batch. It has one node if both are absent."`
	Resumes   uint64   `json:"resumes,omitempty" doc:"A rolling restart that has failed or was interrupted, to go on with. Nodes are absent then."`
	Note      string   `json:"note,omitempty" maxLength:"1000"`
}

// Operate begins an operation with nodes, and returns it as it is at the beginning.
func (c *Client) Operate(ctx context.Context, in OperateRequest) (o Operation, err error) {
	return o, c.post(ctx, PathOperations, in, &o)
}

// OperationQuery says which operations to return. Its zero value means the newest ones.
type OperationQuery struct {
	// Running leaves out the operations that have ended.
	Running bool
	// Limit bounds the operations. Zero means 200.
	Limit int
}

// Operations returns the operations that run and the latest that have ended, newest
// first, without their steps.
func (c *Client) Operations(ctx context.Context, q OperationQuery) ([]Operation, error) {
	query := url.Values{}
	if q.Running {
		query.Set("running", "true")
	}
	return some[Operation](ctx, c.caller, PathOperations, query, q.Limit)
}

// Operation returns an operation with its steps.
func (c *Client) Operation(ctx context.Context, id uint64) (o Operation, err error) {
	return o, c.get(ctx, pathOfOperation(id), &o)
}

func pathOfOperation(id uint64) string { return PathOperations + "/" + strconv.FormatUint(id, 10) }

// Follow returns the operation as it is now, and again each time it has changed, until it
// has ended. The controller tells of a change when it happens. After an error there is
// nothing more; the operation goes on, and Follow can be called again.
//
//	for o, err := range client.Follow(ctx, id) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(o.State, o.Doing)
//	}
func (c *Client) Follow(ctx context.Context, id uint64) iter.Seq2[Operation, error] {
	return func(yield func(Operation, error) bool) {
		for tag := ""; ; {
			o, next, err := c.awaitOperation(ctx, id, tag)
			switch {
			case err != nil:
				yield(o, err)
				return
			case next == tag:
				continue // nothing has changed for a while
			case !yield(o, nil) || o.Ends():
				return
			}
			tag = next
		}
	}
}

// followWait is for how long the controller may keep back that nothing has changed.
const followWait = 30 * time.Second

// awaitOperation returns an operation with the tag of the answer. If its tag is the given
// one, it waits for a change, and returns the same tag if there was none.
func (c *Client) awaitOperation(ctx context.Context, id uint64, tag string) (o Operation, next string, err error) {
	r := request{method: http.MethodGet, path: pathOfOperation(id)}
	if tag != "" {
		r.query, r.wait = url.Values{"wait": {strconv.Itoa(int(followWait / time.Second))}}, followWait
		r.header = http.Header{"If-None-Match": {tag}}
	}
	body, header, err := c.ask(ctx, r)
	if p, ok := errors.AsType[*Problem](err); ok && p.Status == http.StatusNotModified && tag != "" {
		return o, tag, nil
	}
	if err != nil {
		return o, "", err
	}
	next = header.Get("ETag")
	if next == "" || next == tag {
		return o, "", fmt.Errorf("the controller at %s does not say whether operation %d has changed", c.Address(), id)
	}
	return o, next, c.decode(body, r.path, &o)
}

// DispatchRequest asks nodes for an action.
type DispatchRequest struct {
	Action    string   `json:"action" minLength:"1" maxLength:"200" example:"get_stats" doc:"Zeek's nodes know get_id_value, get_stats, get_version, get_loaded_scripts and set_option, and what the site adds."`
	Arguments []string `json:"arguments,omitempty" nullable:"false" maxItems:"1000"`
	Selectors []string `json:"nodes,omitempty" nullable:"false" maxItems:"20000" doc:"Which nodes, as in an operation. Absent: all nodes."`
}

// DispatchResult is the answer of a node.
type DispatchResult struct {
	Instance string `json:"instance,omitempty"`
	Node     string `json:"node,omitempty"`
	Success  bool   `json:"success"`
	// Value is what the node has answered, as JSON.
	Value json.RawMessage `json:"value,omitempty" doc:"The node's answer, in any form."`
	Error string          `json:"error,omitempty" doc:"Why there is no answer."`
}

// Dispatched are the answers of nodes.
type Dispatched struct {
	Results []DispatchResult `json:"results" nullable:"false" doc:"By instance and node."`
}

// Dispatch asks nodes for an action, and returns the answer of each.
func (c *Client) Dispatch(ctx context.Context, in DispatchRequest) ([]DispatchResult, error) {
	var d Dispatched
	err := c.post(ctx, PathDispatches, in, &d)
	return d.Results, err
}
