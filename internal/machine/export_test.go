package machine

var (
	OSName     = osName
	ReadLoad   = load
	ReadBooted = booted
	Meminfo    = memory
	Space      = space
	Unsynced   = unsynced
)
