package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/crowd"
	"github.com/zeekfleet/zeekfleet/internal/proc/fakezeek"
)

// figure is one measured value beside its budget.
type figure struct {
	what   string
	value  float64
	unit   string
	budget float64 // 0: the figure has no budget
	atMost bool    // the budget is an upper bound, else a lower bound
}

func (f figure) verdict() string {
	switch {
	case f.budget == 0:
		return ""
	case f.atMost == (f.value <= f.budget):
		return "ok"
	}
	return "MISSED"
}

func (f figure) limit() string {
	if f.budget == 0 {
		return "-"
	}
	sign := ">="
	if f.atMost {
		sign = "<="
	}
	return fmt.Sprintf("%s %s", sign, number(f.budget))
}

func number(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

func atMost(what string, value float64, unit string, budget float64) figure {
	return figure{what, value, unit, budget, true}
}

func atLeast(what string, value float64, unit string, budget float64) figure {
	return figure{what, value, unit, budget, false}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func main() {
	crowd.MainIfCalled()
	fakezeek.MainIfCalled()
	if len(os.Args) == 3 && os.Args[1] == sinkCommand {
		if err := sink(context.Background(), os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute) // several times what all measurements take
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run makes the measurements whose names are in only, or all if only is empty.
func run(ctx context.Context, only []string) error {
	dir, err := os.MkdirTemp("", "zeekfleet-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	changes := scaleFewChanges
	if slices.Contains(only, "scale") {
		changes = scaleChanges
	}
	largest := func(ctx context.Context, dir string) ([]figure, error) { return scale(ctx, dir, changes) }
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "FIGURE\tVALUE\tUNIT\tBUDGET\t")
	for _, m := range []struct {
		name    string
		measure func(context.Context, string) ([]figure, error)
	}{
		{"echo", loopbackEcho}, {"codecs", codecs}, {"peering", peering}, {"cluster", cluster}, {"mutual", mutual}, {"audit", auditing}, {"events", events}, {"fleet", fleet}, {"siege", siege},
		{"greed", greed}, {"up", upTime}, {"deployments", deployments}, {"revisions", revisions}, {"told", told}, {"idle", idle},
		{"scale", largest},
		{"simulation", simulation},
	} {
		if len(only) > 0 && !slices.Contains(only, m.name) {
			continue
		}
		figures, err := m.measure(ctx, dir)
		if err != nil {
			return err
		}
		for _, f := range figures {
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", f.what, number(f.value), f.unit, f.limit(), f.verdict())
		}
		out.Flush()
	}
	return nil
}
