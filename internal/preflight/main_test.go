package preflight

import (
	"testing"

	"go.uber.org/goleak"

	"zeekfleet/internal/proc/fakezeek"
)

func TestMain(m *testing.M) {
	fakezeek.MainIfCalled()
	goleak.VerifyTestMain(m)
}
