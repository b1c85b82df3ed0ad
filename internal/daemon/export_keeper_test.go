package daemon

import (
	"context"

	"github.com/zeekfleet/zeekfleet/internal/store"
)

// Keeper is what either daemon keeps its state with.
type Keeper struct{ k *keeper }

// OpenKeeper returns the keeper of a store.
func OpenKeeper(ctx context.Context, s store.Store) (Keeper, error) {
	k, _, err := openKeeper(ctx, s, defaultSaveTimeout)
	return Keeper{k}, err
}

// Save makes the changes.
func (k Keeper) Save(ctx context.Context, changes ...store.Change) error {
	return k.k.save(ctx, changes)
}
