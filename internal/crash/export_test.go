package crash

// Cores tells the store where core files go, instead of the kernel.
func (s *Store) Cores(pattern string, usesPID bool) {
	s.corePattern = func() (corePattern, error) { return corePattern{pattern, usesPID}, nil }
}

// Glob returns what a core file of r is looked for by.
func Glob(pattern string, usesPID bool, r Record) string {
	return corePattern{pattern, usesPID}.glob(r)
}

// EncodeRecord and DecodeRecord are for the content of a record's file.
var (
	EncodeRecord = encodeRecord
	DecodeRecord = decodeRecord
)
