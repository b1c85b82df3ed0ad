package bus

import (
	"context"
	"net"
	"sync"
	"time"
	"unicode/utf8"

	framing "github.com/coder/websocket"

	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// wsClient is one client of the WebSocket server, from its upgrade to its end.
// Three goroutines serve it. run starts them and waits for them:
//
//	read             reads frames and puts messages into the inbox;
//	wsHandler.handle takes messages out of the inbox: first the topics, then events;
//	wsWriter.write   writes everything but pongs, which the framing library writes.
//
// The handler empties the inbox even when the client has gone. So no message is
// lost of a client that sends and leaves.
type wsClient struct {
	s         *wsServer
	self      Peer
	raw       net.Conn      // the accepted connection; closing it unblocks every goroutine
	conn      net.Conn      // raw, or TLS on top of it
	ws        *framing.Conn // frames on top of conn
	pings     wsPings
	inbox     *wsInbox
	outbox    wsOutbox
	allowance allowance
	seat      *wsSeat
	carried   carried

	topics wire.Filter   // set before joined is closed, and before the hub asks
	joined chan struct{} // closed when the client has become a peer

	ending wsEnding
}

// wsEnding is the end of a client. The first cause counts.
type wsEnding struct {
	once  sync.Once
	ended chan struct{} // closed by end
	cause *wsEnd        // set before ended is closed
}

func newWSClient(s *wsServer, raw net.Conn, up wsUpgraded) (*wsClient, error) {
	c := &wsClient{
		s:      s,
		self:   up.self,
		raw:    raw,
		conn:   up.conn.Conn,
		pings:  wsPings{interval: s.cfg.PingInterval},
		seat:   up.seat,
		joined: make(chan struct{}),
		ending: wsEnding{ended: make(chan struct{})},
	}
	c.allowance.of = &s.e.pacer
	crowdOut := func(err error) { c.end(endCrowdedOut(err)) }
	c.outbox = wsOutbox{
		texts:    make(chan wsText, s.cfg.SendQueue),
		maxBytes: int64(s.cfg.SendQueueBytes),
		unsent:   s.e.unsent.newShare(crowdOut),
	}
	c.inbox = newWSInbox(s.cfg.ReceiveQueue, s.cfg.MaxMessage, s.e.large.newShare(crowdOut))
	ws, err := up.frames(c.pings.heard, c.charge)
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(-1) // the inbox has the limit
	c.ws = ws
	c.seat.bind(crowdOut)
	return c, nil
}

// run serves the client until the client goes, breaks a rule, or ctx is done. It
// returns why the client has ended.
func (c *wsClient) run(ctx context.Context, up wsUpgraded) *wsEnd {
	// The framing library would cut the connection at the end of a context, without
	// a close frame.
	uncut := context.WithoutCancel(ctx)
	writer := wsWriter{c: c}
	if refused := checkUpgrade(up); refused != nil {
		c.end(refused)
		writer.farewell(uncut)
		return refused
	}
	stop := context.AfterFunc(ctx, func() { c.end(endTerminating) })
	defer stop()

	defer c.inbox.large.end()
	defer c.outbox.unsent.end()
	var parts sync.WaitGroup
	parts.Go(func() {
		defer c.inbox.close()
		c.end(c.read(ctx, uncut))
	})
	parts.Go(func() { newWSHandler(c).handle(ctx) })
	writer.write(uncut)
	writer.farewell(uncut)
	parts.Wait()

	select {
	case <-c.joined:
		bounded, cancel := context.WithTimeout(uncut, c.s.e.cfg.GoodbyeTimeout)
		defer cancel()
		c.s.e.hub.leave(bounded, c, c.ending.cause)
	default:
	}
	return c.ending.cause
}

// end ends the connection. The first cause counts.
func (c *wsClient) end(cause *wsEnd) {
	c.ending.once.Do(func() {
		c.ending.cause = cause
		close(c.ending.ended)
		c.conn.SetWriteDeadline(time.Now().Add(wsFlushWait)) // for a write that is stuck
	})
}

// ended is closed when the connection has ended.
func (c *wsClient) ended() <-chan struct{} { return c.ending.ended }

// read fills the inbox until the connection ends, and returns why it ends.
func (c *wsClient) read(ctx, uncut context.Context) *wsEnd {
	for {
		kind, r, err := c.ws.Reader(uncut)
		if err != nil {
			return c.endOfReading(err)
		}
		msg, err := c.inbox.fill(r)
		if err != nil {
			return c.endOfReading(err)
		}
		// Like Zeek, the server takes binary messages as text and does not check
		// their encoding.
		if kind == framing.MessageText && !utf8.Valid(msg) {
			return endNotUTF8
		}
		if c.inbox.push(ctx, msg) != nil {
			return endTerminating
		}
	}
}

// charge takes frames that are not messages out of the allowance, and waits as
// long as the allowance demands, unless the client ends before. The reading
// goroutine calls it.
func (c *wsClient) charge(frames int) {
	var wait time.Duration
	for range frames { // one at a time, so that the client's own bucket is used up first
		wait = c.allowance.spend(1)
	}
	if wait == 0 {
		return
	}
	defer c.inbox.stall()()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.ended():
	}
}

func (c *wsClient) peer() *Peer { return &c.self }

func (c *wsClient) place() *seat { return &c.seat.seat }

func (c *wsClient) wants(topic string) bool { return c.topics.Match(topic) }

func (c *wsClient) meet() {
	c.allowance.known.Store(true)
	c.seat.met.Store(true)
}

// send queues m, unless WebSocket clients do not get such messages. It drops a
// client whose queue is full.
func (c *wsClient) send(m *outgoing) bool {
	text := m.json()
	if text.parts == nil {
		return true
	}
	select {
	case <-c.ended():
		return false
	default:
	}
	if !c.outbox.push(text) {
		c.end(endTooSlow)
		return false
	}
	c.carried.sent.Add(1)
	return true
}

func (c *wsClient) answer(m *outgoing) bool {
	c.allowance.answered(totalLen(m.json().parts))
	return c.send(m)
}

// maxOverheard is the greatest length in bytes of an answer that other clients
// overhear.
const maxOverheard = 64 << 10

// overhear queues a message for others, unless it is long or the client has
// fallen behind.
func (c *wsClient) overhear(m *outgoing) {
	if c.outbox.behind() {
		c.carried.lost.Add(1)
		return
	}
	text := m.json()
	if text.parts == nil || totalLen(text.parts) > maxOverheard {
		return
	}
	if c.outbox.enqueue(text) {
		c.carried.sent.Add(1)
	} else {
		c.carried.lost.Add(1)
	}
}

func (c *wsClient) traffic() Traffic {
	t := c.carried.traffic(c.self, &c.seat.seat)
	t.Queued, t.Limit = len(c.outbox.texts), cap(c.outbox.texts)
	return t
}

func (c *wsClient) close(reason error) { c.end(endDropped(reason)) }
