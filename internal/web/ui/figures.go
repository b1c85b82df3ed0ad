package ui

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// age returns a duration in one or two units.
func age(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d", int(d.Hours())/24)
}

// rate returns a number per second with three digits.
func rate(n float64) string {
	switch {
	case math.IsNaN(n) || math.IsInf(n, 0):
		return "–"
	case n >= 999_500_000:
		return short(n/1e9) + " G"
	case n >= 999_500:
		return short(n/1e6) + " M"
	case n >= 9_995:
		return short(n/1e3) + " k"
	}
	return strconv.FormatFloat(n, 'f', 0, 64)
}

func short(n float64) string {
	switch {
	case n >= 99.95:
		return strconv.FormatFloat(n, 'f', 0, 64)
	case n >= 9.995:
		return strconv.FormatFloat(n, 'f', 1, 64)
	}
	return strconv.FormatFloat(n, 'f', 2, 64)
}

// bytesText returns a number of bytes with three digits, in powers of 1024.
func bytesText(n uint64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return strconv.FormatUint(n, 10) + " B"
	}
	f, i := float64(n)/1024, 0
	for f >= 999.5 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	return short(f) + " " + units[i:i+1] + "iB"
}

// percent returns a share from 0 to 1 as percent. Little is not shown as nothing.
func percent(share float64) string {
	switch p := share * 100; {
	case math.IsNaN(p):
		return "–"
	case p == 0:
		return "0 %"
	case p < 0.01:
		return "<0.01 %"
	case p < 1:
		return strconv.FormatFloat(p, 'f', 2, 64) + " %"
	case p < 10:
		return strconv.FormatFloat(p, 'f', 1, 64) + " %"
	default:
		return strconv.FormatFloat(p, 'f', 0, 64) + " %"
	}
}

// count returns a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// bitRate returns a number of bits per second.
func bitRate(n float64) string {
	text := rate(n)
	if !strings.Contains(text, " ") {
		text += " "
	}
	return text + "bit/s"
}
