package websocket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	framing "github.com/coder/websocket"

	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// Client is a connection to a server. Send, Skip and Close may be called at any
// time, Receive by one goroutine at a time.
type Client struct {
	ws        *framing.Conn
	raw       net.Conn // below TLS
	ack       wsjson.Ack
	in        *received
	reading   sync.WaitGroup
	closing   sync.Once
	announced string
	onMessage func(sent bool, text []byte)
}

// ServerError is an error message from the server. The connection goes on,
// unless the server closes it.
type ServerError struct {
	Code    string
	Context string
}

// Error returns code and context.
func (e *ServerError) Error() string { return fmt.Sprintf("server error %s: %s", e.Code, e.Context) }

// ServerClosed means that the server has closed the connection with this close
// code and reason. Code 1006 means that the connection ended without a close
// frame.
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

// abnormalClosure is the code for a connection that ends without a close frame.
// The code is never sent (RFC 6455 section 7.4.1).
const abnormalClosure = 1006

// Endpoint returns the ID that the server has given the client.
func (c *Client) Endpoint() string { return c.ack.Endpoint }

// Version returns the version that the server has stated in its ack.
func (c *Client) Version() string { return c.ack.Version }

// Announced returns the value of the ServerHeader. It is empty for a server of
// Zeek.
func (c *Client) Announced() string { return c.announced }

// Send publishes v on topic. If v is an event with an empty metadata element,
// Send leaves the element out, as Zeek's clients do. If ctx ends before v has
// been written, the connection is lost.
func (c *Client) Send(ctx context.Context, topic string, v zval.Value) error {
	if ev, ok := Event(v); ok {
		v = ev
	}
	c.in.setSkip(false)
	if err := c.write(ctx, wsjson.AppendMessage(nil, topic, v)); err != nil {
		return fmt.Errorf("send to server: %w", clientError(ctx, err))
	}
	return nil
}

func (c *Client) write(ctx context.Context, text []byte) error {
	c.onMessage(true, text)
	return c.ws.Write(ctx, framing.MessageText, text)
}

// Skip drops all messages that have arrived, and all that arrive before the next
// Send.
func (c *Client) Skip() { c.in.setSkip(true) }

// Keep ends Skip: Receive returns the messages that arrive from now on.
func (c *Client) Keep() { c.in.setSkip(false) }

// Watch watches until stop is called, or ctx is done, whether the server lives. If it does not answer a ping within
// most, the connection is lost, with the error ErrSilent.
func (c *Client) Watch(ctx context.Context, every, most time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var next *time.Timer
	ready := make(chan struct{})
	next = time.AfterFunc(every, func() {
		<-ready
		pong, late := context.WithTimeoutCause(ctx, most, ErrSilent)
		defer late()
		switch c.ws.Ping(pong); {
		case ctx.Err() != nil:
		case errors.Is(context.Cause(pong), ErrSilent):
			c.in.fail(ErrSilent)
			c.raw.Close()
		default:
			next.Reset(every)
		}
	})
	close(ready)
	return func() { next.Stop(); cancel() }
}

// ErrSilent says that a server does not answer any more.
var ErrSilent = errors.New("the controller is silent, and whether it has done what was asked is not known: look before you ask again")

// Lost reports whether the connection has ended.
func (c *Client) Lost() bool { return c.in.lost() }

// Receive returns the next event. It ignores messages of unknown types.
//
// A *ServerError and a *wsjson.Error are about one message. After such an error,
// and after the end of ctx, Receive can be called again. After any other error,
// among them *ServerClosed, the connection is lost.
func (c *Client) Receive(ctx context.Context) (topic string, v zval.Value, err error) {
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

// read reads the next message from the connection.
func (c *Client) read(ctx context.Context) ([]byte, error) {
	_, r, err := c.ws.Reader(ctx)
	var text []byte
	if err == nil {
		text, err = ReadMessage(r, nil)
	}
	if err != nil {
		return nil, clientError(ctx, err)
	}
	c.onMessage(false, text)
	return text, nil
}

// readAll fills the receive queue until the connection ends.
func (c *Client) readAll(ctx context.Context) {
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

// Close sends a close frame, waits CloseWait for the server's reply, and closes
// the connection. Messages that were sent before reach the server.
func (c *Client) Close() error {
	c.closing.Do(func() {
		close(c.in.closed)
		cut := time.AfterFunc(CloseWait, func() { c.raw.Close() })
		defer cut.Stop()
		c.ws.Close(framing.StatusNormalClosure, "")
		c.ws.CloseNow()
	})
	c.reading.Wait()
	return nil
}

// clientError turns an error of the framing library into one of this package.
func clientError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if closed, ok := errors.AsType[framing.CloseError](err); ok {
		return &ServerClosed{Code: int(closed.Code), Reason: closed.Reason}
	}
	if ConnectionLost(err) {
		return &ServerClosed{Code: abnormalClosure, Reason: RootCause(err).Error()}
	}
	return RootCause(err)
}
