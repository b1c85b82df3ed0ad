package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/client/api"
)

// DeployStaged deploys the staged configuration, and says who has staged it: it may be
// another person than the one who deploys. At a terminal it shows the plan, asks whether to
// go on, and deploys what it has shown, as DeployFile does. Without a terminal, or with Yes,
// it deploys at once, as scripts for zeek-client expect.
func (f Fleet) DeployStaged(ctx context.Context) int {
	if f.Ask == nil || f.Yes {
		var staged api.Configuration
		err := f.asked(ctx, f.doubted, func(c *api.Client) (err error) {
			staged, err = c.Configuration(ctx, api.Staged)
			return err
		})
		if err == nil {
			f.Log.Notice("%s", stagedText(staged))
		}
		return f.deployAtOnce(ctx, staged.ID)
	}
	atOnce := false
	status := f.ask(ctx, func(c *api.Client) error {
		staged, err := c.Configuration(ctx, api.Staged)
		if atOnce = nothingToAsk(err); atOnce {
			return nil
		}
		if err != nil {
			return err
		}
		f.Log.Notice("%s", stagedText(staged))
		shown := staged.Cluster
		shown.ID = staged.ID
		return f.change(ctx, c, Change{}, api.DeployRequest{Configuration: &shown})
	})
	if atOnce {
		return f.deployAtOnce(ctx, "")
	}
	return status
}

// deployAtOnce deploys the staged configuration if it has this ID, or any if the ID is empty.
func (f Fleet) deployAtOnce(ctx context.Context, id string) int {
	return f.connected(ctx, func(ctl *client.Client) int { return f.deploy(ctx, ctl, id) })
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

// stagedText says who has staged a configuration, and when.
func stagedText(staged api.Configuration) string {
	return fmt.Sprintf("the staged configuration was staged by %s at %s UTC", staged.Who, inUTC(staged.When, toTheSecond))
}
