package wire_test

import (
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/wire"
)

func TestIDText(t *testing.T) {
	const text = "11111111-2222-4333-8444-555555555555"
	if got := idA.String(); got != text {
		t.Errorf("got %s", got)
	}
	if idA.Compare(idB) >= 0 || idB.Compare(idA) <= 0 || idA.IsNil() || !(wire.ID{}).IsNil() {
		t.Errorf("wrong order of %v and %v", idA, idB)
	}
}
