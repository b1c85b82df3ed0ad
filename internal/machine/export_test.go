package machine

var (
	OSName   = osName
	ReadLoad = load
	Booted   = booted
	Meminfo  = memory
)
