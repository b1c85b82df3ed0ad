package daemon

import (
	"context"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/store"
)

// loadState returns the state that a daemon saved last, and the keeper of the next
// states. restore is that of its core.
func loadState[State any](
	ctx context.Context, s store.Store, timeout time.Duration, restore func(values map[string][]byte) (State, error),
) (k *keeper, state State, err error) {
	k, entries, err := openKeeper(ctx, s, timeout)
	if err != nil {
		return nil, state, err
	}
	values := make(map[string][]byte, len(entries))
	for _, e := range entries {
		values[e.Key] = e.Value
	}
	if state, err = restore(values); err != nil {
		return nil, state, k.unreadable(err)
	}
	return k, state, nil
}
