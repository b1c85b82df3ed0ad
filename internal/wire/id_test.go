package wire_test

import (
	"strings"
	"testing"

	"zeekfleet/internal/wire"
)

func TestIDText(t *testing.T) {
	const text = "11111111-2222-4333-8444-555555555555"
	if got := idA.String(); got != text {
		t.Errorf("got %s", got)
	}
	if got, err := wire.ParseID(text); got != idA || err != nil {
		t.Errorf("parsed %v, %v", got, err)
	}
	for _, bad := range []string{"", text[1:], text + "0", strings.Replace(text, "-", "0", 1), strings.Replace(text, "1", "g", 1)} {
		if id, err := wire.ParseID(bad); err == nil || id != (wire.ID{}) {
			t.Errorf("%q parsed as %v", bad, id)
		}
	}
	if idA.Compare(idB) >= 0 || idB.Compare(idA) <= 0 || idA.IsNil() || !(wire.ID{}).IsNil() {
		t.Errorf("wrong order of %v and %v", idA, idB)
	}
}
