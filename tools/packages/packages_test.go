package main

import (
	"testing"
	"time"
)

func TestPackageVersion(t *testing.T) {
	at := time.Date(2026, 11, 30, 12, 0, 5, 0, time.UTC)
	for described, want := range map[string]string{
		"v1.2.3":                  "1.2.3",
		"1.2":                     "1.2",
		"v1.2.3-4-g0123abc":       "1.2.3+4.g0123abc",
		"v1.2.3-4-g0123abc-dirty": "1.2.3+4.g0123abc+dirty",
		"430ae217":                "0~20261130120005.g430ae217",
		"43012217":                "0~20261130120005.g43012217",
		"430ae217-dirty":          "0~20261130120005.g430ae217+dirty",
	} {
		if got, err := packageVersion(described, at); got != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", described, got, err, want)
		}
	}
	for _, described := range []string{"", "dev", "v1.2.3 4", "v1.2-rc"} {
		if got, err := packageVersion(described, at); err == nil {
			t.Errorf("%s: got %q, want an error", described, got)
		}
	}
}
