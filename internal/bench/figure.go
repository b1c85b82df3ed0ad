package bench

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// budgetEcho is the loopback echo of 64 bytes for which the budgets are meant, p50.
const budgetEcho = 14 * time.Microsecond

// A figure is one measured value, or several of them in order, beside its budget.
type figure struct {
	what   string
	value  float64 // the median, if there are several
	unit   string
	budget float64 // 0: the figure has no budget
	atMost bool    // the budget is an upper bound, else a lower bound

	// The rest is for several values.

	spread     bool    // there are p99 and worst
	p99, worst float64 // p99 is 0 if there are too few values for one
	budget99   float64 // the upper bound of p99, 0 if there is none

	// payload is the size in bytes of what is sent or comes back. A time is shown as a
	// multiple of an echo of so many bytes. 0 means that of the small echo.
	payload int
	// missing says why there is no value.
	missing string
}

func atMost(what string, value float64, unit string, budget float64) figure {
	return figure{what: what, value: value, unit: unit, budget: budget, atMost: true}
}

func atLeast(what string, value float64, unit string, budget float64) figure {
	return figure{what: what, value: value, unit: unit, budget: budget}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// times returns the figure of durations, in milliseconds. payload is the size of what is
// sent and comes back. budget and budget99 bound p50 and p99, unless they are 0.
func times(what string, took []time.Duration, payload int, budget, budget99 float64) figure {
	f := atMost(what, ms(quantile(took, 0.5)), "ms", budget)
	f.spread, f.worst, f.payload, f.budget99 = true, ms(slices.Max(took)), payload, budget99
	if len(took) >= 100 {
		f.p99 = ms(quantile(took, 0.99))
	}
	return f
}

// rates returns the figure of rates. Each was measured by itself.
func rates(what string, each []float64, unit string, budget float64) figure {
	f := atLeast(what, median(each), unit, budget)
	f.spread, f.worst = true, slices.Min(each)
	return f
}

// median sorts values and returns the one in the middle.
func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// scale returns by how much a budget is larger on a machine whose echo takes so long. Only
// times and rates depend on the machine.
func (f figure) scale(echo time.Duration) float64 {
	slower := float64(echo) / float64(budgetEcho)
	switch {
	case f.unit == "ms" || f.unit == "s":
		return slower
	case strings.HasSuffix(f.unit, "/s"):
		return 1 / slower
	}
	return 1
}

// judge compares the figure with its budget, on a machine whose echo of 64 bytes takes so
// long. The share is how much of the budget is used; beyond 1 the budget is missed.
func (f figure) judge(echo time.Duration) (share float64, judged bool) {
	if f.missing != "" || f.budget == 0 && f.budget99 == 0 {
		return 0, false
	}
	scale := f.scale(echo)
	switch {
	case f.budget == 0:
	case f.atMost:
		share = f.value / (f.budget * scale)
	default:
		share = f.budget * scale / f.value
	}
	if f.budget99 > 0 {
		share = max(share, f.p99/(f.budget99*scale))
	}
	return share, true
}

func (f figure) verdict(echo time.Duration) string {
	share, judged := f.judge(echo)
	if !judged {
		return ""
	}
	word := "ok"
	if share > 1 {
		word = "MISSED"
	}
	return fmt.Sprintf("%s, %.0f %%", word, 100*share)
}

// limit returns the budget in words.
func (f figure) limit() string {
	var parts []string
	if f.budget != 0 {
		sign := "≥ "
		if f.atMost {
			sign = "≤ "
		}
		parts = append(parts, sign+number(f.budget))
	}
	if f.budget99 != 0 {
		parts = append(parts, "p99 ≤ "+number(f.budget99))
	}
	return strings.Join(parts, ", ")
}

// cells returns what a line of a table says.
func (f figure) cells(ref *reference) []string {
	if f.missing != "" {
		return []string{f.what, "", "", "", "", "", "", "not measured: " + f.missing}
	}
	var p99, worst, echoes string
	if f.spread {
		worst = number(f.worst)
	}
	if f.p99 > 0 {
		p99 = number(f.p99)
	}
	payload := cmp.Or(f.payload, smallEcho)
	echo, known := ref.echoes[payload]
	switch {
	case !known:
	case f.unit == "ms":
		echoes = fmt.Sprintf("%s of %s", number(f.value*float64(time.Millisecond)/float64(echo)), size(payload))
	case f.unit == "events/s":
		echoes = fmt.Sprintf("%s in one of %s", number(f.value*echo.Seconds()), size(payload))
	}
	return []string{f.what, number(f.value), p99, worst, f.unit, echoes, f.limit(), f.verdict(ref.small())}
}

// columns are the heads of a table, in the order of cells.
var columns = []string{"figure", "p50", "p99", "worst", "unit", "echoes", "budget", "verdict"}

func number(v float64) string {
	switch {
	case v >= 10_000:
		return thousands(int64(v + 0.5))
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// thousands writes commas into a large number.
func thousands(v int64) string {
	if v < 1000 {
		return fmt.Sprint(v)
	}
	return fmt.Sprintf("%s,%03d", thousands(v/1000), v%1000)
}

// size writes a number of bytes.
func size(bytes int) string {
	if bytes < 1000 {
		return fmt.Sprint(bytes, " B")
	}
	return number(float64(bytes)/1000) + " kB"
}
