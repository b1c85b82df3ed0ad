package bus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// dialerPatience is how many times as long as HandshakeTimeout a side waits that dials.
const dialerPatience = 3

// maxHandshakeWrites is more than a handshake ever sends.
const maxHandshakeWrites = 8

// errHandshakeTimeout ends a connection that is not established in time.
var errHandshakeTimeout = errors.New("handshake takes too long")

// peering is a connection whose handshake has succeeded.
type peering struct {
	conn, raw net.Conn // raw is conn, or what is below its TLS
	verdict   verdict  // of the TLS handshake
	frames    *frameReader
	remote    ID
	filter    wire.Filter // of the peer
	announced uint64      // version of our filter that the peer knows
	claim     *claim      // the owner of the peering releases it
	own       bool        // it may have a reserved seat
}

// handshake does the handshake on conn. The end of ctx must close conn, or else
// handshake does not return.
func (e *Endpoint) handshake(ctx context.Context, conn net.Conn, role wire.Role, own bool) (*peering, error) {
	p := &peering{conn: conn, frames: newFrameReader(conn), own: own}
	// Both sides begin by sending. So reading must not wait for writing.
	out := make(chan []byte, maxHandshakeWrites)
	var writer sync.WaitGroup
	var writeErr error
	writer.Go(func() {
		for b := range out {
			if _, err := conn.Write(b); err != nil && writeErr == nil {
				writeErr = err
			}
		}
	})
	err := e.shakeHands(ctx, p, wire.NewHandshake(role, e.id), out)
	close(out)
	writer.Wait()
	if err == nil && writeErr != nil {
		err = readError(writeErr)
	}
	if err != nil && p.claim != nil {
		p.claim.release()
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// shakeHands does handshake h. If it succeeds, p has its claim. If it fails, p may
// have its claim.
func (e *Endpoint) shakeHands(ctx context.Context, p *peering, h *wire.Handshake, out chan<- []byte) error {
	out <- h.Open()
	for {
		message, err := p.frames.next(wire.MaxHandshakeFrame)
		if err != nil {
			return err
		}
		step, err := h.Feed(message)
		if step.Send != nil {
			out <- step.Send
		}
		switch {
		case err != nil:
			return err
		case step.Claim:
			if p.claim, err = e.claim(ctx, h, p.own); err != nil {
				if r, ok := errors.AsType[*refusal](err); ok {
					out <- h.Refuse(r.code, r.text)
				}
				return err
			}
			t := e.hub.table.Load()
			p.announced = t.version
			out <- h.Accept(t.filter)
		case step.Established:
			p.remote, p.filter = h.Remote(), h.RemoteFilter()
			return nil
		}
	}
}

// establish makes a peering of a new connection within HandshakeTimeout, or three times that if
// this side has dialed. open does
// the TLS handshake, if the connection is TLS. own says that the connection may
// have a reserved seat. If establish returns an error, the connection is closed.
func (e *Endpoint) establish(ctx context.Context, raw net.Conn, role wire.Role, own bool, open func(context.Context, net.Conn) (secured, error)) (*peering, error) {
	bound := e.cfg.HandshakeTimeout
	if role == wire.Dialer {
		bound *= dialerPatience
	}
	ctx, cancel := context.WithTimeoutCause(ctx, bound, errHandshakeTimeout)
	defer cancel()
	stop := closeWith(ctx, raw)
	conn, err := open(ctx, raw)
	var p *peering
	if err == nil {
		p, err = e.handshake(ctx, conn.Conn, role, own)
	}
	if !stop() && err == nil {
		p.claim.release()
		err = context.Cause(ctx)
	}
	if err != nil {
		raw.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx) // it says more than that the connection was closed
		}
		return nil, err
	}
	p.raw, p.verdict = raw, conn.verdict
	return p, nil
}

// closeWith closes conn when ctx ends, unless stop was called before. stop reports
// whether it has kept conn open.
func closeWith(ctx context.Context, conn net.Conn) (stop func() bool) {
	closed := make(chan struct{})
	undo := context.AfterFunc(ctx, func() {
		conn.Close()
		close(closed)
	})
	return func() bool {
		if undo() {
			return true
		}
		<-closed
		return false
	}
}

// runPeering exchanges messages until the connection ends, and returns why it has
// ended. When ctx ends, runPeering says goodbye to the peer. It fills in the fields
// of info that are known from the handshake.
func (e *Endpoint) runPeering(ctx context.Context, p *peering, info Peer) error {
	defer p.claim.release()
	info.ID, info.Kind = p.remote.String(), Native
	p.verdict.describe(&info)
	l := &nativeLink{
		endpoint: e,
		conn:     p.conn,
		raw:      p.raw,
		info:     info,
		remote:   p.remote,
		queue:    newSendQueue(e.cfg.SendQueue, e.cfg.SendQueueBytes),
		ending:   linkEnding{done: make(chan struct{})},
	}
	l.filter.Store(&p.filter)
	l.allowance.of = &e.pacer
	l.allowance.known.Store(info.Dialed)
	l.seat = seat{own: p.own, known: &l.allowance.known, drop: l.close, since: time.Now()}
	l.queue.announce = p.announced
	l.unsent = e.unsent.newShare(l.close)
	defer l.unsent.end()
	p.claim.established(l)

	// life ends when delivering to subscriptions must stop. It outlives ctx: the peer
	// may send until it has answered the goodbye.
	life, end := context.WithCancelCause(context.WithoutCancel(ctx))
	var helpers sync.WaitGroup
	defer helpers.Wait()
	said := make(chan struct{})
	unsaid := context.AfterFunc(ctx, func() {
		defer close(said)
		l.sayGoodbye(ctx, life, end)
	})
	defer func() {
		if !unsaid() {
			<-said
		}
	}()
	defer end(nil)
	helpers.Go(l.write)

	if err := e.hub.join(life, l); err != nil {
		l.close(err)
		return l.err()
	}
	r := &reader{link: l, frames: p.frames, large: e.large.newShare(l.close), topics: map[string]string{}}
	defer r.large.end()
	l.close(r.read(life))
	r.ignored.log(e.log, info.ID)
	e.hub.leave(life, l, l.err())
	return l.err()
}

// sayGoodbye says goodbye to the peer when ctx has ended. If the peer does not answer within
// GoodbyeTimeout, sayGoodbye closes the link and ends life. It returns when life has ended.
func (l *nativeLink) sayGoodbye(ctx, life context.Context, end context.CancelCauseFunc) {
	l.goodbye()
	timer := time.NewTimer(l.endpoint.cfg.GoodbyeTimeout)
	defer timer.Stop()
	select {
	case <-life.Done():
	case <-timer.C:
		l.close(fmt.Errorf("%w: no answer to its goodbye", ErrClosed))
		end(context.Cause(ctx))
	}
}

// addrPort returns addr as an AddrPort. It returns the zero AddrPort if addr is no
// TCP address.
func addrPort(addr net.Addr) netip.AddrPort {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
