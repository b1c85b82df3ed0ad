package daemon

import (
	"log/slog"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
)

// The limits of what is logged about the events of one peer that are not
// understood: so many lines at once, and one more line after each interval.
const (
	unreadableLogged   = 5
	unreadableInterval = 10 * time.Second
)

// unreadable are the peers that have sent an event that was not understood. Each
// peer has a number of log lines of its own. So one peer does not use up the
// lines of the others.
type unreadable map[string]*bus.Throttle

// log logs that m was not understood, unless its sender has used up its lines.
func (p unreadable) log(log *slog.Logger, m bus.Message, err error) {
	t := p[m.From.ID]
	if t == nil {
		t = &bus.Throttle{Burst: unreadableLogged, Interval: unreadableInterval}
		p[m.From.ID] = t
	}
	t.Warn(log, "event not understood", "peer", m.From.ID, "addr", m.From.Addr.String(), "topic", m.Topic, "err", err)
}
