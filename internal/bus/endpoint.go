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
	// ID is the endpoint's identity. Zero means a new random one, which is
	// right for everything but tests: peers tell restarts apart by it.
	ID ID
	// Logger receives what happens to connections. Nil discards it.
	Logger *slog.Logger
	// LocalTopics are prefixes of topics on which whatever peers send is for
	// local subscriptions: native peers do not receive it, and WebSocket clients
	// only overhear each other; see Reply. Empty means that there are none.
	LocalTopics []string
	// Pace bounds the work that newcomers make. Zero means no bounds.
	Pace Pace
	// MaxPeers bounds the peers of all kinds. A further one takes the place of
	// the newcomer that is idle longest, and is refused if none is. Zero means
	// 1024.
	MaxPeers int
	// ReservedPeers is how many of MaxPeers are kept for peers that this side
	// dials and for callers of this endpoint's own user or root. Zero means none.
	ReservedPeers int
	// IdleAfter is when a newcomer counts as idle that has said nothing: a native
	// peer that has not been introduced, a WebSocket client without a request.
	// Zero means 5 seconds.
	IdleAfter time.Duration
	// SendQueue bounds the messages waiting for one native peer; one that
	// falls further behind is dropped. Zero means 8192, as Zeek's
	// Broker::peer_buffer_size.
	SendQueue int
	// SendQueueBytes bounds their size in bytes likewise; a single message is
	// always taken. Zero means 64 MiB.
	SendQueueBytes int
	// MaxFrame bounds the length in bytes of a native peer's message; a
	// longer one ends the connection. Zero means 64 MiB.
	MaxFrame int
	// LargeBytes bounds the bytes of messages that are being received, as far as
	// they are long, of all peers together. Beyond it the peer that has sent most
	// is dropped, but a message alone is always taken. Zero means 64 MiB.
	LargeBytes int
	// UnsentBytes bounds what waits for newcomers and WebSocket clients, of all
	// together; of each of them what is more than 32 KiB counts. Beyond it the one
	// that has most waiting is dropped, but never one alone. Zero means 128 MiB.
	UnsentBytes int
	// MaxHandshakes bounds the accepted native connections that have not
	// finished their handshake. One more replaces the oldest of the source
	// address that has the most. Zero means 256.
	MaxHandshakes int
	// HandshakeTimeout bounds the time from a native connection's opening to
	// the end of its handshake, TLS included. Zero means 10 seconds.
	HandshakeTimeout time.Duration
	// GoodbyeTimeout bounds the time that a native peer is given to confirm
	// that it has read everything before its connection is closed. Zero means
	// 3 seconds, as Broker.
	GoodbyeTimeout time.Duration
	// MaxSilence is how long a native peer may send nothing before it counts
	// as gone, and how long it may refuse to take anything. After half that
	// time it is sent a ping, which every Broker answers. Zero means one minute.
	MaxSilence time.Duration
	// TLS authenticates this endpoint and its native peers to each other. Nil
	// means no authentication. Callers of this host whom Screen lets in
	// need no certificate.
	TLS *TLS
	// Screen is asked about each connection, whichever side opened it; it
	// returns at once. A peer that it refuses is let in all the same if the
	// connection is one on which it must show a certificate. Nil refuses nobody.
	Screen Screen
}

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
	l.duration("MaxSilence", &c.MaxSilence, time.Minute)
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
			present: map[string]bool{},
		},
	}
	e.hub.table.Store(&table{byID: map[string]link{}})
	return e, nil
}

// ID returns the endpoint's identity.
func (e *Endpoint) ID() ID { return e.id }

// Publish sends v to every native peer whose filter matches topic, and to every
// WebSocket client that has subscribed to topic. Local subscriptions do not get
// v. Publish never blocks: a peer whose queue is full is dropped.
func (e *Endpoint) Publish(topic string, v zval.Value) {
	publish(&e.hub, e.hub.table.Load().links, nil, topic, v)
}

// PublishTo is Publish to one peer alone. It reports whether v was queued. It
// reports false if there is no such peer, if the peer's filter does not match
// topic, if v cannot be sent to the peer, or if the peer was dropped.
func (e *Endpoint) PublishTo(peerID string, topic string, v zval.Value) bool {
	l, ok := e.hub.table.Load().byID[peerID]
	return ok && l.wants(topic) && l.answer(e.hub.encoder.message(topic, v))
}

// Reply is PublishTo. Besides, the other WebSocket clients that have subscribed to
// topic get v, unless they have fallen behind. So no client is dropped because of
// answers to others.
func (e *Endpoint) Reply(peerID string, topic string, v zval.Value) bool {
	t := e.hub.table.Load()
	l, m := t.byID[peerID], e.hub.encoder.message(topic, v)
	t.overhear(l, m)
	return l != nil && l.wants(topic) && l.answer(m)
}

// Meet says that a peer is no newcomer; see Pace.
func (e *Endpoint) Meet(peerID string) {
	if l, ok := e.hub.table.Load().byID[peerID]; ok {
		l.meet()
	}
}

// Wants reports whether the peer is connected and has subscribed to topic.
func (e *Endpoint) Wants(peerID, topic string) bool {
	l, ok := e.hub.table.Load().byID[peerID]
	return ok && l.wants(topic)
}

// Drop ends the connection of a peer, if there is such a peer. Messages that are
// queued for it are lost. A native peer that this side dials is dialed again.
func (e *Endpoint) Drop(peerID string, reason string) {
	if l, ok := e.hub.table.Load().byID[peerID]; ok {
		l.close(errors.New(reason))
	}
}
