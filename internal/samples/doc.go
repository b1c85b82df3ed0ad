// Package samples keeps what agents measure on their hosts (mgmt.HostSample): the newest
// sample of each host with rates, and the history of the figures that are drawn: a point each
// 5 s for an hour, and one each minute for a day. All of it is in memory and bounded; it is
// gone when the controller ends.
//
// These figures have history: of a node its processors, memory, packets, dropped packets, lag
// and events; of an interface its packets, bits and dropped packets; of a host its processors
// and memory. They are rounded (scales) and kept as differences in blocks of some 250 bytes:
// with noisy figures a node takes about 7 KiB. A time of which nothing is known stays a gap.
//
// The package starts no goroutine and does no I/O. All methods are safe for concurrent use.
package samples
