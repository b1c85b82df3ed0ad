package mgmt

// MaxTerm bounds the terms of controllers that anybody believes. A greater number is a
// mistake: no cluster of controllers has had so many.
const MaxTerm uint64 = 1 << 62
