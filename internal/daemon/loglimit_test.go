package daemon_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/zeekfleet/zeekfleet/internal/daemon"
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

func TestLongLogAttributesAreCut(t *testing.T) {
	var text bytes.Buffer
	log := daemon.LimitedLog(slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug})))
	long := strings.Repeat("é", 32<<20)
	for name, say := range map[string]func(){
		"a string": func() { log.Info("line", "why", long) },
		"an error": func() { log.Info("line", "err", errors.New(long)) },
		"a list":   func() { log.Info("line", "topic", strings.SplitAfter(long[:1<<20], "é")) },
		"a group":  func() { log.Info("line", slog.Group("peer", "id", long)) },
		"of all":   func() { log.With("peer", long).Info("line") },
		"debug":    func() { log.Debug("line", "why", long) },
	} {
		text.Reset()
		say()
		if got := text.String(); len(got) > 1200 || !strings.Contains(got, " bytes cut)") || !utf8.ValidString(got) {
			t.Errorf("%s: %d bytes were logged: %.1300s", name, len(got), got)
		}
	}
	text.Reset()
	log.Info("line", "err", errors.New(strings.Repeat("x", 1024)))
	if got := text.String(); strings.Contains(got, "cut") {
		t.Errorf("1024 bytes were cut: %s", got)
	}
}

func TestLogBytesAreLimitedByKindAndInAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		log := daemon.LimitedLog(slog.New(slog.NewTextHandler(&text, nil)))
		long := strings.Repeat("x", 1024)
		written := func(kind string, lines int) int {
			text.Reset()
			for range lines {
				log.Warn(kind, "a", long, "b", long, "c", long, "d", long)
			}
			return text.Len()
		}
		if n := written("kind", 1000); n < 500<<10 || n > 530<<10 {
			t.Errorf("%d bytes of one kind were logged, want 512 KiB", n)
		}
		time.Sleep(10 * time.Second)
		if n := written("kind", 1000); n < 8<<10 || n > 16<<10 {
			t.Errorf("%d bytes of one kind were logged ten seconds later, want about 10 KiB", n)
		}
		total := 0
		for i := range 100 {
			total += written(fmt.Sprintf("kind %d", i), 1000)
		}
		// Each of the hundred has a little of its own beside what they share.
		if total > 6<<20 {
			t.Errorf("%d bytes of 100 kinds were logged, want less than 6 MiB", total)
		}
		if n := written("a kind that was not logged before", 1); n == 0 {
			t.Error("a line of another kind was lost because of them")
		}
		total = 0
		for i := range 5000 {
			total += written(fmt.Sprintf("made-up kind %d", i), 1)
		}
		if total > 6<<20 {
			t.Errorf("%d bytes of 5000 kinds were logged, want less than 6 MiB", total)
		}
	})
}
