package happenings

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/pause"
)

// RecorderConfig has the log and the bounds of a Recorder.
type RecorderConfig struct {
	Log *Log
	// Hears says that it is a controller's: it writes when it has heard of a happening, and
	// takes what agents tell.
	Hears bool
	// Queue bounds the happenings that wait for the disk. Those beyond it are lost, and the
	// log says how many. Zero means 4096.
	Queue int
	// Burst is how many happenings of one instance a controller takes at once, and PerSecond
	// how many in the long run: an instance where much happens does not push out what
	// happened to the others. What an agent tells itself waits; the rest is lost, and the log
	// says so. Zero means 10,000 and 200.
	Burst, PerSecond int
	// RetryDelay is how long an agent waits when the log could not be written. Zero means 5 s.
	RetryDelay time.Duration
	// Logger gets reports of errors. Nil discards them.
	Logger *slog.Logger
}

func (c RecorderConfig) withDefaults() RecorderConfig {
	c.Queue = cmp.Or(c.Queue, 4096)
	c.Burst = cmp.Or(c.Burst, 10_000)
	c.PerSecond = cmp.Or(c.PerSecond, 200)
	c.RetryDelay = cmp.Or(c.RetryDelay, 5*time.Second)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return c
}

// Recorder writes what happens into a log. Any goroutine may use it. A nil Recorder records
// nothing, and hears nobody.
type Recorder struct {
	cfg  RecorderConfig
	wake chan struct{} // tells Run that there is something to do

	mu      sync.Mutex // guards what follows
	waiting []Record
	lost    map[loss]int
	peers   map[mgmt.PeerID]*heard
	budgets map[mgmt.InstanceName]*budget
	err     error // of the latest write
}

// loss says which happenings are missing, and why.
type loss struct {
	instance mgmt.InstanceName
	why      string
}

// heard is an agent that tells what happens.
type heard struct {
	instance mgmt.InstanceName
	log      string // of which the agent told last; empty: it has told nothing yet
	told     *Batch // waits for the disk
	// next is when the agent is asked for more. It is zero while it is not to be asked.
	next time.Time
	// expected are changes that it is about to tell, with what caused them.
	expected expected
}

// NewRecorder returns a recorder that has nothing to do.
func NewRecorder(cfg RecorderConfig) *Recorder {
	return &Recorder{
		cfg: cfg.withDefaults(), wake: make(chan struct{}, 1), lost: map[loss]int{}, peers: map[mgmt.PeerID]*heard{}, budgets: map[mgmt.InstanceName]*budget{},
	}
}

// Log returns the log. A nil Recorder has none.
func (r *Recorder) Log() *Log {
	if r == nil {
		return nil
	}
	return r.cfg.Log
}

// Record takes a happening. It waits for nobody.
func (r *Recorder) Record(h mgmt.Happening) {
	if r == nil {
		return
	}
	r.mu.Lock()
	switch {
	case len(r.waiting) >= r.cfg.Queue:
		r.lose(h.Instance, tooFast, 1)
	case r.cfg.Hears && h.Instance != "" && !r.budget(h.Instance).take(time.Now(), 1):
		r.lose(h.Instance, tooMany, 1)
	default:
		r.waiting = append(r.waiting, Record{Happening: h})
	}
	r.mu.Unlock()
	r.poke()
}

const (
	tooFast = "they came faster than they could be written"
	tooMany = "too much happened to this instance"
	// maxLosses bounds the different losses that the log will tell of. The others are counted
	// as those of no instance.
	maxLosses = 100
)

// lose counts happenings that are lost. The caller has locked mu.
func (r *Recorder) lose(instance mgmt.InstanceName, why string, n int) {
	key := loss{instance, why}
	if _, ok := r.lost[key]; !ok && len(r.lost) >= maxLosses {
		key.instance = ""
	}
	r.lost[key] += n
}

// budget returns the budget of an instance. The caller has locked mu. There is one for each
// instance that has an agent, or had one within a minute or so.
func (r *Recorder) budget(instance mgmt.InstanceName) *budget {
	b := r.budgets[instance]
	if b == nil {
		now := time.Now()
		maps.DeleteFunc(r.budgets, func(_ mgmt.InstanceName, b *budget) bool { return b.full(now) })
		b = newBudget(now, r.cfg.Burst, r.cfg.PerSecond)
		r.budgets[instance] = b
	}
	return b
}

func (r *Recorder) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run writes what Record has taken, until ctx is done. Then it writes the rest, and returns
// the cause of ctx. A Recorder that hears agents calls ask when an agent is to tell more. ask
// must not wait.
func (r *Recorder) Run(ctx context.Context, ask func(Ask)) error {
	for {
		wrote := r.writeOwn()
		r.writeTold()
		for _, a := range r.due() {
			ask(a)
		}
		if wrote && r.cfg.Hears && pause.For(ctx, writePause) != nil {
			r.writeOwn()
			return context.Cause(ctx)
		}
		timer := time.NewTimer(r.untilNext())
		select {
		case <-ctx.Done():
			timer.Stop()
			r.writeOwn()
			return context.Cause(ctx)
		case <-r.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// writePause is how long a controller collects happenings of its own after it has written some. Each write waits for the
// disk, and wakes those who follow the log. A deployment to 1,000 nodes has 4,000 happenings.
const writePause = 5 * time.Millisecond

// writeOwn writes the happenings that wait, and says how many are lost. It reports whether there were
// any.
func (r *Recorder) writeOwn() bool {
	r.mu.Lock()
	list, lost := r.waiting, r.lost
	r.waiting, r.lost = nil, map[loss]int{}
	r.mu.Unlock()
	losses := slices.Collect(maps.Keys(lost))
	sort.Slice(losses, func(i, j int) bool {
		return cmp.Or(cmp.Compare(losses[i].instance, losses[j].instance), cmp.Compare(losses[i].why, losses[j].why)) < 0
	})
	for _, l := range losses {
		list = append(list, Record{Happening: mgmt.Happening{
			Time: time.Now(), Kind: mgmt.HappenedLost, Instance: l.instance, Cause: fmt.Sprintf("%d happenings are missing here: %s", lost[l], l.why),
		}})
	}
	if len(list) == 0 {
		return false
	}
	err := r.cfg.Log.Append(r.heardNow(list))
	r.wrote(err)
	if err == nil {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rec := range list {
		if rec.Kind != mgmt.HappenedLost {
			r.lose(rec.Instance, "the log could not be written", 1)
		}
	}
	for l, n := range lost {
		r.lose(l.instance, l.why, n)
	}
	return true
}

// heardNow says when a controller's log gets these records. What happened by the clock of
// another host does not happen later than that.
func (r *Recorder) heardNow(list []Record) []Record {
	if !r.cfg.Hears {
		return list
	}
	now := time.Now()
	for i := range list {
		list[i].Heard = now
		if list[i].Time.After(now) {
			list[i].Time = now
		}
	}
	return list
}

// wrote keeps the outcome of a write, and logs it if it has changed.
func (r *Recorder) wrote(err error) {
	r.mu.Lock()
	before := r.err
	r.err = err
	r.mu.Unlock()
	switch {
	case err != nil && before == nil:
		r.cfg.Logger.Error("what happens is not written down", "err", err)
	case err == nil && before != nil:
		r.cfg.Logger.Info("what happens is written down again")
	}
}

// Err returns why the latest records could not be written. It returns nil if they were.
func (r *Recorder) Err() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}
