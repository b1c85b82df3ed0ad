package crash

// Cores sets the core pattern that the store uses instead of the kernel's.
func (s *Store) Cores(pattern string, usesPID bool) {
	s.corePattern = func() (corePattern, error) { return corePattern{pattern, usesPID}, nil }
}

// Glob returns the pattern with which the store looks for the core file of r.
func Glob(pattern string, usesPID bool, r Record) string {
	return corePattern{pattern, usesPID}.glob(r)
}

// EncodeRecord and DecodeRecord write and read the content of a record's file.
var (
	EncodeRecord = encodeRecord
	DecodeRecord = decodeRecord
)
