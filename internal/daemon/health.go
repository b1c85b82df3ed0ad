package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/proc"
)

// health asks the loop whether the nodes run. A loop that does not answer before ctx is done
// is not well either. Any goroutine may call it.
func (a *agentShell) health(ctx context.Context) (text string, well bool) {
	answer := make(chan agent.Health, 1)
	select {
	case a.asksHealth <- answer:
	case <-ctx.Done():
		return "the agent does not answer: it starts, ends, or waits for a disk", false
	}
	select {
	case h := <-answer:
		text, well = healthText(h)
		return a.obedience.withLead(a.endpoint, text), well
	case <-ctx.Done():
		return "the agent does not answer", false
	}
}

// withLead adds the controller that the agent obeys, if the cluster has several, and who else is
// connected.
func (o *obeyed) withLead(endpoint *bus.Endpoint, text string) string {
	obeys := o.text()
	if obeys == "" {
		return text
	}
	text += ", obeys " + obeys
	var others []string
	for _, p := range endpoint.Peers() {
		if name, ok := strings.CutPrefix(p.Identity, string(identity.Controller)+"/"); ok && name != o.leaderName() {
			others = append(others, name)
		}
	}
	if len(others) > 0 {
		slices.Sort(others)
		text += ", also connected: " + mgmt.FewTexts(others, mgmt.MaxControllers, ", ")
	}
	return text
}

func healthText(h agent.Health) (text string, well bool) {
	switch down := len(h.Down); {
	case h.Why != "":
		return h.Why, false
	case down == 1:
		return fmt.Sprintf("node %s should run and does not", h.Down[0]), false
	case down > 1:
		return fmt.Sprintf("%d nodes should run and do not: %s", down, mgmt.FewNames(h.Down, 20)), false
	}
	return fmt.Sprintf("ok, nodes that run: %d", h.Running), true
}

// reapOrphans reaps what nodes and other processes of a container have left, if this process
// is the first one there.
func reapOrphans(ctx context.Context, parts *group, log *slog.Logger) {
	if os.Getpid() != 1 {
		return
	}
	parts.run(ctx, "orphans", func(ctx context.Context) error { return proc.ReapOrphans(ctx, log) })
}
