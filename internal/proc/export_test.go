package proc

// Orphans reaps orphans.
type Orphans struct{ orphans }

// Reap is one call of reap.
func (o *Orphans) Reap() error { return o.reap() }

// Trim trims an output file.
func Trim(path string, limit int64, keep int) (bool, error) {
	return outputs{limit: limit, keep: keep}.trim(path)
}

// EncodeRecord and DecodeRecord write and read the content of a record's file.
var (
	EncodeRecord = encodeRecord
	DecodeRecord = decodeRecord
)
