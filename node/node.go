package node

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	corenode "github.com/zeekfleet/zeekfleet/internal/core/node"
	"github.com/zeekfleet/zeekfleet/internal/loop"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Node is a managed node of a cluster.
type Node struct {
	cfg      Config
	endpoint *bus.Endpoint // for the agent
	peers    *bus.Endpoint // for other nodes: nobody listens to what they say
}

// New returns a node. The node does nothing before Run. An error names the wrong
// field of cfg, or the file that New cannot read.
func New(cfg Config) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	busConfig, err := cfg.bus()
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", cfg.Name, err)
	}
	endpoint, err := bus.New(busConfig)
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", cfg.Name, err)
	}
	if busConfig, err = cfg.listenBus(); err != nil {
		return nil, fmt.Errorf("node %s: %w", cfg.Name, err)
	}
	peers, err := bus.New(busConfig)
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", cfg.Name, err)
	}
	return &Node{cfg: cfg, endpoint: endpoint, peers: peers}, nil
}

// Run keeps the node connected to its agent and answers the agent until ctx is done.
// It then waits until every function that it called has returned, and returns nil.
// It returns an error if it cannot listen. It may be called again after it has
// returned.
func (n *Node) Run(ctx context.Context) error {
	var ln net.Listener
	if n.cfg.Listen != "" {
		var err error
		if ln, err = new(net.ListenConfig).Listen(ctx, "tcp", n.cfg.Listen); err != nil {
			return fmt.Errorf("node %s: %w", n.cfg.Name, err)
		}
	}
	// Subscribing precedes listening and dialing, so that every handshake
	// announces the topic.
	sub := n.endpoint.Subscribe(0, n.cfg.Topic)
	running, cancel := context.WithCancelCause(ctx)
	var parts sync.WaitGroup
	defer parts.Wait()
	defer sub.Close()
	defer cancel(nil)
	parts.Go(func() {
		cancel(n.endpoint.Dial(running, n.cfg.Agent, bus.DialConfig{Transport: n.cfg.transport(), Retry: n.cfg.Retry}))
	})
	if ln != nil {
		parts.Go(func() {
			cancel(n.peers.Serve(running, ln, bus.ListenConfig{Transport: n.cfg.transport()}))
		})
	}
	n.loop(running, sub)
	if ctx.Err() == nil {
		return fmt.Errorf("node %s: %w", n.cfg.Name, context.Cause(running))
	}
	return nil
}

// loop runs the core until ctx is done.
func (n *Node) loop(ctx context.Context, sub *bus.Subscription) {
	calls := newCalls(n.cfg)
	defer calls.wait()
	core := corenode.New(corenode.Config{
		Name:     mgmt.NodeName(n.cfg.Name),
		Actions:  slices.Collect(maps.Keys(n.cfg.Dispatches)),
		MaxCalls: n.cfg.MaxCalls,
	})
	perform := func(ctx context.Context, effect corenode.Effect) (*corenode.Event, error) {
		n.perform(ctx, calls, effect)
		return nil, nil
	}
	// Run returns an error only if ctx is done, and the caller looks at ctx.
	_ = loop.New(core, perform).Run(ctx, func(due <-chan time.Time) (corenode.Event, bool) {
		select {
		case <-ctx.Done():
			return nil, false
		case <-due:
			return corenode.Tick{}, true
		case returned := <-calls.returned:
			return returned, true
		case happened := <-sub.Events():
			return n.translate(happened)
		}
	})
}

// translate turns an event of the bus into an event of the core. It returns false if
// the event does not concern the core. The agent is the peer that this node dialed.
func (n *Node) translate(happened bus.Event) (corenode.Event, bool) {
	switch ev := happened.(type) {
	case bus.PeerAdded:
		return corenode.PeerAdded{Peer: mgmt.PeerID(ev.Peer.ID)}, ev.Peer.Dialed
	case bus.PeerLost:
		return corenode.PeerLost{Peer: mgmt.PeerID(ev.Peer.ID)}, ev.Peer.Dialed
	case bus.Message:
		if !ev.From.Dialed || ev.Topic != n.cfg.Topic {
			return nil, false
		}
		msg, err := codec.Decode(ev.Value)
		if err != nil {
			n.cfg.Logger.Warn("event not understood", "peer", ev.From.ID, "topic", ev.Topic, "err", err)
			return nil, false
		}
		request, ok := msg.(mgmt.NodeDispatchRequest)
		return corenode.Received{Peer: mgmt.PeerID(ev.From.ID), Msg: request}, ok
	}
	return nil, false
}

func (n *Node) perform(ctx context.Context, calls *calls, effect corenode.Effect) {
	switch e := effect.(type) {
	case corenode.Publish:
		n.endpoint.PublishTo(string(e.Peer), n.cfg.Topic, codec.Encode(e.Msg))
	case corenode.Call:
		calls.start(ctx, e)
	case corenode.Note:
		n.cfg.Logger.Log(ctx, slog.Level(e.Level), e.Text, "peer", string(e.Peer), "reqid", string(e.ReqID))
	}
}
