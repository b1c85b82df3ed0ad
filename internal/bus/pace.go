package bus

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Pace bounds the work that newcomers make: peers that this side has not dialed,
// and that nobody has introduced with Meet. It is counted in messages; a long one
// counts once more for each further KiB, up to what all newcomers share in a
// second, and an answer one for each 16 KiB; of those that nobody wants and that
// are not even decoded 64 count as one. The messages of a newcomer that has used up its own allowance are
// taken as those of all such newcomers fit in, one peer after the other, and it
// is not read meanwhile. So however many there are and whatever they send, there
// is time left for peers that are known and for newcomers with little to say.
type Pace struct {
	// Burst is how many messages a newcomer may send at once, PerSecond how many
	// it may send all the time.
	Burst, PerSecond int
	// Shared is how many more all newcomers together may send in a second. Zero
	// means that there are no bounds at all.
	Shared int
}

// sharedBurst is the part of a second of which newcomers may use what they share
// at once.
const sharedBurst = time.Second / 20

func (p Pace) check() error {
	if p.Shared != 0 && (p.Burst <= 0 || p.PerSecond <= 0 || p.Shared < 0) {
		return errors.New("Pace has a bound that is not positive")
	}
	return nil
}

// pacer is what newcomers share.
type pacer struct {
	Pace

	mu     sync.Mutex
	shared bucket
}

// allowance is one peer's own. It is safe for concurrent use.
type allowance struct {
	of    *pacer
	known atomic.Bool // not a newcomer

	mu    sync.Mutex
	own   bucket
	cheap int // messages that passed, modulo passesPerMessage
}

// answerBytes is how many bytes of an answer cost as much as a message.
const answerBytes = 16 << 10

// passesPerMessage is how many messages that nobody wants count as one.
const passesPerMessage = 64

// messageCost returns the cost of a message of that many bytes.
func messageCost(bytes int) int { return 1 + bytes>>10 }

// take waits until a message of that many bytes may be handled. It returns an
// error only if ctx ends first: ctx's cause.
func (a *allowance) take(ctx context.Context, bytes int) error {
	wait := a.spend(messageCost(bytes))
	if wait == 0 {
		return nil
	}
	return sleep(ctx, wait)
}

// spend takes n out of the allowance and returns how long the peer has to wait
// for it.
func (a *allowance) spend(n int) time.Duration {
	if a.of.Shared == 0 || a.known.Load() {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.of.reserve(&a.own, min(n, a.of.Shared))
}

// answered takes out of the allowance what an answer of that many bytes costs. It
// does not wait: the peer's next message does.
func (a *allowance) answered(bytes int) {
	if n := bytes / answerBytes; n > 0 {
		a.spend(n)
	}
}

// pass is take for a message that nobody wants.
func (a *allowance) pass(ctx context.Context) error {
	a.mu.Lock()
	a.cheap = (a.cheap + 1) % passesPerMessage
	free := a.cheap > 0
	a.mu.Unlock()
	if free {
		return nil
	}
	return a.take(ctx, 0)
}

// reserve takes n out of a newcomer's own bucket, or out of the shared one if
// that is empty, and returns how long the newcomer has to wait for it.
func (p *pacer) reserve(own *bucket, n int) time.Duration {
	now := time.Now()
	if own.ready.Before(now) {
		own.take(now, n, p.PerSecond, time.Duration(p.Burst)*time.Second/time.Duration(p.PerSecond))
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	wait := max(0, p.shared.ready.Sub(now))
	p.shared.take(now, n, p.Shared, sharedBurst)
	return wait
}

// bucket has something in it after ready. More may be taken than is there: those
// that come later wait for it.
type bucket struct{ ready time.Time }

// take takes n out of a bucket that fills at that rate per second, and holds
// what comes in within burst.
func (b *bucket) take(now time.Time, n, rate int, burst time.Duration) {
	if full := now.Add(-burst); b.ready.Before(full) {
		b.ready = full
	}
	b.ready = b.ready.Add(time.Duration(n) * time.Second / time.Duration(rate))
}
