//go:build !noetcd

package app

import (
	"bytes"
	"log/slog"
	"testing"
	"time"
)

func TestTheLogSaysOnceThatClocksDiffer(t *testing.T) {
	var text bytes.Buffer
	c := clocks{log: slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))}
	const (
		differs = "level=WARN msg=\"the clock of the controller that leads differs from this one: set the wrong one\" peer=c-1 "
		agrees  = "level=INFO msg=\"the clock of the controller that leads agrees with this one again\" peer=c-1\n"
	)
	for i, step := range []struct {
		ahead time.Duration
		want  string
	}{
		{0, ""}, {59 * time.Second, ""}, {-59 * time.Second, ""}, {time.Minute, differs + "ahead=1m0s\n"}, {time.Hour, ""},
		{31 * time.Second, ""}, {-31 * time.Second, ""}, {29 * time.Second, agrees}, {0, ""}, {-time.Hour, differs + "behind=1h0m\n"},
	} {
		text.Reset()
		c.compare("c-1", step.ahead)
		if got := text.String(); got != step.want {
			t.Errorf("step %d, ahead by %v: logged %q, want %q", i, step.ahead, got, step.want)
		}
	}
}
