package identity_test

import (
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/identity"
)

func TestTimesForPeople(t *testing.T) {
	east := time.FixedZone("east", 2*60*60)
	if got, want := identity.Clock(time.Date(2026, 11, 30, 1, 2, 3, 4, east)), "2026-11-29 23:02:03 UTC"; got != want {
		t.Errorf("Clock: got %s, want %s", got, want)
	}
	for d, want := range map[time.Duration]string{
		1400 * time.Millisecond: "1s", 59*time.Minute + 59*time.Second: "59m59s", time.Hour + 20*time.Second: "1h0m", 49*time.Hour + 40*time.Second: "49h1m",
	} {
		if got := identity.Rough(d); got != want {
			t.Errorf("Rough(%v): got %s, want %s", d, got, want)
		}
	}
}
