package bus

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/wire/native"
)

// The reader keeps the strings of a peer's topics. So a message on a known topic
// needs no new string.
const (
	maxTopics     = 256 // topics that are kept
	maxTopicBytes = 256 // a longer topic is not kept
)

// reader receives the messages of one peering.
type reader struct {
	link    *nativeLink
	frames  *frameReader
	large   *share
	topics  map[string]string
	ignored ignored
	decoded native.Memory
}

// read handles the peer's messages until the connection ends, and returns why it
// has ended. When life ends, read stops waiting for subscriptions.
func (r *reader) read(life context.Context) error {
	for {
		message, err := r.frames.cut(r.link.endpoint.cfg.MaxFrame)
		switch {
		case err == wire.ErrShort:
			runtime.Gosched() // let other peers run before a peer that sends much
			if err := r.fill(); err != nil {
				return err
			}
		case err != nil:
			return err
		case len(message) == 0: // like Broker, ignore it; Broker itself sends none
			if err := r.link.allowance.take(life, 0); err != nil {
				return err
			}
		default:
			if err := r.handle(life, message); err != nil {
				return err
			}
		}
	}
}

// fill reads once. If the peer sends nothing for half of MaxSilence, fill sends it
// a ping. The peer has the other half of MaxSilence to answer.
func (r *reader) fill() error {
	half := r.link.endpoint.cfg.MaxSilence / 2
	err := r.fillWithin(half)
	if !timedOut(err) {
		return err
	}
	r.link.push(wire.AppendPing(nil, r.link.endpoint.id, r.link.remote, []byte("alive?")))
	if err = r.fillWithin(half); timedOut(err) {
		return ErrSilent
	}
	return err
}

func (r *reader) fillWithin(d time.Duration) error {
	r.link.reading.Store(true)
	defer r.link.reading.Store(false)
	r.link.conn.SetReadDeadline(time.Now().Add(d))
	err := r.frames.fill()
	r.large.set(r.frames.large())
	return err
}

func (r *reader) handle(life context.Context, buf []byte) error {
	m, err := wire.DecodeMessage(buf)
	if err != nil {
		return err
	}
	e := r.link.endpoint
	if m.Type == wire.TypeData {
		r.link.carried.received.Add(1)
		if r.passes(m.Topic) {
			return r.link.allowance.takeUnwanted(life)
		}
	}
	if err := r.link.allowance.take(life, len(buf)); err != nil {
		return err
	}
	if m.Sender != r.link.remote || !m.Receiver.IsNil() && m.Receiver != e.id {
		r.ignored.misaddressed++
		return nil
	}
	switch m.Type {
	case wire.TypeData:
		return r.data(life, m)
	case wire.TypeCommand:
		r.ignored.commands++
	case wire.TypeRoutingUpdate:
		return r.routingUpdate(life, m)
	case wire.TypePing:
		r.link.push(wire.AppendPong(nil, e.id, m))
	case wire.TypePong:
		if r.link.pongs.arrived(m.Payload) {
			return ErrClosed
		}
	default:
		r.ignored.unknown++
	}
	return nil
}

// passes reports whether nobody wants messages on topic. It counts such a message.
// Such messages are not decoded: Zeek sends log writes to every peer, also to one
// that has not subscribed to them.
func (r *reader) passes(topic []byte) bool {
	e := r.link.endpoint
	if bytes.HasPrefix(topic, []byte(wire.ReservedPrefix)) {
		r.ignored.reserved++
		return true
	}
	if !e.hub.table.Load().wantsNative(r.topic(topic)) {
		r.ignored.unwanted++
		return true
	}
	return false
}

func (r *reader) data(life context.Context, m wire.Message) error {
	e, topic := r.link.endpoint, r.topic(m.Topic)
	done, err := e.turn.take(life, len(m.Payload))
	if err != nil {
		return err
	}
	defer done()
	v, err := r.decoded.Decode(m.Payload, native.Limits{})
	if err != nil {
		return fmt.Errorf("message on %.100q: %w", topic, err)
	}
	return e.hub.receive(life, r.link, topic, v)
}

// topic returns the string of a topic.
func (r *reader) topic(raw []byte) string {
	if topic, ok := r.topics[string(raw)]; ok {
		return topic
	}
	topic := string(raw)
	if len(r.topics) < maxTopics && len(raw) <= maxTopicBytes {
		r.topics[topic] = topic
	}
	return topic
}

func (r *reader) routingUpdate(life context.Context, m wire.Message) error {
	prefixes, err := wire.DecodeRoutingUpdate(m.Payload)
	if err != nil {
		return err
	}
	filter := new(wire.NewFilter(prefixes...))
	r.link.filter.Store(filter)
	return r.link.endpoint.hub.table.Load().tell(life, PeerUpdated{r.link.info, Topics{filter}})
}
