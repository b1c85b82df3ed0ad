package sim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/coretest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// epoch is when every world begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// world is one cluster and all that surrounds it.
type world struct {
	rng   *rand.Rand
	terms terms
	mood  mood

	now    time.Duration // since epoch
	seq    uint64
	queue  queue
	steps  int // of all cores
	before int // steps before now

	controller *controllerPart
	agents     []*agentPart
	clients    []*client

	log    dialogue
	broken *Failure // the first promise that was broken; nil as long as none was
	pids   int64
	// dialable is where the controller was last told to dial each instance.
	dialable map[mgmt.InstanceName]netip.AddrPort
	// launched is when a process was last started for each node.
	launched map[place]time.Duration
	doubled  mgmt.InstanceName      // whose name a second agent has used; empty: none
	fates    map[mgmt.NodeName]fate // by order; other nodes' are drawn
	configs  int
	// strangers counts those that there were.
	strangers int
	reqs      int
}

// place is a node on an instance, whichever agents say to be that.
type place struct {
	instance mgmt.InstanceName
	node     mgmt.NodeName
}

// host is a machine on the network.
type host struct {
	addr netip.Addr
	cut  bool // off from all other hosts
}

// newWorld returns a world in which nothing runs yet.
func newWorld(rng *rand.Rand, t terms) *world {
	w := &world{rng: rng, terms: t, launched: map[place]time.Duration{}, dialable: map[mgmt.InstanceName]netip.AddrPort{}}
	w.controller = &controllerPart{w: w, host: &host{addr: netip.AddrFrom4([4]byte{127, 0, 0, 1})}}
	return w
}

// at plans do for a time that is not past.
func (w *world) at(t time.Duration, do func()) {
	w.seq++
	w.queue.push(event{at: max(t, w.now), seq: w.seq, do: do})
}

func (w *world) after(d time.Duration, do func()) { w.at(w.now+d, do) }

// run lets everything happen that happens up to a time, unless something goes
// wrong before.
func (w *world) run(until time.Duration) {
	for w.broken == nil && len(w.queue) > 0 && w.queue[0].at <= until {
		e := w.queue.pop()
		if e.at > w.now {
			w.now, w.before = e.at, w.steps
		}
		e.do()
		if w.steps-w.before > maxStepsAtOnce {
			w.violated("time stands still: %d steps at once", w.steps-w.before)
		}
		w.controller.checkOverdue()
		for _, a := range w.agents {
			a.checkOverdue()
		}
	}
	w.now = max(w.now, until)
}

// maxStepsAtOnce is more than the cores can need at one moment.
const maxStepsAtOnce = 5000

// record puts e, which happens now, into the dialogue.
func (w *world) record(e coretest.Entry) { w.log.add(entry{w.now, w.steps, e}) }

// did records that somebody does something.
func (w *world) did(who string, what any) { w.record(coretest.Entry{From: who, What: what}) }

// violated records that a promise was broken; only the first counts.
func (w *world) violated(format string, args ...any) {
	if w.broken == nil {
		w.broken = &Failure{Step: w.steps, At: w.now, What: fmt.Sprintf(format, args...), Dialogue: w.log.lines()}
	}
}

func (w *world) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }

// between returns a time from lo to hi, and prefers short ones: half of all
// draws are within the first quarter. Where nothing is left to chance it is the
// quarter.
func (w *world) between(lo, hi time.Duration) time.Duration {
	if w.terms.steady {
		return lo + (hi-lo)/4
	}
	f := w.rng.Float64()
	return lo + time.Duration(f*f*float64(hi-lo))
}

// pick returns one of several.
func pick[T any](w *world, from []T) T { return from[w.rng.IntN(len(from))] }

// dice returns a source of chance for a core.
func (w *world) dice() *rand.Rand { return rand.New(rand.NewPCG(w.rng.Uint64(), w.rng.Uint64())) }

// clock is the wall clock of one life of a program. It does not jump within a
// life: programs measure with the monotonic clock.
type clock struct{ offset time.Duration }

func (c clock) read(w *world) time.Time { return epoch.Add(w.now + c.offset) }

// newClock returns the clock of a life that begins, which may have been set
// since the life before.
func (w *world) newClock(c clock) clock {
	if w.chance(w.mood.clockJumps) {
		return clock{w.between(0, 2*time.Hour) - time.Hour}
	}
	return c
}

// alarm calls for a core's Tick when it is due.
type alarm struct {
	armed time.Duration // when it next looks, if set
	set   bool
}

// arm sees to it that tick is called when m wants it, as long as alive holds.
func (w *world) arm(a *alarm, c clock, m interface{ NextWake() (time.Time, bool) }, alive func() bool, tick func()) {
	wake, ok := m.NextWake()
	if !ok {
		return
	}
	at := w.now + max(0, wake.Sub(c.read(w)))
	if a.set && a.armed <= at {
		return
	}
	if w.mood.lateTicks > 0 {
		at += w.between(0, w.mood.lateTicks)
	}
	a.armed, a.set = at, true
	w.at(at, func() {
		if !alive() || !a.set || a.armed != at {
			return
		}
		a.set = false
		if wake, ok := m.NextWake(); !ok || wake.After(c.read(w)) {
			w.arm(a, c, m, alive, tick)
			return
		}
		tick()
	})
}

// newPID returns a process ID that no other process of the world has.
func (w *world) newPID() int64 {
	w.pids++
	return w.pids
}

// newReqID returns a request ID that nobody has used.
func (w *world) newReqID() mgmt.ReqID {
	w.reqs++
	return mgmt.ReqID(fmt.Sprintf("q%d", w.reqs))
}
