package fakezeek

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// meetAgent begins to speak with the agent, after the time of FAKEZEEK_CONNECT.
func (n *node) meetAgent(ctx context.Context, parts *sync.WaitGroup) {
	if n.connectTime == 0 {
		n.serveAgent(ctx, parts)
		return
	}
	parts.Go(func() {
		select {
		case <-ctx.Done():
		case <-time.After(n.connectTime):
			n.serveAgent(ctx, parts)
		}
	})
}

// serveAgent does what the loaded node script does. Without a node script it does
// nothing.
func (n *node) serveAgent(ctx context.Context, parts *sync.WaitGroup) {
	a := &agentConversation{node: n, topic: mgmt.NodeTopic}
	text := n.scripts.text.String()
	if strings.Contains(text, "event Fleet::Node::API::dispatch_request(") {
		a.secret = mgmt.Secret(n.str("Fleet::Node::secret"))
	}
	switch {
	case strings.Contains(text, "Cluster::listen_websocket("):
		a.serveWebSocket(ctx, parts)
	case strings.Contains(text, "Broker::peer("):
		a.announces = true
		a.dial(ctx, parts, n.str("Fleet::Node::agent_address"), n.port("Fleet::Node::agent_port"))
	case n.loadedShipped(n.scripts, "policy/frameworks/management/node"):
		a.dial(ctx, parts, n.env("ZEEK_AGENT_ADDR"), portNumber(n.env("ZEEK_AGENT_PORT")))
	}
}

// agentConversation is the conversation with the agent.
type agentConversation struct {
	*node
	topic string
	// announces says that the node tells the agent which dispatches it has.
	announces bool
	// named says that the node answers only requests that name it. Without named it
	// also answers requests that name no node.
	named bool
	// secret is the secret of the proofs. If it is empty, the node answers requests
	// without a proof.
	secret mgmt.Secret
	number uint64 // of the last request
	// bare says that events are sent without metadata, as Cluster::publish does.
	bare bool
}

// serveWebSocket does what the node script for WebSocket does: the agent is a client
// of this node.
func (a *agentConversation) serveWebSocket(ctx context.Context, parts *sync.WaitGroup) {
	a.topic, a.announces, a.named, a.bare = fmt.Sprintf("%s/%s/", mgmt.NodeTopic, a.name), true, true, true
	port := a.port("Fleet::Node::websocket_port")
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		fmt.Fprintf(a.err, "error: zeekfleet: cannot listen on 127.0.0.1:%d/tcp for the agent\n", port)
		return
	}
	if a.takesZeroMQLogs() && !strings.Contains(a.scripts.text.String(), changesConst) {
		parts.Go(func() { a.leaveUnanswered(ctx, ln) })
		return
	}
	tls, err := a.webSocketTLS()
	if err != nil {
		// Zeek reads the files at each connection, and then refuses it.
		fmt.Fprintf(a.err, "error: zeekfleet: cannot serve with TLS: %v\n", err)
		ln.Close()
		return
	}
	sub := a.endpoint.Subscribe(0, a.topic)
	parts.Go(func() { a.loop(ctx, sub) })
	parts.Go(func() { a.endpoint.ServeWebSocket(ctx, ln, bus.WebSocketConfig{Version: a.version.String(), TLS: tls}) })
}

// leaveUnanswered is the WebSocket server of a node that receives logs with ZeroMQ.
// For each client Zeek creates another backend. That backend fails, because it binds
// the port of the logs again. The client never gets an answer.
func (a *agentConversation) leaveUnanswered(ctx context.Context, ln net.Listener) {
	context.AfterFunc(ctx, func() { ln.Close() })
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		context.AfterFunc(ctx, func() { conn.Close() })
		fmt.Fprintf(a.err, "error: ZeroMQ: Failed to bind pull socket tcp://%s: Address already in use\n", a.logAddr())
	}
}

// dial does what the node script for Broker does, ours or upstream's.
func (a *agentConversation) dial(ctx context.Context, parts *sync.WaitGroup, addr string, port uint16) {
	sub := a.endpoint.Subscribe(0, a.topic)
	parts.Go(func() { a.loop(ctx, sub) })
	parts.Go(func() {
		a.endpoint.Dial(ctx, net.JoinHostPort(addr, fmt.Sprint(port)), bus.DialConfig{
			Transport: a.brokerTransport(), Retry: time.Second,
		})
	})
}

func (a *agentConversation) loop(ctx context.Context, sub *bus.Subscription) {
	defer sub.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case ev := <-sub.Events():
			switch ev := ev.(type) {
			case bus.PeerAdded:
				if ev.Peer.Dialed || ev.Peer.Kind == bus.WebSocket {
					a.hello()
				}
			case bus.Message:
				a.answer(ev)
			}
		}
	}
}

func (a *agentConversation) hello() {
	if a.secret != "" {
		a.publish(codec.Encode(mgmt.NotifyNumber{Node: mgmt.NodeName(a.name), Number: a.number}.Prove(a.secret)))
	}
	a.publish(codec.Encode(mgmt.NotifyNodeHello{Node: mgmt.NodeName(a.name)}))
	if !a.announces {
		return
	}
	var names []zval.Value
	for _, name := range dispatchNames() {
		names = append(names, zval.String(name))
	}
	a.publish(wire.Event{
		Name: "Fleet::Node::API::notify_dispatches",
		Args: []zval.Value{zval.String(a.name), zval.Vector(names...)},
		Meta: new(zval.Vector()),
	}.Value())
}

// answer answers a request that is for this node.
func (a *agentConversation) answer(m bus.Message) {
	if m.Topic != a.topic {
		return
	}
	msg, err := codec.Decode(m.Value)
	if err != nil {
		return // an event of another script
	}
	if a.secret != "" {
		a.answerProven(msg)
		return
	}
	r, ok := msg.(mgmt.NodeDispatchRequest)
	if !ok || !slices.Contains(r.Nodes, mgmt.NodeName(a.name)) && (a.named || len(r.Nodes) > 0) {
		return
	}
	res := a.dispatch(r.Action)
	res.ReqID, res.Node = r.ReqID, mgmt.NodeName(a.name)
	a.publish(codec.Encode(mgmt.NodeDispatchResponse{ReqID: r.ReqID, Result: res}))
}

// answerProven answers a request with a valid proof.
func (a *agentConversation) answerProven(msg mgmt.Message) {
	r, ok := msg.(mgmt.ProvenRequest)
	if !ok || r.Node != mgmt.NodeName(a.name) || !r.IsProven(a.secret) {
		return
	}
	answer := mgmt.ProvenResponse{Node: r.Node, ReqID: r.ReqID, Text: "the request was made before"}
	if r.Number > a.number {
		a.number = r.Number
		res := a.dispatch(r.Action)
		answer.Success, answer.Text = res.Success, res.Error
		if text, ok := res.Data.(mgmt.Text); ok {
			answer.Text = string(text)
		}
	}
	a.publish(codec.Encode(answer.Prove(a.secret)))
}

func (a *agentConversation) publish(v zval.Value) {
	if e, err := wire.ParseEvent(v); err == nil && a.bare {
		e.Meta = nil
		v = e.Value()
	}
	a.endpoint.Publish(a.topic, v)
}
