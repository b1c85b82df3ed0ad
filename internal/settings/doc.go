// Package settings owns what an operator can set about the daemons: one table
// of settings per daemon, each with its flag, its environment variable, its key
// in the configuration file, its default and its meaning (spec management-api
// 1.7 and 1.8). Everything else that is said about a setting, such as help
// texts and the output of `zeekfleet config`, is derived from that table.
//
// A flag wins over the environment, that over the file, and that over the
// default. An environment variable that is set to nothing counts as unset, as
// it does for Zeek.
//
// The package reads the configuration file through Sources, and nothing else;
// it starts no goroutines.
package settings
