// Command zeekfleet runs Zeek clusters across hosts: controller, agents and
// nodes, and the client that tells them what to do.
//
// It owns the command line: flags, signals, streams, exit statuses, one file per
// subcommand. What the subcommands do is in the packages that they call.
package main
