package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/sockowner"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// Limits of the connections with nodes that serve their agent.
const (
	socketQueue    = 64                     // messages that wait for one node
	socketTimeout  = 5 * time.Second        // for a connection, and for the sending of one message
	socketRetry    = 100 * time.Millisecond // before the second attempt; then twice as long each time,
	socketMaxRetry = 400 * time.Millisecond // up to this
	socketGrace    = 30 * time.Second       // for which a node that starts need not listen,
	socketEnd      = 2 * time.Second        // and one that has hung up, whose end may be about to be noticed
	socketHello    = 10 * time.Second       // for which a connected node need not say hello; twice as long after each time that it does not,
	socketMaxHello = 2 * time.Minute        // up to this
)

// nodeSocket is the agent's end of the WebSocket connection with one process. The
// process serves, and the agent is its client (spec zeek-launch).
//
// The socket leads to the bus of the whole cluster. A message counts only if it
// comes on the node's own topic and concerns that node alone.
type nodeSocket struct {
	node   mgmt.NodeName
	launch uint64
	port   uint16
	tls    launch.SocketTLS
	topic  string
	log    *slog.Logger
	// report sends an event to the agent's loop, in order. It blocks until the loop
	// takes the event. It returns false if the agent ends.
	report func(socketEvent) bool
	// screen checks which program listens. Another program may have the node's port by
	// now.
	screen  bus.Screen
	holders func(inode uint64) []sockowner.Process
	retries bus.RetryLog
	hello   time.Duration // socketHello
	ending  *atomic.Bool  // the process was asked to end
}

// socketEvent is something that happened on a connection.
type socketEvent struct {
	session *socketSession
	event   agent.Event // PeerAdded, FromNode, PeerLost
}

// socketSession is one connection. The core knows it as a peer.
type socketSession struct {
	peer  mgmt.PeerID
	with  launchID
	topic string
	addr  string // of the node
	out   chan zval.Value
	drop  context.CancelCauseFunc
	hello *time.Timer // drops the connection if the node does not say hello

	since          time.Time
	sent, received atomic.Uint64 // messages
}

// sample describes the connection. It ends when there is no room for a message, so it has
// lost none.
func (s *socketSession) sample() mgmt.PeerSample {
	return mgmt.PeerSample{
		Peer: string(s.with.node), Addr: s.addr, Kind: "websocket", Since: s.since, Queued: uint64(len(s.out)), Limit: uint64(cap(s.out)),
		Sent: new(s.sent.Load()), Received: new(s.received.Load()), Dropped: new(uint64(0)),
	}
}

// errSocketQueue ends a connection if too many messages wait for the node.
var errSocketQueue = fmt.Errorf("more than %d messages wait for the node", socketQueue)

// errNoHello ends a connection on which the node does not say hello. It says so once, when its
// agent connects, over the bus of the cluster. With ZeroMQ that is lost if the manager's proxy
// is not up yet. A new connection makes the node say it again.
var errNoHello = errors.New("the node does not say hello")

// send queues v. If the queue is full, it drops the connection.
func (s *socketSession) send(v zval.Value) {
	select {
	case s.out <- v:
		s.sent.Add(1)
	default:
		s.drop(errSocketQueue)
	}
}

// run keeps a connection until ctx is done. Every PeerAdded is followed by its
// PeerLost, also at the end.
func (s *nodeSocket) run(ctx context.Context) {
	s.retries = bus.RetryLog{Log: s.log.With("node", string(s.node)), With: "node"}
	quiet := time.Now().Add(socketGrace) // until then it is normal that nothing listens
	retry, hello := socketRetry, s.hello
	for n := 1; ctx.Err() == nil; n++ {
		connected, err := s.connect(ctx, n, hello)
		if ctx.Err() != nil {
			return
		}
		if hello = min(2*hello, socketMaxHello); !errors.Is(err, errNoHello) {
			hello = s.hello
		}
		if connected {
			retry, quiet = socketRetry, time.Now().Add(socketEnd)
		} else if s.ending.Load() || doesNotListen(err) && time.Now().Before(quiet) {
			s.log.Debug("node does not listen", "node", string(s.node), "err", err)
		} else {
			s.retries.Failed(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(retry):
		}
		retry = min(2*retry, socketMaxRetry)
	}
}

// doesNotListen reports whether err can come from a node that starts or ends.
// Such a node refuses connections or resets them. Who writes after the reset was read gets
// EPIPE.
func doesNotListen(err error) bool {
	failed, ok := errors.AsType[*websocket.DialError](err)
	return ok && failed.Failure == websocket.DialRefused ||
		errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE)
}

// connect makes the n-th connection, and serves it until it ends. The node has to say hello
// in time.
func (s *nodeSocket) connect(ctx context.Context, n int, hello time.Duration) (connected bool, err error) {
	url, tlsConfig, err := s.address()
	if err != nil {
		return false, err
	}
	dialCtx, cancelDial := context.WithTimeout(ctx, socketTimeout)
	var below net.Conn
	conn, err := websocket.Dial(dialCtx, url, []string{s.topic}, websocket.Config{
		App: "zeekfleet-agent",
		TLS: tlsConfig,
		Connect: func(ctx context.Context, addr string) (net.Conn, error) {
			var err error
			below, err = new(net.Dialer).DialContext(ctx, "tcp", addr)
			return below, err
		},
	})
	cancelDial()
	if err != nil {
		return false, s.heldUp(err)
	}
	defer conn.Close()
	if _, err := s.screen(addrPortOf(below.RemoteAddr()), addrPortOf(below.LocalAddr())); err != nil {
		return false, fmt.Errorf("who listens on %s is not the node: %w", below.RemoteAddr(), err)
	}
	whole := ctx
	ctx, drop := context.WithCancelCause(whole)
	defer drop(nil)
	session := &socketSession{
		peer:  mgmt.PeerID(fmt.Sprintf("%s/%d/%d", s.node, s.launch, n)),
		with:  launchID{s.node, s.launch},
		topic: s.topic,
		out:   make(chan zval.Value, socketQueue),
		drop:  drop,
		addr:  below.RemoteAddr().String(),
		since: time.Now(),
		hello: time.AfterFunc(hello, func() { drop(errNoHello) }),
	}
	defer session.hello.Stop()
	if !s.report(socketEvent{session, agent.PeerAdded{Peer: session.peer}}) {
		return true, nil
	}
	defer s.report(socketEvent{session, agent.PeerLost{Peer: session.peer}})
	ended := s.retries.Connected()
	var writer sync.WaitGroup
	defer writer.Wait()
	writer.Go(func() { session.write(ctx, conn) })
	err = s.read(ctx, conn, session)
	drop(err) // the writer's end
	ended(context.Cause(ctx), whole.Err() != nil)
	return true, context.Cause(ctx)
}

// address returns where the process listens, and how to connect. Processes of Zeek
// before 8.1, and those that an earlier zeekfleet launched, take plain text.
func (s *nodeSocket) address() (url string, cfg *tls.Config, err error) {
	cfg, err = s.tls.Config()
	if err != nil {
		return "", nil, fmt.Errorf("the record of the node's launch: %w", err)
	}
	scheme := "ws"
	if cfg != nil {
		scheme = "wss"
	}
	return scheme + "://" + netip.AddrPortFrom(launch.Loopback, s.port).String() + websocket.Path, cfg, nil
}

// heldUp adds to err who else is connected with the process, if the process did not answer
// in time. Zeek makes one TLS handshake after the other and waits for each without a limit.
// So a client that stays silent holds up the agent.
func (s *nodeSocket) heldUp(err error) error {
	failed, ok := errors.AsType[*websocket.DialError](err)
	if !ok || failed.Failure != websocket.DialTimeout || s.tls == (launch.SocketTLS{}) {
		return err
	}
	for _, socket := range sockowner.ConnectedWith(netip.AddrPortFrom(launch.Loopback, s.port)) {
		name, _ := account(socket.UID)
		for _, p := range s.holders(socket.Inode) {
			if p.PID != os.Getpid() {
				return fmt.Errorf("%w; %v of user %s is connected with that port and may hold up everyone else", err, p, name)
			}
		}
	}
	return err
}

func (s *socketSession) write(ctx context.Context, conn *websocket.Client) {
	for {
		select {
		case <-ctx.Done():
			return
		case v := <-s.out:
			sendCtx, cancel := context.WithTimeout(ctx, socketTimeout)
			err := conn.Send(sendCtx, s.topic, v)
			cancel()
			if err != nil {
				s.drop(err)
				return
			}
		}
	}
}

// read reports the messages of the node until the connection ends.
func (s *nodeSocket) read(ctx context.Context, conn *websocket.Client, session *socketSession) error {
	for {
		topic, v, err := conn.Receive(ctx)
		if err != nil {
			if isAboutMessage(err) {
				s.log.Warn("message from node not understood", "node", string(s.node), "err", err)
				continue
			}
			return err
		}
		session.received.Add(1)
		msg, err := codec.Decode(v)
		switch {
		case err != nil:
			s.log.Warn("event not understood", "node", string(s.node), "topic", topic, "err", err)
		case topic != s.topic || !s.isOwn(msg):
			s.log.Debug("message ignored: it is not the node's", "node", string(s.node), "topic", topic)
		default:
			if _, ok := msg.(mgmt.NotifyNodeHello); ok {
				session.hello.Stop()
			}
			if !s.report(socketEvent{session, agent.FromNode{Peer: session.peer, Msg: msg}}) {
				return nil
			}
		}
	}
}

// isAboutMessage reports whether an error concerns one message. The connection
// goes on then.
func isAboutMessage(err error) bool {
	if _, ok := errors.AsType[*websocket.ServerError](err); ok {
		return true
	}
	_, ok := errors.AsType[*wsjson.Error](err)
	return ok
}

// isOwn reports whether msg is a message that this node may send about itself.
func (s *nodeSocket) isOwn(msg mgmt.Message) bool {
	switch msg := msg.(type) {
	case mgmt.NotifyNodeHello:
		return msg.Node == s.node
	case mgmt.NotifyDispatches:
		return msg.Node == s.node
	case mgmt.NodeDispatchResponse:
		return msg.Result.Node == s.node
	case mgmt.ProvenResponse:
		return msg.Node == s.node
	case mgmt.NotifyNumber:
		return msg.Node == s.node
	}
	return false
}

func addrPortOf(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	return tcp.AddrPort()
}

// socketTopic returns the topic of a node that serves its agent.
func socketTopic(node mgmt.NodeName) string { return zeek.NodeTopic(zeek.AgentWebSocket, node) }
