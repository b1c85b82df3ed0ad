package daemon

import (
	"context"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// loadControllerState returns the state that a controller saved last, and the
// keeper of the next ones.
func loadControllerState(ctx context.Context, s store.Store, timeout time.Duration) (*keeper, controller.State, error) {
	k, entries, err := openKeeper(ctx, s, timeout)
	if err != nil {
		return nil, controller.State{}, err
	}
	values := make(map[string][]byte, len(entries))
	for _, e := range entries {
		values[e.Key] = e.Value
	}
	state, err := controller.Restore(values)
	if err != nil {
		return nil, controller.State{}, k.unreadable(err)
	}
	return k, state, nil
}
