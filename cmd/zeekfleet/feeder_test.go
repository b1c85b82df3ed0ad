package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/zeekfleet/zeekfleet/node"
)

// feeder is a program of a site, made with package node, that an agent runs as a node. It
// tells its arguments.
func feeder() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	cfg, err := node.FromEnvironment(os.LookupEnv)
	if err == nil {
		cfg.Identifiers = map[string]any{"Feeder::args": os.Args[1:], "Feeder::role": os.Getenv("ZEEKFLEET_NODE_ROLE"), "Feeder::reserved": reserved()}
		var n *node.Node
		if n, err = node.New(cfg); err == nil {
			err = n.Run(ctx)
		}
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "feeder:", err)
		os.Exit(1)
	}
}

// reserved returns the names of zeekfleet's variables in the environment.
func reserved() []string {
	var names []string
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "ZEEKFLEET_") {
			names = append(names, name)
		}
	}
	return names
}
