package bus

import (
	"context"
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
}

// acceptPause is waited when the process has no room for another connection.
const acceptPause = 100 * time.Millisecond

// Serve accepts native peers on ln until ctx is done. It closes ln, says goodbye
// to the peers, and returns only when everything it started has ended: ctx's
// cause, or why ln failed.
func (e *Endpoint) Serve(ctx context.Context, ln net.Listener, cfg ListenConfig) error {
	a := acceptor{endpoint: e, transport: cfg.Transport}
	if cfg.Transport != TransportPlain {
		var err error
		if a.config, err = serverTLS(e.cfg.TLS); err != nil {
			ln.Close()
			return err
		}
	}
	var peers sync.WaitGroup
	defer peers.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	peers.Go(func() {
		<-ctx.Done()
		ln.Close() // unblocks Accept
	})
	strangers := newPendingConns(e.cfg.MaxHandshakes)
	refusals := refusals{limit: e.cfg.MaxHandshakes}
	for {
		conn, err := accept(ctx, ln)
		if err != nil {
			return err
		}
		peers.Go(func() { e.serveConn(ctx, conn, a, strangers, &refusals) })
	}
}

// accept waits for a connection, however often the system has no room for it.
func accept(ctx context.Context, ln net.Listener) (net.Conn, error) {
	for {
		conn, err := ln.Accept()
		if err == nil {
			return conn, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if !passing(err) {
			return nil, fmt.Errorf("accept on %s: %w", ln.Addr(), err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(acceptPause):
		}
	}
}

// passing reports whether accepting may work again later.
func passing(err error) bool {
	for _, errno := range []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED,
	} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// serveConn has one accepted connection from its handshake to its end.
func (e *Endpoint) serveConn(ctx context.Context, conn net.Conn, a acceptor, s *pendingConns, r *refusals) {
	addr := addrPort(conn.RemoteAddr())
	log := e.log.With("peer", conn.RemoteAddr().String())
	caller, denied := e.screen(conn)
	if denied != nil && !a.mutual(conn) {
		conn.Close()
		r.refused(log, addr.Addr(), denied)
		return
	}
	shaking, known := s.enter(ctx, addr.Addr())
	p, err := e.establish(shaking, conn, wire.Acceptor, caller.Own, a.opener(caller.Local && denied == nil))
	known()
	switch {
	case errors.Is(err, errProbe): // of a load balancer, or a scan
		log.Debug("connection opened and closed")
		return
	case err != nil:
		if ctx.Err() == nil {
			r.refused(log, addr.Addr(), err)
		}
		return
	}
	r.accepted(addr.Addr())
	log.Info("peer connected", "id", p.remote.String())
	err = e.runPeering(ctx, p, Peer{Addr: addr, Caller: caller})
	log.Info("peer disconnected", "id", p.remote.String(), endKey(err), err)
}

// endKey returns what the end of a peering is called in the log: an error, unless
// one of the two sides has gone in peace.
func endKey(err error) string {
	switch err {
	case ErrPeerClosed, ErrClosed, context.Canceled:
		return "why"
	}
	return "err"
}
