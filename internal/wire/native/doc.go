// Package native is Broker's binary encoding of values (spec broker-wire 5).
//
// A value has one spelling here: whatever Decode accepts, Append writes back
// byte for byte. That includes what Zeek may send out of the ordinary: sets and
// tables in any order keep it, and so does any pattern of a real. What could
// not be written back the same way is refused: a number of bytes or elements in
// more bytes than it needs, a boolean other than 0 and 1, a subnet with host
// bits, a port of no known protocol, a set or table that holds a key twice.
//
// The package takes bytes and returns values; it keeps no state and starts no
// goroutines.
package native
