package sim

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"time"
)

// Config says how long a run is. Its zero value works.
type Config struct {
	// Steps is how many steps of the cores a run has at least; it ends with the
	// episode in which it has had them. Zero means 2,000.
	Steps int
}

func (c Config) withDefaults() Config {
	if c.Steps <= 0 {
		c.Steps = 2000
	}
	return c
}

// Report says what a run was.
type Report struct {
	Seed     uint64
	Steps    int           // of the cores
	Episodes int           // of mischief and peace
	Time     time.Duration // as the cluster saw it
	Failure  *Failure      // nil if every promise was kept
}

// Failure is a promise that was broken.
type Failure struct {
	Seed uint64
	Cfg  Config
	Step int           // of all cores, at which it was broken
	At   time.Duration // since the beginning
	What string
	// Dialogue is what was said and done last, oldest first.
	Dialogue []string
}

// Error says what was broken and how to see it again, without the dialogue.
func (f *Failure) Error() string {
	return fmt.Sprintf("seed %d, step %d, after %v: %s; repeat with: %s", f.Seed, f.Step, f.At, f.What, f.Command())
}

// Command returns the command that repeats the run.
func (f *Failure) Command() string {
	return fmt.Sprintf("zeekfleet sim --seeds 1 --seed %d --steps %d", f.Seed, f.Cfg.Steps)
}

// Text is the failure with its dialogue.
func (f *Failure) Text() string { return strings.Join(f.Dialogue, "\n") + "\n" + f.Error() + "\n" }

// Run simulates one cluster, from its seed to the end or to the first promise
// that is broken. It may be called from several goroutines at once.
func Run(seed uint64, cfg Config) Report {
	return run(newWorld(rand.New(rand.NewPCG(seed, 0)), terms{}), seed, cfg)
}

// Trace is Run, and returns all that is said and done instead of a report.
func Trace(seed uint64, cfg Config) []string {
	w := newWorld(rand.New(rand.NewPCG(seed, 0)), terms{})
	var lines []string
	w.log.listen = func(e entry) { lines = append(lines, e.String()) }
	run(w, seed, cfg)
	return lines
}

func run(w *world, seed uint64, cfg Config) Report {
	cfg = cfg.withDefaults()
	r := Report{Seed: seed}
	w.protect(func() {
		w.populate()
		for w.broken == nil && w.steps < cfg.Steps {
			w.episode()
			r.Episodes++
		}
	})
	r.Steps, r.Time, r.Failure = w.steps, w.now, w.broken
	if r.Failure != nil {
		r.Failure.Seed, r.Failure.Cfg = seed, cfg
	}
	return r
}

// protect makes a panic a violation like others: it is a core that found its
// own state broken, and the dialogue that led there is what is wanted.
func (w *world) protect(do func()) {
	defer func() {
		if p := recover(); p != nil {
			w.violated("panic: %v\n%s", p, debug.Stack())
		}
	}()
	do()
}
