package daemon

import (
	"context"
	"log/slog"
	"slices"
	"strconv"

	"github.com/zeekfleet/zeekfleet/internal/core/note"
)

// noErrors are the texts of notes of any level whose explanation is no error.
var noErrors = map[string]bool{
	"configuration is doubtful": true,
	"node changed":              true,
}

// logNote writes a core's note to the log, without its empty fields. After the peer
// it writes aboutPeer, in which keys and values alternate: what else is known of
// the peer.
func logNote(ctx context.Context, log *slog.Logger, n note.Note, aboutPeer ...string) {
	level := slog.Level(n.Level)
	if !log.Enabled(ctx, level) {
		return
	}
	rev := ""
	if n.Rev != 0 {
		rev = strconv.FormatUint(n.Rev, 10)
	}
	why := "err"
	if level < slog.LevelWarn || noErrors[n.Text] {
		why = "why"
	}
	var given []slog.Attr
	for pair := range slices.Chunk(slices.Concat(
		[]string{"instance", string(n.Instance), "node", string(n.Node), "peer", string(n.Peer)},
		aboutPeer,
		[]string{"reqid", string(n.ReqID), "rev", rev, why, n.Err},
	), 2) {
		if key, value := pair[0], pair[1]; value != "" {
			given = append(given, slog.String(key, value))
		}
	}
	log.LogAttrs(ctx, level, n.Text, given...)
}
