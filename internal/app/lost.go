package app

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// warnOfLostAuthority warns if a new authority was made beside the state of a controller
// that has deployed a configuration. It is no error: a controller that is older than
// authorities has such a state, too, and clients of its own host work.
func (c *Controller) warnOfLostAuthority(ctx context.Context, set settings.Controller, log *slog.Logger) error {
	entries, _, err := c.store.Load(ctx, "")
	if err != nil {
		return err
	}
	values := map[string][]byte{}
	for _, e := range entries {
		values[e.Key] = e.Value
	}
	state, err := controller.Restore(values)
	if err != nil || state.Deployed == nil {
		return nil // the controller says so when it reads its state
	}
	log.Warn("a new authority was made beside the state of a cluster that was there already: agents and users who knew another authority do not believe this one. "+
		"If authority.db was lost, end this controller and restore a copy of it. Without a copy, every agent joins again with a new token and --replace, and every user logs in again. "+
		"Nodes go on meanwhile. If this controller never had an authority, there is nothing to do", "dir", set.Directory)
	return nil
}

// warnOfAbsentAgents warns if agents have joined, and this controller listens for programs
// of its own host alone.
func (c *Controller) warnOfAbsentAgents(log *slog.Logger) {
	if c.Broker == nil || reachable(c.Broker) || c.Authority == nil || c.Authority.Foreign() {
		return
	}
	var names []string
	for _, owner := range slices.Sorted(maps.Keys(c.Authority.Directory().Until)) {
		if name, ok := strings.CutPrefix(owner, string(identity.Agent)+"/"); ok {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	const most = 5
	log.Warn("this controller listens for agents of its own host alone, and agents have joined: those of other hosts cannot connect. Set controller.listen_address (--listen-address)",
		"addr", c.Broker.Addr().String(), "agents", names[:min(len(names), most)], "count", len(names))
}
