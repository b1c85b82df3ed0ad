// Package zval models the values that travel between Zeek processes: the
// fifteen Broker data types (spec broker-wire section 5).
//
// A Value is immutable and safe to share between goroutines. The package does
// no I/O and starts no goroutines; the two encodings of a value live in
// wire/native and wire/wsjson.
//
// Strings are byte strings: a Go string here may hold any bytes, not only
// UTF-8. Sets and tables that are built here are sorted in Broker's order and
// free of duplicates; ones that were decoded keep the order their sender chose,
// so that encoding them again yields the same bytes. Equal and Compare look at
// sets and tables without regard to that order.
package zval
