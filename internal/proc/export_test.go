package proc

// Orphans are what the first process of a container has to reap.
type Orphans struct{ orphans }

// Look is what housekeeping does from time to time.
func (o *Orphans) Look() error { return o.reap() }

// Trim is what housekeeping does with an output file that may have become too
// large.
func Trim(path string, limit int64, keep int) (bool, error) {
	return outputs{limit: limit, keep: keep}.trim(path)
}

// EncodeRecord and DecodeRecord are for the content of a record's file.
var (
	EncodeRecord = encodeRecord
	DecodeRecord = decodeRecord
)
