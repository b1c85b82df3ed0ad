package daemon

// ReadHost reads what an agent tells of its host.
var ReadHost = readHost

// The bounds of what an agent tells of its host.
const (
	MaxHostFacts  = maxHostFacts
	MaxHostValues = maxHostValues
	MaxHostText   = maxHostText
	BookNodes     = bookNodes
)
