package bench

import (
	"testing"
	"time"
)

func TestBudgetsOfTimesAndRatesFollowTheMachine(t *testing.T) {
	twice := 2 * budgetEcho // a machine that is half as fast
	for _, c := range []struct {
		what string
		f    figure
		echo time.Duration
		want string
	}{
		{"no budget", figure{value: 1, unit: "ms"}, budgetEcho, ""},
		{"at the budget", atMost("", 2, "ms", 2), budgetEcho, "ok, 100 %"},
		{"beyond it", atMost("", 2.1, "ms", 2), budgetEcho, "MISSED, 105 %"},
		{"the same on a slow machine", atMost("", 2.1, "ms", 2), twice, "ok, 52 %"},
		{"beyond it on a slow machine", atMost("", 4.2, "ms", 2), twice, "MISSED, 105 %"},
		{"seconds", atMost("", 0.3, "s", 0.2), twice, "ok, 75 %"},
		{"p99 alone is beyond", func() figure {
			f := times("", []time.Duration{time.Millisecond, time.Millisecond}, 0, 2, 3)
			f.p99 = 6
			return f
		}(), budgetEcho, "MISSED, 200 %"},
		{"a rate", atLeast("", 400, "events/s", 200), budgetEcho, "ok, 50 %"},
		{"half the rate on a slow machine", atLeast("", 100, "events/s", 200), twice, "ok, 100 %"},
		{"less on a slow machine", atLeast("", 80, "events/s", 200), twice, "MISSED, 125 %"},
		{"memory does not depend on the machine", atMost("", 60, "MB", 50), twice, "MISSED, 120 %"},
		{"nothing was measured", figure{budget: 1, missing: "no Zeek"}, budgetEcho, ""},
	} {
		if got := c.f.verdict(c.echo); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestAFigureOfManyTimes(t *testing.T) {
	var took []time.Duration
	for i := range 200 {
		took = append(took, time.Duration(200-i)*time.Millisecond)
	}
	f := times("a request", took, 1000, 150, 0)
	ref := &reference{echoes: map[int]time.Duration{smallEcho: budgetEcho, 1000: 20 * time.Microsecond}}
	want := []string{"a request", "101.0", "199.0", "200.0", "ms", "5050 of 1 kB", "≤ 150.0", "ok, 67 %"}
	for i, got := range f.cells(ref) {
		if got != want[i] {
			t.Errorf("%s: %q, want %q", columns[i], got, want[i])
		}
	}
	if few := times("", took[:99], 0, 0, 0); few.p99 != 0 {
		t.Errorf("99 values have a p99 of %v", few.p99)
	}
}
