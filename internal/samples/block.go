package samples

// maxFigures bounds the figures that are kept of one thing.
const maxFigures = 6

// The sizes of codes, in bits.
const (
	stepBits = 14
	gapBits  = 12
	maxUnary = 8
)

// block has the figures of some slots in a row, as steps. A slot begins with one bit: 0 if it
// follows the slot before and has the same figures, else 1, how many slots are left out, and
// which figures it has. Then come the figures: the first one of a block as it is, and every
// other one as a Rice code of the difference from the one before.
type block struct {
	first int64 // slot
	last  int64
	used  uint16 // bits
	data  [blockSize - 24]byte
}

// blockSize is the size of a block, in bytes.
const blockSize = 256

// coder is where writing or reading of a block has come to.
type coder struct {
	at    uint16
	has   uint8 // the figures of the slot before
	known uint8 // the figures that have occurred in the block
	steps [maxFigures]int32
	level [maxFigures]int32 // the smoothed steps, times levelOne
	means [maxFigures]mean

	shifts [maxFigures]uint8 // as in scale
}

// levelOne is one step in a level. Noise is around a level that changes slowly: the
// difference from the level is smaller than that from the step before.
const levelOne = 16

// expect returns which step is likely.
func (c *coder) expect(i int) int32 { return (c.level[i] + levelOne/2) / levelOne }

// follow notes a step.
func (c *coder) follow(i int, step int32) {
	if c.steps[i] = step; c.known>>i&1 == 0 {
		c.known |= 1 << i
		c.level[i] = step * levelOne
		return
	}
	c.level[i] += (step*levelOne - c.level[i]) >> c.shifts[i]
}

func newCoder(figures []Figure) (c coder) {
	for i, f := range figures {
		c.shifts[i] = scales[f].shift
	}
	return c
}

// mean is the mean of late differences, which says how long codes should be.
type mean struct {
	sum   uint16
	count uint8
}

// size returns the parameter of the Rice code.
func (m mean) size() uint {
	k := uint(0)
	for uint(m.count+1)<<k < uint(m.sum) {
		k++
	}
	return k
}

func (m *mean) add(u uint32) {
	if m.count == 15 {
		m.sum, m.count = m.sum/2, m.count/2
	}
	m.sum += uint16(min(u, 1<<11))
	m.count++
}

// put writes the lowest n bits of v. It reports false if there is no room.
func (b *block) put(c *coder, v uint32, n uint) bool {
	if uint(c.at)+n > uint(8*len(b.data)) {
		return false
	}
	for ; n > 0; n-- {
		if v>>(n-1)&1 != 0 {
			b.data[c.at/8] |= 0x80 >> (c.at % 8)
		} else {
			b.data[c.at/8] &^= 0x80 >> (c.at % 8)
		}
		c.at++
	}
	return true
}

// get reads n bits. Beyond the end there are zeros.
func (b *block) get(c *coder, n uint) (v uint32) {
	for ; n > 0; n-- {
		v <<= 1
		if int(c.at) < 8*len(b.data) && b.data[c.at/8]&(0x80>>(c.at%8)) != 0 {
			v |= 1
		}
		c.at++
	}
	return v
}

// add writes a slot. c is where the block ends, and stays where it was if there is no room.
func (b *block) add(c *coder, slot int64, has uint8, steps *[maxFigures]int32, figures int) bool {
	next, fits := *c, true
	if gap := slot - b.last - 1; gap == 0 && has == c.has {
		fits = b.put(&next, 0, 1)
	} else if gap >= 1<<gapBits || gap < 0 {
		return false
	} else {
		fits = b.put(&next, 1, 1) && b.put(&next, uint32(gap), gapBits) && b.put(&next, uint32(has), uint(figures))
	}
	next.has = has
	for i := 0; i < figures && fits; i++ {
		if has>>i&1 != 0 {
			fits = b.addStep(&next, i, steps[i])
		}
	}
	if fits {
		b.last, b.used, *c = slot, next.at, next
	}
	return fits
}

func (b *block) addStep(c *coder, i int, step int32) bool {
	first, likely := c.known>>i&1 == 0, c.expect(i)
	c.follow(i, step)
	if first {
		return b.put(c, uint32(step), stepBits)
	}
	d := step - likely
	u := uint32(d<<1) ^ uint32(d>>31)
	k := c.means[i].size()
	c.means[i].add(u)
	if u>>k < maxUnary {
		return b.put(c, 1<<(u>>k+1)-2, uint(u>>k+1)) && b.put(c, u, k)
	}
	return b.put(c, 1<<maxUnary-1, maxUnary) && b.put(c, u, stepBits+1)
}

// each calls do for each slot.
func (b *block) each(figures []Figure, do func(slot int64, has uint8, steps *[maxFigures]int32)) {
	c := newCoder(figures)
	slot := b.first - 1
	for c.at < b.used {
		slot++
		if b.get(&c, 1) == 1 {
			slot += int64(b.get(&c, gapBits))
			c.has = uint8(b.get(&c, uint(len(figures))))
		}
		for i := range figures {
			if c.has>>i&1 != 0 {
				b.readStep(&c, i)
			}
		}
		do(slot, c.has, &c.steps)
	}
}

func (b *block) readStep(c *coder, i int) {
	if c.known>>i&1 == 0 {
		c.follow(i, int32(b.get(c, stepBits)))
		return
	}
	k := c.means[i].size()
	u, ones := uint32(0), uint(0)
	for ones < maxUnary && b.get(c, 1) == 1 {
		ones++
	}
	if ones < maxUnary {
		u = uint32(ones)<<k | b.get(c, k)
	} else {
		u = b.get(c, stepBits+1)
	}
	c.means[i].add(u)
	c.follow(i, c.expect(i)+(int32(u>>1)^-int32(u&1)))
}
