// Package wsjson is the text protocol "v1/messages/json" of Zeek's WebSocket
// clients: values with "@data-type" and "data", and the messages around them
// (spec websocket 5 to 8, 10).
//
// What it writes is what Zeek writes, byte for byte, wherever that is valid
// JSON; it is always valid JSON. What it reads is everything that Zeek reads or
// writes, and more: members in any order, unknown members, a carriage return as
// white space, "\/", a real without a decimal point. Of two members with one
// name the first counts.
//
// It reads some mistakes the way Zeek does: a port's number counts modulo 2^16,
// a protocol of another name is the unknown one, and a subnet whose length is
// too large is "::/0". Equal elements of a set collapse, but a table with a key
// twice is refused.
//
// The encoding loses something, as Zeek's does: timestamps keep milliseconds
// (none before 1970), reals keep six decimals; keys of a table that differ in
// nothing else make a text that is refused. Beyond that, each byte of a string
// that is not UTF-8 becomes U+FFFD, a NaN becomes null and the infinities become
// 1e400 and -1e400, because JSON has no words for them. Zeek reads 1e400 as
// infinity and refuses null.
//
// The package takes bytes and returns values; it keeps no state and starts no
// goroutines.
package wsjson
