package app

import (
	"context"
	"log/slog"

	"github.com/zeekfleet/zeekfleet/internal/cgroup"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// openGroups finds out what can bound the processes of nodes here.
func openGroups(ctx context.Context, set settings.Agent, log *slog.Logger) (*cgroup.Groups, error) {
	groups, why, err := cgroup.Open(ctx, cgroup.Config{Way: cgroup.Way(set.Process.LimitsBy), Unit: ownService(log), Logger: log})
	if err != nil {
		return nil, err
	}
	switch {
	case groups.Way() == cgroup.Rlimit && set.Process.LimitsBy != settings.LimitsRlimit:
		log.Info("nodes are bounded by rlimits: each process by itself, and without CPU weights", "why", why)
	case groups.Unbounded() != "":
		log.Warn("nodes have groups, and this kernel cannot bound all with them: rlimits bound memory, and there are no CPU weights", "by", string(groups.Way()), "lacks", groups.Unbounded())
	default:
		log.Info("nodes are bounded", "by", string(groups.Way()))
	}
	return groups, nil
}
