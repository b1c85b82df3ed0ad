package main

import (
	"testing"
	"time"
)

func TestSinceTakesTheTimesThatEventsPrints(t *testing.T) {
	now := time.Date(2026, 11, 30, 4, 30, 0, 0, time.FixedZone("CET", 3600)) // 03:30 UTC
	for text, want := range map[string]string{
		"03:27":                     "2026-11-30T03:27:00Z",
		"03:27:40":                  "2026-11-30T03:27:40Z",
		"03:30:00":                  "2026-11-30T03:30:00Z",
		"04:27":                     "2026-11-29T04:27:00Z",
		"2026-11-29 04:27:40":       "2026-11-29T04:27:40Z",
		"2026-11-29 04:27":          "2026-11-29T04:27:00Z",
		"2026-11-29":                "2026-11-29T00:00:00Z",
		"2026-11-29T04:27:40+01:00": "2026-11-29T03:27:40Z",
		"2h":                        "2026-11-30T01:30:00Z",
	} {
		if at, err := parseSince(text, now); err != nil || at.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s: got %v, %v, want %s", text, at.UTC(), err, want)
		}
	}
	for _, text := range []string{"", "25:00", "yesterday", "04:27 "} {
		if at, err := parseSince(text, now); err == nil {
			t.Errorf("%q is taken as %v", text, at)
		}
	}
}
