package web

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestAttemptersAreBounded(t *testing.T) {
	cfg, err := Config{Cluster: nobody{}, Limits: Limits{MaxAttempters: 3, AttemptsBurst: 1, AttemptInterval: time.Hour}}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	a, now := newAttempts(cfg), time.Now()
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}) }
	for i := range 100 {
		if wait := a.take(now, addr(i)); wait != 0 {
			t.Errorf("address %d waits %s", i, wait)
		}
	}
	if a.recent.Len() != 3 || len(a.byAddr) != 3 {
		t.Errorf("%d and %d addresses are remembered", a.recent.Len(), len(a.byAddr))
	}
	for i, want := range map[int]bool{97: true, 98: true, 99: true} {
		if waits := a.take(now, addr(i)) > 0; waits != want {
			t.Errorf("address %d waits: %t", i, waits)
		}
	}
	// The one that has tried least recently was forgotten.
	if wait := a.take(now, addr(0)); wait != 0 {
		t.Errorf("a forgotten address waits %s", wait)
	}
}

// An attacker with a network of 48 bits does not use up what all others may do.
func TestNetworksOfOneSiteKeepNobodyOut(t *testing.T) {
	cfg, err := Config{Cluster: nobody{}}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	a, now, tried := newAttempts(cfg), time.Now(), 0
	for i := range 10_000 {
		if a.take(now, netip.MustParseAddr(fmt.Sprintf("2001:db8:1:%x::1", i))) == 0 {
			tried++
		}
	}
	if tried != cfg.AttemptsBurst {
		t.Errorf("%d attempts of one site, want %d", tried, cfg.AttemptsBurst)
	}
	for _, other := range []string{"192.0.2.1", "2001:db8:2::1"} {
		if wait := a.take(now, netip.MustParseAddr(other)); wait != 0 {
			t.Errorf("%s waits %s", other, wait)
		}
	}
}

func TestAddressesThatCountAsOne(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1":        "192.0.2.1",
		"::ffff:192.0.2.1": "192.0.2.1",
		"2001:db8:1:2::3":  "2001:db8:1:2::",
		"fe80::1%eth0":     "fe80::",
	} {
		if got := network(netip.MustParseAddr(text), 64).String(); got != want {
			t.Errorf("%s counts as %s, want %s", text, got, want)
		}
	}
	if got := network(netip.Addr{}, 64); got.IsValid() {
		t.Errorf("no address counts as %s", got)
	}
}

// Whatever an agent says, what is read from it is what it says.
func FuzzReadCrashes(f *testing.F) {
	f.Add("node w crashed: exit status 1; it printed: no (5s ago)\nsomething else")
	f.Add("node v failed 3 times in a row, next try in 8s: signal: killed (1h2m3s ago)")
	f.Add("node a crashed: b (-1s ago)\nnode a crashed: b (99999999h ago)\nnode \x00 crashed:  (0s ago)")
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		list := readCrashes("a", text, now)
		if len(list) > strings.Count(text, "\n")+1 {
			t.Errorf("%d crashes in %q", len(list), text)
		}
		for _, c := range list {
			if c.When.After(now) || !strings.Contains(text, fmt.Sprintf("node %s %s (", c.Node, c.Why)) {
				t.Errorf("%+v was read from %q", c, text)
			}
		}
	})
}

// nobody is a Cluster that is never asked.
type nobody struct{ Cluster }

func TestAFreePlaceIsTakenThoughTheTimeToWaitIsOver(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		places := make(chan struct{}, 1)
		if !takePlace(over, places) {
			t.Fatal("a free place was not taken")
		}
		if takePlace(over, places) {
			t.Fatal("a place was taken that was not free")
		}
	}
}
