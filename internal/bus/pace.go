package bus

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/pause"
)

// Pace bounds the messages that newcomers may send. A newcomer is a peer that this
// side has not dialed and that Meet was not called for. Each newcomer has an
// allowance of its own. All newcomers together share another one. A newcomer uses
// its own allowance first, and then the shared one. When both are used up, the
// newcomer is not read until there is something in them again. So there is always
// time left for known peers, and for newcomers that send little.
//
// The cost of a message is 1, and 1 more for each further KiB, but not more than
// Shared. An answer costs 1 for each 16 KiB. 64 messages that nobody wants cost 1
// together, because they are not decoded.
type Pace struct {
	// Burst is the cost of the messages that a newcomer may send at once.
	Burst int
	// PerSecond is the cost of the messages that a newcomer may send in each
	// second.
	PerSecond int
	// Shared is the cost of the further messages that all newcomers together may
	// send in each second. Zero means no bounds at all.
	Shared int
}

// sharedBurst is the time in which the shared allowance fills up. It holds no more
// than that.
const sharedBurst = time.Second / 20

func (p Pace) check() error {
	if p.Shared != 0 && (p.Burst <= 0 || p.PerSecond <= 0 || p.Shared < 0) {
		return errors.New("Pace has a bound that is not positive")
	}
	return nil
}

// pacer holds the allowance that all newcomers share.
type pacer struct {
	Pace

	mu     sync.Mutex
	shared bucket
}

// allowance is what one peer may still send. It is safe for concurrent use.
type allowance struct {
	of    *pacer
	known atomic.Bool // the peer is no newcomer; it may send everything

	mu       sync.Mutex
	own      bucket
	unwanted int // messages that nobody wants, modulo unwantedPerCost
}

// answerBytes is the length of an answer that costs 1.
const answerBytes = 16 << 10

// unwantedPerCost is the number of messages that nobody wants that cost 1.
const unwantedPerCost = 64

// messageCost returns the cost of a message of that many bytes.
func messageCost(bytes int) int { return 1 + bytes>>10 }

// take takes the cost of a message of that many bytes out of the allowance, and
// waits until it is there. If ctx ends first, take returns ctx's cause.
func (a *allowance) take(ctx context.Context, bytes int) error {
	wait := a.spend(messageCost(bytes))
	if wait == 0 {
		return nil
	}
	return pause.For(ctx, wait)
}

// spend takes cost out of the allowance and returns how long the peer must wait
// for it.
func (a *allowance) spend(cost int) time.Duration {
	if a.of.Shared == 0 || a.known.Load() {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.of.reserve(&a.own, min(cost, a.of.Shared))
}

// answered takes the cost of an answer of that many bytes out of the allowance.
// It does not wait. The next message of the peer waits.
func (a *allowance) answered(bytes int) {
	if cost := bytes / answerBytes; cost > 0 {
		a.spend(cost)
	}
}

// takeUnwanted is take for a message that nobody wants.
func (a *allowance) takeUnwanted(ctx context.Context) error {
	a.mu.Lock()
	a.unwanted = (a.unwanted + 1) % unwantedPerCost
	free := a.unwanted > 0
	a.mu.Unlock()
	if free {
		return nil
	}
	return a.take(ctx, 0)
}

// reserve takes cost out of a newcomer's own bucket, or out of the shared bucket
// if the own one is empty. It returns how long the newcomer must wait.
func (p *pacer) reserve(own *bucket, cost int) time.Duration {
	now := time.Now()
	if own.filled.Before(now) {
		own.take(now, cost, p.PerSecond, time.Duration(p.Burst)*time.Second/time.Duration(p.PerSecond))
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	wait := max(0, p.shared.filled.Sub(now))
	p.shared.take(now, cost, p.Shared, sharedBurst)
	return wait
}

// bucket fills at a steady rate. One may take more out of it than it holds; then
// the next one must wait until it is filled again.
type bucket struct {
	filled time.Time // when the bucket is no longer empty
}

// take takes n out of the bucket. The bucket fills at rate per second, and is full
// after capacity.
func (b *bucket) take(now time.Time, n, rate int, capacity time.Duration) {
	if full := now.Add(-capacity); b.filled.Before(full) {
		b.filled = full
	}
	b.filled = b.filled.Add(time.Duration(n) * time.Second / time.Duration(rate))
}
