package joined_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/joined"
)

// life is how a Renewal behaves after some events. Times count from its beginning.
type life struct {
	t       *testing.T
	begin   time.Time
	renewal *joined.Renewal
}

// step applies an event at a time, and returns a text for what must be done.
func (l life) step(after time.Duration, ev joined.RenewalEvent) string {
	l.t.Helper()
	done := l.renewal.Step(l.begin.Add(after), ev)
	var text []string
	if done.Failed != "" {
		text = append(text, "failed: "+done.Failed)
	}
	if done.Ask {
		text = append(text, "ask")
	}
	if done.Warning != "" {
		text = append(text, "warn: "+done.Warning)
	}
	return strings.Join(text, "; ")
}

func (l life) want(got, want string) {
	l.t.Helper()
	if got != want {
		l.t.Errorf("got %q, want %q", got, want)
	}
}

// wake checks when the machine wants to be told the time.
func (l life) wake(after time.Duration) {
	l.t.Helper()
	at, ok := l.renewal.NextWake()
	if !ok || at.Sub(l.begin) != after {
		l.t.Errorf("it wakes %v after the beginning (%t), want %v", at.Sub(l.begin), ok, after)
	}
}

func newLife(t *testing.T) life {
	return life{t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), joined.NewRenewal(joined.RenewalConfig{})}
}

const day = 24 * time.Hour

func (l life) holds(from, until time.Duration) joined.Holds {
	return joined.Holds{Received: l.begin.Add(from), Expires: l.begin.Add(until)}
}

func TestCertificateIsRenewedAtTwoThirdsOfItsLife(t *testing.T) {
	l := newLife(t)
	l.want(l.step(0, l.holds(0, 30*day)), "")
	l.wake(25 * day) // nobody is connected: only the warning
	l.want(l.step(0, joined.Connected{Yes: true}), "")
	l.wake(20 * day)
	l.want(l.step(20*day-1, joined.TimePassed{}), "")
	l.want(l.step(20*day, joined.TimePassed{}), "ask")
	l.wake(20*day + 10*time.Second)
	l.want(l.step(20*day+time.Second, l.holds(20*day, 50*day)), "")
	l.wake(40 * day)
}

func TestCertificateThatWasDueWhileTheAgentWasAwayIsRenewedWhenItConnects(t *testing.T) {
	l := newLife(t)
	l.want(l.step(22*day, l.holds(0, 30*day)), "")
	l.want(l.step(23*day, joined.Connected{Yes: true}), "ask")
}

func TestFailedRenewalIsTriedAgainWithGrowingPauses(t *testing.T) {
	l := newLife(t)
	l.step(0, l.holds(0, 30*day))
	l.step(0, joined.Connected{Yes: true})
	l.want(l.step(20*day, joined.TimePassed{}), "ask")
	l.want(l.step(20*day+10*time.Second, joined.TimePassed{}), "failed: the controller does not answer")
	l.wake(20*day + 11*time.Second)
	l.want(l.step(20*day+11*time.Second, joined.TimePassed{}), "ask")
	l.want(l.step(20*day+12*time.Second, joined.Failed{Why: "no"}), "failed: no")
	l.wake(20*day + 14*time.Second)
	at := 20*day + 14*time.Second
	for range 20 {
		l.want(l.step(at, joined.TimePassed{}), "ask")
		l.want(l.step(at, joined.Failed{Why: "no"}), "failed: no")
		next, _ := l.renewal.NextWake()
		at = next.Sub(l.begin)
	}
	before := at
	l.step(at, joined.TimePassed{})
	l.step(at, joined.Failed{Why: "no"})
	l.wake(before + time.Hour)
	l.want(l.step(before, joined.Failed{Why: "nobody was asked"}), "")
}

func TestShortLifeIsTriedAgainSoon(t *testing.T) {
	l := newLife(t)
	l.step(0, l.holds(0, 9*time.Second))
	l.step(0, joined.Connected{Yes: true})
	l.want(l.step(6*time.Second, joined.TimePassed{}), "ask")
	l.want(l.step(6*time.Second, joined.Failed{Why: "no"}), "failed: no")
	l.wake(6*time.Second + 500*time.Millisecond)
}

func TestLostPeerIsNoFailure(t *testing.T) {
	l := newLife(t)
	l.step(0, l.holds(0, 30*day))
	l.step(0, joined.Connected{Yes: true})
	l.want(l.step(20*day, joined.TimePassed{}), "ask")
	l.want(l.step(20*day, joined.Connected{Yes: false}), "")
	l.want(l.step(20*day, joined.Connected{Yes: true}), "ask")
}

func TestOutdatedCertificateIsRenewedAtOnce(t *testing.T) {
	l := newLife(t)
	outdated := l.holds(0, 30*day)
	outdated.Outdated = true
	l.step(0, joined.Connected{Yes: true})
	l.want(l.step(0, outdated), "ask")
	l.want(l.step(time.Second, outdated), "") // what it gets is outdated, too
	l.wake(20 * day)
	l.want(l.step(day, joined.Urgent{}), "ask")
}

func TestLittleLifeLeftIsWarnedOf(t *testing.T) {
	l := newLife(t)
	l.step(0, l.holds(0, 30*day))
	l.want(l.step(25*day, joined.TimePassed{}),
		"warn: the certificate of this agent expires in 5 days and was not renewed: no controller is connected")
	l.wake(28*day + 18*time.Hour)
	l.want(l.step(28*day+18*time.Hour, joined.TimePassed{}),
		"warn: the certificate of this agent expires in 30 hours and was not renewed: no controller is connected")
	l.want(l.step(29*day, joined.Connected{Yes: true}), "ask")
	l.want(l.step(29*day, joined.Failed{Why: "the disk is full"}), "failed: the disk is full")
	l.want(l.step(29*day+17*time.Hour, joined.TimePassed{}),
		"ask; warn: the certificate of this agent expires in 7 hours and was not renewed: the disk is full")
	got := l.step(30*day, joined.TimePassed{})
	if !strings.Contains(got, "has expired") || !strings.Contains(got, "--replace") {
		t.Errorf("got %q", got)
	}
	l.want(l.step(31*day, joined.Connected{Yes: false}), "")
}

// A thousand agents join in one minute. Their renewals are spread over a day and a half.
func TestAgentsThatJoinedTogetherRenewApart(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const life, agents = 30 * 24 * time.Hour, 1000
	chance := rand.New(rand.NewPCG(1, 2))
	seconds := map[time.Time]int{}
	for i := range agents {
		r := joined.NewRenewal(joined.RenewalConfig{Chance: chance.Float64})
		received := start.Add(time.Minute * time.Duration(i) / agents)
		r.Step(received, joined.Holds{Received: received, Expires: received.Add(life)})
		r.Step(received, joined.Connected{Yes: true})
		at, ok := r.NextWake()
		if early := received.Add(life * 2 / 3).Sub(at); !ok || early < 0 || early > life/20 {
			t.Fatalf("agent %d renews at %v, %t", i, at, ok)
		}
		if done := r.Step(at, joined.TimePassed{}); !done.Ask {
			t.Fatalf("agent %d does not ask at %v", i, at)
		}
		seconds[at.Truncate(time.Second)]++
	}
	for at, n := range seconds {
		if n > 3 {
			t.Errorf("%d agents renew at %v", n, at)
		}
	}
	if len(seconds) < agents*9/10 {
		t.Errorf("they renew in %d different seconds", len(seconds))
	}
}
