package websocket

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
)

// Config is what Dial needs to know. Its zero value works.
type Config struct {
	// TLS is used for wss URLs. Nil verifies the server's certificate against
	// the system's authorities and the URL's host.
	TLS *tls.Config
	// App is sent as X-Application-Name, unless it is empty. Zeek takes
	// letters, digits and -/_.=:*@.
	App string
	// Bearer is sent as "Authorization: Bearer", unless it is empty. It is a secret: use
	// it over TLS alone.
	Bearer string
	// MaxMessage bounds the length in bytes of a message from the server. A
	// longer message ends the connection. Zero means 64 MiB.
	MaxMessage int
	// ReceiveQueue bounds the messages that have arrived and that Receive has
	// not returned yet. MaxMessage bounds their bytes together. At either bound
	// the client stops reading, and does not answer the server's pings. Zero
	// means 256.
	ReceiveQueue int
	// Connect opens the connection, below TLS. Nil means TCP.
	Connect func(ctx context.Context, addr string) (net.Conn, error)
	// OnMessage, if not nil, is called with each message that is sent or received, from
	// several goroutines.
	OnMessage func(sent bool, text []byte)
}

// withDefaults checks the config and fills in what is zero.
func (c Config) withDefaults() (Config, error) {
	var errs []error
	if c.MaxMessage < 0 {
		errs = append(errs, errors.New("MaxMessage is negative"))
	}
	if c.ReceiveQueue < 0 {
		errs = append(errs, errors.New("ReceiveQueue is negative"))
	}
	c.MaxMessage = cmp.Or(c.MaxMessage, 64<<20)
	c.ReceiveQueue = cmp.Or(c.ReceiveQueue, 256)
	if c.OnMessage == nil {
		c.OnMessage = func(bool, []byte) {}
	}
	if c.Connect == nil {
		c.Connect = func(ctx context.Context, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}
	}
	return c, errors.Join(errs...)
}
