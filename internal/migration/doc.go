// Package migration owns the way of a cluster from another manager to zeekfleet, and back: from
// the files of zeekctl, of Zeek's generator of systemd units, and of the Management framework to
// a cluster file and the settings of daemons, and from a configuration to such files.
//
// What has no equivalent becomes a Finding, which says what to do. Import reads the cluster
// file that it has written, and compares its nodes with the processes that the other manager
// starts: a difference is an error.
//
// All input is bounded. The package starts no goroutines and runs no programs.
package migration
