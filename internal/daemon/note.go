package daemon

import (
	"context"
	"log/slog"
)

// note writes a core's note to the log, leaving out what does not apply. The
// attributes alternate between key and value; an empty value does not apply.
func note(ctx context.Context, log *slog.Logger, level int, text string, attrs ...string) {
	lvl := slog.Level(level)
	if !log.Enabled(ctx, lvl) {
		return
	}
	var given []slog.Attr
	for i := 0; i+1 < len(attrs); i += 2 {
		if attrs[i+1] != "" {
			given = append(given, slog.String(attrs[i], attrs[i+1]))
		}
	}
	log.LogAttrs(ctx, lvl, text, given...)
}
