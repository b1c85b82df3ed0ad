package client

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/pause"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

// DefaultAddress is the host:port on which a controller listens for clients by
// default.
const DefaultAddress = "127.0.0.1:2149"

// DefaultTopic is the topic of the controller's API (spec management-api 1.3).
const DefaultTopic = "zeek/management/controller"

// Config says how to reach a controller. The zero value is for a controller on this
// host with default settings.
type Config struct {
	// Address is the host:port of the controller's WebSocket. Empty means
	// DefaultAddress.
	Address string
	// Others are the addresses of further controllers of the same cluster. Each attempt goes
	// to the next one if a controller cannot be reached, or has no place.
	Others []string
	// TLS is the TLS configuration of the connection. Nil means plain text.
	TLS *tls.Config
	// Bearer is an API token, which is shown to the controller. Empty means none. It is a
	// secret. In plain text Dial shows it only to a loopback address.
	Bearer string
	// Connect opens a connection, below TLS. Nil means TCP.
	Connect func(ctx context.Context, address string) (net.Conn, error)
	// AppName tells the controller which program connects. It consists of letters,
	// digits and -/_.=:*@. Empty means "zeekfleet-client".
	AppName string
	// Topic is the topic of the controller's API. Empty means DefaultTopic.
	Topic string
	// Attempts bounds the attempts to connect, each to every address. Another attempt follows if the
	// connection is refused, if the attempt takes longer than RetryDelay, or if the
	// controller has too many clients. Zero means 10.
	Attempts int
	// RetryDelay is the pause between two attempts, and the time limit of each
	// attempt. Zero means 1 second.
	RetryDelay time.Duration
	// Once sends no request twice. Otherwise one that only reads is sent once more if the
	// server closes the connection.
	Once bool
	// RequestTimeout bounds each request, besides the request's own context. Zero
	// means 20 seconds. That is longer than controllers take by default: Zeek's
	// controller takes up to 10 seconds, ours up to 18.
	RequestTimeout time.Duration
	// Listen keeps the events that arrive before the first Receive. It is for clients that
	// make no requests.
	Listen bool
	// OnRetry, if not nil, is called before each pause between two attempts. attempt
	// is the number of the failed attempt, from 1, and err says why it failed.
	OnRetry func(attempt int, err error)
	// OnMessage, if not nil, is called with each message that is sent or received, in
	// Zeek's JSON form, from several goroutines.
	OnMessage func(sent bool, text []byte)
	// OnSkip, if not nil, is called for each message that does not answer the open
	// request. why says how it differs from the answer.
	OnSkip func(why error)
}

// withDefaults checks c and sets the defaults of fields that are zero.
func (c Config) withDefaults() (Config, error) {
	switch {
	case c.Attempts < 0:
		return c, negative("Attempts")
	case c.RetryDelay < 0:
		return c, negative("RetryDelay")
	case c.RequestTimeout < 0:
		return c, negative("RequestTimeout")
	}
	c.Address = cmp.Or(c.Address, DefaultAddress)
	for _, address := range c.addresses() {
		if c.Bearer != "" && c.TLS == nil && !isLoopback(address) {
			return c, fmt.Errorf("an API token must not cross the network in plain text: use TLS with the controller at %s", address)
		}
	}
	c.AppName = cmp.Or(c.AppName, "zeekfleet-client")
	c.Topic = cmp.Or(c.Topic, DefaultTopic)
	c.Attempts = cmp.Or(c.Attempts, 10)
	c.RetryDelay = cmp.Or(c.RetryDelay, time.Second)
	c.RequestTimeout = cmp.Or(c.RequestTimeout, 20*time.Second)
	if c.OnRetry == nil {
		c.OnRetry = func(int, error) {}
	}
	if c.OnSkip == nil {
		c.OnSkip = func(error) {}
	}
	return c, nil
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

func negative(field string) error { return fmt.Errorf("%s is negative", field) }

// beginningWith returns c with one of its addresses first.
func (c Config) beginningWith(address string) Config {
	others := slices.DeleteFunc(c.addresses(), func(one string) bool { return one == address })
	c.Address, c.Others = address, others
	return c
}

// addresses returns Address and Others.
func (c Config) addresses() []string { return append([]string{c.Address}, c.Others...) }

func (c Config) url(address string) string {
	u := url.URL{Scheme: "ws", Host: address, Path: websocket.Path}
	if c.TLS != nil {
		u.Scheme = "wss"
	}
	return u.String()
}

// Dial connects to a controller's WebSocket and subscribes to the topic of its API.
// It makes up to cfg.Attempts attempts until ctx ends. The caller must close the
// Client.
//
// The error is
//
//   - a *TimeoutError if no attempt succeeded, or the deadline of ctx has passed,
//   - a *DialError if another attempt would fail in the same way,
//   - the cause of ctx if ctx was canceled,
//   - another error if cfg is wrong.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("dial controller: %w", err)
	}
	conn, address, err := connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg.beginningWith(address), conn: conn}, nil
}

// connect makes up to cfg.Attempts attempts to connect. It returns the address that has
// answered.
func connect(ctx context.Context, cfg Config) (*websocket.Client, string, error) {
	for attempt := 1; ; attempt++ {
		conn, address, err := dialAll(ctx, cfg)
		if err == nil {
			if !cfg.Listen {
				conn.Skip() // no message that comes before a request answers it
			}
			return conn, address, nil
		}
		failed, ok := errors.AsType[*DialError](err)
		crowded := ok && failed.Status == http.StatusServiceUnavailable
		if !ok || !failed.passes() || ctx.Err() != nil {
			return nil, "", deadline(ctx, cfg, failed, err)
		}
		if attempt == cfg.Attempts {
			if crowded {
				return nil, "", err
			}
			return nil, "", &TimeoutError{Address: cfg.named(), Stage: string(failed.Stage), Err: failed.Err}
		}
		cfg.OnRetry(attempt, err)
		if err := pause.For(ctx, cfg.RetryDelay); err != nil {
			return nil, "", deadline(ctx, cfg, failed, err)
		}
	}
}

// passes reports whether another attempt may succeed.
func (e *DialError) passes() bool {
	return e.Failure == DialRefused || e.Failure == DialTimeout || e.Status == http.StatusServiceUnavailable
}

// dialAll makes one attempt at each address, until one succeeds. The error is the first one
// that another attempt may mend, or else the first one.
func dialAll(ctx context.Context, cfg Config) (*websocket.Client, string, error) {
	var first error
	passes := false
	for _, address := range cfg.addresses() {
		conn, err := dialOnce(ctx, cfg, address)
		if err == nil {
			return conn, address, nil
		}
		failed, ok := errors.AsType[*DialError](err)
		if mends := ok && failed.passes(); first == nil || mends && !passes {
			first, passes = err, mends
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, "", first
}

// named returns all addresses, for a message.
func (c Config) named() string { return strings.Join(c.addresses(), ", ") }

func dialOnce(ctx context.Context, cfg Config, address string) (*websocket.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.RetryDelay)
	defer cancel()
	conn, err := websocket.Dial(ctx, cfg.url(address), []string{cfg.Topic}, websocket.Config{
		TLS: cfg.TLS, App: cfg.AppName, Bearer: cfg.Bearer, Connect: cfg.Connect, OnMessage: cfg.OnMessage,
	})
	return conn, own(err)
}

// deadline returns err, or a *TimeoutError if the deadline of ctx has passed. failed
// is the error of the last attempt, and may be nil.
func deadline(ctx context.Context, cfg Config, failed *DialError, err error) error {
	if failed == nil || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return err
	}
	return &TimeoutError{Address: cfg.named(), Stage: string(failed.Stage), Err: failed.Err}
}
