package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// registerPreflight adds the preflight of an instance.
func (a *routes) registerPreflight() {
	register(a, operation{
		id: "preflight", method: http.MethodPost, path: api.PathInstances + "/{name}/preflight", may: rowOf(mgmt.PlanRequest{}), takes: maxPlanning,
		summary: "Let an instance check whether it could run its nodes, and change nothing",
		details: "The instance checks every node that the deployed or the staged configuration has there, also those that run: " +
			"ports, interfaces, scripts, processors, permissions, disks. It leaves out the nodes that users have stopped. " +
			"The answer is a plan that has this instance alone.",
		errors: []int{http.StatusNotFound},
	}, changes{a.s}.preflight)
}

type preflightInput struct {
	NameInput
	Body api.PreflightRequest
}

func (s changes) preflight(ctx context.Context, in *preflightInput) (*bodyOutput[api.Plan], error) {
	if row, who := rowOf(mgmt.PlanRequest{}), askerOf(ctx); who.Role < row.May {
		why := row.Forbids(who.Principal)
		s.refusing(who, row.Name, in.Name, why)
		return nil, problem(http.StatusForbidden, why)
	}
	snap, err := views(s).snapshot(ctx)
	if err != nil {
		return nil, err
	}
	c, state := snap.Deployed, api.Deployed
	if in.Body.Staged {
		c, state = snap.Staged, api.Staged
	}
	if c == nil {
		return nil, problem(http.StatusNotFound, fmt.Sprintf("no %s configuration available", state))
	}
	name := mgmt.InstanceName(in.Name)
	if !slices.ContainsFunc(c.Config.Instances, func(one mgmt.Instance) bool { return one.Name == name }) {
		return nil, problem(http.StatusNotFound, fmt.Sprintf("the %s configuration has no instance %.100q", state, in.Name))
	}
	return s.planned(ctx, mgmt.PlanRequest{Config: c.Given(), Instance: name, Patience: time.Duration(in.Body.Timeout) * time.Second})
}

// planned asks for a plan.
func (s changes) planned(ctx context.Context, req mgmt.PlanRequest) (*bodyOutput[api.Plan], error) {
	answer, err := submit[mgmt.PlanResponse](ctx, s.Server, req)
	if err != nil {
		return nil, err
	}
	if !answer.Result.Success || answer.Plan == nil {
		return nil, problem(http.StatusUnprocessableEntity, cmp.Or(answer.Result.Error, "the controller has made no plan"))
	}
	body := planOf(answer.Plan)
	if snap, err := s.cfg.Cluster.Snapshot(ctx); err == nil && req.Instance == "" { // the plan is worth showing without it
		body.Options = optionsOf(req.Config, snap.Deployed)
		body.Bundles = s.plannedBundles(req.Config, snap.Deployed, answer.Plan.Bundles)
		body.Changes = body.Changes || len(body.Options)+len(body.Bundles) > 0
	}
	return &bodyOutput[api.Plan]{body}, nil
}
