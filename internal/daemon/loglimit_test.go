package daemon_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"zeekfleet/internal/daemon"
)

func TestLogOfWhatPeersCauseIsLimitedByKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		log := daemon.LimitedLog(slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug})))
		lines := func() (n int, last string) {
			all := strings.SplitAfter(text.String(), "\n")
			text.Reset()
			return len(all) - 1, all[max(0, len(all)-2)]
		}
		knock := func(times int) {
			for range times {
				log.With("peer", "p").Warn("knock")
			}
		}
		knock(1500)
		if n, _ := lines(); n != 1000 {
			t.Errorf("%d of 1500 lines of a kind were logged, want 1000", n)
		}
		log.Warn("another kind")
		for range 2000 {
			log.Debug("knock")
		}
		if n, _ := lines(); n != 2001 {
			t.Errorf("%d lines of another kind and another level were logged, want all 2001", n)
		}
		time.Sleep(2500 * time.Millisecond)
		knock(1)
		if n, last := lines(); n != 1 || !strings.Contains(last, "suppressed=500") {
			t.Errorf("%d lines, the last %q, want one that tells of 500", n, last)
		}
		knock(2)
		if n, last := lines(); n != 1 || strings.Contains(last, "suppressed") {
			t.Errorf("%d lines, the last %q, want the second and last of two seconds", n, last)
		}
		time.Sleep(time.Hour)
		knock(1500)
		if n, _ := lines(); n != 1000 {
			t.Errorf("%d lines after a quiet hour, want 1000", n)
		}
	})
}
