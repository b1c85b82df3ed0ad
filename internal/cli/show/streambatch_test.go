package show_test

import (
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// TestLargeBatchOfAStreamIsCopiedOnce prints ten thousand values, as events of a day may be,
// and bounds the memory that this takes: text that grew value by value would take gigabytes.
func TestLargeBatchOfAStreamIsCopiedOnce(t *testing.T) {
	type value struct{ Text string }
	values := make([]value, 10_000)
	for i := range values {
		values[i].Text = strings.Repeat("x", 300)
	}
	for _, format := range []show.Format{show.AsJSON, show.AsYAML, show.AsTable} {
		s := show.NewStream(show.Settings{Out: io.Discard, Format: format}, []show.Column{{Head: "TEXT"}})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := show.StreamOf(s, values, func(v value) []show.Cell { return show.Row(v.Text) }); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 1000 {
			t.Errorf("%v: %d MiB", format, took)
		} else {
			t.Logf("%v: %d MiB", format, took)
		}
	}
}
