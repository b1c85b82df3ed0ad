//go:build !noetcd

package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/bench"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/crowd"
	"github.com/zeekfleet/zeekfleet/internal/sim"
)

// developers returns the commands for developers.
func developers() []command {
	return []command{
		{"sim", newSimCommand}, {"bench", newBenchCommand}, {bench.HelperCommand, newBenchHelperCommand}, {crowd.Command, newCrowdCommand},
	}
}

func newSimCommand(streams) *cobra.Command {
	var s simulation
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "Simulate clusters until one breaks a promise",
		Long: "Simulate clusters with faults of every kind, one cluster per seed, and check the\n" +
			"promises of controller, agents and nodes. If a promise is broken, print the\n" +
			"promise, the events before it, and the command that repeats the run, and exit\n" +
			"with status 1. For developers.",
		Args:   wantArgs(0, 0),
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if n := s.cfg.Controllers; n != 0 && n != 1 && n != 3 {
				return fmt.Errorf("--controllers %d: a cluster of the simulation has 1 controller or 3", n)
			}
			if !cmd.Flags().Changed("seed") {
				s.first = rand.Uint64N(1 << 53) // short enough for a person to type
			}
			failures := s.run(cmd.Context(), cmd.ErrOrStderr())
			if len(failures) == 0 {
				return nil
			}
			for _, f := range failures {
				fmt.Fprint(cmd.OutOrStdout(), f.Text())
			}
			return finished(cli.StatusFailed)
		},
	}
	cmd.Flags().Uint64Var(&s.seeds, "seeds", 1000, "number of seeds to run")
	cmd.Flags().Uint64Var(&s.first, "seed", 0, "first seed (default: a random one)")
	cmd.Flags().IntVar(&s.cfg.Steps, "steps", 0, "least number of steps for each seed (default 2000)")
	cmd.Flags().IntVar(&s.cfg.Controllers, "controllers", 0, "number of controllers, 1 or 3 (default 3 for one seed of three)")
	cmd.Flags().BoolVar(&s.all, "all", false, "run all seeds, also after one has failed, and print every failure")
	cmd.Flags().IntVar(&s.parallel, "parallel", runtime.GOMAXPROCS(0), "simulations at a time")
	return cmd
}

// simulation runs seeds in parallel goroutines, each seed in one goroutine.
type simulation struct {
	seeds, first uint64
	parallel     int
	cfg          sim.Config
	all          bool // goes on after a failure

	taken, done atomic.Uint64
	// steps are those of Report.Steps, several those of them with three controllers, and leading
	// those of Report.Leading.
	steps, several, leading atomic.Uint64

	mu       sync.Mutex
	failures []*sim.Failure
}

// run returns the failures, in the order in which they came. Unless s.all is set, no seed
// begins after the first failure.
func (s *simulation) run(ctx context.Context, progress io.Writer) []*sim.Failure {
	debug.SetGCPercent(800) // a run makes much garbage, and keeps little
	began := time.Now()
	var workers sync.WaitGroup
	for range max(1, s.parallel) {
		workers.Go(func() { s.work(ctx) })
	}
	finished := make(chan struct{})
	var reporter sync.WaitGroup
	reporter.Go(func() {
		tick := time.NewTicker(10 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-finished:
				return
			case <-tick.C:
				s.report(progress, began)
			}
		}
	})
	workers.Wait()
	close(finished)
	reporter.Wait()
	s.report(progress, began)
	fmt.Fprintf(progress, "zeekfleet: %d steps of controllers, agents and nodes, %d of them with three controllers, and %d steps that decide which of the three leads\n",
		s.steps.Load(), s.several.Load(), s.leading.Load())
	return s.failures
}

// work runs seeds until there are no more, one fails, or ctx is done.
func (s *simulation) work(ctx context.Context) {
	for ctx.Err() == nil && (s.all || !s.failed()) {
		i := s.taken.Add(1) - 1
		if i >= s.seeds {
			return
		}
		r := sim.Run(s.first+i, s.cfg)
		s.done.Add(1)
		s.steps.Add(uint64(r.Steps))
		if s.leading.Add(uint64(r.Leading)); r.Controllers > 1 {
			s.several.Add(uint64(r.Steps))
		}
		if r.Failure != nil {
			s.fail(r.Failure)
		}
	}
}

func (s *simulation) fail(f *sim.Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, f)
}

func (s *simulation) failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.failures) > 0
}

func (s *simulation) report(w io.Writer, began time.Time) {
	done, steps, took := s.done.Load(), s.steps.Load(), time.Since(began).Seconds()
	fmt.Fprintf(w, "zeekfleet: %d of %d seeds from %d on, %d steps, %.0f seeds/s, %.0f steps/s\n",
		done, s.seeds, s.first, steps, float64(done)/took, float64(steps)/took)
}
