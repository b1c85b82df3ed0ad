package bus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// WebSocketClientConfig is what DialWebSocket needs to know. Its zero value
// works.
type WebSocketClientConfig struct {
	// TLS is used for wss URLs. Nil verifies the server's certificate against
	// the system's authorities and the URL's host.
	TLS *tls.Config
	// App is sent as X-Application-Name, unless it is empty. Zeek takes
	// letters, digits and -/_.=:*@.
	App string
	// MaxMessage bounds the length in bytes of a message from the server; a
	// longer one ends the connection. Zero means 64 MiB.
	MaxMessage int
	// ReceiveQueue bounds the messages that have come and not been received;
	// MaxMessage bounds their bytes together. Beyond either the server is not
	// read, and its pings are not answered. Zero means 256.
	ReceiveQueue int
	// Connect opens the connection, below TLS. Nil means TCP.
	Connect func(ctx context.Context, addr string) (net.Conn, error)
}

// WebSocketClient is a connection to a WebSocket server of Zeek's API, version
// 1: ours or Zeek's. Send, Skip and Close may be called at any time, Receive by
// one goroutine at a time. A goroutine reads what comes, and so answers the
// server's pings, until the connection ends; Close waits for it.
type WebSocketClient struct {
	ws      *websocket.Conn
	raw     net.Conn // below TLS
	ack     wsjson.Ack
	in      *received
	reading sync.WaitGroup
	closing sync.Once
	// announced is what the server says of itself.
	announced string
}

// ServerError is an error message from the server. The connection goes on,
// unless the server closes it.
type ServerError struct {
	Code    string
	Context string
}

// Error returns code and context.
func (e *ServerError) Error() string { return fmt.Sprintf("server error %s: %s", e.Code, e.Context) }

// ServerClosed means that the server has closed the connection, with this close
// code and reason; code 1006 stands for one that closed without a word.
type ServerClosed struct {
	Code   int
	Reason string
}

// Error returns code and reason.
func (e *ServerClosed) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("server closed the connection with code %d", e.Code)
	}
	return fmt.Sprintf("server closed the connection with code %d: %s", e.Code, e.Reason)
}

// abnormalClosure is the code for a connection that ends without a close frame;
// it never travels (RFC 6455 section 7.4.1).
const abnormalClosure = 1006

// Endpoint returns the ID that the server has given the client.
func (c *WebSocketClient) Endpoint() string { return c.ack.Endpoint }

// Version returns what the server calls its version.
func (c *WebSocketClient) Version() string { return c.ack.Version }

// Announced returns what the server has said of itself (WebSocketConfig.Announce),
// and nothing for one of Zeek's.
func (c *WebSocketClient) Announced() string { return c.announced }

// Send publishes v on topic. An empty metadata element of an event is left out,
// as Zeek's clients do. If ctx ends before v has been written, the connection is
// lost.
func (c *WebSocketClient) Send(ctx context.Context, topic string, v zval.Value) error {
	if ev, ok := clientEvent(v); ok {
		v = ev
	}
	c.in.setSkip(false)
	if err := c.ws.Write(ctx, websocket.MessageText, wsjson.AppendMessage(nil, topic, v)); err != nil {
		return fmt.Errorf("send to server: %w", clientError(ctx, err))
	}
	return nil
}

// Skip drops what has come, and what comes before the next Send.
func (c *WebSocketClient) Skip() { c.in.setSkip(true) }

// Lost reports whether the connection has ended.
func (c *WebSocketClient) Lost() bool { return c.in.lost() }

// Receive returns the next event, and passes over messages of unknown types. A
// *ServerError and a *wsjson.Error are about one message, and Receive can be
// called again, as it can be after the end of ctx; after any other error, among
// them *ServerClosed, the connection is lost.
func (c *WebSocketClient) Receive(ctx context.Context) (topic string, v zval.Value, err error) {
	for {
		text, err := c.in.take(ctx)
		if err != nil {
			return "", zval.None(), fmt.Errorf("receive from server: %w", err)
		}
		msg, err := wsjson.Parse(text, wsjson.Limits{})
		if err != nil {
			return "", zval.None(), fmt.Errorf("message from server: %w", err)
		}
		switch msg := msg.(type) {
		case wsjson.Data:
			return msg.Topic, msg.Value, nil
		case wsjson.Failure:
			return "", zval.None(), &ServerError{Code: msg.Code, Context: msg.Context}
		}
	}
}

// read returns the next message.
func (c *WebSocketClient) read(ctx context.Context) ([]byte, error) {
	_, r, err := c.ws.Reader(ctx)
	var text []byte
	if err == nil {
		text, err = readMessage(r, nil)
	}
	if err != nil {
		return nil, clientError(ctx, err)
	}
	return text, nil
}

// readAll reads until the connection ends.
func (c *WebSocketClient) readAll(ctx context.Context) {
	for {
		text, err := c.read(ctx)
		if err != nil {
			c.in.finish(err)
			return
		}
		if !c.in.add(text) {
			c.in.finish(net.ErrClosed)
			return
		}
	}
}

// Close says goodbye, waits shortly for the server's answer, and closes the
// connection. What has been sent before reaches the server.
func (c *WebSocketClient) Close() error {
	c.closing.Do(func() {
		close(c.in.closed)
		cut := time.AfterFunc(wsCloseWait, func() { c.raw.Close() })
		defer cut.Stop()
		c.ws.Close(websocket.StatusNormalClosure, "")
		c.ws.CloseNow()
	})
	c.reading.Wait()
	return nil
}

// clientError turns an error of the framing library into ours.
func clientError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if closed, ok := errors.AsType[websocket.CloseError](err); ok {
		return &ServerClosed{Code: int(closed.Code), Reason: closed.Reason}
	}
	if connectionLost(err) {
		return &ServerClosed{Code: abnormalClosure, Reason: rootCause(err).Error()}
	}
	return rootCause(err)
}

// readMessage appends what r holds to buf.
func readMessage(r io.Reader, buf []byte) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
