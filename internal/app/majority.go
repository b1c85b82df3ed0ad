//go:build !noetcd

package app

import (
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
)

// majorityPatience is after what time without an answer of the store the log says that its
// majority is missing. Controllers that start at the same time find each other earlier.
const majorityPatience = 3 * time.Second

// majority says in the log when the store has lost its majority, and when it has one again.
type majority struct {
	log      *slog.Logger
	external bool
	// answered is when the store last gave an answer that needs a majority, or when this
	// controller was started. ever says that it has given one.
	answered time.Time
	ever     bool
	missing  bool // it was said
}

// take takes the outcome of a question that needs a majority, and how the stores are.
func (m *majority) take(now time.Time, err error, health []quorum.Health) {
	switch {
	case err == nil:
		if m.missing {
			m.log.Info("the store has its majority again", "after", now.Sub(m.answered).Round(time.Millisecond))
		}
		m.answered, m.ever, m.missing = now, true, false
	case m.missing || now.Sub(m.answered) < majorityPatience:
	case m.external:
		m.missing = true
		m.log.Warn("the etcd of the site does not answer: nothing can be changed until it does; see that it runs, and that this controller reaches it", "err", err)
	default:
		m.missing = true
		text := "the majority of the controllers is missing: nothing can be changed until it is there; start the other controllers, and see that they reach each other's store"
		if m.ever {
			text = "the majority of the controllers was lost: nothing can be changed until it is there; start those that are away, and see that they reach each other's store"
		}
		m.log.Warn(text, "away", strings.Join(awayOf(health), ", "), "err", err)
	}
}

// awayOf returns the members whose stores do not answer.
func awayOf(health []quorum.Health) (names []string) {
	for _, h := range health {
		if h.Err != "" {
			names = append(names, h.Name)
		}
	}
	slices.Sort(names)
	return names
}
