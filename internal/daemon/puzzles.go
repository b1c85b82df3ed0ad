package daemon

import (
	"log/slog"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
)

// How many events of one peer that are not understood are logged at once, and how
// long another one takes to be earned.
const (
	puzzlesLogged  = 5
	puzzleInterval = 10 * time.Second
)

// puzzles are the peers that have sent what was not understood. Each has lines of
// its own in the log, and no more than those, so that one peer does not use up
// what is logged of the others.
type puzzles map[string]*bus.Throttle

// log logs that m was not understood, unless there was much of it from its sender.
func (p puzzles) log(log *slog.Logger, m bus.Message, err error) {
	t := p[m.From.ID]
	if t == nil {
		t = &bus.Throttle{Burst: puzzlesLogged, Interval: puzzleInterval}
		p[m.From.ID] = t
	}
	t.Warn(log, "event not understood", "peer", m.From.ID, "addr", m.From.Addr.String(), "topic", m.Topic, "err", err)
}
