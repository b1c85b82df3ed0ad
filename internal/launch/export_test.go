package launch

// EncodeFacts returns the content of a launch's file.
func EncodeFacts(number uint64, facts Facts) []byte { return encodeRecord(factsRecord{number, facts}) }

// DecodeFacts reads the content of a launch's file.
func DecodeFacts(text []byte) (number uint64, facts Facts, err error) {
	rec, err := decodeRecord(text)
	return rec.Launch, rec.Facts, err
}
