package bus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// ListenConfig says what a native listener takes.
type ListenConfig struct {
	// Transport is what peers may use. Zero means TransportAuto.
	Transport Transport
	// Certificate is the certificate that peers are shown if Config.TLS is not set, so
	// that peers who know its authority can verify it. If it is nil or returns nil, the
	// listener makes a certificate for itself. Neither demands a certificate of peers.
	Certificate func() *tls.Certificate
}

// acceptPause is the wait after an accept that has failed because the system or
// the process has no room for another connection.
const acceptPause = 100 * time.Millisecond

// Serve accepts native peers on ln until ctx is done. Then it closes ln, says
// goodbye to the peers, and returns when every goroutine that it started has ended.
// It returns ctx's cause, or the error of ln.
func (e *Endpoint) Serve(ctx context.Context, ln net.Listener, cfg ListenConfig) error {
	a, err := newAcceptor(e, cfg)
	if err != nil {
		ln.Close()
		return err
	}
	var peers sync.WaitGroup
	defer peers.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	peers.Go(func() {
		<-ctx.Done()
		ln.Close() // unblocks Accept
	})
	pending := newPendingConns(e.cfg.MaxHandshakes)
	refusals := refusals{limit: e.cfg.MaxHandshakes}
	for {
		pending.room(ctx)
		conn, err := accept(ctx, ln)
		if err != nil {
			return err
		}
		handshake, leave := pending.enter(ctx, addrPort(conn.RemoteAddr()).Addr()) // before room is asked again
		peers.Go(func() { e.serveConn(ctx, conn, a, handshake, leave, &refusals) })
	}
}

// accept waits for a connection. While the system or the process has no room for
// one, accept tries again.
func accept(ctx context.Context, ln net.Listener) (net.Conn, error) {
	for {
		conn, err := ln.Accept()
		if err == nil {
			return conn, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if !mayPass(err) {
			return nil, fmt.Errorf("accept on %s: %w", ln.Addr(), err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(acceptPause):
		}
	}
}

// mayPass reports whether accepting may work again later.
func mayPass(err error) bool {
	for _, errno := range []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED,
	} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// serveConn serves one accepted connection, from its handshake to its end. handshake is the context
// of the handshake; serveConn calls leave when the handshake has ended.
func (e *Endpoint) serveConn(ctx context.Context, conn net.Conn, a acceptor, handshake context.Context, leave func(), r *refusals) {
	steady(conn)
	addr := addrPort(conn.RemoteAddr())
	log := e.log.With("peer", conn.RemoteAddr().String())
	caller, denied := e.screen(conn)
	if !a.hears(denied) {
		leave()
		conn.Close()
		r.refused(log, addr.Addr(), denied)
		e.report(BrokerListener, sourceOf(conn, caller), denied)
		return
	}
	p, err := e.establish(handshake, conn, wire.Acceptor, caller.Own, a.opener(caller, denied))
	leave()
	switch {
	case errors.Is(err, errProbe), errors.Is(err, errHungUp): // a load balancer or a port scan does that, or one of thousands
		log.Debug("connection opened and closed")
		return
	case err != nil:
		if ctx.Err() == nil {
			r.refused(log, addr.Addr(), err)
		}
		if ctx.Err() == nil && !isRedundant(err) {
			e.report(BrokerListener, sourceOf(conn, caller), err)
		}
		return
	}
	r.accepted(addr.Addr())
	log.Info("peer connected", "id", p.remote.String())
	err = e.runPeering(ctx, p, Peer{Addr: addr, Caller: caller, Denied: denied})
	log.Info("peer disconnected", "id", p.remote.String(), endKey(err), err)
}

// endKey returns the log's key for the reason of a peering's end. The key is "why"
// if one of the two sides has said goodbye, and "err" otherwise.
func endKey(err error) string {
	switch err {
	case ErrPeerClosed, ErrClosed, context.Canceled:
		return "why"
	}
	return "err"
}
