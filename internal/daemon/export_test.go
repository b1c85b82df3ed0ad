package daemon

import (
	"log/slog"

	"zeekfleet/internal/bus"
)

var (
	LimitedLog    = limitedLog
	WriteNote     = note
	ServiceOf     = serviceOf
	WarnIfItKills = warnIfItKills
	Screen        = Callers.screen
)

// LogPuzzles logs each of the messages as one that was not understood.
func LogPuzzles(log *slog.Logger, messages []bus.Message, err error) {
	p := puzzles{}
	for _, m := range messages {
		p.log(log, m, err)
	}
}
