package live

import (
	"context"

	tea "charm.land/bubbletea/v2"
)

// Feed is what Run sends to its view.
func Feed(w Watcher, ctx context.Context, send func(tea.Msg)) error { return w.feed(ctx, send) }
