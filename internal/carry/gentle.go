package carry

import (
	"slices"
	"time"
)

// These constants bound a gentle sender.
const (
	// gentleChunk is short, because a message of others waits for the chunk that is on the
	// line: at 40 Mbit/s for 0.8 ms.
	gentleChunk = 4 << 10
	// gentleTarget is how long chunks may wait in queues on their way. Without any queue, disks
	// and schedulers make times differ by several milliseconds, so it cannot be much shorter.
	gentleTarget = 20 * time.Millisecond
	// gentleLeast and gentleWindow bound the chunks on the way.
	gentleLeast  = 2
	gentleWindow = 256
	// gentleLatest is how many delays count as the latest ones.
	gentleLatest = 8
	// gentleMinute is how long the shortest delay counts: routes change.
	gentleMinute = time.Minute
)

// gentle decides how many chunks a sender may have on the way, so that its stream takes
// what other traffic leaves of a line. If chunks come back later than the fastest one, they
// have waited in a queue, and so does everybody else's traffic. Then fewer may be on the way
// (as in LEDBAT, RFC 6817, with a shorter target).
type gentle struct {
	window   float64
	growing  bool        // the queue was never felt: the window grows by a fifth with each round trip
	sent     []time.Time // when the chunks on the way were sent, oldest first
	latest   []time.Duration
	shortest time.Duration // of this minute and the one before; zero: none yet
	minute   time.Time
	before   time.Duration // the shortest of the minute before
	current  time.Duration // the shortest of this minute
	halved   time.Time     // when the window was last halved
}

func newGentle() *gentle { return &gentle{window: gentleLeast, growing: true} }

// may reports whether another chunk may be sent.
func (g *gentle) may() bool { return len(g.sent) < int(g.window) }

// send notes that a chunk is sent.
func (g *gentle) send(now time.Time) { g.sent = append(g.sent, now) }

// taken notes that the reader has taken the oldest chunks that are on the way.
func (g *gentle) taken(n uint64, now time.Time) {
	for range min(n, uint64(len(g.sent))) {
		delay := now.Sub(g.sent[0])
		g.sent = g.sent[1:]
		g.measured(delay, now)
	}
}

func (g *gentle) measured(delay time.Duration, now time.Time) {
	g.remember(delay, now)
	if len(g.latest) == gentleLatest {
		g.latest = g.latest[1:]
	}
	g.latest = append(g.latest, delay)
	queued := slices.Min(g.latest) - g.shortest
	switch {
	case g.growing && queued < gentleTarget/2:
		g.window += 0.2
	case queued > 4*gentleTarget && now.Sub(g.halved) > delay:
		g.growing, g.halved = false, now
		g.window /= 2
	case g.growing:
		g.growing = false
		g.window *= 0.75 // what it has grown since the queue began
	default:
		off := float64(gentleTarget-queued) / float64(gentleTarget)
		g.window += 2 * max(off, -1) / g.window
	}
	g.window = min(max(g.window, gentleLeast), gentleWindow)
}

// remember keeps the shortest delay of this minute and of the one before.
func (g *gentle) remember(delay time.Duration, now time.Time) {
	if g.minute.IsZero() || now.Sub(g.minute) >= gentleMinute {
		g.before, g.current, g.minute = g.current, delay, now
	}
	g.current = min(g.current, delay)
	g.shortest = g.current
	if g.before > 0 {
		g.shortest = min(g.shortest, g.before)
	}
}
