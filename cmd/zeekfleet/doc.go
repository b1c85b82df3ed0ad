// Command zeekfleet runs Zeek clusters across hosts. It is the controller, the
// agent, an embedded node, and the client that sends requests to the controller.
//
// This package owns the command line: flags, signals, streams and exit statuses.
// Each subcommand has a file. The packages that a subcommand calls do its work.
package main
