package mgmt

// MaxTerm bounds the terms of controllers that agents believe. A greater number is a mistake:
// no cluster of controllers has had so many.
//
// MaxSeenTerm bounds the terms that a controller takes over from an agent. It is smaller, so
// that an agent that was taken over cannot use up all terms.
const (
	MaxTerm     uint64 = 1 << 63
	MaxSeenTerm uint64 = 1 << 62
)
