package daemon

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/store"
)

// keeper keeps the entries of one core in a store. It belongs to one goroutine.
//
// The keeper must be the only one that saves in this store. It goes on only from
// revisions that it has saved itself. It never takes another program's revision for
// its own, so it cannot overwrite one.
type keeper struct {
	store   store.Store
	place   string // names the store, for messages
	timeout time.Duration

	revision store.Revision
	stored   digests // at that revision

	// doubt is a save that has failed and may have taken place all the same. It is nil
	// if there is none.
	doubt *doubt
	// undo takes back a save that took place although the core was told that it
	// failed.
	undo []store.Change
	// conflict is the error that another program has saved. It is nil if none has.
	conflict error
}

type doubt struct {
	changes []store.Change
	undo    []store.Change // reverses them
}

// digests are the digests of the stored values, by key.
type digests map[string][sha256.Size]byte

// after returns the digests of the stored values after the changes.
func (d digests) after(changes []store.Change) digests {
	next := maps.Clone(d)
	next.change(changes)
	return next
}

// change makes the changes. There may be ten thousand other values.
func (d digests) change(changes []store.Change) {
	for _, c := range changes {
		if c.Value == nil {
			delete(d, c.Key)
		} else {
			d[c.Key] = sha256.Sum256(c.Value)
		}
	}
}

func digestsOf(entries []store.Entry) digests {
	d := digests{}
	for _, e := range entries {
		d[e.Key] = sha256.Sum256(e.Value)
	}
	return d
}

// openKeeper returns the keeper and the stored entries. timeout bounds each save.
func openKeeper(ctx context.Context, s store.Store, timeout time.Duration) (*keeper, []store.Entry, error) {
	entries, rev, err := s.Load(ctx, "")
	if err != nil {
		return nil, nil, fmt.Errorf("load state: %w", err)
	}
	k := &keeper{store: s, place: "state", timeout: timeout, revision: rev, stored: digestsOf(entries)}
	if file, ok := s.(interface{ Path() string }); ok {
		k.place = file.Path()
	}
	return k, entries, nil
}

// unreadable returns an error that says that the stored entries cannot be read
// because of err.
func (k *keeper) unreadable(err error) error {
	return fmt.Errorf("load %s, revision %d: %w", k.place, k.revision, err)
}

// save makes the changes. After an error the core goes on as if it had not asked
// for them; the client whose request it was gets the error. store.ErrConflict says
// that another program has saved. Every further save then returns it, too.
func (k *keeper) save(ctx context.Context, changes []store.Change) error {
	ctx = context.WithoutCancel(ctx)
	err := k.conflict
	if err == nil {
		err = k.settleDoubt(ctx)
	}
	if err == nil {
		err = k.replace(ctx, slices.Concat(k.undo, changes))
	}
	if errors.Is(err, store.ErrConflict) {
		k.conflict = err
	}
	if err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	k.undo = nil
	return nil
}

// replace makes the changes in the store.
func (k *keeper) replace(ctx context.Context, changes []store.Change) error {
	undo, err := k.undoOf(ctx, changes)
	if err != nil {
		return err
	}
	rev, err := k.saveIn(ctx, changes)
	switch {
	case err == nil:
		k.revision = rev
		k.stored.change(changes)
		return nil
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrTooLarge):
		return err
	}
	k.doubt = &doubt{changes, undo}
	took, settleErr := k.settle(ctx)
	switch {
	case errors.Is(settleErr, store.ErrConflict):
		return settleErr
	case took:
		return nil
	}
	return err
}

func (k *keeper) saveIn(ctx context.Context, changes []store.Change) (store.Revision, error) {
	ctx, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	return k.store.Save(ctx, changes, k.revision)
}

func (k *keeper) load(ctx context.Context, prefix string) ([]store.Entry, store.Revision, error) {
	ctx, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	return k.store.Load(ctx, prefix)
}

// undoOf returns the changes that reverse the given ones.
func (k *keeper) undoOf(ctx context.Context, changes []store.Change) ([]store.Change, error) {
	var undo []store.Change
	for _, c := range changes {
		before := store.Change{Key: c.Key}
		if _, ok := k.stored[c.Key]; ok {
			entries, rev, err := k.load(ctx, c.Key)
			if err != nil {
				return nil, err
			}
			if rev != k.revision || len(entries) == 0 || entries[0].Key != c.Key {
				return nil, k.foreign(rev)
			}
			before.Value = entries[0].Value
		}
		undo = append(undo, before)
	}
	return undo, nil
}

// settleDoubt finds out whether the save in doubt took place. The core was told
// that it failed.
func (k *keeper) settleDoubt(ctx context.Context) error {
	if k.doubt == nil {
		return nil
	}
	undo := k.doubt.undo
	took, err := k.settle(ctx)
	if took {
		k.undo = slices.Concat(undo, k.undo)
	}
	return err
}

// settle ends the doubt, and reports whether the save took place. It did if the
// store holds exactly the values that the save was to leave there.
func (k *keeper) settle(ctx context.Context) (took bool, err error) {
	entries, rev, err := k.load(ctx, "")
	if err != nil {
		return false, err
	}
	now, wanted := digestsOf(entries), k.stored.after(k.doubt.changes)
	switch {
	case rev == k.revision && maps.Equal(now, k.stored):
		k.doubt = nil
		return false, nil
	case rev > k.revision && maps.Equal(now, wanted):
		k.doubt, k.revision, k.stored = nil, rev, wanted
		return true, nil
	}
	return false, k.foreign(rev)
}

func (k *keeper) foreign(rev store.Revision) error {
	return fmt.Errorf("%w: %s has revision %d, and the last one of this daemon is %d", store.ErrConflict, k.place, rev, k.revision)
}
