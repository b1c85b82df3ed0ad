// Package samples keeps what agents measure on their hosts (mgmt.HostSample): the newest
// sample of each host with rates, and the history of the figures that are drawn. All of it is
// in memory and bounded; it is gone when the controller ends.
//
// The package starts no goroutine and does no I/O. All methods are safe for concurrent use.
package samples
