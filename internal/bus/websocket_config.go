package bus

import (
	"crypto/tls"
	"errors"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// Bounds of the WebSocket server that no configuration changes.
const (
	wsMaxUpgrade = 16 << 10    // bytes of an upgrade request
	wsFlushWait  = time.Second // for the messages before the close frame
)

// WebSocketConfig is what ServeWebSocket needs to know. Its zero value works.
type WebSocketConfig struct {
	// Version is the version in the ack. Clients require the member and ignore its
	// value.
	Version string
	// Announce is the value of the header Zeekfleet-Server in the answer to each
	// upgrade: letters, digits and blanks. It tells our clients what the server can
	// do. Empty means no header.
	Announce string
	// Admit is called for every well-formed event of a client, by several goroutines
	// at once. If it returns an error, the event is dropped, and the client gets the
	// answer that Zeek gives to an unknown event. Nil admits everything.
	Admit func(topic string, v zval.Value) error
	// Greet is called for each client that asks for an upgrade, by several goroutines at
	// once. If it returns an error, the client is answered with HTTP status 403. Nil
	// refuses those clients that Config.Screen has refused and that have shown no
	// certificate.
	Greet func(Peer) error
	// HTTP gets each connection whose first request does not ask for a WebSocket. It
	// returns soon. Nil answers such requests as Zeek does.
	HTTP func(HTTPConn)
	// Divert is called for each connection, and says whether HTTP gets it even if it asks for
	// a WebSocket. Nil means no.
	Divert func() bool
	// TLS makes the listener take nothing but TLS. WebSocketTLS reads TLS settings
	// from files; ServerTLS makes them. Nil means plain text, and also TLS if OptionalTLS
	// is set.
	TLS *tls.Config
	// PlainHere means that programs of this host may speak plain text even if TLS is set.
	PlainHere bool
	// OptionalTLS holds the TLS settings of a listener that takes both plain text and
	// TLS. zeek-client up to 1.4.0 speaks TLS by default (spec zeek-client section 10).
	// The first byte of a connection tells which one it is. Nil refuses TLS.
	OptionalTLS *tls.Config
	// HostNames are the names of this host that a request may have in its Host header.
	// An IP address, localhost, and no Host header are always allowed. A request with
	// another Host is answered with HTTP status 403. So is a request that has an
	// Origin header that is not the same site as its Host. "*." at the beginning of a
	// name stands for one label.
	HostNames []string
	// MaxClients bounds the clients of this listener. A further client takes the place
	// of the client that is idle longest, which is closed with code 1013; see
	// Config.IdleAfter. If no client is idle, the further one is answered with HTTP
	// status 503. MaxClients also bounds the connections that are upgrading. Beyond it
	// the source address that has the most of them loses its oldest one. Zero means
	// 100, as Zeek.
	MaxClients int
	// MaxHTTP bounds the connections that HTTP has got and that are still open. Beyond it
	// the source address that has the most of them loses its oldest one. Connections of
	// root and of the endpoint's own user are counted for themselves, with the same bound.
	// Zero means 256.
	MaxHTTP int
	// ReservedClients is the number of MaxClients that are kept for root and the
	// endpoint's own user. Zero means none.
	ReservedClients int
	// MaxMessage bounds the length in bytes of a client's message. A longer message
	// ends the connection with close code 1009. Zero means 32 MiB.
	MaxMessage int
	// MaxTopics bounds the topic prefixes of one client. A client that names more is
	// refused with close code 1008. Zero means 1024.
	MaxTopics int
	// MaxTopicBytes bounds the bytes of these prefixes together, in the same way. Zero
	// means 64 KiB.
	MaxTopicBytes int
	// SendQueue bounds the messages that wait for one client. Beyond it the client is
	// dropped with close code 1013. Zero means 1024.
	SendQueue int
	// SendQueueBytes bounds the bytes of these messages in the same way. A single
	// message is always taken. Lists that Share was called for do not count. A client
	// that has an eighth of SendQueue or SendQueueBytes waiting does not overhear
	// answers to others. No client overhears an answer of more than 64 KiB. Zero means
	// 32 MiB.
	SendQueueBytes int
	// ReceiveQueue bounds the messages of one client that were read and not handled
	// yet. MaxMessage bounds their bytes together. At either bound the client is not
	// read. Zero means 32.
	ReceiveQueue int
	// PingInterval is the time between two pings. A client that has not answered a
	// ping when the next one is due is dropped. A client that takes nothing of a
	// message for PingInterval is dropped too. Zero means 5 seconds, as Zeek.
	PingInterval time.Duration
	// UpgradeTimeout bounds the time from the opening of a connection to the end of
	// its upgrade, with TLS. Zero means 3 seconds, as Zeek.
	UpgradeTimeout time.Duration
}

// maxTopicText is the greatest length in bytes of a JSON array of topics within
// MaxTopics and MaxTopicBytes, with every byte escaped.
func (c WebSocketConfig) maxTopicText() int {
	const escape, around = 6, 64
	return escape*c.MaxTopicBytes + around*(c.MaxTopics+1)
}

// withDefaults checks the config and fills in what is zero.
func (c WebSocketConfig) withDefaults() (WebSocketConfig, error) {
	var l limits
	l.count("MaxClients", &c.MaxClients, 100)
	l.count("MaxHTTP", &c.MaxHTTP, 256)
	l.count("ReservedClients", &c.ReservedClients, 0)
	l.below("ReservedClients", c.ReservedClients, "MaxClients", c.MaxClients)
	l.count("MaxMessage", &c.MaxMessage, 32<<20)
	l.count("MaxTopics", &c.MaxTopics, 1024)
	l.count("MaxTopicBytes", &c.MaxTopicBytes, 64<<10)
	l.count("SendQueue", &c.SendQueue, 1024)
	l.count("SendQueueBytes", &c.SendQueueBytes, 32<<20)
	l.count("ReceiveQueue", &c.ReceiveQueue, 32)
	l.duration("PingInterval", &c.PingInterval, 5*time.Second)
	l.duration("UpgradeTimeout", &c.UpgradeTimeout, 3*time.Second)
	if c.Admit == nil {
		c.Admit = func(string, zval.Value) error { return nil }
	}
	return c, errors.Join(l.errs...)
}
