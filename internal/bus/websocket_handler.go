package bus

import (
	"context"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/websocket"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
)

// wsHandler handles the messages of one client, in one goroutine.
type wsHandler struct {
	c         *wsClient
	refusals  Throttle // of log lines
	abandoned int      // events that were not handled because the client had gone
}

// The log lines about refused events of one client are bounded by these.
const (
	refusalsLogged  = 5
	refusalInterval = 10 * time.Second
)

func newWSHandler(c *wsClient) *wsHandler {
	return &wsHandler{c: c, refusals: Throttle{Burst: refusalsLogged, Interval: refusalInterval}}
}

// handle makes the client a peer by its first message. It takes every further
// message as an event (spec websocket 5 and 7.3). If the first message is
// refused, handle drops the others.
func (h *wsHandler) handle(ctx context.Context) {
	inbox, admitted := h.c.inbox, false
	inbox.take(ctx, func(msg []byte) { admitted = h.admit(ctx, msg) })
	for inbox.take(ctx, func(msg []byte) {
		if admitted {
			h.event(ctx, msg)
		}
	}) {
	}
	if h.abandoned > 0 {
		h.c.s.log.Debug("events of a client that has gone were not handled", "peer", h.c.self.ID, "events", h.abandoned)
	}
}

// checkUpgrade checks what Zeek checks only after the upgrade (spec websocket 4).
func checkUpgrade(up wsUpgraded) *wsEnd {
	switch {
	case up.target != websocket.Path:
		return endBadURI
	case !validApp(up.self.App):
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

// admit makes the client a peer that has subscribed to the topics in msg, or ends
// the connection.
func (h *wsHandler) admit(ctx context.Context, msg []byte) bool {
	c := h.c
	refused := h.subscribe(ctx, msg)
	if refused == nil {
		if err := c.s.e.hub.join(ctx, c); err != nil {
			refused = endJoin(err)
		}
	}
	if refused != nil {
		c.end(refused)
		return false
	}
	close(c.joined)
	c.s.log.Debug("websocket client subscribed", "peer", c.self.ID, "topic", c.topics.Prefixes())
	return true
}

// subscribe sets the client's topics.
func (h *wsHandler) subscribe(ctx context.Context, msg []byte) *wsEnd {
	e := h.c.s.e
	if h.c.allowance.take(ctx, len(msg)) != nil {
		return endTerminating
	}
	done, err := e.turn.take(ctx, len(msg))
	if err != nil {
		return endTerminating
	}
	defer done()
	topics, refused := parseTopics(msg, h.c.s.cfg)
	if refused == nil {
		h.c.topics = wire.NewFilter(topics...)
	}
	return refused
}

// parseTopics parses a client's first message, within the limits of cfg.
func parseTopics(msg []byte, cfg WebSocketConfig) ([]string, *wsEnd) {
	if len(msg) > cfg.maxTopicText() {
		return nil, endLongTopics
	}
	topics, err := wsjson.ParseTopics(msg, wsjson.Limits{})
	switch {
	case err != nil:
		return nil, refuseClient(wsjson.CodeDeserialization, errorContext(err))
	case len(topics) > cfg.MaxTopics:
		return nil, endManyTopics
	}
	room := cfg.MaxTopicBytes
	for i, topic := range topics {
		if room -= len(topic); room < 0 {
			return nil, endLongTopics
		}
		topics[i] = strings.Clone(topic) // or each would keep the whole message in memory
	}
	return topics, nil
}

// event delivers the event in msg, or answers why it is refused.
func (h *wsHandler) event(ctx context.Context, msg []byte) {
	h.c.carried.received.Add(1)
	if refused := h.deliver(ctx, msg); refused != nil {
		h.logRefused(refused)
		h.answer(refused)
	}
}

// deliver delivers the event in msg, or returns why it is refused. If ctx ends
// meanwhile, deliver does nothing.
func (h *wsHandler) deliver(ctx context.Context, msg []byte) *refusedEvent {
	c := h.c
	if !h.waitFor(ctx, c.allowance.spend(messageCost(len(msg)))) {
		return nil
	}
	done, err := c.s.e.turn.take(ctx, len(msg))
	if err != nil {
		return nil
	}
	defer done()
	topic, v, refused := parseEvent(msg, c.s.cfg.Admit)
	if refused == nil {
		c.seat.request()
		_ = c.s.e.hub.receive(ctx, c, topic, v) // its only error is the end of ctx
	}
	return refused
}

// waitFor waits as long as the client's allowance demands. It reports false if ctx
// ends before, or if the client has gone: then the event is dropped. So a client
// that sends and leaves is heard as far as its allowance goes.
func (h *wsHandler) waitFor(ctx context.Context, wait time.Duration) bool {
	if wait == 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-h.c.ended():
		h.abandoned++
	case <-ctx.Done():
	}
	return false
}

func (h *wsHandler) logRefused(r *refusedEvent) {
	self := h.c.self
	h.refusals.Warn(h.c.s.log, "event of a client refused",
		"peer", self.ID, "addr", self.Addr.String(), "topic", r.topic, "event", r.name, "err", r.err)
}

// answer tells the client that its event was refused. It waits for room in the
// outbox: a client that does not read its answers delays itself alone.
func (h *wsHandler) answer(r *refusedEvent) {
	text := wsjson.AppendFailure(nil, wsjson.Failure{Code: wsjson.CodeDeserialization, Context: r.context})
	h.c.outbox.pushWait(newWSText(text), h.c.ended())
}
