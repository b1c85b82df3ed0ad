package daemon

import (
	"context"
	"log/slog"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/joined"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// controllerDials keeps connections with all controllers of a cluster: those of the settings,
// and those that the agent was told. Two addresses may lead to one controller: then one of them
// waits (bus.Endpoint.Dial). It belongs to the goroutine of the agent's loop.
type controllerDials struct {
	settings []string // host:port
	others   []string // that the agent was told
	kept     joined.Controllers
	dialing  map[string]context.CancelFunc
	log      *slog.Logger
	start    func(ctx context.Context, addr string)
}

func newControllerDials(cfg *AgentConfig, endpoint *bus.Endpoint, parts *group) *controllerDials {
	d := &controllerDials{kept: cfg.ToldControllers, dialing: map[string]context.CancelFunc{}, log: cfg.Logger}
	if cfg.Controller != "" {
		d.settings = append(d.settings, cfg.Controller)
	}
	for _, addr := range cfg.Controllers {
		if !slices.Contains(d.settings, addr) {
			d.settings = append(d.settings, addr)
		}
	}
	d.start = func(ctx context.Context, addr string) {
		parts.run(ctx, "dial controller "+addr, func(ctx context.Context) error {
			return endpoint.Dial(ctx, addr, cfg.ControllerDial)
		})
	}
	return d
}

// begin dials the controllers that are known.
func (d *controllerDials) begin(ctx context.Context) {
	var err error
	if d.others, err = d.kept.Load(); err != nil {
		d.log.Warn("addresses of other controllers are not known until the one that leads tells them", "err", err)
	}
	d.dial(ctx)
}

// told dials the controllers that the agent was told, in place of those that it was told
// before. An agent that waits for its controllers to dial it dials none.
func (d *controllerDials) told(ctx context.Context, addresses []string) {
	var good []string
	for _, addr := range addresses {
		if err := joined.CheckController(addr); err != nil {
			d.log.Warn("address of a controller ignored", "err", err)
			continue
		}
		good = append(good, addr)
	}
	if len(d.settings) == 0 || slices.Equal(good, d.others) {
		return
	}
	if err := d.kept.Save(good); err != nil {
		d.log.Warn("addresses of the controllers are not kept for the next start", "err", err)
	}
	d.others = good
	d.log.Info("controllers of the cluster", "addresses", d.all())
	d.dial(ctx)
}

// all returns the addresses that are dialed, those of the settings first.
func (d *controllerDials) all() []string {
	list := slices.Clone(d.settings)
	if len(list) == 0 {
		return nil
	}
	for _, addr := range d.others {
		if !slices.Contains(list, addr) {
			list = append(list, addr)
		}
	}
	return list[:min(len(list), max(mgmt.MaxControllers, len(d.settings)))]
}

// dial dials whom it does not dial yet, and leaves those that are gone.
func (d *controllerDials) dial(ctx context.Context) {
	all := d.all()
	for addr, cancel := range d.dialing {
		if !slices.Contains(all, addr) {
			cancel()
			delete(d.dialing, addr)
		}
	}
	for _, addr := range all {
		if d.dialing[addr] == nil {
			one, cancel := context.WithCancel(ctx)
			d.dialing[addr] = cancel
			d.start(one, addr)
		}
	}
}

// dials reports whether the agent dials a controller.
func (c *AgentConfig) dials() bool { return c.Controller != "" || len(c.Controllers) > 0 }
