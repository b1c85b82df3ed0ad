package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func newTopCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Show what each node uses and captures: processor, memory, packets, drops",
		Long: "Show what each node uses and captures: processor, memory, packets, drops and lag. On a\n" +
			"terminal the view stays and follows the samples of the agents; keys change the order,\n" +
			"the arrow keys move, q leaves. Else, or with --once, it is printed once. CPU % is that\n" +
			"of one processor: 200 is two whole ones.\n\n" + selectorHelp + "\n\n" +
			"Examples:\n" +
			"  zeekfleet top\n" +
			"  zeekfleet top --once --sort drops @workers\n" +
			"  zeekfleet top --instance sensor-1 --output json",
	}
	var req cli.TopRequest
	fs := cmd.Flags()
	fs.BoolVar(&req.Once, "once", false, "print the figures once, also on a terminal")
	fs.Var((*orderName)(&req.Sort), "sort", "sort by `FIGURE`: "+strings.Join(cli.TopOrders(), ", ")+" (default "+cli.TopOrders()[0]+")")
	completeLive(cmd, "sort", offer{fixed: cli.TopOrders()})
	fs.Func("interval", "least `TIME` between two views, such as 2s (default "+mgmt.SampleInterval.String()+", as agents sample)", func(text string) error {
		d, err := time.ParseDuration(text)
		if err != nil {
			d, err = time.ParseDuration(text + "s")
		}
		if err != nil || d < time.Second || d > time.Hour {
			return errors.New("not a time from 1s to 1h, such as 2s")
		}
		req.Interval = d
		return nil
	})
	return measuredCommand(s, cmd, func(ctx context.Context, m cli.Measured) int { return m.Top(ctx, req) })
}

// orderName is the value of --sort.
type orderName string

// String implements pflag.Value.
func (o *orderName) String() string { return string(*o) }

// Type implements pflag.Value.
func (o *orderName) Type() string { return "FIGURE" }

// Set implements pflag.Value.
func (o *orderName) Set(text string) error {
	return oneOf((*string)(o), text, "a figure to sort by", cli.TopOrders())
}
