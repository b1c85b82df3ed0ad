package wire

import (
	"bytes"
	"encoding/hex"
)

// ID identifies an endpoint. The zero ID is nil. It identifies no endpoint; as the
// receiver of a node message it means every endpoint (spec broker-wire 3.1).
//
// Broker reports a peer only if the version digit of its ID is 1 to 5. A random
// UUIDv4 has the digit 4.
type ID [16]byte

// String returns the 8-4-4-4-12 text form in lower case.
func (id ID) String() string {
	var text [36]byte
	hex.Encode(text[0:8], id[0:4])
	hex.Encode(text[9:13], id[4:6])
	hex.Encode(text[14:18], id[6:8])
	hex.Encode(text[19:23], id[8:10])
	hex.Encode(text[24:36], id[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}

// IsNil reports whether id is the zero ID.
func (id ID) IsNil() bool { return id == ID{} }

// Compare orders IDs as unsigned byte strings. The endpoint with the smaller ID is the
// originator of the handshake (spec broker-wire 3.4).
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }
