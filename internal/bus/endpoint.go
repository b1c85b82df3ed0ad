package bus

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// ID identifies an endpoint; see wire.ID.
type ID = wire.ID

// NewID returns a random UUIDv4.
func NewID() ID {
	var id ID
	rand.Read(id[:])
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// Config is what an Endpoint needs to know. Its zero value works.
type Config struct {
	// ID is the endpoint's identity. Zero means a new random ID. Only tests set it: a
	// new ID tells peers that the endpoint was restarted.
	ID ID
	// Logger logs the events of connections. Nil means no log.
	Logger *slog.Logger
	// LocalTopics are prefixes of topics. Messages of peers on such a topic are for
	// local subscriptions. Native peers do not get them. WebSocket clients get those
	// of other WebSocket clients, unless they have fallen behind. Empty means no such
	// topics.
	LocalTopics []string
	// Pace bounds the messages of newcomers. Zero means no bounds.
	Pace Pace
	// MaxPeers bounds the peers of all kinds. A further peer takes the place of the
	// newcomer that is idle longest. If no newcomer is idle, the peer is refused. Zero
	// means 1024.
	MaxPeers int
	// ReservedPeers is the number of MaxPeers that are kept for peers that this side
	// dials, for root, and for the endpoint's own user. Zero means none.
	ReservedPeers int
	// IdleAfter is the time after which a newcomer is idle: a native peer that Meet
	// was not called for, or a WebSocket client that has made no request. Zero means
	// 5 seconds.
	IdleAfter time.Duration
	// SendQueue bounds the messages that wait for one native peer. Beyond it the peer
	// is dropped. Zero means 8192, as Zeek's Broker::peer_buffer_size.
	SendQueue int
	// SendQueueBytes bounds the bytes of these messages in the same way. A single
	// message is always taken. Zero means 64 MiB.
	SendQueueBytes int
	// MaxFrame bounds the length in bytes of a native peer's message. A longer message
	// ends the connection. A longer message of this side is not sent. Zero means 64
	// MiB.
	MaxFrame int
	// LargeBytes bounds the bytes of large messages that are being received from all
	// peers together. Beyond it the peer that has sent the most is dropped. A single
	// message is always taken. Zero means 64 MiB.
	LargeBytes int
	// UnsentBytes bounds the bytes that wait for newcomers and WebSocket clients, all
	// together. The first 32 KiB of each of them do not count. Beyond it the one that
	// has the most waiting is dropped, unless it is the only one. Zero means 128 MiB.
	UnsentBytes int
	// MaxHandshakes bounds the accepted native connections whose handshake has not
	// finished. Beyond it the source address that has the most of them loses its
	// oldest one. If none has more than one, further ones wait up to five seconds until
	// they are accepted. Zero means 256.
	MaxHandshakes int
	// HandshakeTimeout bounds the time from the opening of a native connection to the
	// end of its handshake, with TLS. Zero means 10 seconds. A side that dials waits three
	// times as long: the other one may have thousands before it.
	HandshakeTimeout time.Duration
	// GoodbyeTimeout bounds the time in which a native peer must answer the goodbye of
	// this side, before the connection is closed. Zero means 3 seconds, as Broker.
	GoodbyeTimeout time.Duration
	// MaxSilence is the time after which a native peer is lost that sends nothing, or
	// that takes nothing. After half of it the peer is sent a ping, which every Broker
	// answers. Zero means one minute.
	MaxSilence time.Duration
	// TLS authenticates this endpoint and its native peers to each other. Nil means no
	// authentication. Callers of this host that Screen does not refuse need no
	// certificate.
	TLS *TLS
	// OnRefused is called for each connection that was refused, by several goroutines at
	// once. It must return soon. A connection that was closed without a word is no refusal,
	// nor is a second one of a peer that is connected. Nil reports nothing.
	OnRefused func(Refusal)
	// Screen is asked about each connection, whichever side has opened it. It returns
	// at once. A peer that Screen refuses may still show a certificate, if the
	// connection is TLS and TLS is set. Nil refuses nobody.
	Screen Screen
}

// DefaultMaxSilence is that of a Config without one.
const DefaultMaxSilence = time.Minute

// withDefaults checks the config and fills in what is zero.
func (c Config) withDefaults() (Config, error) {
	if c.ID.IsNil() {
		c.ID = NewID()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	var l limits
	l.count("MaxPeers", &c.MaxPeers, 1024)
	l.count("ReservedPeers", &c.ReservedPeers, 0)
	l.below("ReservedPeers", c.ReservedPeers, "MaxPeers", c.MaxPeers)
	l.duration("IdleAfter", &c.IdleAfter, 5*time.Second)
	l.count("SendQueue", &c.SendQueue, 8192)
	l.count("SendQueueBytes", &c.SendQueueBytes, 64<<20)
	l.count("MaxFrame", &c.MaxFrame, wire.DefaultMaxFrame)
	l.count("LargeBytes", &c.LargeBytes, 64<<20)
	l.count("UnsentBytes", &c.UnsentBytes, 128<<20)
	l.count("MaxHandshakes", &c.MaxHandshakes, 256)
	l.duration("HandshakeTimeout", &c.HandshakeTimeout, 10*time.Second)
	l.duration("GoodbyeTimeout", &c.GoodbyeTimeout, 3*time.Second)
	l.duration("MaxSilence", &c.MaxSilence, DefaultMaxSilence)
	return c, errors.Join(append(l.errs, c.Pace.check())...)
}

// Endpoint is one participant of the bus. It connects local subscriptions with
// peers. All methods are safe for concurrent use.
type Endpoint struct {
	id     ID
	cfg    Config
	log    *slog.Logger
	hub    hub
	claims claims
	pacer  pacer
	turn   largeTurn
	large  *budget // of large messages that are being received
	unsent *budget // of messages that wait for newcomers and WebSocket clients

	websockets atomic.Uint64 // connections that WebSocket listeners have accepted
}

// New returns an endpoint without peers. It starts no goroutine.
func New(cfg Config) (*Endpoint, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("bus config: %w", err)
	}
	e := &Endpoint{
		id:     cfg.ID,
		cfg:    cfg,
		log:    cfg.Logger,
		large:  newBudget(cfg.LargeBytes, errTooMuch),
		unsent: newBudget(cfg.UnsentBytes, errUnsent),
		turn:   newLargeTurn(),
		pacer:  pacer{Pace: cfg.Pace},
		claims: claims{byID: map[ID]*claim{}},
		hub: hub{
			log:   cfg.Logger,
			local: wire.NewFilter(cfg.LocalTopics...),
			encoder: encoder{
				id: cfg.ID, maxFrame: cfg.MaxFrame,
				log: cfg.Logger, unsendable: Throttle{Burst: unsendableLogged, Interval: unsendableInterval},
			},
			seats:   seats{limit: cfg.MaxPeers, reserved: cfg.ReservedPeers, idleAfter: cfg.IdleAfter},
			present: map[string]bool{}, members: map[string]member{},
		},
	}
	e.hub.table.Store(new(table))
	return e, nil
}

// ID returns the endpoint's identity.
func (e *Endpoint) ID() ID { return e.id }

// Publish sends v to every native peer whose filter matches topic, and to every
// WebSocket client that has subscribed to topic. Local subscriptions do not get
// v. Publish never blocks: a peer whose queue is full is dropped.
func (e *Endpoint) Publish(topic string, v zval.Value) {
	publish(&e.hub, e.hub.links(), nil, topic, v)
}

// PublishTo is Publish to one peer alone. It reports whether v was queued. It
// reports false if there is no such peer, if the peer's filter does not match
// topic, if v cannot be sent to the peer, or if the peer was dropped.
func (e *Endpoint) PublishTo(peerID string, topic string, v zval.Value) bool {
	l := e.hub.link(peerID)
	return l != nil && l.wants(topic) && l.answer(e.hub.encoder.message(topic, v))
}

// Reply is PublishTo. Besides, the other WebSocket clients that have subscribed to
// topic get v, unless they have fallen behind. So no client is dropped because of
// answers to others.
func (e *Endpoint) Reply(peerID string, topic string, v zval.Value) bool {
	t := e.hub.table.Load()
	l, m := e.hub.link(peerID), e.hub.encoder.message(topic, v)
	t.overhear(l, m)
	return l != nil && l.wants(topic) && l.answer(m)
}

// Meet says that a peer is no newcomer; see Pace.
func (e *Endpoint) Meet(peerID string) {
	if l := e.hub.link(peerID); l != nil {
		l.meet()
	}
}

// Wants reports whether the peer is connected and has subscribed to topic.
func (e *Endpoint) Wants(peerID, topic string) bool {
	l := e.hub.link(peerID)
	return l != nil && l.wants(topic)
}

// Drop ends the connection of a peer, if there is such a peer. Messages that are
// queued for it are lost. A native peer that this side dials is dialed again.
func (e *Endpoint) Drop(peerID string, why error) {
	if l := e.hub.link(peerID); l != nil {
		l.close(why)
	}
}
