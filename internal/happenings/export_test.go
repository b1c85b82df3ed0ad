package happenings

// Encode returns the line of a record.
var Encode = encode

// Scan returns the records in a text.
func Scan(text []byte) []Record {
	found, _ := Query{}.scan(text)
	return found
}

// ReadBatch returns the records of a batch.
var ReadBatch = readBatch
