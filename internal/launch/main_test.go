package launch_test

import (
	"os"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/proc/fakezeek"
)

// TestMain lets the test binary be a fake Zeek.
func TestMain(m *testing.M) {
	fakezeek.MainIfCalled()
	os.Exit(m.Run())
}
