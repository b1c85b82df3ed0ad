// Package zval models the values that travel between Zeek processes: the
// fifteen Broker data types (spec broker-wire section 5).
//
// A Value does not change, and goroutines may share it. The package does no I/O and
// starts no goroutines. The two encodings of values are in wire/native and wire/wsjson.
//
// A string is a byte string. It may hold any bytes, not only UTF-8.
//
// A set or table that this program makes is sorted in Broker's order and has no
// duplicates. A set or table that was decoded keeps the order of its sender, so that it
// is encoded to the same bytes again. Equal and Compare ignore that order.
package zval
