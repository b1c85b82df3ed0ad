package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// queue is a receiver with the messages that wait for it.
type queue struct {
	Receiver
	http *http.Client
	cfg  Config
	// cursor keeps how far the receiver was told.
	cursor Keep
	env    []string
	log    *slog.Logger
	// wake says that there is a message.
	wake chan struct{}

	mu      sync.Mutex // guards what follows
	waiting []happenings.Record
	dropped uint64 // since the receiver was told last that messages are missing
	reached uint64 // the number up to which the receiver needs nothing any more
	state   mgmt.AlertReceiver
}

func newQueue(cfg Config, r Receiver) *queue {
	q := &queue{
		Receiver: r, cfg: cfg, cursor: cfg.Cursors(r.Name), env: cfg.Env, log: cfg.Logger.With("receiver", r.Name), wake: make(chan struct{}, 1),
		state: mgmt.AlertReceiver{Name: r.Name, Kind: r.Kind, Target: r.target()},
	}
	if r.Kind != mgmt.ReceiverCommand {
		q.http = newHTTP(cfg, r)
	}
	return q
}

// restore reads the cursor. The cursor of a new receiver is at the end of the log. The error is
// about one that a newer zeekfleet has written.
func (q *queue) restore() error {
	newest := q.cfg.Log.Newest()
	seq, known, err := readCursor(q.cursor, q.Name, q.cfg.Log.ID())
	if _, newer := errors.AsType[*form.NewerError](err); newer {
		return err
	}
	if _, wrong := errors.AsType[*cursorError](err); err != nil && !wrong {
		return fmt.Errorf("how far receiver %q of alerts was told: %w", q.Name, err) // the next try may have it
	}
	if err != nil {
		q.log.Warn("how far a receiver of alerts was told cannot be read: it is told of what is new", "err", err)
	}
	if known && seq <= newest {
		q.reached = seq
		return nil
	}
	q.reached = newest
	if err := saveCursor(q.cursor, q.cfg.Log.ID(), newest); err != nil {
		q.log.Warn("how far a receiver of alerts was told is not saved", "err", err)
	}
	return nil
}

// wants reports whether the receiver is told of a record.
func (q *queue) wants(r *happenings.Record) bool {
	return mgmt.AlertIsTold(&r.Happening) && r.Log == "" && !(q.CriticalOnly && r.Severity != mgmt.AlertCritical) &&
		!(q.NoResolved && r.To == string(mgmt.AlertResolved))
}

// add takes the records up to a number that the receiver may want. It waits for nobody.
func (q *queue) add(list []happenings.Record, upto uint64) {
	q.mu.Lock()
	for i := range list {
		if list[i].Seq > q.reached && q.wants(&list[i]) {
			q.waiting = append(q.waiting, list[i])
		}
	}
	if over := len(q.waiting) - q.cfg.Queue; over > 0 {
		q.waiting = thinned(q.waiting, over)
		q.dropped += uint64(over)
		q.state.Lost += uint64(over)
	}
	if len(q.waiting) == 0 {
		q.reached = max(q.reached, upto)
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// thinned returns the messages without n of them: each is the oldest of the instance with the
// most, so that an instance where much happens does not push out the messages of the others.
// The first message may be on its way: it stays.
func thinned(list []happenings.Record, n int) []happenings.Record {
	of := map[mgmt.InstanceName][]int{} // the places of the messages of an instance, oldest first
	for i := range list[1:] {
		name := list[i+1].Instance
		of[name] = append(of[name], i+1)
	}
	gone := make([]bool, len(list))
	for range n {
		var most mgmt.InstanceName
		for name, places := range of {
			if cmp.Or(cmp.Compare(len(of[most]), len(places)), cmp.Compare(name, most)) < 0 {
				most = name
			}
		}
		gone[of[most][0]] = true
		of[most] = of[most][1:]
	}
	kept := make([]happenings.Record, 0, len(list)-n)
	for i := range list {
		if !gone[i] {
			kept = append(kept, list[i])
		}
	}
	return kept
}

// next returns the message to deliver now, or false. lost says that it tells of lost ones.
func (q *queue) next() (m Message, lost uint64, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.dropped > 0:
		return lostMessage(q.cfg.Controller, q.dropped, time.Now()), q.dropped, true
	case len(q.waiting) > 0:
		return messageOf(q.cfg.Controller, q.waiting[0]), 0, true
	}
	return m, 0, false
}

// done takes a message off the queue, after the receiver has got it or has refused it.
func (q *queue) done(lost uint64, delivered bool) {
	q.mu.Lock()
	switch {
	case lost > 0:
		q.dropped -= lost
	case len(q.waiting) > 0:
		q.reached = q.waiting[0].Seq
		q.waiting = q.waiting[1:]
		if !delivered {
			q.dropped++
			q.state.Lost++
		}
	}
	if delivered {
		q.state.Delivered++
		q.state.Last = time.Now()
		if q.state.Failing {
			q.log.Info("a receiver of alerts takes messages again")
		}
		q.state.Failing, q.state.Error, q.state.Since, q.state.Next = false, "", time.Time{}, time.Time{}
	}
	reached := q.reached
	q.mu.Unlock()
	if err := saveCursor(q.cursor, q.cfg.Log.ID(), reached); err != nil {
		q.log.Warn("how far a receiver of alerts was told is not saved: after a restart it gets messages again", "err", err)
	}
}

// failed keeps why an attempt has failed.
func (q *queue) failed(why string, next time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.state.Failing {
		q.state.Failing, q.state.Since = true, time.Now()
		q.log.Warn("a receiver of alerts takes no messages: they wait for it", "err", why)
	}
	q.state.Error, q.state.Next = why, next
}

// status returns how the receiver is.
func (q *queue) status() mgmt.AlertReceiver {
	q.mu.Lock()
	defer q.mu.Unlock()
	state := q.state
	state.Waiting = len(q.waiting)
	return state
}

// refusals is how often a message is tried that the receiver refuses as such.
const refusals = 3

// run delivers one message after the other until ctx is done. changed is called when the
// status is another one.
func (q *queue) run(ctx context.Context, changed func()) error {
	if q.http != nil {
		defer q.http.CloseIdleConnections()
	}
	for {
		m, lost, ok := q.next()
		if !ok {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-q.wake:
			}
			continue
		}
		if err := q.deliver(ctx, m, lost, changed); err != nil {
			return err
		}
	}
}

// lastChance is how long an attempt may go on when ctx is done, so that a message that the
// receiver has is not sent again after a restart.
const lastChance = time.Second

// tried makes an attempt, which may outlast ctx by lastChance.
func (q *queue) tried(ctx context.Context, m Message) error {
	attempt, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	late := time.AfterFunc(time.Hour, func() { end(context.Cause(ctx)) })
	defer late.Stop()
	defer context.AfterFunc(ctx, func() { late.Reset(lastChance) })()
	return q.attempt(attempt, m)
}

// deliver delivers a message, however long that takes.
func (q *queue) deliver(ctx context.Context, m Message, lost uint64, changed func()) error {
	pause := q.cfg.FirstRetry
	for attempts := 1; ; attempts++ {
		err := q.tried(ctx, m)
		if err == nil {
			q.done(lost, true)
			changed()
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx) // if the receiver has it, it gets it again
		}
		f := &failure{text: err.Error()}
		errors.As(err, &f)
		wait := pause + time.Duration(q.cfg.Chance()*float64(pause)/5)
		if f.after > 0 {
			wait = max(wait, min(f.after, q.cfg.MaxRetryAfter))
		}
		q.failed(f.text, time.Now().Add(wait))
		changed()
		if f.refused && attempts >= refusals && lost == 0 {
			q.log.Error("a receiver of alerts refuses a message: the message is dropped", "err", f.text)
			q.done(0, false)
			return nil
		}
		pause = min(2*pause, q.cfg.LastRetry)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
}
