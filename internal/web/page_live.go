package web

import (
	"context"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/web/ui"
)

// registerFrame adds the stream of the pages that have no other one. It tells who looks at the
// page by now, and how many alerts fire.
func (a *routes) registerFrame() {
	s := pages{a.s}
	a.page(page{pattern: "GET " + ui.PathFrameStream, may: knownUser}, func(v *visit) (shown, error) {
		return shown{}, s.feed(v, func(context.Context) ([]byte, error) { return nil, nil })
	})
}

// feed sends a page what next returns, at first and whenever the cluster, the samples or the
// alerts have changed, until the browser goes or its user may see it no more. It also tells who
// the user is by now, so that the page is loaded again if that has changed, and how many alerts
// fire. also returns a channel that is closed when something else has changed.
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
	f := feeding{stream: st, v: v, firing: -1, next: next, also: func(context.Context) <-chan struct{} { return nil }, pace: rate.NewLimiter(rate.Every(s.cfg.PageInterval), s.cfg.PageBurst), spoke: time.Now()}
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
	v *visit
	// you and firing are what the page was told last: who its user is, and how many alerts fire.
	you    string
	firing int
	next   func(context.Context) ([]byte, error)
	also   func(context.Context) <-chan struct{}
	pace   *rate.Limiter
	spoke  time.Time // when the stream last sent something
}

// run returns why the stream ends. It is empty if nobody hears it.
func (f *feeding) run(ctx context.Context) (why string) {
	rights, stop := f.rights(ctx)
	defer func() { stop() }()
	var due <-chan time.Time // when figures that have come are shown
	for {
		if why := f.judge(); why != "" {
			return why
		}
		changed, measured, alerts, also := f.cfg.Cluster.Changed(), f.measured(), f.alertsChanged(), f.also(ctx)
		if why, ok := f.say(ctx); !ok {
			return why
		}
		quiet := time.NewTimer(min(f.cfg.StreamSilence, f.cfg.PageSilence))
		for waits := true; waits; {
			waits = false
			select {
			case <-changed:
			case <-alerts:
			case <-also:
			case <-measured:
				// Other hosts tell theirs at about the same time.
				due, measured, waits = time.After(f.cfg.FiguresInterval), nil, true
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

// judge finds out who hears the stream by now. It returns why the stream ends.
func (f *feeding) judge() (why string) {
	who, err := f.v.who.again()
	switch {
	case err != nil:
		why = err.Error()
	case who.Role < f.v.need.May:
		why = f.v.need.Forbids(who.Principal)
	}
	if why != "" {
		f.send(sentEvent("you", 0, ""))
		return why
	}
	who.again = f.v.who.again
	f.v.who = who
	if you := ui.You(who.Name, who.Role.String()); you != f.you && f.send(sentEvent("you", 0, you)) {
		f.you = you
	}
	return ""
}

// alertsChanged returns a channel that is closed when alerts have changed, or nil.
func (f *feeding) alertsChanged() <-chan struct{} {
	if f.cfg.Alerts == nil {
		return nil
	}
	return f.cfg.Alerts.Changed()
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
	text, err := f.next(context.WithValue(ctx, askerKey{}, f.v.who))
	if n := f.countFiring(); err == nil && n != f.firing {
		f.firing = n
		text = append(text, boardNews{parts: []string{ui.Badge(n).Text}}.events()...)
	}
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
