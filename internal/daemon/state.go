package daemon

import (
	"context"
	"log/slog"
	"path/filepath"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
)

// stateFile is the name of the file with a daemon's state, in its directory.
const stateFile = "state.db"

// What happens if a daemon goes on without that file.
const (
	withoutAgentState = "without it the agent keeps its nodes running, and waits until a controller tells it what should run"
	// A controller that has deployed nothing tells its agents nothing. So they
	// stop no nodes.
	withoutControllerState = "without it the controller has no configuration, and agents keep their nodes running until the whole cluster file is staged and deployed again"
)

var (
	readAgentState      = readerFor(agent.Restore, withoutAgentState)
	readControllerState = readerFor(controller.Restore, withoutControllerState)
)

// OpenAgentState opens the file with an agent's state. It warns if the file is
// missing although the directory was there already.
func OpenAgentState(ctx context.Context, directory string, log *slog.Logger) (*boltstore.Store, error) {
	return openState(ctx, directory, withoutAgentState, readAgentState, log)
}

// OpenControllerState does the same for a controller.
func OpenControllerState(ctx context.Context, directory string, log *slog.Logger) (*boltstore.Store, error) {
	return openState(ctx, directory, withoutControllerState, readControllerState, log)
}

func openState[State any](
	ctx context.Context, directory, withoutIt string, read reader[State], log *slog.Logger,
) (*boltstore.Store, error) {
	path := filepath.Join(directory, stateFile)
	s, err := boltstore.Open(ctx, path, boltstore.Config{WithoutIt: withoutIt, Check: func(entries []store.Entry) error {
		_, err := read(entries)
		return err
	}})
	if err == nil && s.Missing() {
		log.Warn("state file is missing from a directory that was there already, and is made anew: if there was one, stop this daemon and restore it; "+withoutIt,
			"file", path)
	}
	return s, err
}
