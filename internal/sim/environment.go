package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/coretest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// environment is what all parts of a world share: the time, chance, how much goes
// wrong, and the journal of what happens.
type environment struct {
	timeline
	*dice
	terms terms
	mood  mood
	// several says that there are several controllers.
	several bool

	log    dialogue
	broken *Failure // the first broken promise; nil: none is broken
	steps  int      // of the cores of controllers, agents and nodes
	leads  int      // steps of the cores that decide which of several controllers leads
	before int      // steps before the present moment
	ids
}

// ids counts the identifiers that were given, so that none is given twice.
type ids struct {
	pids int64
	reqs int
}

func newEnvironment(rng *rand.Rand, t terms) *environment {
	return &environment{dice: &dice{rng: rng, steady: t.steady}, terms: t}
}

// run performs the planned events up to a time, in their order, and calls after
// each of them. It ends early if a promise is broken.
func (e *environment) run(until time.Duration, each func()) {
	for e.broken == nil {
		ev, ok := e.next(until)
		if !ok {
			break
		}
		if ev.at > e.now {
			e.now, e.before = ev.at, e.steps
		}
		ev.do()
		if e.steps-e.before > maxStepsAtOnce {
			e.violated("time stands still: %d steps at once", e.steps-e.before)
		}
		each()
	}
	e.now = max(e.now, until)
}

// maxStepsAtOnce is more steps than the cores can need at one moment.
const maxStepsAtOnce = 5000

// record adds an entry to the journal, with the present time.
func (e *environment) record(what coretest.Entry) { e.log.add(entry{e.now, e.steps, what}) }

// did records what somebody does.
func (e *environment) did(who string, what any) { e.record(coretest.Entry{From: who, What: what}) }

// violated records a broken promise. Only the first one counts.
func (e *environment) violated(format string, args ...any) {
	if e.broken == nil {
		e.broken = &Failure{Step: e.steps, At: e.now, What: fmt.Sprintf(format, args...), Dialogue: e.log.lines()}
	}
}

// newPID returns a process ID that no process of the world has had.
func (i *ids) newPID() int64 {
	i.pids++
	return i.pids
}

// newReqID returns a request ID that nobody has used.
func (i *ids) newReqID() mgmt.ReqID {
	i.reqs++
	return mgmt.ReqID(fmt.Sprintf("q%d", i.reqs))
}
