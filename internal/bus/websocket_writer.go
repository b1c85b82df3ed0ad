package bus

import (
	"bytes"
	"context"
	"io"
	"time"

	framing "github.com/coder/websocket"

	"github.com/zeekfleet/zeekfleet/internal/websocket"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
)

// wsWriter writes to one client, in one goroutine: pings, the ack, the messages
// in the outbox, and the close frame.
type wsWriter struct {
	c      *wsClient
	broken bool // a message was begun and not finished; nothing can follow it
}

// write writes pings, the ack and the outbox until the connection ends.
func (w *wsWriter) write(ctx context.Context) {
	c := w.c
	ticks := time.NewTicker(c.s.cfg.PingInterval)
	defer ticks.Stop()
	w.ping(ctx)
	if !w.pingUntilJoined(ctx, ticks.C) {
		return
	}
	w.frame(ctx, framing.MessageText,
		wsjson.AppendAck(nil, wsjson.Ack{Endpoint: c.self.ID, Version: c.s.cfg.Version}))
	for {
		select {
		case <-c.ended():
			w.flush(ctx)
			return
		case <-ticks.C:
			w.ping(ctx)
		case text := <-c.outbox.texts:
			w.message(ctx, text)
			c.outbox.written(text)
		}
	}
}

// pingUntilJoined writes nothing but pings until the client has joined: the ack
// must be the first message. It reports false if the connection ends before.
func (w *wsWriter) pingUntilJoined(ctx context.Context, ticks <-chan time.Time) bool {
	for {
		select {
		case <-w.c.ended():
			return false
		case <-ticks:
			w.ping(ctx)
		case <-w.c.joined:
			return true
		}
	}
}

// flush writes the outbox if the server is stopping. One deadline holds for all
// of it.
func (w *wsWriter) flush(ctx context.Context) {
	c := w.c
	if c.ending.cause != endTerminating || w.broken {
		return
	}
	c.conn.SetWriteDeadline(time.Now().Add(wsFlushWait))
	for range len(c.outbox.texts) {
		text := <-c.outbox.texts
		if c.ws.Write(ctx, framing.MessageText, bytes.Join(text.parts, nil)) != nil {
			return
		}
	}
}

// ping writes the next ping. If the client has not answered the last ping, it
// ends the connection instead.
func (w *wsWriter) ping(ctx context.Context) {
	payload, ok := w.c.pings.next(w.c.inbox.stalled())
	if !ok {
		w.c.end(endPingTimeout)
		return
	}
	w.frame(ctx, opPing, payload)
}

// wsFragment is the length in bytes of the fragments in which a longer message is
// written. The client has PingInterval to take each fragment. No fragment is
// copied.
const wsFragment = 1 << 20

// message writes one text message. It ends the connection if writing fails.
func (w *wsWriter) message(ctx context.Context, text wsText) {
	if totalLen(text.parts) <= wsFragment {
		whole := text.parts[0]
		if len(text.parts) > 1 {
			whole = bytes.Join(text.parts, nil)
		}
		w.frame(ctx, framing.MessageText, whole)
		return
	}
	if w.broken || w.mustNotWrite() {
		return
	}
	out, err := w.c.ws.Writer(ctx, framing.MessageText)
	if err == nil {
		err = w.fragments(out, text)
	}
	if err != nil {
		w.broken = true
		w.c.end(endOfWriting(err))
	}
	w.c.conn.SetWriteDeadline(time.Time{})
}

// mustNotWrite reports whether the connection has ended and nothing but the
// farewell may follow. When the server is stopping, queued messages may follow.
func (w *wsWriter) mustNotWrite() bool {
	select {
	case <-w.c.ended():
		return w.c.ending.cause != endTerminating
	default:
		return false
	}
}

func (w *wsWriter) fragments(out io.WriteCloser, text wsText) error {
	for _, part := range text.parts {
		for len(part) > 0 {
			if w.mustNotWrite() {
				return w.c.ending.cause // the rest would delay the farewell
			}
			n := min(len(part), wsFragment)
			w.c.conn.SetWriteDeadline(time.Now().Add(w.c.s.cfg.PingInterval))
			if _, err := out.Write(part[:n]); err != nil {
				return err
			}
			part = part[n:]
		}
	}
	return out.Close()
}

// frame writes one message in one frame. It ends the connection if writing fails.
func (w *wsWriter) frame(ctx context.Context, kind framing.MessageType, payload []byte) {
	if w.broken {
		return
	}
	c := w.c
	c.conn.SetWriteDeadline(time.Now().Add(c.s.cfg.PingInterval))
	select {
	case <-c.ended(): // the line above may have replaced the deadline that end has set
		if c.ending.cause != endTerminating {
			return
		}
		c.conn.SetWriteDeadline(time.Now().Add(wsFlushWait)) // as for everything that is flushed
	default:
	}
	if err := c.ws.Write(ctx, kind, payload); err != nil {
		c.end(endOfWriting(err))
	}
	c.conn.SetWriteDeadline(time.Time{}) // the framing library sets one for each pong
}

// farewell tells the client why its connection ends, waits shortly for its
// reply, and closes the connection.
func (w *wsWriter) farewell(ctx context.Context) {
	c, cause := w.c, w.c.ending.cause
	if cause.message.Code != "" && !w.broken {
		c.conn.SetWriteDeadline(time.Now().Add(wsFlushWait))
		c.ws.Write(ctx, framing.MessageText, wsjson.AppendFailure(nil, cause.message))
	}
	// The framing library waits longer for the reply than Zeek does. TLS waits for
	// an end of its own. Closing raw ends both.
	cut := time.AfterFunc(websocket.CloseWait, func() { c.raw.Close() })
	defer cut.Stop()
	c.conn.SetWriteDeadline(time.Time{})
	if cause.code == 0 {
		c.ws.CloseNow()
		return
	}
	c.ws.Close(cause.code, cause.reason)
}
