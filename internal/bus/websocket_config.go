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
	wsFlushWait  = time.Second // for what is still to be said before the close frame
)

// WebSocketConfig is what ServeWebSocket needs to know. Its zero value works.
type WebSocketConfig struct {
	// Version is what the ack calls the version of Zeek. Clients require the
	// member and do not look at it.
	Version string
	// Announce is what the server says of itself with each upgrade, in the header
	// Zeekfleet-Server: letters, digits and blanks that clients of ours know.
	// Empty says nothing.
	Announce string
	// Admit is asked about every well-formed event of a client, by several
	// goroutines at once. An error is answered as Zeek answers an event that
	// it does not know, and the event goes nowhere. Nil admits everything.
	Admit func(topic string, v zval.Value) error
	// TLS makes the listener speak TLS, and TLS alone; WebSocketTLS makes one
	// from files. Nil means plain text, and TLS where OptionalTLS allows it.
	TLS *tls.Config
	// OptionalTLS is for the clients of a listener without TLS that speak TLS
	// all the same, as zeek-client did by default up to 1.4.0 (spec zeek-client
	// section 10). Their first byte tells them. Nil refuses them.
	OptionalTLS *tls.Config
	// HostNames are what clients may call this host in the Host of their
	// request, besides an IP address, localhost, and nothing. A request that
	// names another is answered with HTTP status 403, and so is one whose Origin
	// is there and is not its Host. "*." at the beginning stands for one label.
	HostNames []string
	// MaxClients bounds the clients of this listener. A further one takes the
	// place of the client that is idle longest, which is closed with code 1013,
	// and is answered with HTTP status 503 if none is; see Config.IdleAfter. As
	// many connections again may be upgrading at a time; of more, the oldest of
	// the source address with the most is closed. Zero means 100, as Zeek.
	MaxClients int
	// ReservedClients is how many of MaxClients are kept for callers of the
	// endpoint's own user or root, who can always upgrade. Zero means none.
	ReservedClients int
	// MaxMessage bounds the length in bytes of a client's message; a longer
	// one ends the connection with close code 1009. Zero means 32 MiB.
	MaxMessage int
	// MaxTopics bounds the topic prefixes that one client names; one that
	// names more is refused with close code 1008. Zero means 1024.
	MaxTopics int
	// MaxTopicBytes bounds their bytes together likewise: they are kept as long
	// as the client stays. Zero means 64 KiB.
	MaxTopicBytes int
	// SendQueue bounds the messages waiting for one client; one that falls
	// further behind is dropped with close code 1013. Zero means 1024.
	SendQueue int
	// SendQueueBytes bounds their bytes likewise; a single message is always
	// taken, and what many messages have in common does not count. Others
	// overhear answers while no more than an eighth of it waits for them, and none
	// of more than 64 KiB. Zero means 32 MiB.
	SendQueueBytes int
	// ReceiveQueue bounds the messages of one client that have been read but
	// not delivered; MaxMessage bounds their bytes together. At either bound
	// the client is not read. Zero means 32.
	ReceiveQueue int
	// PingInterval is the time between two pings. A client that has not
	// answered one when the next is due is dropped, and so is one that takes
	// nothing for so long while there is something for it. Zero means 5
	// seconds, as Zeek.
	PingInterval time.Duration
	// UpgradeTimeout bounds the time from a connection's opening to the end
	// of its upgrade, TLS included. Zero means 3 seconds, as Zeek.
	UpgradeTimeout time.Duration
}

// maxTopicText is more bytes than topics within their bounds take, however they
// are escaped.
func (c WebSocketConfig) maxTopicText() int {
	const escape, around = 6, 64
	return escape*c.MaxTopicBytes + around*(c.MaxTopics+1)
}

// withDefaults checks the config and fills in what is zero.
func (c WebSocketConfig) withDefaults() (WebSocketConfig, error) {
	var l limits
	l.count("MaxClients", &c.MaxClients, 100)
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
