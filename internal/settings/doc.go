// Package settings owns the settings of the daemons. It has one table of settings
// for each daemon. A row of a table has the setting's flag, environment variable,
// key in the configuration file, default and meaning (spec management-api 1.7 and
// 1.8). Help texts and the output of `zeekfleet config` are made from the tables.
//
// A flag wins over an environment variable, a variable over the file, and the file
// over the default. An empty environment variable counts as unset, as in Zeek.
//
// The package reads no file except the configuration file, through Sources. It starts
// no goroutines.
package settings
