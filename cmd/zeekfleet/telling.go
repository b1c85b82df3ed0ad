package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newLogsCommand(s streams) *cobra.Command {
	var req cli.LogsRequest
	cmd := &cobra.Command{
		Use:   "logs NODE",
		Short: "Show what a node has printed",
		Long: "Show the last lines that a node has printed, also before it was restarted. The text\n" +
			"comes from the node's host, through its agent. It may have secrets in it.\n" +
			"The logs that Zeek writes (conn.log and so on) are in the archive of the host.",
		Args: wantArgs(1, 1),
	}
	fs := cmd.Flags()
	fs.BoolVarP(&req.Follow, "follow", "f", false, "go on with what the node prints, until Ctrl-C")
	fs.BoolVar(&req.Stderr, "stderr", false, "show what it has printed to standard error, in place of standard output")
	fs.IntVar(&req.Lines, "lines", 100, "show the last `NUMBER` of lines, up to 100000")
	addInstance(cmd, &req.Instance)
	return fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, args []string) int {
		req.Node = args[0]
		return f.Logs(ctx, req)
	})
}

// addInstance adds the flag that says where a node is.
func addInstance(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "instance", "", "`NAME` of the instance of the node, if the node is no longer deployed")
}

func newDiagCommand(s streams) *cobra.Command {
	var instance, bundle string
	cmd := &cobra.Command{
		Use:   "diag NODE | --bundle FILE [INSTANCE...]",
		Short: "Make a report about a node, or about all hosts, to pass on",
		Long: "Make a report about a node: its states, its last crash with the backtrace, what it\n" +
			"has printed, its plan, the versions, and the disks and the memory of its host. What\n" +
			"looks like a secret is taken out. Look through the report before you pass it on.\n\n" +
			"With --bundle, write a file with the reports of all nodes, and with what is known of\n" +
			"their hosts: hardware, settings of kernel and network cards, versions, crashes, events.\n" +
			"INSTANCE is a name or a pattern. If a host cannot be asked, the file says so.\n\n" +
			"Examples:\n" +
			"  zeekfleet diag worker-1\n" +
			"  zeekfleet diag --bundle report.tar.gz 'sensor-*'",
		Args: diagArgs(&bundle),
	}
	addInstance(cmd, &instance)
	cmd.Flags().StringVar(&bundle, "bundle", "", "write the reports of all nodes, or of those of INSTANCE, into `FILE` (tar.gz)")
	return fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, args []string) int {
		if bundle != "" {
			return cli.HostTools{Fleet: f, Instances: args}.Bundle(ctx, bundle, programVersion())
		}
		return f.Diag(ctx, args[0], instance)
	})
}

func newCrashesCommand(s streams) *cobra.Command {
	cmd := fleetCommand(s, &cobra.Command{
		Use:   "crashes [NODE]",
		Short: "List how nodes ended by themselves, on all hosts",
		Long: "List how nodes ended by themselves, newest first: of all hosts, or of NODE.\n" +
			"\"zeekfleet agent crashes\" shows those of this host, also if no agent runs.",
		Annotations: map[string]string{runsItself: "yes"},
		Args:        wantArgs(0, 1),
	}, func(ctx context.Context, f cli.Fleet, args []string) int {
		node := ""
		if len(args) > 0 {
			node = args[0]
		}
		return f.Crashes(ctx, node)
	})
	var full bool
	one := &cobra.Command{
		Use:   "show ID",
		Short: "Show how a node crashed",
		Long: "Show how a node crashed: why, the top of its stack, and the last lines that it\n" +
			"printed. With --full show everything that is recorded: the whole backtrace and\n" +
			"output, and the plan. \"zeekfleet crashes\" lists the IDs; a part from the\n" +
			"beginning will do. The output may have secrets in it.",
		Args: wantArgs(1, 1),
	}
	one.Flags().BoolVar(&full, "full", false, "show everything that is recorded, the whole backtrace and the plan included")
	cmd.AddCommand(fleetCommand(s, one, func(ctx context.Context, f cli.Fleet, args []string) int { return f.ShowCrash(ctx, args[0], full) }))
	return cmd
}

func newHostsCommand(s streams) *cobra.Command {
	return fleetCommand(s, &cobra.Command{
		Use:   "hosts",
		Short: "List the hosts: versions, load, memory and disks",
		Long: "List the hosts of all instances: versions of zeekfleet and of Zeek, load, memory and\n" +
			"disks. Of a host that is not connected the list has what was known last.",
		Args: wantArgs(0, 0),
	}, func(ctx context.Context, f cli.Fleet, _ []string) int { return f.Hosts(ctx) })
}
