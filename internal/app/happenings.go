package app

import (
	"log/slog"
	"path/filepath"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// happeningsDir is the directory of the log of happenings, below the directory of its daemon.
const happeningsDir = "happenings"

// openControllerHappenings opens the log of what happens in a controller's cluster.
func openControllerHappenings(set settings.Controller, log *slog.Logger, how sharing, appended func([]happenings.Record)) (*happenings.Log, *happenings.Recorder, error) {
	return openHappenings(happenings.Config{
		Dir: filepath.Join(set.Directory, happeningsDir), MaxRecords: set.EventsKeep,
		MaxBytes: int64(set.EventsMegabytes) << 20, MaxAge: time.Duration(set.EventsDays) * 24 * time.Hour, Appended: appended,
		Share: how.events, Identity: how.identity, Positions: how.positions, Logger: log,
	}, true)
}

// The bounds of an agent's log. A controller that is away for longer than the log reaches
// learns how many happenings are missing.
const (
	agentHappenings      = 100_000
	agentHappeningsBytes = 64 << 20
)

// openAgentHappenings opens the log of what happens to an agent's nodes.
func openAgentHappenings(set settings.Agent, log *slog.Logger) (*happenings.Log, *happenings.Recorder, error) {
	return openHappenings(happenings.Config{
		Dir: filepath.Join(set.Directory, happeningsDir), MaxRecords: agentHappenings, MaxBytes: agentHappeningsBytes, Logger: log,
	}, false)
}

func openHappenings(cfg happenings.Config, hears bool) (*happenings.Log, *happenings.Recorder, error) {
	l, err := happenings.Open(cfg)
	if err != nil {
		return nil, nil, err
	}
	return l, happenings.NewRecorder(happenings.RecorderConfig{Log: l, Hears: hears, Logger: cfg.Logger}), nil
}
