// Package wsjson is the text protocol "v1/messages/json" of Zeek's WebSocket
// clients: values with "@data-type" and "data", and the messages around them
// (spec websocket 5 to 8, 10).
//
// The package writes the same bytes as Zeek wherever they are valid JSON. It always
// writes valid JSON.
//
// The package parses everything that Zeek parses or writes, except for the mistakes
// below. It also parses members in any order, unknown members, a carriage return as
// white space, "\/", and a real without a decimal point. If an object has two members
// with one name, the first one counts.
//
// Mistakes: like Zeek, the package takes an unknown protocol of a port as "?", and drops
// equal elements of a set. Unlike Zeek, it refuses a port beyond 16 bits, a subnet whose
// length is too large, and a table that has a key twice.
//
// JSON text loses information, as with Zeek. Timestamps keep milliseconds, and whole
// seconds before 1970. Reals keep six decimals. A table whose keys differ only in what
// is lost becomes a text that is refused. Each byte of a string that is not UTF-8
// becomes U+FFFD. JSON has no NaN and no infinities: they become null, 1e400 and -1e400.
// Zeek parses 1e400 as infinity and refuses null.
//
// The package keeps no state and starts no goroutines.
package wsjson
