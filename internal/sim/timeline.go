package sim

import "time"

// timeline is the time of a world, and the events that are planned.
type timeline struct {
	now   time.Duration // since epoch
	seq   uint64        // of the latest event that was planned
	queue queue
}

// at plans an event. Its time is now if at is past.
func (t *timeline) at(at time.Duration, do func()) {
	t.seq++
	t.queue.push(event{at: max(at, t.now), seq: t.seq, do: do})
}

// after plans an event that happens after this time.
func (t *timeline) after(d time.Duration, do func()) { t.at(t.now+d, do) }

// next takes the next event up to a time, if there is one.
func (t *timeline) next(until time.Duration) (event, bool) {
	if len(t.queue) == 0 || t.queue[0].at > until {
		return event{}, false
	}
	return t.queue.pop(), true
}

// event is planned for a time.
type event struct {
	at  time.Duration
	seq uint64 // events of one time happen in the order in which they were planned
	do  func()
}

func (e event) before(f event) bool { return e.at < f.at || e.at == f.at && e.seq < f.seq }

// queue is a binary heap of events. The next event is the first.
type queue []event

func (q *queue) push(e event) {
	h := append(*q, e)
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !e.before(h[parent]) {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = e
	*q = h
}

// pop takes the next event. There must be one.
func (q *queue) pop() event {
	h := *q
	next, last := h[0], h[len(h)-1]
	h[len(h)-1] = event{}
	h = h[:len(h)-1]
	*q = h
	if len(h) > 0 {
		h.sink(last)
	}
	return next
}

// sink puts e into the heap, whose first place is free.
func (q queue) sink(e event) {
	i := 0
	for {
		child := 2*i + 1
		if child >= len(q) {
			break
		}
		if child+1 < len(q) && q[child+1].before(q[child]) {
			child++
		}
		if !q[child].before(e) {
			break
		}
		q[i] = q[child]
		i = child
	}
	q[i] = e
}
