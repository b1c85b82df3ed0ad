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
	upgrading chan struct{} // holds a token for each connection that is not upgraded yet
	clients   chan struct{} // holds a token for each that is
}

// ServeWebSocket serves Zeek's WebSocket API, version 1, on ln until ctx is
// done; then each client gets what is queued for it and close code 1001. It
// closes ln, returns ctx's cause, and leaves nothing running.
//
// The protocol is that of spec websocket, with the differences of its section
// 19: a client whose topic array is refused is closed, HTTP errors are complete,
// and no client waits for another. Each client is a peer: its ID is that of its
// ack, which counts the WebSocket connections of this endpoint.
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
		upgrading: make(chan struct{}, cfg.MaxClients),
		clients:   make(chan struct{}, cfg.MaxClients),
	}
	var conns sync.WaitGroup
	defer conns.Wait() // deferred before cancel, so it runs after it
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { ln.Close() }) // unblocks Accept
	defer stop()

	for {
		conn, err := accept(ctx, ln)
		if err != nil {
			return err
		}
		s.start(ctx, &conns, conn)
	}
}

// start serves conn in a goroutine of conns, unless too many are upgrading.
func (s *wsServer) start(ctx context.Context, conns *sync.WaitGroup, conn net.Conn) {
	n := s.e.websockets.Add(1) - 1
	select {
	case s.upgrading <- struct{}{}:
		conns.Go(func() { s.serve(ctx, conn, fmt.Sprintf("%s-websocket-%d", s.e.id, n)) })
	default:
		conn.Close()
		s.log.Warn("websocket connection closed: too many are upgrading", "peer", conn.RemoteAddr())
	}
}

// serve takes one connection from its first byte to its end. It releases the
// token in s.upgrading.
func (s *wsServer) serve(ctx context.Context, raw net.Conn, id string) {
	defer raw.Close()
	abort := context.AfterFunc(ctx, func() { raw.Close() })
	caller, denied := s.e.screen(raw)
	up, err := s.upgrade(raw, denied)
	<-s.upgrading
	if err == nil {
		defer func() { <-s.clients }()
	}
	if !abort() {
		return // stopping: the connection is closed already
	}
	if err != nil {
		s.logEnd("websocket upgrade refused", raw.RemoteAddr().String(), err)
		return
	}
	c, err := newWSConn(s, raw, up, Peer{
		ID: id, Kind: WebSocket, Addr: addrPort(raw.RemoteAddr()), App: up.app, Origin: up.origin,
		Caller: caller, Certificate: clientCertificate(up.conn),
	})
	if err != nil {
		s.log.Error("websocket upgrade not completed", "peer", id, "err", err)
		return
	}
	s.logEnd("websocket client gone", id, c.run(ctx, up))
}

// logEnd logs why a connection has ended: aloud only if that is not an everyday
// matter.
func (s *wsServer) logEnd(msg, peer string, err error) {
	end, ok := errors.AsType[*wsEnd](err)
	if errors.Is(err, errProbe) || ok && end.usual {
		s.log.Debug(msg, "peer", peer, "why", err)
		return
	}
	s.log.Warn(msg, "peer", peer, "err", err)
}
