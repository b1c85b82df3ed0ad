package websocket

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	framing "github.com/coder/websocket"

	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
)

// maxHTTPHeader bounds the server's answer to the upgrade, in bytes.
const maxHTTPHeader = 16 << 10

// Dial connects to a ws or wss URL, subscribes to the events whose topics begin
// with one of topics, and waits for the ack. ctx bounds Dial alone: the connection
// outlives it. The error is a *DialError.
func Dial(ctx context.Context, url string, topics []string, cfg Config) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, dialError(StageConnect, DialInvalid, err).at(ctx, url)
	}
	c, failed := connect(ctx, url, cfg)
	if failed != nil {
		return nil, failed.at(ctx, url)
	}
	if failed := c.subscribe(ctx, topics); failed != nil {
		c.ws.CloseNow()
		return nil, failed.at(ctx, url)
	}
	uncut := context.WithoutCancel(ctx)
	c.reading.Go(func() { c.readAll(uncut) })
	return c, nil
}

// connect opens the connection, and does the TLS handshake and the HTTP upgrade.
func connect(ctx context.Context, rawURL string, cfg Config) (*Client, *DialError) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, dialError(StageConnect, DialInvalid, RootCause(err))
	}
	port, known := map[string]string{"ws": "80", "wss": "443"}[u.Scheme]
	if !known {
		return nil, dialError(StageConnect, DialInvalid, fmt.Errorf("scheme %q is neither ws nor wss", u.Scheme))
	}
	if u.Port() != "" {
		port = u.Port()
	}
	raw, err := cfg.Connect(ctx, net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return nil, socketError(err)
	}
	conn := raw
	if u.Scheme == "wss" {
		tlsConn := tls.Client(raw, clientTLS(cfg.TLS, u.Hostname()))
		if err := tlsConn.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, tlsError(err)
		}
		conn = tlsConn
		u.Scheme = "ws" // the HTTP client must not do TLS a second time
	} else {
		conn = &alertConn{Conn: raw}
	}
	ws, announced, failed := upgrade(ctx, u, conn, cfg.App, cfg.Bearer)
	if failed != nil {
		raw.Close()
		return nil, failed
	}
	ws.SetReadLimit(int64(cfg.MaxMessage))
	return &Client{
		ws: ws, raw: raw, announced: announced, in: newReceived(cfg.ReceiveQueue, cfg.MaxMessage), onMessage: cfg.OnMessage,
	}, nil
}

// upgrade does the HTTP upgrade on conn. It also returns the value of the
// ServerHeader.
func upgrade(ctx context.Context, u *url.URL, conn net.Conn, app, bearer string) (_ *framing.Conn, announced string, _ *DialError) {
	header := http.Header{}
	if app != "" {
		header.Set("X-Application-Name", app)
	}
	if bearer != "" {
		header.Set("Authorization", "Bearer "+bearer)
	}
	given := make(chan net.Conn, 1)
	given <- conn
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			select {
			case conn := <-given:
				return conn, nil
			default:
				return nil, errors.New("server closed the connection before the upgrade")
			}
		},
		MaxResponseHeaderBytes: maxHTTPHeader,
	}
	defer transport.CloseIdleConnections()
	ws, resp, err := framing.Dial(ctx, u.String(), &framing.DialOptions{
		HTTPClient: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		HTTPHeader:      header,
		CompressionMode: framing.CompressionDisabled,
	})
	switch {
	case err == nil:
		return ws, resp.Header.Get(ServerHeader), nil
	case resp != nil && resp.StatusCode != http.StatusSwitchingProtocols:
		failed := dialError(StageConnect, DialRejected, fmt.Errorf("server answered with HTTP status %s", resp.Status))
		failed.Status = resp.StatusCode
		return nil, "", failed
	case errors.Is(err, errServerTLS):
		return nil, "", dialError(StageConnect, DialTLS, errServerTLS)
	case RemoteAlert(err): // TLS 1.3 refuses certificates after its handshake
		return nil, "", tlsError(fmt.Errorf("refused by the server: %w", RootCause(err)))
	case resp == nil && ConnectionLost(err):
		return nil, "", dialError(StageConnect, DialSocket,
			fmt.Errorf("server closed the connection during the upgrade: %w (does it expect wss?)", RootCause(err)))
	}
	return nil, "", dialError(StageConnect, DialProtocol, fmt.Errorf("not a WebSocket server: %v", RootCause(err)))
}

// subscribe sends the topics and waits for the ack.
func (c *Client) subscribe(ctx context.Context, topics []string) *DialError {
	if err := c.write(ctx, wsjson.AppendTopics(nil, topics)); err != nil {
		return dialError(StageHandshake, DialSocket, clientError(ctx, err))
	}
	text, err := c.read(ctx)
	if err != nil {
		return dialError(StageHandshake, DialSocket, err)
	}
	msg, err := wsjson.Parse(text, wsjson.Limits{})
	switch msg := msg.(type) {
	case wsjson.Ack:
		c.ack = msg
		return nil
	case wsjson.Failure:
		err = &ServerError{msg.Code, msg.Context}
	case wsjson.Data, wsjson.Other:
		err = errors.New("server's first message is not an ack")
	}
	failed := dialError(StageHandshake, DialNoAck, err)
	failed.Raw = string(text)
	return failed
}

// socketError returns the error of a TCP dial that failed.
func socketError(err error) *DialError {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return dialError(StageConnect, DialName, err)
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return dialError(StageConnect, DialRefused, err)
	}
	return dialError(StageConnect, DialSocket, err)
}

// tlsError returns the error of a TLS handshake that failed.
func tlsError(err error) *DialError {
	if header, ok := errors.AsType[tls.RecordHeaderError](err); ok && strings.HasPrefix(string(header.RecordHeader[:]), "HTTP") {
		err = errors.New("server does not speak TLS: use ws instead of wss")
	} else if strings.HasSuffix(err.Error(), "handshake failure") {
		err = fmt.Errorf("TLS handshake: %w (a server without a certificate, as Zeek with anonymous ciphers, cannot be reached)", err)
	} else {
		err = fmt.Errorf("TLS handshake: %w", err)
	}
	return dialError(StageConnect, DialTLS, err)
}
