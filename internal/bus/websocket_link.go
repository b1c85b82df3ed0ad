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

func (c *wsClient) peer() Peer { return c.self }

// wants reports whether one of the client's prefixes begins topic.
func (c *wsClient) wants(topic string) bool { return c.topics.Match(topic) }

// send queues m, unless it is something that clients do not see. A client whose
// queue is full is dropped.
func (c *wsClient) send(m *outgoing) bool {
	text := m.json()
	if text.parts == nil {
		return true
	}
	select {
	case <-c.ended:
		return false
	default:
	}
	if waiting := c.queued.Load(); waiting == 0 || waiting+int64(text.own) <= int64(c.s.cfg.SendQueueBytes) {
		if c.enqueue(text) {
			return true
		}
	}
	c.end(endTooSlow)
	return false
}

// enqueue queues text if there is room for another message.
func (c *wsClient) enqueue(text wsText) bool {
	c.weigh(text.own)
	select {
	case c.queue <- text:
		return true
	default:
		c.weigh(-text.own)
		return false
	}
}

// weigh counts what waits for the client.
func (c *wsClient) weigh(bytes int) {
	c.queued.Add(int64(bytes))
	c.unsent.follow(func() int { return max(0, int(c.queued.Load())-largeMessage) })
}

func (c *wsClient) answer(m *outgoing) bool {
	c.allowance.answered(totalLen(m.json().parts))
	return c.send(m)
}

// maxOverheard is the greatest length in bytes of an answer that others overhear.
const maxOverheard = 64 << 10

// overhear takes m only while most of the queue is free for what concerns the
// client.
func (c *wsClient) overhear(m *outgoing) {
	if len(c.queue) >= cap(c.queue)/8 || c.queued.Load() >= int64(c.s.cfg.SendQueueBytes/8) {
		return
	}
	text := m.json()
	if text.parts == nil || totalLen(text.parts) > maxOverheard {
		return
	}
	c.enqueue(text)
}

func (c *wsClient) meet() {
	c.allowance.known.Store(true)
	c.seat.met.Store(true)
}

func (c *wsClient) place() *seat { return &c.seat.seat }

func (c *wsClient) close(reason error) { c.end(endDropped(reason)) }

// reply queues an answer to something that the client has sent, waiting for
// room: a client that does not read its answers delays itself alone.
func (c *wsClient) reply(context string) {
	text := wsjson.AppendFailure(nil, wsjson.Failure{Code: wsjson.CodeDeserialization, Context: context})
	c.weigh(len(text))
	select {
	case c.queue <- newWSText(text):
	case <-c.ended:
	}
}

// write sends pings, the ack, and what is queued, until the connection ends.
func (c *wsClient) write(ctx context.Context) {
	ticks := time.NewTicker(c.s.cfg.PingInterval)
	defer ticks.Stop()
	c.ping(ctx)
	if !c.pingUntilJoined(ctx, ticks.C) {
		return
	}
	c.frame(ctx, framing.MessageText,
		wsjson.AppendAck(nil, wsjson.Ack{Endpoint: c.self.ID, Version: c.s.cfg.Version}))
	for {
		select {
		case <-c.ended:
			c.flush(ctx)
			return
		case <-ticks.C:
			c.ping(ctx)
		case out := <-c.queue:
			c.message(ctx, out)
			c.weigh(-out.own)
		}
	}
}

// pingUntilJoined reports whether the client has joined before its end. Until
// then what is queued has to wait: the ack comes first.
func (c *wsClient) pingUntilJoined(ctx context.Context, ticks <-chan time.Time) bool {
	for {
		select {
		case <-c.ended:
			return false
		case <-ticks:
			c.ping(ctx)
		case <-c.joined:
			return true
		}
	}
}

// flush sends what is queued if the server is stopping, all under one deadline.
func (c *wsClient) flush(ctx context.Context) {
	if c.cause != endTerminating || c.broken {
		return
	}
	c.conn.SetWriteDeadline(time.Now().Add(wsFlushWait))
	for range len(c.queue) {
		if c.ws.Write(ctx, framing.MessageText, bytes.Join((<-c.queue).parts, nil)) != nil {
			return
		}
	}
}

// ping sends the next ping, or ends the connection if the last one was not
// answered.
func (c *wsClient) ping(ctx context.Context) {
	payload, ok := c.pings.next(c.inbox.stalled())
	if !ok {
		c.end(endPingTimeout)
		return
	}
	c.frame(ctx, opPing, payload)
}

// wsFragment is the length in bytes beyond which a message goes out in fragments
// of that length. Each has its own time to be taken, and none is copied.
const wsFragment = 1 << 20

// message sends one text message and ends the connection if that does not work.
func (c *wsClient) message(ctx context.Context, text wsText) {
	if totalLen(text.parts) <= wsFragment {
		whole := text.parts[0]
		if len(text.parts) > 1 {
			whole = bytes.Join(text.parts, nil)
		}
		c.frame(ctx, framing.MessageText, whole)
		return
	}
	if c.broken || c.overAndOut() {
		return
	}
	w, err := c.ws.Writer(ctx, framing.MessageText)
	if err == nil {
		err = c.fragments(w, text)
	}
	if err != nil {
		c.broken = true
		c.end(endOfWriting(err))
	}
	c.conn.SetWriteDeadline(time.Time{})
}

// overAndOut reports whether the connection has ended for another reason than that
// the server is stopping.
func (c *wsClient) overAndOut() bool {
	select {
	case <-c.ended:
		return c.cause != endTerminating
	default:
		return false
	}
}

func (c *wsClient) fragments(w io.WriteCloser, text wsText) error {
	for _, part := range text.parts {
		for len(part) > 0 {
			if c.overAndOut() {
				return c.cause // the rest would be in the way of the goodbye
			}
			n := min(len(part), wsFragment)
			c.conn.SetWriteDeadline(time.Now().Add(c.s.cfg.PingInterval))
			if _, err := w.Write(part[:n]); err != nil {
				return err
			}
			part = part[n:]
		}
	}
	return w.Close()
}

// frame sends one message and ends the connection if that does not work.
func (c *wsClient) frame(ctx context.Context, kind framing.MessageType, payload []byte) {
	if c.broken {
		return
	}
	c.conn.SetWriteDeadline(time.Now().Add(c.s.cfg.PingInterval))
	select {
	case <-c.ended: // and the deadline that end has set may be gone
		if c.cause != endTerminating {
			return
		}
		c.conn.SetWriteDeadline(time.Now().Add(wsFlushWait)) // it belongs to what is flushed
	default:
	}
	if err := c.ws.Write(ctx, kind, payload); err != nil {
		c.end(endOfWriting(err))
	}
	c.conn.SetWriteDeadline(time.Time{}) // pongs have a deadline of their own
}

// farewell tells the client why its connection ends, waits shortly for its
// reply, and closes the connection.
func (c *wsClient) farewell(ctx context.Context) {
	if c.cause.message.Code != "" && !c.broken {
		c.conn.SetWriteDeadline(time.Now().Add(wsFlushWait))
		c.ws.Write(ctx, framing.MessageText, wsjson.AppendFailure(nil, c.cause.message))
	}
	// The library waits longer for the reply than Zeek does, and TLS for its
	// own goodbye; closing what is below them ends both.
	cut := time.AfterFunc(websocket.CloseWait, func() { c.raw.Close() })
	defer cut.Stop()
	c.conn.SetWriteDeadline(time.Time{})
	if c.cause.code == 0 {
		c.ws.CloseNow()
		return
	}
	c.ws.Close(c.cause.code, c.cause.reason)
}
