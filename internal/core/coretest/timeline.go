package coretest

import (
	"slices"
	"time"
)

// timeline is a virtual time with the events that are planned.
type timeline struct {
	epoch time.Time
	now   time.Time
	queue []timed // by time, and then in the order in which it was put there
}

type timed struct {
	at time.Time
	do func()
}

func newTimeline() timeline { return timeline{epoch: epoch, now: epoch} }

func (t *timeline) after(d time.Duration, do func()) {
	t.queue = append(t.queue, timed{t.now.Add(d), do})
	slices.SortStableFunc(t.queue, func(a, b timed) int { return a.at.Compare(b.at) })
}

// due returns the next event, if it is planned up to end.
func (t *timeline) due(end time.Time) (timed, bool) {
	if len(t.queue) == 0 || t.queue[0].at.After(end) {
		return timed{}, false
	}
	return t.queue[0], true
}

// pop goes on to the next event and removes it.
func (t *timeline) pop() {
	t.now = t.queue[0].at
	t.queue = t.queue[1:]
}
