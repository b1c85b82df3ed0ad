package daemon

var (
	LimitedLog    = limitedLog
	ServiceOf     = serviceOf
	WarnIfItKills = warnIfItKills
	Screen        = Callers.screen
)
