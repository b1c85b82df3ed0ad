package sim

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"time"
)

// Config says how long a run lasts. Its zero value works.
type Config struct {
	// Steps is the least number of steps of the cores of controllers, agents and nodes. The
	// run ends with the episode in which it reaches that number. Zero means 2,000.
	Steps int
	// Controllers is how many controllers there are: 1 or 3. Zero means 3 for one seed of three.
	Controllers int
}

func (c Config) withDefaults() Config {
	if c.Steps <= 0 {
		c.Steps = 2000
	}
	return c
}

// world returns the world of a seed.
func (c Config) world(seed uint64) *world {
	w := newWorld(rand.New(rand.NewPCG(seed, 0)), terms{})
	if c.Controllers == 3 || c.Controllers == 0 && seed%3 == 2 {
		w.shared, w.several = newShared(w), true
	}
	return w
}

// Report describes a run.
type Report struct {
	Seed        uint64
	Controllers int
	Steps       int           // of the cores of controllers, agents and nodes
	Leading     int           // of the cores that decide which of several controllers leads
	Episodes    int           // of mischief and peace
	Time        time.Duration // in the simulated cluster
	Failure     *Failure      // nil if every promise was kept
}

// Failure is a broken promise.
type Failure struct {
	Seed uint64
	Cfg  Config
	Step int           // at which it was broken, counted as Report.Steps
	At   time.Duration // since the beginning
	What string
	// Dialogue holds the last entries of the run, oldest first.
	Dialogue []string
}

// Error returns the broken promise and the command that repeats the run. It leaves
// the dialogue out.
func (f *Failure) Error() string {
	return fmt.Sprintf("seed %d, step %d, after %v: %s; repeat with: %s", f.Seed, f.Step, f.At, f.What, f.Command())
}

// Command returns the command that repeats the run.
func (f *Failure) Command() string {
	command := fmt.Sprintf("zeekfleet sim --seeds 1 --seed %d --steps %d", f.Seed, f.Cfg.Steps)
	if f.Cfg.Controllers > 0 {
		command += fmt.Sprintf(" --controllers %d", f.Cfg.Controllers)
	}
	return command
}

// Text returns the dialogue and then the failure.
func (f *Failure) Text() string { return strings.Join(f.Dialogue, "\n") + "\n" + f.Error() + "\n" }

// Run simulates one cluster until the end of the run or until a promise is broken.
// The seed decides everything by chance. Several goroutines may call Run at once.
func Run(seed uint64, cfg Config) Report {
	return run(cfg.world(seed), seed, cfg)
}

// Trace does the same as Run. It returns the whole dialogue instead of a report.
func Trace(seed uint64, cfg Config) []string {
	w := cfg.world(seed)
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
	r.Controllers, r.Steps, r.Leading, r.Time, r.Failure = len(w.controllers), w.steps, w.leads, w.now, w.broken
	if r.Failure != nil {
		r.Failure.Seed, r.Failure.Cfg = seed, cfg
	}
	return r
}

// protect makes a panic a broken promise: a core has found its own state broken. So
// the failure shows the dialogue before the panic.
func (w *world) protect(do func()) {
	defer func() {
		if p := recover(); p != nil {
			w.violated("panic: %v\n%s", p, debug.Stack())
		}
	}()
	do()
}
