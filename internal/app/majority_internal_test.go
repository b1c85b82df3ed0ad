//go:build !noetcd

package app

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
)

func TestTheLogSaysWhenTheMajorityIsMissing(t *testing.T) {
	type step struct {
		at   time.Duration // after the start
		ok   bool
		want string
	}
	const (
		missing = "level=WARN msg=\"the majority of the controllers is missing: nothing can be changed until it is there; start the other controllers, and see that they reach each other's store\" away=\"c-2, c-3\" err=\"no answer\"\n"
		lost    = "level=WARN msg=\"the majority of the controllers was lost: nothing can be changed until it is there; start those that are away, and see that they reach each other's store\" away=\"c-2, c-3\" err=\"no answer\"\n"
		site    = "level=WARN msg=\"the etcd of the site does not answer: nothing can be changed until it does; see that it runs, and that this controller reaches it\" err=\"no answer\"\n"
	)
	for name, c := range map[string]struct {
		external bool
		steps    []step
	}{
		"it is there at once":         {false, []step{{0, true, ""}, {time.Hour, true, ""}}},
		"it comes soon":               {false, []step{{2 * time.Second, false, ""}, {2900 * time.Millisecond, false, ""}, {4 * time.Second, true, ""}}},
		"it is missing, and comes":    {false, []step{{2 * time.Second, false, ""}, {3 * time.Second, false, missing}, {time.Minute, false, ""}, {2 * time.Minute, true, "level=INFO msg=\"the store has its majority again\" after=2m0s\n"}}},
		"it is lost":                  {false, []step{{0, true, ""}, {time.Minute, true, ""}, {time.Minute + 2*time.Second, false, ""}, {time.Minute + 3*time.Second, false, lost}}},
		"it is lost twice":            {false, []step{{0, true, ""}, {3 * time.Second, false, lost}, {4 * time.Second, true, "level=INFO msg=\"the store has its majority again\" after=4s\n"}, {7 * time.Second, false, lost}}},
		"the site's does not answer":  {true, []step{{3 * time.Second, false, site}, {4 * time.Second, false, ""}}},
		"an answer was only too slow": {false, []step{{0, true, ""}, {2 * time.Second, false, ""}, {3 * time.Second, true, ""}, {5 * time.Second, false, ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			var text bytes.Buffer
			start := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
			m := majority{external: c.external, answered: start, log: slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{
				ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
					if a.Key == slog.TimeKey {
						return slog.Attr{}
					}
					return a
				},
			}))}
			health := []quorum.Health{{Name: "c-3", Err: "no route"}, {Name: "c-1"}, {Name: "c-2", Err: "refused"}}
			for _, s := range c.steps {
				text.Reset()
				err := errors.New("no answer")
				if s.ok {
					err = nil
				}
				m.take(start.Add(s.at), err, health)
				if got := text.String(); got != s.want {
					t.Errorf("at %v: logged %q, want %q", s.at, got, s.want)
				}
			}
		})
	}
}
