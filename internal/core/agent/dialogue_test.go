package agent_test

import (
	"flag"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/core/coretest"
	"github.com/zeekfleet/zeekfleet/internal/golden"
)

var update = flag.Bool("update", false, "rewrite the dialogue files in testdata")

func TestDialogues(t *testing.T) {
	golden.Dialogues(t, *update, func(t testing.TB, text string) string { return coretest.PlayAgent(t, text) })
}
