package samples

import "math"

// scale says how exactly a figure is kept. Near zero a step is unit/2^bits, and from unit on
// about 2^-bits of the value.
type scale struct {
	unit float64
	bits uint
	// shift says how slowly the level of a noisy figure follows: by 2^-shift of the
	// difference. Zero is for figures that jump, or hardly change.
	shift uint8
}

// scales are those of the figures that are kept. Errors are at most half a step: 1.6 %, of
// lag and events 3 %, of dropped packets 6 %, of memory 0.2 %.
var scales = map[Figure]scale{
	CPU:     {unit: 1.0 / 16, bits: 5, shift: 2}, // steps from 0.002 processors on
	Busy:    {unit: 1.0 / 16, bits: 5, shift: 2},
	Memory:  {unit: 16 << 20, bits: 8},        // from 64 KiB on
	Packets: {unit: 32, bits: 5, shift: 2},    // from one packet per second on
	Dropped: {unit: 1, bits: 3},               // from 1/8 packet per second on
	Lag:     {unit: 0.016, bits: 4, shift: 2}, // from 1 ms on
	Events:  {unit: 16, bits: 4, shift: 2},
	Bits:    {unit: 32_000, bits: 5, shift: 2}, // from 1 kbit/s on
}

// maxStep is the greatest step. Greater values are kept as this one.
const maxStep = 1<<stepBits - 1

var one = math.Float64bits(1)

// step returns the step of a value. Negative ones are kept as 0.
func (s scale) step(v float64) int32 {
	if !(v > 0) {
		return 0
	}
	bits := math.Float64bits(v/s.unit+1) - one + 1<<(51-s.bits)
	return int32(min(bits>>(52-s.bits), maxStep))
}

// value returns the value of a step.
func (s scale) value(step int32) float64 {
	return (math.Float64frombits(one+uint64(step)<<(52-s.bits)) - 1) * s.unit
}
