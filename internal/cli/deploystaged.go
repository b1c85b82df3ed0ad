package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// DeployStaged deploys the staged configuration, and says who has staged it: it may be
// another person than the one who deploys. At a terminal it shows the plan and asks whether
// to go on. Without one, or with Yes, it deploys at once, as scripts for zeek-client expect.
func (f Fleet) DeployStaged(ctx context.Context) int {
	asks := f.Ask != nil && !f.Yes
	var staged api.Configuration
	err := f.asked(ctx, f.doubted, func(c *api.Client) (err error) {
		if staged, err = c.Configuration(ctx, api.Staged); err != nil || !asks {
			return err
		}
		return f.confirmStaged(ctx, c, staged)
	})
	if asks && err != nil && !nothingToAsk(err) {
		return f.asking(ctx, f.doubted, func(*api.Client) error { return err })
	}
	if err == nil && !asks {
		f.Log.Notice("%s", stagedText(staged))
	}
	return f.connected(ctx, func(ctl *client.Client) int { return f.deploy(ctx, ctl, staged.ID) })
}

// nothingToAsk reports whether the deployment itself says what there is to say: nothing is
// staged, or the controller is Zeek's own, which makes no plans.
func nothingToAsk(err error) bool {
	if p, ok := errors.AsType[*api.Problem](err); ok {
		return p.Status == http.StatusNotFound
	}
	_, foreign := errors.AsType[*api.NoAPIError](err)
	return foreign
}

// confirmStaged shows what a deployment of the staged configuration would do, and asks
// whether to go on.
func (f Fleet) confirmStaged(ctx context.Context, c *api.Client, staged api.Configuration) error {
	f.Log.Notice("%s", stagedText(staged))
	plan, err := f.plan(ctx, c, api.PlanRequest{Configuration: &staged.Cluster})
	if err != nil {
		return err
	}
	if f.forPerson() {
		if err := f.printPage(nil, func() show.Page { return append(planPage(plan), show.Blank()) }); err != nil {
			return err
		}
	} else {
		f.Log.Notice("plan: %s", planSummary(plan))
	}
	if len(plan.Problems) > 0 {
		return f.refusedPlan(plan)
	}
	if !plan.Changes && len(plan.Unknown) == 0 {
		return nil
	}
	return f.confirmed(ctx, "Deploy this?")
}

// stagedText says who has staged a configuration, and when.
func stagedText(staged api.Configuration) string {
	return fmt.Sprintf("the staged configuration was staged by %s at %s UTC", staged.Who, inUTC(staged.When, toTheSecond))
}
