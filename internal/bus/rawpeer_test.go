package bus_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// Endpoint IDs. Of two endpoints, the one with the smaller ID is the originator. The
// endpoint under test has middleID.
var (
	smallID  = bus.ID{0x11, 6: 0x40, 8: 0x80}
	middleID = bus.ID{0x22, 6: 0x40, 8: 0x80}
	largeID  = bus.ID{0x33, 6: 0x40, 8: 0x80}
)

// rawPeer is a peer that does what a test tells it, frame by frame.
type rawPeer struct {
	t    testing.TB
	conn io.ReadWriteCloser
	id   bus.ID
}

// connectRaw connects a raw peer to ln. The peer sends nothing.
func connectRaw(t testing.TB, ln *pipeListener, id bus.ID) *rawPeer {
	return newRawPeer(t, ln.dial(), id)
}

func newRawPeer(t testing.TB, conn io.ReadWriteCloser, id bus.ID) *rawPeer {
	t.Cleanup(func() { conn.Close() })
	return &rawPeer{t: t, conn: conn, id: id}
}

// connectPeer connects a raw peer, completes its handshake, and waits until the endpoint
// has finished the handshake, too. It needs a synctest bubble.
func connectPeer(t testing.TB, ln *pipeListener, id bus.ID, prefixes ...string) *rawPeer {
	t.Helper()
	p := connectRaw(t, ln, id)
	p.shake(wire.Dialer, prefixes...)
	synctest.Wait()
	return p
}

// shake completes a handshake.
func (p *rawPeer) shake(role wire.Role, prefixes ...string) {
	p.t.Helper()
	h := wire.NewHandshake(role, p.id)
	p.send(h.Open())
	for {
		step, err := h.Feed(p.read())
		if err != nil {
			p.t.Fatalf("handshake: %v", err)
		}
		p.send(step.Send)
		if step.Claim {
			p.send(h.Accept(wire.NewFilter(prefixes...)))
		}
		if step.Established {
			return
		}
	}
}

// say sends a handshake message.
func (p *rawPeer) say(m wire.HandshakeMessage) {
	p.t.Helper()
	p.send(wire.AppendHandshake(nil, m))
}

// hello introduces the peer.
func (p *rawPeer) hello() {
	p.t.Helper()
	p.say(wire.Hello{ID: p.id, MinVersion: 1, MaxVersion: 1})
}

func (p *rawPeer) send(frames []byte) {
	p.t.Helper()
	if len(frames) == 0 {
		return
	}
	if _, err := p.conn.Write(frames); err != nil {
		p.t.Fatalf("send %x: %v", frames, err)
	}
}

// read reads a message, without its length.
func (p *rawPeer) read() []byte {
	p.t.Helper()
	return readFrame(p.t, p.conn)[4:]
}

// hears reads a handshake message, which must be this one.
func (p *rawPeer) hears(want wire.HandshakeMessage) {
	p.t.Helper()
	if got := p.read(); !bytes.Equal(got, wire.AppendHandshake(nil, want)[4:]) {
		m, err := wire.DecodeHandshake(got)
		p.t.Fatalf("heard %T %+v, %v; want %T %+v", m, m, err, want, want)
	}
}

// message reads a node message of this type.
func (p *rawPeer) message(typ wire.Type) wire.Message {
	p.t.Helper()
	m, err := wire.DecodeMessage(p.read())
	if err != nil || m.Type != typ {
		p.t.Fatalf("got message %+v, %v; want type %d", m, err, typ)
	}
	return m
}

// pong answers the ping that comes next.
func (p *rawPeer) pong() {
	p.t.Helper()
	p.send(wire.AppendPong(nil, p.id, p.message(wire.TypePing)))
}

// data returns the frame of a message of this peer.
func (p *rawPeer) data(topic string, v zval.Value) []byte {
	return dataFrame(p.id, bus.ID{}, topic, v)
}

// gone waits for the end of the connection.
func (p *rawPeer) gone() {
	p.t.Helper()
	rest, err := io.ReadAll(p.conn)
	if len(rest) > 0 || err != nil && !errors.Is(err, io.EOF) {
		p.t.Fatalf("got %x, %v; want the end of the connection", rest, err)
	}
}

// servePipe runs e's native listener on a pipe.
func servePipe(t testing.TB, e *bus.Endpoint) (ln *pipeListener, stop func() error) {
	t.Helper()
	ln = newPipeListener()
	return ln, background(t, func(ctx context.Context) error {
		return e.Serve(ctx, ln, bus.ListenConfig{Transport: bus.TransportPlain})
	})
}
