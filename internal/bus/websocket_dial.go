package bus

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

	"github.com/coder/websocket"

	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
)

// wsMaxHTTPHeader bounds the server's answer to the upgrade, in bytes.
const wsMaxHTTPHeader = 16 << 10

// DialWebSocket connects to a ws or wss URL, subscribes to the events whose
// topics begin with one of topics, and waits for the ack. ctx bounds all that,
// and nothing later. The error is a *DialError.
func DialWebSocket(ctx context.Context, url string, topics []string, cfg WebSocketClientConfig) (*WebSocketClient, error) {
	var l limits
	l.count("MaxMessage", &cfg.MaxMessage, 64<<20)
	l.count("ReceiveQueue", &cfg.ReceiveQueue, 256)
	if cfg.Connect == nil {
		cfg.Connect = func(ctx context.Context, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}
	}
	if err := errors.Join(l.errs...); err != nil {
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

// connect does everything up to the end of the upgrade.
func connect(ctx context.Context, rawURL string, cfg WebSocketClientConfig) (*WebSocketClient, *DialError) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, dialError(StageConnect, DialInvalid, rootCause(err))
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
		tlsConn := tls.Client(raw, wsClientTLS(cfg.TLS, u.Hostname()))
		if err := tlsConn.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, tlsError(err)
		}
		conn = tlsConn
		u.Scheme = "ws" // for all above TLS
	} else {
		conn = &alertConn{Conn: raw}
	}
	ws, announced, failed := upgradeClient(ctx, u, conn, cfg.App)
	if failed != nil {
		raw.Close()
		return nil, failed
	}
	ws.SetReadLimit(int64(cfg.MaxMessage))
	return &WebSocketClient{ws: ws, raw: raw, announced: announced, in: newReceived(cfg.ReceiveQueue, cfg.MaxMessage)}, nil
}

func wsClientTLS(cfg *tls.Config, host string) *tls.Config {
	if cfg == nil {
		cfg = new(tls.Config)
	}
	cfg = cfg.Clone()
	if cfg.ServerName == "" {
		cfg.ServerName = host
	}
	return cfg
}

// upgradeClient does the HTTP upgrade on conn, and returns what the server says of
// itself.
func upgradeClient(ctx context.Context, u *url.URL, conn net.Conn, app string) (_ *websocket.Conn, announced string, _ *DialError) {
	header := http.Header{}
	if app != "" {
		header.Set("X-Application-Name", app)
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
		MaxResponseHeaderBytes: wsMaxHTTPHeader,
	}
	defer transport.CloseIdleConnections()
	ws, resp, err := websocket.Dial(ctx, u.String(), &websocket.DialOptions{
		HTTPClient: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		HTTPHeader:      header,
		CompressionMode: websocket.CompressionDisabled,
	})
	switch {
	case err == nil:
		return ws, resp.Header.Get(wsAnnounce), nil
	case resp != nil && resp.StatusCode != http.StatusSwitchingProtocols:
		failed := dialError(StageConnect, DialRejected, fmt.Errorf("server answered with HTTP status %s", resp.Status))
		failed.Status = resp.StatusCode
		return nil, "", failed
	case errors.Is(err, errServerTLS):
		return nil, "", dialError(StageConnect, DialTLS, errServerTLS)
	case remoteAlert(err): // TLS 1.3 refuses certificates after its handshake
		return nil, "", tlsError(fmt.Errorf("refused by the server: %w", rootCause(err)))
	case resp == nil && connectionLost(err):
		return nil, "", dialError(StageConnect, DialSocket,
			fmt.Errorf("server closed the connection during the upgrade: %w (does it expect wss?)", rootCause(err)))
	}
	return nil, "", dialError(StageConnect, DialProtocol, fmt.Errorf("not a WebSocket server: %v", rootCause(err)))
}

// subscribe sends the topics and waits for the ack.
func (c *WebSocketClient) subscribe(ctx context.Context, topics []string) *DialError {
	if err := c.ws.Write(ctx, websocket.MessageText, wsjson.AppendTopics(nil, topics)); err != nil {
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

// alertConn notices a server that answers plain text with a TLS alert.
type alertConn struct {
	net.Conn
	begun bool
}

var errServerTLS = errors.New("server speaks TLS: use wss instead of ws")

func (c *alertConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.begun {
		c.begun = true
		if p[0] == tlsAlert {
			return 0, errServerTLS
		}
	}
	return n, err
}

// socketError is a failed TCP dial.
func socketError(err error) *DialError {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return dialError(StageConnect, DialName, err)
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return dialError(StageConnect, DialRefused, err)
	}
	return dialError(StageConnect, DialSocket, err)
}

// remoteAlert reports whether err is an alert that a TLS server has sent.
func remoteAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

// tlsError is a failed TLS handshake.
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
