package store_test

import (
	"context"
	"errors"
	"io/fs"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/memstore"
)

func TestKeptTextsOfOneStoreDoNotDisturbEachOther(t *testing.T) {
	s := new(memstore.Store)
	a, b := store.NewKept(s, "a", 0), store.NewKept(s, "ab", 0)
	if _, err := a.Load(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a text: %v", err)
	}
	for i := range byte(5) {
		for key, k := range map[string]*store.Kept{"a": a, "ab": b} {
			if err := k.Save([]byte(key + string('0'+rune(i)))); err != nil {
				t.Fatal(err)
			}
		}
	}
	for want, k := range map[string]*store.Kept{"a4": a, "ab4": b} {
		if text, err := k.Load(); err != nil || string(text) != want {
			t.Errorf("got %q, %v, want %q", text, err, want)
		}
	}
}

// fenced is a store of a controller that no longer leads.
type fenced struct{ store.Store }

func (fenced) Save(context.Context, []store.Change, store.Revision) (store.Revision, error) {
	return 0, store.ErrConflict
}

func TestKeptTextOfADeposedControllerIsNotSaved(t *testing.T) {
	s := new(memstore.Store)
	if err := store.NewKept(s, "a", 0).Save([]byte("before")); err != nil {
		t.Fatal(err)
	}
	k := store.NewKept(fenced{s}, "a", 0)
	if err := k.Save([]byte("after")); !errors.Is(err, store.ErrConflict) {
		t.Errorf("got %v", err)
	}
	if text, err := k.Load(); err != nil || string(text) != "before" {
		t.Errorf("it has %q, %v", text, err)
	}
}
