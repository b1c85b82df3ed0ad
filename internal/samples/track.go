package samples

import (
	"math"
	"time"
)

// track has the figures of one thing at one distance in time: a slot is a number of steps of
// that distance since 1970.
type track struct {
	blocks []*block // oldest first
	end    coder    // of the last block
}

// add keeps the figures of a slot, which is later than all others.
func (t *track) add(slot int64, values *[maxFigures]float64, figures []Figure) {
	var steps [maxFigures]int32
	has := uint8(0)
	for i, f := range figures {
		if !math.IsNaN(values[i]) {
			has |= 1 << i
			steps[i] = scales[f].step(values[i])
		}
	}
	if has == 0 {
		return
	}
	if n := len(t.blocks); n > 0 && t.blocks[n-1].add(&t.end, slot, has, &steps, len(figures)) {
		return
	}
	b := &block{first: slot, last: slot - 1}
	t.end = newCoder(figures)
	b.add(&t.end, slot, has, &steps, len(figures)) // there is room for one
	t.blocks = append(t.blocks, b)
}

// drop forgets the oldest block.
func (t *track) drop() {
	copy(t.blocks, t.blocks[1:])
	t.blocks[len(t.blocks)-1] = nil
	t.blocks = t.blocks[:len(t.blocks)-1]
}

// dropBefore forgets the blocks that end before a slot.
func (t *track) dropBefore(slot int64) {
	for len(t.blocks) > 0 && t.blocks[0].last < slot {
		t.drop()
	}
}

// thing is a node, an interface or a host, with its history.
type thing struct {
	fine, coarse track
	// sums and counts are those of the minute that has not ended.
	minute int64
	sums   [maxFigures]float64
	counts [maxFigures]uint8
	heard  time.Time
}

// slotOf returns the slot of a time.
func slotOf(t time.Time, distance time.Duration) int64 { return t.UnixNano() / int64(distance) }

// add keeps the figures of a time. slot is that of the fine track, or 0 if it has figures
// already.
func (t *thing) add(now time.Time, slot int64, values *[maxFigures]float64, figures []Figure) {
	t.heard = now
	if slot != 0 {
		t.fine.add(slot, values, figures)
	}
	if minute := slotOf(now, coarse); minute != t.minute {
		t.endMinute(figures)
		t.minute = minute
	}
	for i := range figures {
		if v := values[i]; !math.IsNaN(v) && t.counts[i] < math.MaxUint8 {
			t.sums[i] += v
			t.counts[i]++
		}
	}
}

// endMinute keeps the means of the minute.
func (t *thing) endMinute(figures []Figure) {
	means := t.means()
	if t.minute != 0 {
		t.coarse.add(t.minute, &means, figures)
	}
	t.sums, t.counts = [maxFigures]float64{}, [maxFigures]uint8{}
}

// means returns the means of the minute that has not ended.
func (t *thing) means() (means [maxFigures]float64) {
	for i := range means {
		means[i] = math.NaN()
		if t.counts[i] > 0 {
			means[i] = t.sums[i] / float64(t.counts[i])
		}
	}
	return means
}

// prune forgets what is too old, and the oldest as long as there is more than most bytes.
func (t *thing) prune(now time.Time, most int) {
	t.fine.dropBefore(slotOf(now.Add(-fineKept-coarse), fine))
	t.coarse.dropBefore(slotOf(now.Add(-coarseKept-coarse), coarse))
	for (len(t.fine.blocks)+len(t.coarse.blocks))*blockSize > most {
		if len(t.coarse.blocks) > 1 {
			t.coarse.drop() // it begins earlier
			continue
		}
		t.fine.drop()
	}
}

// each calls do with the values of each slot of one track, with those of the minute that has
// not ended.
func (t *thing) each(distance time.Duration, figures []Figure, do func(at time.Time, values *[maxFigures]float64)) {
	of := &t.coarse
	if distance == fine {
		of = &t.fine
	}
	var values [maxFigures]float64
	for _, b := range of.blocks {
		b.each(figures, func(slot int64, has uint8, steps *[maxFigures]int32) {
			for i, f := range figures {
				values[i] = math.NaN()
				if has>>i&1 != 0 {
					values[i] = scales[f].value(steps[i])
				}
			}
			do(time.Unix(0, slot*int64(distance)), &values)
		})
	}
	if distance == coarse && t.minute != 0 {
		values = t.means()
		do(time.Unix(0, t.minute*int64(coarse)), &values)
	}
}
