package wsjson

import (
	"math"
	"math/bits"
	"strconv"
	"time"
)

// appendTime appends a timestamp as Zeek does: in UTC, without a zone, cut to
// milliseconds. A timestamp before 1970 is cut to seconds, towards 1970.
func appendTime(dst []byte, nanos int64) []byte {
	t := time.Unix(nanos/1e9, 0).UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = appendDigits(dst, year, 4)
	dst = appendDigits(append(dst, '-'), int(month), 2)
	dst = appendDigits(append(dst, '-'), day, 2)
	dst = appendDigits(append(dst, 'T'), hour, 2)
	dst = appendDigits(append(dst, ':'), minute, 2)
	dst = appendDigits(append(dst, ':'), second, 2)
	return appendDigits(append(dst, '.'), int(max(nanos, 0)%1e9/1e6), 3)
}

// appendDigits appends the last width decimal digits of n.
func appendDigits(dst []byte, n, width int) []byte {
	for range width {
		dst = append(dst, '0')
	}
	for i := len(dst) - 1; n > 0 && width > 0; i, width = i-1, width-1 {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
	return dst
}

// unit is a unit of timespans.
type unit struct {
	name  string
	nanos int64
}

// units holds first the units that Zeek writes, the largest one first, and then the
// units that Zeek only parses. Days are in Broker's manual, although Zeek does not parse
// them (spec broker-wire 6.4).
var units = [...]unit{
	{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1},
	{"min", 60e9}, {"h", 3600e9}, {"d", 86400e9},
}

// appendSpan appends a timespan as a whole number of the largest unit that is possible.
// zeek-client does not know the unit "us" (spec websocket 19).
func appendSpan(dst []byte, nanos int64) []byte {
	u := units[0]
	for i := 1; nanos%u.nanos != 0; i++ { // ends at the latest with the nanosecond
		u = units[i]
	}
	return append(strconv.AppendInt(dst, nanos/u.nanos, 10), u.name...)
}

// parseSpan parses a decimal number, with or without sign and fraction, and a unit.
// Fractions of a nanosecond are cut off.
func parseSpan(s string) (nanos int64, ok bool) {
	negative := false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	whole, rest := cutDigits(s)
	fraction := ""
	if len(rest) > 0 && rest[0] == '.' {
		if fraction, rest = cutDigits(rest[1:]); fraction == "" {
			return 0, false
		}
	}
	size, ok := unitNamed(rest)
	if !ok || whole == "" {
		return 0, false
	}
	n, err := strconv.ParseUint(whole, 10, 64)
	if err != nil {
		return 0, false
	}
	high, low := bits.Mul64(n, uint64(size))
	low, carry := bits.Add64(low, fractionOf(fraction, uint64(size)), 0)
	switch {
	case high != 0 || carry != 0:
		return 0, false
	case negative:
		return -int64(low), low <= 1<<63
	}
	return int64(low), low <= math.MaxInt64
}

// fractionOf returns size times the fraction whose digits follow a decimal point,
// rounded down.
func fractionOf(digits string, size uint64) (part uint64) {
	const precise = 15 // further digits of a day are less than a nanosecond
	scale := uint64(1)
	numerator := uint64(0)
	for i := range min(len(digits), precise) {
		numerator = numerator*10 + uint64(digits[i]-'0')
		scale *= 10
	}
	high, low := bits.Mul64(numerator, size)
	part, _ = bits.Div64(high, low, scale) // numerator < scale, so part < size
	return part
}

func unitNamed(name string) (nanos int64, ok bool) {
	for _, u := range units {
		if u.name == name {
			return u.nanos, true
		}
	}
	return 0, false
}

// parseTime parses YYYY-MM-DDThh:mm:ss. A fraction of one to nine digits may follow, and
// then a zone: Z, +hh, +hhmm or +hh:mm.
func parseTime(s string) (nanos int64, ok bool) {
	const layout = "2006-01-02T15:04:05"
	if len(s) < len(layout) {
		return 0, false
	}
	t, err := time.Parse(layout, s[:len(layout)])
	if err != nil {
		return 0, false
	}
	rest := s[len(layout):]
	fraction := int64(0)
	if rest != "" && rest[0] == '.' {
		var digits string
		digits, rest = cutDigits(rest[1:])
		if len(digits) < 1 || len(digits) > 9 {
			return 0, false
		}
		fraction = int64(fractionOf(digits, 1e9))
	}
	zone, ok := parseZone(rest)
	if !ok {
		return 0, false
	}
	return joinTime(t.Unix()-zone, fraction)
}

// joinTime returns seconds and nanoseconds together as nanoseconds, and whether 64 bits
// hold them. nanos must not be negative.
func joinTime(seconds, nanos int64) (int64, bool) {
	const (
		first = int64(math.MinInt64)/1e9 - 1 // the first and the last second that 64 bits of nanoseconds hold
		last  = int64(math.MaxInt64) / 1e9
	)
	switch {
	case seconds < first || seconds > last:
		return 0, false
	case seconds < 0: // both terms become negative, because one of them alone could overflow
		seconds, nanos = seconds+1, nanos-1e9
	}
	total := seconds*1e9 + nanos
	return total, (total < 0) == (seconds < 0 || nanos < 0)
}

// parseZone returns the seconds by which a zone is ahead of UTC.
func parseZone(s string) (seconds int64, ok bool) {
	if s == "" || s == "Z" {
		return 0, true
	}
	sign := int64(1)
	switch s[0] {
	case '-':
		sign = -1
	case '+':
	default:
		return 0, false
	}
	digits := s[1:]
	if len(digits) == len("hh:mm") && digits[2] == ':' {
		digits = digits[:2] + digits[3:]
	}
	if run, _ := cutDigits(digits); run != digits || len(digits) != 2 && len(digits) != 4 {
		return 0, false
	}
	hours, minutes := int64(digits[0]-'0')*10+int64(digits[1]-'0'), int64(0)
	if len(digits) == 4 {
		minutes = int64(digits[2]-'0')*10 + int64(digits[3]-'0')
	}
	return sign * (hours*3600 + minutes*60), hours < 24 && minutes < 60
}

// cutDigits splits s after the decimal digits at its beginning.
func cutDigits(s string) (digits, rest string) {
	i := 0
	for i < len(s) && '0' <= s[i] && s[i] <= '9' {
		i++
	}
	return s[:i], s[i:]
}
