package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// reader reads the state of a core from the stored entries. Its error says what the
// user can do.
type reader[State any] func([]store.Entry) (State, error)

// readerFor returns the reader for a core. restore is the function Restore of the
// core's package. withoutIt says what happens if the user moves the state file away.
func readerFor[State any](restore func(values map[string][]byte) (State, error), withoutIt string) reader[State] {
	return func(entries []store.Entry) (State, error) {
		values := make(map[string][]byte, len(entries))
		for _, e := range entries {
			values[e.Key] = e.Value
		}
		state, err := restore(values)
		if _, newer := errors.AsType[*form.NewerError](err); err != nil && !newer {
			err = fmt.Errorf("%w; the file is damaged, or a newer zeekfleet has written it: run that zeekfleet, restore a copy of the file, or move it away: %s", err, withoutIt)
		}
		return state, err
	}
}

// loadState returns the state that a daemon saved last, and the keeper of the next
// states.
func loadState[State any](
	ctx context.Context, s store.Store, timeout time.Duration, read reader[State],
) (k *keeper, state State, err error) {
	k, entries, err := openKeeper(ctx, s, timeout)
	if err != nil {
		return nil, state, err
	}
	if state, err = read(entries); err != nil {
		return nil, state, k.unreadable(err)
	}
	return k, state, nil
}
