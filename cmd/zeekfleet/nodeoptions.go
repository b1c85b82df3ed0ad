package main

import (
	"context"
	"errors"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/runoption"
	"github.com/zeekfleet/zeekfleet/node"
)

// runOptions returns the options of an embedded node, with those from its start. As with
// Zeek, a wrong one does not keep the node from starting.
func (o *nodeOptions) runOptions() (*runoption.Options, error) {
	options := runoption.New(runoption.Zeek(), runoption.ZeekConstants())
	if o.options == "" {
		return options, nil
	}
	start, err := runoption.ReadStart(o.options)
	if err != nil {
		return nil, err
	}
	for _, err := range options.Start(start.Options) {
		o.Logger.Warn("an option was not set", "node", o.Name, "err", err)
	}
	return options, nil
}

// addOptions lets a node answer requests about its options.
func addOptions(c *node.Config, options *runoption.Options) {
	for _, name := range options.Names() {
		c.Identifiers[name] = node.Func(func(context.Context) (any, error) { return options.Value(name) })
	}
	c.Dispatches[mgmt.SetOption] = func(_ context.Context, args []string) (any, error) {
		if len(args) != 2 {
			return nil, errors.New("set_option expects name and value of an option")
		}
		if err := options.Set(args[0], args[1]); err != nil {
			return nil, err
		}
		return options.Value(args[0])
	}
	c.Dispatches[mgmt.SetOptions] = func(_ context.Context, args []string) (any, error) {
		return nil, options.SetAll(args)
	}
}
