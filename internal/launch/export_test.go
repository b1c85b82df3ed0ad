package launch

// EncodeFacts and DecodeFacts are for the content of a launch's file.
func EncodeFacts(number uint64, facts Facts) []byte { return encodeRecord(factsRecord{number, facts}) }

// DecodeFacts is EncodeFacts the other way round.
func DecodeFacts(text []byte) (number uint64, facts Facts, err error) {
	rec, err := decodeRecord(text)
	return rec.Launch, rec.Facts, err
}
