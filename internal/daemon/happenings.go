package daemon

import (
	"context"
	"log/slog"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// logHappening writes what has happened to the log.
func logHappening(ctx context.Context, log *slog.Logger, h mgmt.Happening) {
	log.LogAttrs(ctx, slog.LevelDebug, "happened", slog.String("kind", string(h.Kind)), slog.String("instance", string(h.Instance)),
		slog.String("node", string(h.Node)), slog.String("from", h.From), slog.String("to", h.To), slog.String("why", h.Cause))
}
