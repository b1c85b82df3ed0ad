package app

import (
	"context"
	"log/slog"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/run"
)

// systemctlTimeout bounds the run of systemctl.
const systemctlTimeout = 2 * time.Second

// maxSystemctl bounds what is kept of the output of systemctl, in bytes.
const maxSystemctl = 4 << 10

// warnOfUnit warns if this process is the main process of a systemd service, and
// systemd kills all processes of the service when the service stops. That is systemd's
// default. It would kill the nodes whenever the agent stops, and end their captures.
func warnOfUnit(ctx context.Context, log *slog.Logger) {
	if unit := ownService(log); unit != "" {
		warnIfItKills(ctx, log, unit, os.Getpid())
	}
}

// ownService returns the name of the systemd service to which this process belongs. It is
// empty if there is none.
func ownService(log *slog.Logger) string {
	if os.Getenv("INVOCATION_ID") == "" { // set by systemd
		return ""
	}
	cgroup, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		log.Debug("find systemd unit", "err", err)
		return ""
	}
	return serviceOf(string(cgroup))
}

// serviceOf returns the name of the system service in the text of a process's
// cgroup file. It is empty if there is none.
func serviceOf(cgroups string) string {
	for line := range strings.Lines(cgroups) {
		_, rest, _ := strings.Cut(line, ":")
		controllers, dir, _ := strings.Cut(strings.TrimSpace(rest), ":")
		systemd := controllers == "" || controllers == "name=systemd" // the unified hierarchy, or systemd's own hierarchy
		if unit := path.Base(dir); systemd && strings.HasSuffix(unit, ".service") && !strings.HasPrefix(dir, "/user.slice/") {
			return unit
		}
	}
	return ""
}

func warnIfItKills(ctx context.Context, log *slog.Logger, unit string, pid int) {
	ctx, cancel := context.WithTimeout(ctx, systemctlTimeout)
	defer cancel()
	out := &run.Head{Limit: maxSystemctl}
	err := run.Program{Argv: []string{"systemctl", "show", "--property=KillMode,MainPID", unit}, Stdout: out}.Run(ctx)
	if err != nil {
		log.Debug("ask systemd for the unit's KillMode", "unit", unit, "err", err)
		return
	}
	lines := strings.Fields(out.String())
	if !slices.Contains(lines, "MainPID="+strconv.Itoa(pid)) {
		return // this process is not the main process of the unit
	}
	for _, line := range lines {
		if mode, ok := strings.CutPrefix(line, "KillMode="); ok && mode != "process" && mode != "none" {
			log.Warn("stopping or restarting this systemd unit kills its nodes as well: set KillMode=process in it",
				"unit", unit, "KillMode", mode)
		}
	}
}
