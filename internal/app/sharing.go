//go:build !noetcd

package app

import (
	"context"
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/backup"
	"github.com/zeekfleet/zeekfleet/internal/blob"
	"github.com/zeekfleet/zeekfleet/internal/notify"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// sharing returns how the files of this controller are shared.
func (m *Clustered) sharing() sharing {
	of := leadersStore{m, happeningsPart}
	return sharing{
		audit: m.copies.ShareAudit, events: m.copies.ShareEvents,
		identity: store.NewKept(of, backup.KeyIdentity, storeTimeout), positions: store.NewKept(of, backup.KeyPositions, storeTimeout),
		archives: blob.Sharing{Put: m.copies.ShareArchive, Remove: m.copies.ForgetArchive},
	}
}

// leadersStore has the entries of a part of the state. A controller saves there only while it
// leads.
type leadersStore struct {
	m    *Clustered
	part string
}

// Load implements store.Store.
func (l leadersStore) Load(ctx context.Context, prefix string) ([]store.Entry, store.Revision, error) {
	return l.m.engine.Store(l.part, quorum.Fence{}).Load(ctx, prefix)
}

// Save implements store.Store.
func (l leadersStore) Save(ctx context.Context, changes []store.Change, replaces store.Revision) (store.Revision, error) {
	fence, leads := l.m.copies.Fence()
	if !leads {
		return 0, fmt.Errorf("save %s: %w: this controller does not lead", l.part, store.ErrConflict)
	}
	return l.m.engine.Store(l.part, fence).Save(ctx, changes, replaces)
}

// keeping returns where a term keeps the state of alerts.
func (m *Clustered) keeping(fence quorum.Fence) alertKeeping {
	receivers := m.engine.Store(receiversPart, fence)
	return alertKeeping{
		alerts:  store.NewKept(m.engine.Store(alertsPart, fence), backup.KeyAlerts, storeTimeout),
		cursors: func(receiver string) notify.Keep { return store.NewKept(receivers, receiver, storeTimeout) },
	}
}
