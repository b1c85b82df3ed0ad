package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// PreflightRequest says which instances run their preflight.
type PreflightRequest struct {
	// Instances are the names. None means all instances of the configuration.
	Instances []string
	// Staged means the staged configuration, in place of the deployed one.
	Staged bool
}

// PreflightResult is what the preflights of instances have found.
type PreflightResult struct {
	Checked  int           `json:"checked"` // nodes
	Problems []api.Finding `json:"problems"`
	Doubts   []api.Finding `json:"doubts"`
	Unknown  []api.Finding `json:"unknown"`
}

// preflightsAtOnce bounds the instances that run their preflight at the same time.
const preflightsAtOnce = 8

// Preflight lets instances check whether they could run their nodes.
func (f Fleet) Preflight(ctx context.Context, req PreflightRequest) int {
	return f.ask(ctx, func(c *api.Client) error {
		names := req.Instances
		if len(names) == 0 {
			var err error
			if names, err = instancesOf(ctx, c, req.Staged); err != nil {
				return err
			}
		}
		f.Log.Info("asking %s for a preflight", counted(len(names), "instance"))
		result, err := preflights(ctx, c, names, api.PreflightRequest{Staged: req.Staged, Timeout: min(timeLeft(ctx), 600)})
		if err != nil {
			return err
		}
		if err := f.printPage(result, func() show.Page { return preflightPage(result, len(names)) }); err != nil {
			return err
		}
		if len(result.Problems)+len(result.Unknown) > 0 {
			return exitStatus(StatusFailed)
		}
		return nil
	})
}

// instancesOf returns the names of the instances of the deployed or the staged configuration.
func instancesOf(ctx context.Context, c *api.Client, staged bool) ([]string, error) {
	state := api.Deployed
	if staged {
		state = api.Staged
	}
	found, err := c.Configuration(ctx, state)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, in := range found.Cluster.Hosts {
		names = append(names, in.Name)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("the %s configuration has no instance", state)
	}
	slices.Sort(names)
	return names, nil
}

// preflights asks a few instances at a time. The results have the order of the names.
func preflights(ctx context.Context, c *api.Client, names []string, in api.PreflightRequest) (PreflightResult, error) {
	plans, errs := make([]api.Plan, len(names)), make([]error, len(names))
	places := make(chan struct{}, preflightsAtOnce)
	var asking sync.WaitGroup
	for i, name := range names {
		asking.Go(func() {
			places <- struct{}{}
			plans[i], errs[i] = c.Preflight(ctx, name, in)
			<-places
		})
	}
	asking.Wait()
	result := PreflightResult{Problems: []api.Finding{}, Doubts: []api.Finding{}, Unknown: []api.Finding{}}
	for i, p := range plans {
		if errs[i] != nil {
			return result, fmt.Errorf("instance %s: %w", names[i], errs[i])
		}
		if len(p.Unknown) == 0 {
			for _, n := range p.Nodes {
				if !n.Stopped && n.Action != api.ActionStop {
					result.Checked++
				}
			}
		}
		result.Problems, result.Doubts, result.Unknown = append(result.Problems, p.Problems...), append(result.Doubts, p.Doubts...), append(result.Unknown, p.Unknown...)
	}
	return result, errors.Join(errs...)
}

func preflightPage(r PreflightResult, instances int) show.Page {
	var page show.Page
	page = append(page, findingsPart("Problems", show.Bad, r.Problems)...)
	page = append(page, findingsPart("Doubts", show.Warning, r.Doubts)...)
	page = append(page, findingsPart("Not checked", show.Warning, r.Unknown)...)
	parts := []string{fmt.Sprintf("%s of %s checked", counted(r.Checked, "node"), counted(instances, "instance"))}
	switch {
	case len(r.Problems) > 0:
		parts = append(parts, counted(len(r.Problems), "problem"))
	case len(r.Unknown) == 0:
		parts = append(parts, "nothing was found that would keep them from running")
	}
	return append(page, show.Text{Text: strings.Join(parts, "; "), Tone: show.Strong})
}
