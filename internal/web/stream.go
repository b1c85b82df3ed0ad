package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// stream is an event stream.
type stream struct {
	*Server
	who asker
	one *share
	out *http.ResponseController
	w   http.ResponseWriter
	q   happenings.Query
	// seen is the number of the newest event that the stream has told, or passed over.
	seen uint64
}

// streamBatch bounds the events that a stream sends at once.
const streamBatch = 200

// stream sends events until the asker goes, may see them no more, or is too slow.
func (s *Server) stream(ctx huma.Context, who asker, one *share, q happenings.Query) {
	_, w := humago.Unwrap(ctx)
	st := &stream{Server: s, who: who, one: one, out: http.NewResponseController(w), w: w, q: q, seen: q.After}
	st.q.Limit = streamBatch
	w.Header().Set("Content-Type", api.ContentEventStream)
	w.Header().Set("X-Accel-Buffering", "no") // a proxy passes each event on
	if st.out.SetReadDeadline(time.Time{}) != nil || !st.send([]byte("retry: 2000\n\n")) {
		return
	}
	over, cancel := context.WithCancel(ctx.Context())
	defer cancel()
	defer context.AfterFunc(one.over, func() {
		st.out.SetWriteDeadline(time.Now()) // it may be sending to somebody who takes nothing
		cancel()
	})()
	if why := st.run(over); why != "" {
		st.send(sentEvent("end", 0, map[string]string{"reason": why}))
	}
}

// run returns why the stream ends. It is empty if nobody hears it.
func (s *stream) run(ctx context.Context) (why string) {
	wake, stop := s.rights(ctx)
	defer func() { stop() }()
	for {
		if why := s.mayHear(); why != "" {
			return why
		}
		newest := s.cfg.Happenings.Newest()
		text, more, err := s.next(newest)
		switch {
		case err != nil:
			return err.Error()
		case len(text) > 0:
			began := time.Now()
			if !s.send(text) {
				return ""
			}
			if time.Since(began) > s.cfg.StreamPatience/2 {
				return "it is read too slowly"
			}
		}
		if more {
			continue
		}
		quiet, cancel := context.WithTimeout(ctx, s.cfg.StreamSilence)
		unless := context.AfterFunc(wake, cancel)
		err = s.cfg.Happenings.Wait(quiet, newest)
		unless()
		late := quiet.Err() != nil
		cancel()
		switch {
		case s.one.over.Err() != nil:
			return s.streams.gaveWay()
		case ctx.Err() != nil:
			return "the controller ends, or the request"
		case wake.Err() != nil:
			stop()
			wake, stop = s.rights(ctx)
		case err != nil && !late:
			return err.Error()
		case late && !s.send(fmt.Appendf(nil, ": nothing has happened\nid: %d\n\n", s.seen)):
			return ""
		}
	}
}

// rights returns a context that ends when somebody's rights change.
func (s *Server) rights(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	if s.cfg.Authority == nil {
		return ctx, cancel
	}
	stop := s.cfg.Authority.Changed(func(*access.Directory) { cancel() })
	return ctx, func() { stop(); cancel() }
}

// mayHear returns why the asker may not have events any more.
func (s *stream) mayHear() string {
	who, err := s.who.again()
	if err != nil {
		return err.Error()
	}
	if row := rowOf(mgmt.GetNodesRequest{}); who.Role < row.May {
		return access.Denied(who.Principal, row.Name, row.May)
	}
	return ""
}

// next returns the events up to newest that come next, and whether there may be more.
func (s *stream) next(newest uint64) (text []byte, more bool, err error) {
	if oldest := s.cfg.Happenings.Oldest(); s.seen > 0 && s.seen+1 < oldest {
		text = sentEvent("", 0, api.Event{
			Time: time.Now().UTC(), Kind: api.EventLost, Cause: fmt.Sprintf("the events %d to %d are not kept any more", s.seen+1, oldest-1),
		})
		s.seen = oldest - 1
	}
	s.q.After = s.seen
	found, rest, err := s.cfg.Happenings.Search(s.q)
	if err != nil {
		return nil, false, err
	}
	for _, r := range found {
		text = append(text, sentEvent("", r.Seq, eventOf(r))...)
		s.seen = r.Seq
	}
	if more = rest > 0; more {
		s.seen = rest
	} else {
		s.seen = max(s.seen, newest)
	}
	return text, more, nil
}

// sentEvent returns a server-sent event. A number of zero is none.
func sentEvent(name string, seq uint64, data any) []byte {
	var text bytes.Buffer
	if name != "" {
		fmt.Fprintf(&text, "event: %s\n", name)
	}
	if seq > 0 {
		fmt.Fprintf(&text, "id: %d\n", seq)
	}
	text.WriteString("data: ")
	enc := json.NewEncoder(&text) // ends the line; JSON has no other newline
	enc.SetEscapeHTML(false)
	if err := enc.Encode(data); err != nil {
		panic("web: an event cannot be encoded: " + err.Error())
	}
	text.WriteByte('\n')
	return text.Bytes()
}

// send sends a text within StreamPatience. It returns false if it cannot.
func (s *stream) send(text []byte) bool {
	if s.out.SetWriteDeadline(time.Now().Add(s.cfg.StreamPatience)) != nil {
		return false
	}
	_, err := s.w.Write(text)
	return err == nil && s.out.Flush() == nil
}
