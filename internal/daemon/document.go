package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/store"
)

// documentKey is the entry that has the whole state of a core.
const documentKey = "state"

// document keeps a core's state in a store as one entry of JSON.
type document struct{ *keeper }

// loadDocument reads the state that was saved last into state, and leaves it
// alone if there is none.
func loadDocument(ctx context.Context, s store.Store, timeout time.Duration, state any) (*document, error) {
	k, entries, err := openKeeper(ctx, s, timeout)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Key != documentKey {
			return nil, fmt.Errorf("load state: entry %q is not known: a newer zeekfleet has written it", e.Key)
		}
		if err := json.Unmarshal(e.Value, state); err != nil {
			return nil, k.unreadable(err)
		}
	}
	return &document{k}, nil
}

// save replaces the state. Its error is as that of keeper.save.
func (d *document) save(ctx context.Context, state any) error {
	text, err := json.Marshal(state)
	if err != nil {
		panic(fmt.Sprintf("daemon: marshal %T: %v", state, err)) // states hold plain data only
	}
	return d.keeper.save(ctx, []store.Change{{Key: documentKey, Value: text}})
}
