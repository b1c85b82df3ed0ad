package daemon

import (
	"context"
	"log/slog"
)

// noErrors are the texts of notes of any level whose explanation is no error.
var noErrors = map[string]bool{
	"configuration is doubtful": true,
	"node changed":              true,
}

// note writes a core's note to the log, leaving out what does not apply. The
// attributes alternate between key and value; an empty value does not apply. An
// "err" that is no error is called "why".
func note(ctx context.Context, log *slog.Logger, level int, text string, attrs ...string) {
	lvl := slog.Level(level)
	if !log.Enabled(ctx, lvl) {
		return
	}
	var given []slog.Attr
	for i := 0; i+1 < len(attrs); i += 2 {
		if attrs[i+1] != "" {
			key := attrs[i]
			if key == "err" && (lvl < slog.LevelWarn || noErrors[text]) {
				key = "why"
			}
			given = append(given, slog.String(key, attrs[i+1]))
		}
	}
	log.LogAttrs(ctx, lvl, text, given...)
}
