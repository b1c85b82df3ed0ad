package coretest

import (
	"sort"
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
	sort.SliceStable(t.queue, func(i, j int) bool { return t.queue[i].at.Before(t.queue[j].at) })
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
