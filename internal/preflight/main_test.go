package preflight

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/proc/fakezeek"
)

func TestMain(m *testing.M) {
	fakezeek.MainIfCalled()
	goleak.VerifyTestMain(m)
}

// findings returns the findings of Run.
func findings(ctx context.Context, cfg Config, checks []Check) []mgmt.Finding {
	return Run(ctx, cfg, checks).Findings
}
