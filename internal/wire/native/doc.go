// Package native is Broker's binary encoding of values (spec broker-wire 5).
//
// Each value has one encoding. If Decode accepts bytes, then Append encodes the value
// to the same bytes again. Sets and tables may be in any order, and keep it. A real may
// have any pattern of bits, and keeps it. Decode refuses bytes that could not be encoded
// again in the same way: a number of bytes or elements in more bytes than it needs, a
// boolean other than 0 and 1, a subnet with host bits, a port of an unknown protocol, a
// set or table that has a key twice.
//
// The package keeps no state and starts no goroutines.
package native
