package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
)

// wsServer is one call of ServeWebSocket.
type wsServer struct {
	e         *Endpoint
	cfg       WebSocketConfig
	log       *slog.Logger
	upgrading [2]*pendingConns // upgrades that have not finished: of others, and of callers with Own
	http      [2]*pendingConns // connections that HTTP has: of others, and of callers with Own
	clients   seats            // of the clients whose upgrade has succeeded
}

// ServeWebSocket serves Zeek's WebSocket API, version 1, on ln until ctx is done.
// Then it closes ln, and each client gets its queued messages and close code 1001.
// ServeWebSocket returns ctx's cause, or the error of ln, when every goroutine that
// it started has ended.
//
// The protocol is that of spec websocket, with the differences of its section 19: a
// client whose topics are refused is closed, HTTP errors are complete, and no client
// waits for another. Each client is a peer. Its ID is the endpoint in its ack, which
// ends with the number of the connection.
func (e *Endpoint) ServeWebSocket(ctx context.Context, ln net.Listener, cfg WebSocketConfig) error {
	defer ln.Close()
	cfg, err := cfg.withDefaults()
	if err != nil {
		return fmt.Errorf("websocket config: %w", err)
	}
	s := &wsServer{
		e:         e,
		cfg:       cfg,
		log:       e.log,
		upgrading: [2]*pendingConns{newPendingConns(cfg.MaxClients), newPendingConns(cfg.MaxClients)},
		http:      [2]*pendingConns{newPendingConns(cfg.MaxHTTP), newPendingConns(cfg.MaxHTTP)},
		clients:   seats{limit: cfg.MaxClients, reserved: cfg.ReservedClients, idleAfter: e.cfg.IdleAfter},
	}
	var conns sync.WaitGroup
	defer conns.Wait() // deferred before cancel, so it runs after cancel
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { ln.Close() }) // unblocks Accept
	defer stop()

	for {
		conn, err := accept(ctx, ln)
		if err != nil {
			return err
		}
		n := s.e.websockets.Add(1) - 1
		conns.Go(func() { s.serve(ctx, conn, fmt.Sprintf("%s-websocket-%d", s.e.id, n)) })
	}
}

// serve serves one connection, from its first byte to its end.
func (s *wsServer) serve(ctx context.Context, raw net.Conn, id string) {
	defer raw.Close()
	abort := context.AfterFunc(ctx, func() { raw.Close() })
	self := Peer{ID: id, Kind: WebSocket, Addr: addrPort(raw.RemoteAddr())}
	self.Caller, self.Denied = s.e.screen(raw)
	up, err := s.upgradeInTurn(ctx, raw, self)
	if up.seat != nil {
		defer s.clients.leave(&up.seat.seat)
	}
	if !abort() {
		return // stopping: the connection is closed already
	}
	if err != nil {
		s.logEnd("websocket upgrade refused", raw.RemoteAddr().String(), err)
		if !errors.Is(err, errProbe) {
			s.e.report(WebSocketListener, sourceOf(raw, self.Caller), err)
		}
		return
	}
	if up.http != nil {
		s.handOver(ctx, up)
		return
	}
	c, err := newWSClient(s, raw, up)
	if err != nil {
		s.log.Error("websocket upgrade not completed", "peer", id, "err", err)
		return
	}
	s.logEnd("websocket client gone", id, c.run(ctx, up))
}

// upgradeInTurn is upgrade for one of a limited number of connections that are
// upgrading; see pendingConns.
func (s *wsServer) upgradeInTurn(ctx context.Context, raw net.Conn, self Peer) (wsUpgraded, error) {
	turn, leave := listFor(s.upgrading, self).enter(ctx, self.Addr.Addr())
	defer leave()
	stop := closeWith(turn, raw)
	up, err := s.upgrade(turn, raw, self)
	if !stop() && ctx.Err() == nil {
		err = errCrowdedOut
	}
	return up, err
}

// listFor returns the one of two lists to which a connection belongs.
func listFor(lists [2]*pendingConns, of Peer) *pendingConns {
	if of.Caller.Own {
		return lists[1]
	}
	return lists[0]
}

// logEnd logs why a connection has ended. It is a warning if an operator should look
// at it.
func (s *wsServer) logEnd(msg, peer string, err error) {
	end, ok := errors.AsType[*wsEnd](err)
	if errors.Is(err, errProbe) || ok && end.usual {
		s.log.Debug(msg, "peer", peer, "why", err)
		return
	}
	s.log.Warn(msg, "peer", peer, "err", err)
}
