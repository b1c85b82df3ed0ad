package memstore_test

import (
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/store/memstore"
	"github.com/zeekfleet/zeekfleet/internal/store/storetest"
)

// closable is a store with a Close that does nothing, so that it can be opened again.
type closable struct{ *memstore.Store }

func (closable) Close() error { return nil }

func TestStore(t *testing.T) {
	storetest.Run(t, func() func(*testing.T, storetest.Settings) storetest.Store {
		places := map[string]*memstore.Store{}
		return func(t *testing.T, s storetest.Settings) storetest.Store {
			if places[s.Place] == nil {
				places[s.Place] = &memstore.Store{MaxValue: s.MaxValue, MaxSave: s.MaxSave}
			}
			return closable{places[s.Place]}
		}
	}())
}
