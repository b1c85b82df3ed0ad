package sso

import (
	"crypto/sha256"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestPendingLoginsEnd(t *testing.T) {
	for after, want := range map[time.Duration]bool{0: true, PendingLife - 1: true, PendingLife: false} {
		p := newPending(10)
		p.add(noon, "s", begun{ends: noon.Add(PendingLife)})
		if _, got := p.take(noon.Add(after), "s"); got != want {
			t.Errorf("after %v: got %v", after, got)
		}
		if _, again := p.take(noon, "s"); again {
			t.Errorf("after %v: taken twice", after)
		}
	}
}

func TestPendingLoginsAreBounded(t *testing.T) {
	for name, tc := range map[string]struct {
		most  int
		given []string // state@source
		want  []string
	}{
		"below the limit":                        {3, []string{"1@a", "2@a", "3@b"}, []string{"1", "2", "3"}},
		"one source":                             {3, []string{"1@a", "2@a", "3@a", "4@a"}, []string{"2", "3", "4"}},
		"a busy source does not push out others": {3, []string{"1@b", "2@a", "3@a", "4@a", "5@a"}, []string{"1", "4", "5"}},
		"many sources":                           {3, []string{"1@a", "2@b", "3@c", "4@d"}, []string{"2", "3", "4"}},
	} {
		p := newPending(tc.most)
		for i, text := range tc.given {
			state, source, _ := strings.Cut(text, "@")
			p.add(noon.Add(time.Duration(i)), state, begun{source: source, ends: noon.Add(PendingLife)})
		}
		if got := slices.Sorted(maps.Keys(p.all)); !cmp.Equal(got, tc.want) {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
}

func TestLoginsThatEndedMakeRoom(t *testing.T) {
	p := newPending(2)
	p.add(noon, "1", begun{source: "a", ends: noon.Add(PendingLife)})
	p.add(noon.Add(time.Minute), "2", begun{source: "b", ends: noon.Add(PendingLife + time.Minute)})
	p.add(noon.Add(PendingLife), "3", begun{source: "b", ends: noon.Add(2 * PendingLife)})
	if got, want := slices.Sorted(maps.Keys(p.all)), []string{"2", "3"}; !cmp.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCookieOfABrowser(t *testing.T) {
	b := begun{cookie: sha256.Sum256([]byte("secret"))}
	for cookie, want := range map[string]bool{"secret": true, "Secret": false, "": false, "secret ": false} {
		if got := b.isFrom(cookie); got != want {
			t.Errorf("%q: got %v", cookie, got)
		}
	}
}

func TestTokensCountOnce(t *testing.T) {
	s := newSeen(2)
	ends := noon.Add(freshness)
	for i, step := range []struct {
		now   time.Time
		token string
		want  string
	}{
		{noon, "a", ""},
		{noon, "a", "has been used already"},
		{noon, "b", ""},
		{noon, "c", "too many logins"},
		{noon, "a", "has been used already"},
		{ends, "c", ""}, // a and b have ended
		{ends, "c", "has been used already"},
	} {
		err := s.once(step.now, ends.Add(time.Duration(i)), []byte(step.token))
		if err == nil != (step.want == "") || err != nil && !strings.Contains(err.Error(), step.want) {
			t.Errorf("step %d: got %v, want %q", i, err, step.want)
		}
	}
}

func TestPausesOfDiscovery(t *testing.T) {
	d := discovery{}
	var got []time.Duration
	for range 7 {
		d = d.after(noon, nil, errors.New("away"))
		got = append(got, d.next.Sub(noon))
	}
	want := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, maxPause, maxPause}
	if !cmp.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	f := &found{}
	d = d.after(noon, f, nil)
	if d.found != f || d.next.Sub(noon) != discoveryLife {
		t.Errorf("found: got %+v", d)
	}
	d = d.after(noon, nil, errors.New("away"))
	if d.found != f || d.next.Sub(noon) != minPause {
		t.Errorf("away after it was found: got %+v", d)
	}
}

func TestTimesOfTokens(t *testing.T) {
	const second, minute = time.Second, time.Minute
	for name, tc := range map[string]struct {
		made, ends, fresh time.Duration // from now
		want              string
	}{
		"now":                        {0, 5 * minute, 0, ""},
		"a clock that is 1m slow":    {minute, 5 * minute, 0, ""},
		"a clock that is slower":     {minute + second, 5 * minute, 0, "was made at 2026-01-02 12:01:01 UTC, and this controller's clock says 2026-01-02 12:00:00 UTC: one of the two clocks is wrong by 1m1s"},
		"a clock that is 1m fast":    {-2 * minute, -minute, 0, ""},
		"a clock that is faster":     {-2 * minute, -minute - second, 0, "expired at 2026-01-02 11:58:59 UTC"},
		"old, and that is no matter": {-5 * time.Hour, minute, 0, ""},
		"old":                        {-5 * time.Hour, minute, freshness, "counts for 10m0s only"},
		"just fresh":                 {-freshness - minute, minute, freshness, ""},
		"just not fresh":             {-freshness - minute - second, minute, freshness, "counts for 10m0s only"},
	} {
		err := checkTimes(noon, noon.Add(tc.made), noon.Add(tc.ends), tc.fresh)
		if err == nil != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestBriefTexts(t *testing.T) {
	for given, want := range map[string]string{
		"a\nb\x1b[2Jc\u009bd": "a b [2Jc d",
		"b\xff":               "b?",
		"über":                "über",
	} {
		if got := brief(given); got != want {
			t.Errorf("%q: got %q, want %q", given, got, want)
		}
	}
	if got := brief(strings.Repeat("é", 1000)); len(got) > 300 {
		t.Errorf("got %d bytes", len(got))
	}
	if got := listed(slices.Repeat([]string{"g"}, 12)); got != "g, g, g, g, g, g, g, g, g, g, and 2 more" {
		t.Errorf("got %q", got)
	}
}
