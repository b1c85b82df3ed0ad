package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// registerOperations adds what shows operations.
func (a *routes) registerOperations() {
	s := views{a.s}
	register(a, operation{
		id: "list-operations", method: http.MethodGet, path: api.PathOperations, may: rowOf(mgmt.GetHistoryRequest{}),
		summary: "List the operations that run and the latest that have ended, the newest first, without their steps",
	}, s.listOperations)
	register(a, operation{
		id: "get-operation", method: http.MethodGet, path: api.PathOperations + "/{id}", may: rowOf(mgmt.GetHistoryRequest{}),
		summary: "Show an operation with its steps",
		details: "With wait, the answer comes when the operation has changed: since the answer with the tag in If-None-Match, or else since the request. " +
			"An operation that has ended does not change. What nodes printed is shown to operators.",
		errors: []int{http.StatusNotFound},
	}, s.getOperation)
}

type operationsInput struct {
	After   uint64 `query:"after" doc:"Show what is older than this operation: the next of the page before."`
	Limit   int    `query:"limit" minimum:"1" maximum:"1000" default:"200" doc:"How many entries to show at most."`
	Running bool   `query:"running" doc:"Show only operations that run."`
	TaggedInput
}

func (s views) listOperations(ctx context.Context, in *operationsInput) (*taggedOutput[api.Page[api.Operation]], error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	page := api.Page[api.Operation]{Items: []api.Operation{}, Revision: snap.Revision}
	for _, o := range snap.Operations {
		if in.After > 0 && uint64(o.ID) >= in.After || in.Running && o.State.Ends() {
			continue
		}
		if len(page.Items) == in.Limit {
			page.Next = strconv.FormatUint(page.Items[in.Limit-1].ID, 10)
			break
		}
		page.Items = append(page.Items, withoutSteps(operationOf(o)))
	}
	return tagged(in.TaggedInput, snap.Revision, page)
}

// shownOperation returns an operation as the asker may see it: what nodes printed is for
// those who may read it.
func shownOperation(ctx context.Context, o *mgmt.Operation) api.Operation {
	one := operationOf(o)
	if askerOf(ctx).Role < rowOfStream(mgmt.StreamLogs).May {
		for i := range one.Steps {
			one.Steps[i].Stdout, one.Steps[i].Stderr = "", ""
		}
	}
	return one
}

func withoutSteps(o api.Operation) api.Operation {
	o.Steps = nil
	return o
}

func operationOf(o *mgmt.Operation) api.Operation {
	one := api.Operation{
		ID: uint64(o.ID), Kind: string(o.Kind), State: string(o.State), Who: o.Who, Note: o.Note, Begun: utc(o.Begun), Ended: utc(o.Ended),
		Selectors: o.Selectors, Batch: o.Batch, From: o.From, Revision: o.Revision, Of: o.Of,
		Resumes: uint64(o.Resumes), Reverts: uint64(o.Reverts), RevertedBy: uint64(o.RevertedBy), RevertAt: utc(o.RevertAt),
		Doing: o.Doing, Error: o.Error, Steps: make([]api.OperationStep, 0, len(o.Steps)),
	}
	for _, s := range o.Steps {
		one.Steps = append(one.Steps, api.OperationStep{
			Instance: string(s.Instance), Node: string(s.Node), Action: string(s.Action), State: string(s.State), Because: s.Because,
			Batch: s.Batch, Error: s.Error, Stdout: s.Outputs.Stdout, Stderr: s.Outputs.Stderr,
		})
		*counter(&one.Counts, s.State)++
	}
	return one
}

func counter(c *api.StepCount, state mgmt.StepState) *int {
	switch state {
	case mgmt.StepWaiting:
		return &c.Waiting
	case mgmt.StepRunning:
		return &c.Running
	case mgmt.StepDone:
		return &c.Done
	case mgmt.StepFailed:
		return &c.Failed
	case mgmt.StepSkipped:
		return &c.Skipped
	}
	panic(fmt.Sprintf("web: a step is %q", state))
}

type operationInput struct {
	ID   uint64 `path:"id" minimum:"1"`
	Wait int    `query:"wait" minimum:"0" maximum:"60" doc:"How many seconds to wait for a change."`
	TaggedInput
}

// settle is how long a change of an operation may be kept back, so that many changes make
// one answer.
const settle = 100 * time.Millisecond

func (s views) getOperation(ctx context.Context, in *operationInput) (*taggedOutput[api.Operation], error) {
	patience, cancel := patience(ctx, s.Server, in.Wait)
	defer cancel()
	var seen *mgmt.Operation // the latest that was looked at
	for {
		changed := s.cfg.Cluster.Changed()
		o, revision, err := s.operation(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		if o != seen {
			first := seen == nil
			seen = o
			out, err := tagged(in.TaggedInput, revision, shownOperation(ctx, o))
			awaited := first && in.IfNoneMatch == "" && !o.State.Ends()
			if err == nil && !awaited || in.Wait == 0 {
				return out, err
			}
		}
		select {
		case <-changed:
			rest(patience, settle)
		case <-patience.Done():
			return tagged(in.TaggedInput, revision, shownOperation(ctx, o))
		}
	}
}

// patience returns the context of a request that waits on purpose, for so many seconds.
func patience(ctx context.Context, s *Server, seconds int) (context.Context, context.CancelFunc) {
	ctx, served := s.whileServing(ctx)
	ctx, timed := context.WithTimeout(ctx, min(time.Duration(seconds)*time.Second, s.cfg.MaxWait))
	return ctx, func() { timed(); served() }
}

// rest waits for a while, or until ctx is done.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// operation returns an operation, and the revision of the store.
func (s views) operation(ctx context.Context, id uint64) (*mgmt.Operation, uint64, error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, 0, err
	}
	i := slices.IndexFunc(snap.Operations, func(o *mgmt.Operation) bool { return uint64(o.ID) == id })
	if i < 0 {
		return nil, 0, problem(http.StatusNotFound, noOperation(snap, id))
	}
	return snap.Operations[i], snap.Revision, nil
}

// noOperation says that there is no such operation, and which there are.
func noOperation(snap *mgmt.Snapshot, id uint64) string {
	if len(snap.Operations) == 0 {
		return fmt.Sprintf("there is no operation %d: there was none yet", id)
	}
	newest, oldest := snap.Operations[0].ID, snap.Operations[len(snap.Operations)-1].ID
	if id < uint64(oldest) {
		return fmt.Sprintf("operation %d is forgotten: the oldest that is known is %d", id, oldest)
	}
	return fmt.Sprintf("there is no operation %d: the newest is %d", id, newest)
}

// dispatchResult returns the answer of a node. What is no JSON becomes a text.
func dispatchResult(r mgmt.Result) api.DispatchResult {
	one := api.DispatchResult{Instance: string(r.Instance), Node: string(r.Node), Success: r.Success, Error: r.Error}
	if text, ok := r.Data.(mgmt.Text); ok && r.Success {
		one.Value = json.RawMessage(text)
		if !json.Valid(one.Value) {
			quoted, err := json.Marshal(string(text))
			if err != nil {
				panic("web: a text cannot be encoded: " + err.Error())
			}
			one.Value = quoted
		}
	}
	return one
}
