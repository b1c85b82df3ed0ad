package web

import (
	"context"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/web/ui"
)

// A page gets up to burst changes at once, and one in pageInterval after that.
const (
	pageInterval = 250 * time.Millisecond
	pageBurst    = 4
)

// feed sends a page what next returns, at first and whenever the cluster or the samples have
// changed, until the browser goes or its user may see it no more. also returns a channel that is
// closed when something else has changed.
func (s pages) feed(v *visit, next func(context.Context) ([]byte, error), also ...func(context.Context) <-chan struct{}) error {
	one, err := s.streams.enter(v.who.Name)
	if err != nil {
		return err
	}
	defer s.streams.leave(one)
	st := &stream{Server: s.Server, who: v.who, one: one, out: http.NewResponseController(v.w), w: v.w}
	v.w.Header().Set("Content-Type", api.ContentEventStream)
	v.w.Header().Set("X-Accel-Buffering", "no")
	if st.out.SetReadDeadline(time.Time{}) != nil || !st.send([]byte("retry: 2000\n\n")) {
		return nil
	}
	f := feeding{stream: st, next: next, also: func(context.Context) <-chan struct{} { return nil }, pace: rate.NewLimiter(rate.Every(pageInterval), pageBurst), spoke: time.Now()}
	if len(also) > 0 {
		f.also = also[0]
	}
	over, cancel := context.WithCancel(v.Context())
	defer cancel()
	defer context.AfterFunc(one.over, func() {
		st.out.SetWriteDeadline(time.Now()) // it may be sending to somebody who takes nothing
		cancel()
	})()
	if why := f.run(over); why != "" {
		st.send(sentEvent("end", 0, map[string]string{"reason": why}))
	}
	return nil
}

// feeding is a stream to a page.
type feeding struct {
	*stream
	next  func(context.Context) ([]byte, error)
	also  func(context.Context) <-chan struct{}
	pace  *rate.Limiter
	spoke time.Time // when the stream last sent something
}

// silence is after how long the feed looks by itself: figures grow old without a sign.
const silence = 5 * time.Second

// run returns why the stream ends. It is empty if nobody hears it.
func (f *feeding) run(ctx context.Context) (why string) {
	rights, stop := f.rights(ctx)
	defer func() { stop() }()
	var due <-chan time.Time // when figures that have come are shown
	for {
		if why := f.mayHear(); why != "" {
			return why
		}
		changed, measured, also := f.cfg.Cluster.Changed(), f.measured(), f.also(ctx)
		if why, ok := f.say(ctx); !ok {
			return why
		}
		quiet := time.NewTimer(min(f.cfg.StreamSilence, silence))
		for waits := true; waits; {
			waits = false
			select {
			case <-changed:
			case <-also:
			case <-measured:
				// Other hosts tell theirs at about the same time.
				due, measured, waits = time.After(figuresInterval), nil, true
			case <-due:
				due = nil
			case <-quiet.C:
			case <-rights.Done():
				stop()
				rights, stop = f.rights(ctx)
			case <-ctx.Done():
			}
		}
		quiet.Stop()
		if f.pace.Wait(ctx) != nil {
			return f.ends()
		}
	}
}

// ends says why a stream ends whose context is done.
func (f *feeding) ends() string {
	if f.one.over.Err() != nil {
		return f.streams.gaveWay()
	}
	return "the controller ends, or the request"
}

// measured returns a channel that is closed when the next figures come, or nil.
func (f *feeding) measured() <-chan struct{} {
	if f.cfg.Samples == nil {
		return nil
	}
	return f.cfg.Samples.Changed()
}

// say sends what is new. It reports false if the stream ends, with the reason if somebody hears
// it.
func (f *feeding) say(ctx context.Context) (why string, ok bool) {
	text, err := f.next(ctx)
	switch {
	case ctx.Err() != nil:
		return f.ends(), false
	case err != nil:
		return err.Error(), false
	case len(text) == 0 && time.Since(f.spoke) < f.cfg.StreamSilence:
		return "", true
	case len(text) == 0:
		text = []byte(": nothing has happened\n\n")
	}
	f.spoke = time.Now()
	if !f.send(text) {
		return "", false
	}
	if time.Since(f.spoke) > f.cfg.StreamPatience/2 {
		return "it is read too slowly", false
	}
	return "", true
}

// renewed returns the function for feed that sends the pieces of a page whose text has changed.
func renewed(pieces func(context.Context) ([]ui.Piece, error)) func(context.Context) ([]byte, error) {
	told := map[string]string{}
	return func(ctx context.Context) ([]byte, error) {
		now, err := pieces(ctx)
		if err != nil {
			return nil, err
		}
		var n boardNews
		for _, p := range now {
			if told[p.ID] == p.Text {
				continue
			}
			told[p.ID] = p.Text
			if p.Row {
				n.rows = append(n.rows, p.Text)
			} else {
				n.parts = append(n.parts, p.Text)
			}
		}
		return n.events(), nil
	}
}
