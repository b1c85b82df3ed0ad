package happenings

import "github.com/zeekfleet/zeekfleet/internal/form"

// Encode returns the line of a record.
var Encode = encode

// Scan returns the records in a text.
func Scan(text []byte) []Record {
	found, _ := Query{}.scan(text)
	return found
}

// ReadBatch returns the records of a batch.
var ReadBatch = readBatch

// ReadBothWays reads the JSON object of a record in the fast way and in the general one. It
// returns whether the fast way could, and whether it was right then.
func ReadBothWays(object []byte) (plain, right bool) {
	fast, plain := readPlain(object)
	var general record1
	err := form.Decode(object, &general)
	return plain, !plain || err == nil && fast == general
}

// MaxExpected bounds what is expected of one agent.
const MaxExpected = maxExpected
