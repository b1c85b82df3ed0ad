package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/resources"
)

// registerRevisions adds what is deployed and what was deployed before.
func (a *routes) registerRevisions() {
	s := views{a.s}
	register(a, operation{
		id: "list-revisions", method: http.MethodGet, path: api.PathRevisions, may: rowOf(mgmt.GetHistoryRequest{}),
		summary: "List what is deployed and what was deployed before, the newest first",
	}, s.listRevisions)
	register(a, operation{
		id: "get-revision", method: http.MethodGet, path: api.PathRevisions + "/{revision}", may: rowOf(mgmt.GetConfigurationRequest{}),
		summary: "Show a revision with its configuration",
		details: "The answer is 410 if the controller keeps the description of the revision, and no longer its configuration.",
		errors:  []int{http.StatusNotFound, http.StatusGone},
	}, s.getRevision)
}

// revisionsInput are the parameters of the list of revisions, which may be long: it is
// not sorted for every page.
type revisionsInput struct {
	After uint64 `query:"after" doc:"Show what is older than this revision: the next of the page before."`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"200" doc:"How many entries to show at most."`
	TaggedInput
}

func (s views) listRevisions(ctx context.Context, in *revisionsInput) (*taggedOutput[api.Page[api.Revision]], error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	page := api.Page[api.Revision]{Items: []api.Revision{}, Revision: snap.Revision}
	if c := snap.Deployed; c != nil && (in.After == 0 || c.Revision < in.After) {
		page.Items = append(page.Items, revisionOf(c, api.Deployed))
	}
	older := snap.History
	if in.After > 0 {
		end, _ := slices.BinarySearchFunc(older, in.After, func(c mgmt.PastConfig, after uint64) int { return cmp.Compare(c.Revision, after) })
		older = older[:end]
	}
	for _, c := range slices.Backward(older) {
		if len(page.Items) == in.Limit {
			page.Next = strconv.FormatUint(page.Items[in.Limit-1].Revision, 10)
			break
		}
		page.Items = append(page.Items, pastRevision(c))
	}
	return tagged(in.TaggedInput, snap.Revision, page)
}

func revisionOf(c *mgmt.ConfigRevision, state string) api.Revision {
	return withOrigin(api.Revision{
		Revision: c.Revision, State: state, When: utc(c.When), Who: c.Who, ID: c.Config.ID, Kept: true,
		Instances: len(c.Config.Instances), Nodes: len(c.Config.Nodes),
	}, c.Origin)
}

func pastRevision(c mgmt.PastConfig) api.Revision {
	return withOrigin(api.Revision{
		Revision: c.Revision, State: api.Past, When: utc(c.When), Who: c.Who, ID: c.ID, Kept: c.Kept,
		Instances: c.Instances, Nodes: c.Nodes,
	}, c.Origin)
}

func withOrigin(r api.Revision, o mgmt.Origin) api.Revision {
	r.Note, r.Kind, r.From, r.Of, r.Operation = o.Note, string(o.Kind), o.From, o.Of, uint64(o.Operation)
	return r
}

// configuration returns a revision with its configuration.
func configuration(c *mgmt.ConfigRevision, state string) api.Configuration {
	return api.Configuration{
		Revision: c.Revision, State: state, When: utc(c.When), Who: c.Who,
		Note: c.Note, Kind: string(c.Kind), From: c.From, Of: c.Of, Operation: uint64(c.Operation),
		Cluster: resources.Cluster(c.Config),
	}
}

type revisionInput struct {
	Revision uint64 `path:"revision" minimum:"1"`
	TaggedInput
}

func (s views) getRevision(ctx context.Context, in *revisionInput) (*taggedOutput[api.Configuration], error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	c, err := s.revision(ctx, in.Revision)
	if err != nil {
		return nil, err
	}
	state := api.Past
	if snap.Deployed != nil && snap.Deployed.Revision == c.Revision {
		state = api.Deployed
	}
	return tagged(in.TaggedInput, c.Revision, configuration(c, state))
}

// revision returns a revision with its configuration.
func (s views) revision(ctx context.Context, number uint64) (*mgmt.ConfigRevision, error) {
	c, err := s.cfg.Cluster.Revision(ctx, number)
	none, isNone := errors.AsType[*mgmt.NoRevisionError](err)
	switch {
	case err == nil:
		return c, nil
	case !isNone:
		return nil, unavailable(err)
	case none.Described:
		return nil, problem(http.StatusGone, none.Error())
	}
	return nil, problem(http.StatusNotFound, none.Error())
}
