package bus

import (
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	framing "github.com/coder/websocket"

	"github.com/zeekfleet/zeekfleet/internal/websocket"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
)

// wsClient is one client of the WebSocket server, from its upgrade to its end.
// Three goroutines serve it, and run starts and awaits them:
//
//	read     takes frames off the connection and fills the inbox;
//	handle   empties the inbox: topics first, then events;
//	write    sends everything but pongs, which the library sends by itself.
//
// The inbox is emptied even if the client has gone meanwhile, so that nothing is
// lost of a client that sends and leaves.
type wsClient struct {
	s     *wsServer
	self  Peer
	raw   net.Conn      // what was accepted; closing it unblocks everything at once
	conn  net.Conn      // raw, or TLS on top of it
	ws    *framing.Conn // frames on top of conn
	inbox *wsInbox
	queue chan wsText
	pings wsPings

	queued    atomic.Int64 // bytes in queue, and of what is being sent
	unsent    *holding     // the same
	broken    bool         // a message ends in the middle; for write and farewell
	allowance allowance
	seat      *wsSeat
	refusals  Throttle // of log lines; belongs to handle

	abandoned int // events that had to wait when the client went; belongs to handle

	topics wire.Filter   // set before joined is closed, and before the hub asks
	joined chan struct{} // closed when the client has become a peer

	endOnce sync.Once
	ended   chan struct{} // closed by end
	cause   *wsEnd        // set before ended is closed
}

func newWSClient(s *wsServer, raw net.Conn, up wsUpgraded, self Peer) (*wsClient, error) {
	c := &wsClient{
		s:      s,
		self:   self,
		raw:    raw,
		conn:   up.conn,
		queue:  make(chan wsText, s.cfg.SendQueue),
		pings:  wsPings{interval: s.cfg.PingInterval},
		joined: make(chan struct{}),
		ended:  make(chan struct{}),
	}
	c.allowance.of = &s.e.pacer
	c.refusals = Throttle{Burst: refusalsLogged, Interval: refusalInterval}
	c.seat = up.seat
	c.unsent = s.e.unsent.newHolding(func(err error) { c.end(endCrowdedOut(err)) })
	large := s.e.large.newHolding(func(err error) { c.end(endCrowdedOut(err)) })
	c.inbox = newWSInbox(s.cfg.ReceiveQueue, s.cfg.MaxMessage, large)
	ws, err := up.frames(c.pings.heard, c.charge)
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(-1) // the inbox has it
	c.ws = ws
	c.seat.bind(func(err error) { c.end(endCrowdedOut(err)) })
	return c, nil
}

// run serves the client until it goes, breaks a rule, or ctx is done, and
// returns why it ended.
func (c *wsClient) run(ctx context.Context, up wsUpgraded) *wsEnd {
	// The library cuts a connection when a context ends, without a close frame.
	uncut := context.WithoutCancel(ctx)
	if refused := checkUpgrade(up); refused != nil {
		c.end(refused)
		c.farewell(uncut)
		return refused
	}
	stop := context.AfterFunc(ctx, func() { c.end(endTerminating) })
	defer stop()

	defer c.inbox.large.end()
	defer c.unsent.end()
	var parts sync.WaitGroup
	parts.Go(func() {
		defer c.inbox.close()
		c.end(c.read(ctx, uncut))
	})
	parts.Go(func() { c.handle(ctx) })
	c.write(uncut)
	c.farewell(uncut)
	parts.Wait()
	if c.abandoned > 0 {
		c.s.log.Debug("events of a client that has gone were not handled", "peer", c.self.ID, "events", c.abandoned)
	}

	select {
	case <-c.joined:
		bounded, cancel := context.WithTimeout(uncut, c.s.e.cfg.GoodbyeTimeout)
		defer cancel()
		c.s.e.hub.leave(bounded, c, c.cause)
	default:
	}
	return c.cause
}

// checkUpgrade checks what Zeek checks of an upgrade only when it is done (spec
// websocket 4).
func checkUpgrade(up wsUpgraded) *wsEnd {
	switch {
	case up.target != websocket.Path:
		return endBadURI
	case !validApp(up.app):
		return endBadApp
	}
	return nil
}

// validApp reports whether an X-Application-Name has allowed characters only.
func validApp(name string) bool {
	for _, b := range []byte(name) {
		letter := 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
		if !letter && strings.IndexByte("-/_.=:*@", b) < 0 {
			return false
		}
	}
	return true
}

// end ends the connection. The first cause counts.
func (c *wsClient) end(cause *wsEnd) {
	c.endOnce.Do(func() {
		c.cause = cause
		close(c.ended)
		c.conn.SetWriteDeadline(time.Now().Add(wsFlushWait)) // for a write that is stuck
	})
}

// charge makes the client wait for frames that are no messages, unless it has
// ended. The reader calls it.
func (c *wsClient) charge(frames int) {
	var wait time.Duration
	for range frames { // each from what is left of the client's own, if there is something
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
	case <-c.ended:
	}
}

// read fills the inbox until the connection ends, and returns why it did.
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
		// Binary messages are taken as text, and not checked, as in Zeek.
		if kind == framing.MessageText && !utf8.Valid(msg) {
			return endNotUTF8
		}
		if c.inbox.push(ctx, msg) != nil {
			return endTerminating
		}
	}
}

// handle makes the client a peer by its first message and takes each further
// one as an event (spec websocket 5 and 7.3). What follows a refused first
// message is dropped.
func (c *wsClient) handle(ctx context.Context) {
	admitted := false
	c.inbox.take(ctx, func(msg []byte) { admitted = c.admit(ctx, msg) })
	for c.inbox.take(ctx, func(msg []byte) {
		if admitted {
			c.handleEvent(ctx, msg)
		}
	}) {
	}
}

// admit makes the client a peer with the topics in msg, or ends the connection.
func (c *wsClient) admit(ctx context.Context, msg []byte) bool {
	if c.allowance.take(ctx, len(msg)) != nil {
		c.end(endTerminating)
		return false
	}
	done, err := c.s.e.large.take(ctx, len(msg))
	if err != nil {
		c.end(endTerminating)
		return false
	}
	defer done()
	if len(msg) > c.s.cfg.maxTopicText() {
		c.end(endLongTopics)
		return false
	}
	topics, err := wsjson.ParseTopics(msg, wsjson.Limits{})
	switch {
	case err != nil:
		c.end(refuseClient(wsjson.CodeDeserialization, errorContext(err)))
		return false
	case len(topics) > c.s.cfg.MaxTopics:
		c.end(endManyTopics)
		return false
	}
	room := c.s.cfg.MaxTopicBytes
	for i, topic := range topics {
		if room -= len(topic); room < 0 {
			c.end(endLongTopics)
			return false
		}
		topics[i] = strings.Clone(topic) // they share one copy of the whole message
	}
	c.topics = wire.NewFilter(topics...)
	if err := c.s.e.hub.join(ctx, c); err != nil {
		c.end(endJoin(err))
		return false
	}
	close(c.joined)
	c.s.log.Debug("websocket client subscribed", "peer", c.self.ID, "topic", c.topics.Prefixes())
	return true
}

func (c *wsClient) handleEvent(ctx context.Context, msg []byte) {
	if refused := c.deliver(ctx, msg); refused != nil {
		c.logRefused(refused)
		c.reply(refused.context)
	}
}

// refusalsLogged is how many refused events of one client are logged at once,
// and refusalInterval how long another one takes to be earned.
const (
	refusalsLogged  = 5
	refusalInterval = 10 * time.Second
)

// logRefused logs that an event was refused, unless there were many of this
// client. The next line says how many were not logged.
func (c *wsClient) logRefused(r *refusedEvent) {
	c.refusals.Warn(c.s.log, "event of a client refused",
		"peer", c.self.ID, "addr", c.self.Addr.String(), "topic", r.topic, "event", r.name, "err", r.err)
}

// await waits as long as the client has to for what it has sent. It reports false
// when ctx ends, and when the client has gone: a client that sends and leaves is
// heard as far as its allowance goes, and what would have to wait is dropped.
func (c *wsClient) await(ctx context.Context, wait time.Duration) bool {
	if wait == 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.ended:
		c.abandoned++
	case <-ctx.Done():
	}
	return false
}

// deliver delivers the event in msg, or returns why it is refused. It gives up
// when ctx ends, as take will find.
func (c *wsClient) deliver(ctx context.Context, msg []byte) *refusedEvent {
	if !c.await(ctx, c.allowance.spend(1+len(msg)>>10)) {
		return nil
	}
	done, err := c.s.e.large.take(ctx, len(msg))
	if err != nil {
		return nil
	}
	defer done()
	topic, v, refused := parseEvent(msg, c.s.cfg.Admit)
	if refused == nil {
		c.seat.heard()
		_ = c.s.e.hub.receive(ctx, c, topic, v)
	}
	return refused
}
