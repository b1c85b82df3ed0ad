package bus

import (
	"context"
	"time"

	"github.com/coder/websocket"

	"zeekfleet/internal/wire/wsjson"
)

func (c *wsConn) peer() Peer { return c.self }

// wants reports whether one of the client's prefixes begins topic.
func (c *wsConn) wants(topic string) bool { return c.topics.Match(topic) }

// send queues m, unless it is something that clients do not see. A client whose
// queue is full is dropped.
func (c *wsConn) send(m *outgoing) bool {
	if _, ok := eventContent(m.value); !ok {
		return true
	}
	select {
	case <-c.ended:
		return false
	default:
	}
	select {
	case c.queue <- wsOutgoing{m: m}:
		return true
	default:
		c.end(endTooSlow)
		return false
	}
}

// overhear takes m only while most of the queue is free for what concerns the
// client.
func (c *wsConn) overhear(m *outgoing) {
	if _, ok := eventContent(m.value); !ok || len(c.queue) >= cap(c.queue)/8 {
		return
	}
	select {
	case c.queue <- wsOutgoing{m: m}:
	default:
	}
}

func (c *wsConn) sendWait(ctx context.Context, m *outgoing) error {
	if _, ok := eventContent(m.value); !ok {
		return nil
	}
	select {
	case c.queue <- wsOutgoing{m: m}:
		return nil
	case <-c.ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *wsConn) meet() {
	c.allowance.known.Store(true)
	c.seat.met.Store(true)
}

func (c *wsConn) place() *seat { return &c.seat.seat }

func (c *wsConn) close(reason error) { c.end(endDropped(reason)) }

// reply queues an answer to something that the client has sent, waiting for
// room: a client that does not read its answers delays itself alone.
func (c *wsConn) reply(context string) {
	text := wsjson.AppendFailure(nil, wsjson.Failure{Code: wsjson.CodeDeserialization, Context: context})
	select {
	case c.queue <- wsOutgoing{text: text}:
	case <-c.ended:
	}
}

// write sends pings, the ack, and what is queued, until the connection ends.
func (c *wsConn) write(ctx context.Context) {
	ticks := time.NewTicker(c.s.cfg.PingInterval)
	defer ticks.Stop()
	c.ping(ctx)
	if !c.pingUntilJoined(ctx, ticks.C) {
		return
	}
	c.frame(ctx, websocket.MessageText,
		wsjson.AppendAck(nil, wsjson.Ack{Endpoint: c.self.ID, Version: c.s.cfg.Version}))
	for {
		select {
		case <-c.ended:
			c.flush(ctx)
			return
		case <-ticks.C:
			c.ping(ctx)
		case out := <-c.queue:
			c.frame(ctx, websocket.MessageText, out.bytes())
		}
	}
}

// pingUntilJoined reports whether the client has joined before its end. Until
// then what is queued has to wait: the ack comes first.
func (c *wsConn) pingUntilJoined(ctx context.Context, ticks <-chan time.Time) bool {
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
func (c *wsConn) flush(ctx context.Context) {
	if c.cause != endTerminating {
		return
	}
	c.conn.SetWriteDeadline(time.Now().Add(wsFlushWait))
	for range len(c.queue) {
		if c.ws.Write(ctx, websocket.MessageText, (<-c.queue).bytes()) != nil {
			return
		}
	}
}

// ping sends the next ping, or ends the connection if the last one was not
// answered.
func (c *wsConn) ping(ctx context.Context) {
	payload, ok := c.pings.next(c.inbox.stalled())
	if !ok {
		c.end(endPingTimeout)
		return
	}
	c.frame(ctx, opPing, payload)
}

// frame sends one message and ends the connection if that does not work.
func (c *wsConn) frame(ctx context.Context, kind websocket.MessageType, payload []byte) {
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
func (c *wsConn) farewell(ctx context.Context) {
	if c.cause.message.Code != "" {
		c.conn.SetWriteDeadline(time.Now().Add(wsFlushWait))
		c.ws.Write(ctx, websocket.MessageText, wsjson.AppendFailure(nil, c.cause.message))
	}
	// The library waits longer for the reply than Zeek does, and TLS for its
	// own goodbye; closing what is below them ends both.
	cut := time.AfterFunc(wsCloseWait, func() { c.raw.Close() })
	defer cut.Stop()
	c.conn.SetWriteDeadline(time.Time{})
	if c.cause.code == 0 {
		c.ws.CloseNow()
		return
	}
	c.ws.Close(c.cause.code, c.cause.reason)
}

// wsOutgoing is one text message for the client: m, or text as it is.
type wsOutgoing struct {
	m    *outgoing
	text []byte
}

func (o wsOutgoing) bytes() []byte {
	if o.m == nil {
		return o.text
	}
	return o.m.json(encodeClientEvent)
}
