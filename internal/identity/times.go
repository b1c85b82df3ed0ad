package identity

import (
	"strings"
	"time"
)

// Clock writes a moment for people of several hosts: in UTC, to the second.
func Clock(t time.Time) string { return t.UTC().Format(time.DateTime + " MST") }

// Rough writes how much two clocks differ: to the second, and from an hour on to the
// minute.
func Rough(d time.Duration) string {
	if d >= time.Hour {
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	return d.Round(time.Second).String()
}
