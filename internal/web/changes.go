package web

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/resources"
)

// changes are the operations that plan changes and begin them.
type changes struct{ *Server }

// registerChanges adds what plans changes of the cluster and begins them.
func (a *routes) registerChanges() {
	s := changes{a.s}
	register(a, operation{
		id: "plan", method: http.MethodPost, path: api.PathPlans, may: rowOf(mgmt.PlanRequest{}), large: true, takes: maxPlanning,
		summary: "Say what a deployment would do, and change nothing",
		details: "All instances run their preflight, and say which nodes they would start, stop and restart, and why.",
		errors:  []int{http.StatusNotFound, http.StatusConflict, http.StatusGone},
	}, s.plan)
	register(a, operation{
		id: "deploy", method: http.MethodPost, path: api.PathDeployments, may: rowOf(mgmt.ChangeRequest{}), large: true,
		summary: "Begin a deployment", status: http.StatusAccepted,
		details: "The answer is the operation, which goes on without the asker. The answer is 412 if another revision is deployed than the asker has seen.",
		errors:  []int{http.StatusNotFound, http.StatusConflict, http.StatusGone, http.StatusPreconditionFailed},
	}, s.deploy)
	register(a, operation{
		id: "operate", method: http.MethodPost, path: api.PathOperations, may: rowOf(mgmt.OperateRequest{}),
		summary: "Begin to start, stop, restart, pause or resume nodes", status: http.StatusAccepted,
		details: "The answer is the operation, which goes on without the asker. " +
			"A node that is stopped stays stopped until it is started again. A node that is paused is not restarted when it ends by itself.",
		errors: []int{http.StatusConflict},
	}, s.operate)
	register(a, operation{
		id: "dispatch", method: http.MethodPost, path: api.PathDispatches, may: rowOf(mgmt.DispatchRequest{}),
		summary: "Ask nodes for an action",
		details: "The answer has a result for each node. It is a success even if nodes have failed.",
	}, s.dispatch)
}

// maxPlanning is the longest time that a request may give to a plan.
const maxPlanning = 10 * time.Minute

type planInput struct{ Body api.PlanRequest }

func (s changes) plan(ctx context.Context, in *planInput) (*bodyOutput[api.Plan], error) {
	isRead(ctx)
	config, err := s.chosen(ctx, in.Body.Configuration, in.Body.Revision, in.Body.Options)
	if err != nil {
		return nil, err
	}
	if err := s.refuseWithoutContent(config); err != nil {
		return nil, err
	}
	return s.planned(ctx, mgmt.PlanRequest{Config: config, Patience: time.Duration(in.Body.Timeout) * time.Second})
}

// chosen returns the configuration that a request means: the one that it has, or that of
// a revision, with other options.
func (s changes) chosen(ctx context.Context, given *api.Cluster, revision uint64, options []api.OptionChange) (mgmt.Configuration, error) {
	switch {
	case given != nil && len(options) > 0:
		return mgmt.Configuration{}, problem(http.StatusUnprocessableEntity, "a configuration has its options already: give the changes of options with a revision")
	case (given == nil) == (revision == 0):
		return mgmt.Configuration{}, problem(http.StatusUnprocessableEntity, "name either the configuration or a revision")
	case given != nil:
		config, err := resources.Configuration(*given)
		if err != nil {
			return config, problem(http.StatusUnprocessableEntity, err.Error())
		}
		return config, nil
	}
	found, err := views(s).revision(ctx, revision)
	if err != nil {
		return mgmt.Configuration{}, err
	}
	return withOptions(found.Given(), options)
}

// withOptions returns c with changes of options. The result is another configuration.
func withOptions(c mgmt.Configuration, list []api.OptionChange) (mgmt.Configuration, error) {
	if len(list) > 0 {
		c.ID = uuid.NewString()
	}
	for _, one := range list {
		change := mgmt.OptionChange{Selectors: one.Nodes, Unset: one.Unset}
		for _, name := range slices.Sorted(maps.Keys(one.Set)) {
			change.Set = append(change.Set, mgmt.Option{Name: name, Value: one.Set[name]})
		}
		var err error
		if c, err = c.WithOptions(change); err != nil {
			return c, problem(http.StatusUnprocessableEntity, err.Error())
		}
	}
	return c, nil
}

// optionsOf returns the options that differ from the deployed ones.
func optionsOf(config mgmt.Configuration, deployed *mgmt.ConfigRevision) []api.PlannedOption {
	var before mgmt.Configuration
	if deployed != nil {
		before = deployed.Config
	}
	var list []api.PlannedOption
	for _, d := range mgmt.OptionDifferences(before, config) {
		list = append(list, api.PlannedOption{Name: d.Name, How: d.How, Nodes: texts(d.Nodes)})
	}
	return list
}

func planOf(p *mgmt.FleetPlan) api.Plan {
	body := api.Plan{
		Deployed: p.Deployed, Changes: p.Changes(), Nodes: make([]api.PlannedNode, 0, len(p.Nodes)),
		Problems: findings(p.Problems), Doubts: findings(p.Doubts), Unknown: findings(p.Unknown),
	}
	for _, n := range p.Nodes {
		body.Nodes = append(body.Nodes, api.PlannedNode{
			Instance: string(n.Instance), Node: string(n.Node), Role: string(n.Role), Action: string(n.Action), Because: n.Because, Stopped: n.Stopped,
		})
	}
	for _, f := range p.Fetching {
		body.Fetching = append(body.Fetching, api.PlannedFetch{Instance: string(f.Instance), Bundle: f.Bundle, Done: f.Done, Total: f.Total})
	}
	return body
}

func findings(list []mgmt.PlanFinding) []api.Finding {
	found := make([]api.Finding, 0, len(list))
	for _, f := range list {
		found = append(found, api.Finding{
			Instance: string(f.Instance), Node: string(f.Node), Text: f.Text, Stdout: f.Outputs.Stdout, Stderr: f.Outputs.Stderr, Absent: f.Absent, Meant: string(f.Meant),
		})
	}
	return found
}

type deployInput struct {
	IfMatch string `header:"If-Match" maxLength:"200" doc:"The ETag of the deployed configuration or revision. If another one is deployed, the answer is 412."`
	Body    api.DeployRequest
}

// begunOutput is the answer to a request that has begun an operation.
type begunOutput struct {
	Location string `header:"Location" doc:"The path of the operation."`
	Body     api.Operation
}

func (s changes) deploy(ctx context.Context, in *deployInput) (*begunOutput, error) {
	isRead(ctx)
	seen, err := seenRevision(in)
	if err != nil {
		return nil, err
	}
	config, err := s.chosen(ctx, in.Body.Configuration, in.Body.Revision, in.Body.Options)
	if err != nil {
		return nil, err
	}
	// No content is removed until the deployment has begun, or is refused.
	s.contents.RLock()
	defer s.contents.RUnlock()
	if err := s.refuseWithoutContent(config); err != nil {
		return nil, err
	}
	of := in.Body.Revision
	if len(in.Body.Options) > 0 {
		of = 0
	}
	return s.begin(ctx, mgmt.ChangeRequest{
		Config: config, Of: of, Note: in.Body.Note, Seen: seen, Partial: in.Body.Partial,
		RevertAfter: time.Duration(in.Body.RevertAfter) * time.Second, Patience: time.Duration(in.Body.Timeout) * time.Second,
	}, seen)
}

// seenRevision returns the revision that the asker takes for the deployed one, or nil.
func seenRevision(in *deployInput) (*uint64, error) {
	if in.IfMatch == "" {
		return in.Body.Seen, nil
	}
	tag := strings.Trim(strings.TrimPrefix(strings.TrimSpace(in.IfMatch), "W/"), `"`)
	number, _, _ := strings.Cut(tag, "-")
	seen, err := strconv.ParseUint(number, 10, 64)
	switch {
	case err != nil:
		return nil, problem(http.StatusUnprocessableEntity, "If-Match is not the tag of a revision: it begins with the number of the revision")
	case in.Body.Seen != nil && *in.Body.Seen != seen:
		return nil, problem(http.StatusUnprocessableEntity, "If-Match and seen name different revisions")
	}
	return &seen, nil
}

type operateInput struct{ Body api.OperateRequest }

func (s changes) operate(ctx context.Context, in *operateInput) (*begunOutput, error) {
	b := in.Body
	rolling := b.Rolling || b.Batch > 0 || b.Percent > 0
	switch {
	case rolling && b.Kind != api.KindRestart:
		return nil, problem(http.StatusUnprocessableEntity, "only a restart can be rolling")
	case b.Batch > 0 && b.Percent > 0:
		return nil, problem(http.StatusUnprocessableEntity, "name either the nodes of a batch or a percentage")
	case b.Resumes > 0 && (len(b.Selectors) > 0 || rolling):
		return nil, problem(http.StatusUnprocessableEntity, "a rolling restart that is resumed has its nodes and batches already")
	case b.Resumes > 0 && b.Kind != api.KindRestart:
		return nil, problem(http.StatusUnprocessableEntity, "only a rolling restart can be resumed")
	}
	return s.begin(ctx, mgmt.OperateRequest{
		Kind: mgmt.OperationKind(b.Kind), Selectors: b.Selectors, Rolling: rolling, Batch: b.Batch, Percent: b.Percent,
		Resumes: mgmt.OperationID(b.Resumes), Note: b.Note,
	}, nil)
}

// begin makes a request that begins an operation. seen is the revision that the asker takes
// for the deployed one. It may be nil.
func (s changes) begin(ctx context.Context, req mgmt.Request, seen *uint64) (*begunOutput, error) {
	answer, err := submit[mgmt.OperationResponse](ctx, s.Server, req)
	if err != nil {
		return nil, err
	}
	if answer.Result.Success && answer.Operation != nil {
		body := operationOf(answer.Operation)
		return &begunOutput{fmt.Sprintf("%s/%d", api.PathOperations, body.ID), body}, nil
	}
	status := http.StatusConflict
	if seen != nil {
		if snap, err := s.cfg.Cluster.Snapshot(ctx); err == nil && deployedRevision(snap) != *seen {
			status = http.StatusPreconditionFailed
		}
	}
	return nil, problem(status, cmp.Or(answer.Result.Error, "the controller has begun nothing"))
}

func deployedRevision(snap *mgmt.Snapshot) uint64 {
	if snap.Deployed == nil {
		return 0
	}
	return snap.Deployed.Revision
}

// submit makes a request to the controller for the asker. It returns an error if the asker
// may not make it.
func submit[R mgmt.Response](ctx context.Context, s *Server, req mgmt.Request) (answer R, err error) {
	who := askerOf(ctx).Principal
	got, err := s.cfg.Cluster.Submit(ctx, who, req)
	if err != nil {
		return answer, unavailable(err)
	}
	if row := rowOf(req); who.Role < row.May {
		return answer, problem(http.StatusForbidden, access.Denied(who, row.Name, row.May))
	}
	answer, ok := got.(R)
	if !ok {
		panic(fmt.Sprintf("web: the controller has answered %T with %T", req, got))
	}
	return answer, nil
}

type dispatchInput struct{ Body api.DispatchRequest }

func (s changes) dispatch(ctx context.Context, in *dispatchInput) (*bodyOutput[api.Dispatched], error) {
	answer, err := submit[mgmt.DispatchResponse](ctx, s.Server, mgmt.DispatchRequest{
		Action: append([]string{in.Body.Action}, in.Body.Arguments...), Selectors: in.Body.Selectors,
	})
	if err != nil {
		return nil, err
	}
	if len(answer.Results) == 1 && answer.Results[0].Node == "" && answer.Results[0].Instance == "" && !answer.Results[0].Success {
		return nil, problem(http.StatusUnprocessableEntity, answer.Results[0].Error)
	}
	body := api.Dispatched{Results: make([]api.DispatchResult, 0, len(answer.Results))}
	for _, r := range answer.Results {
		body.Results = append(body.Results, dispatchResult(r))
	}
	return &bodyOutput[api.Dispatched]{body}, nil
}

// texts returns names as texts.
func texts[S ~string](names []S) []string {
	list := make([]string, 0, len(names))
	for _, name := range names {
		list = append(list, string(name))
	}
	return list
}
