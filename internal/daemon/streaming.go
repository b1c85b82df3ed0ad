package daemon

import (
	"context"
	"log/slog"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/carry"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// fleetBytes is the prefix of the topics on which streams travel: a slash and the agent's
// name follow. A peer that does not subscribe there knows no streams, and gets no message
// of any (docs/decisions/0005, 0036).
const fleetBytes = fleetTopics + "/bytes"

func bytesTopic(instance mgmt.InstanceName) string { return fleetBytes + "/" + string(instance) }

// streaming sends the streams for which controllers ask. It belongs to the goroutine of
// its run; each stream has another one.
type streaming struct {
	cfg      *AgentConfig
	endpoint *bus.Endpoint
	sub      *bus.Subscription
	topic    string
	log      *slog.Logger
	server   *carry.Server
	// standing sends those that last as long as the connection, and has kinds of its own.
	standing *carry.Server
	stands   map[mgmt.StreamKind]carry.Source
	reads    *carry.Opener // of what the agent asks of controllers
	leads    *leads
}

// newStreaming subscribes. The caller must call run. start runs a task in a goroutine for
// which somebody waits. sources and standing are different kinds.
func newStreaming(
	cfg *AgentConfig, endpoint *bus.Endpoint, sources, standing map[mgmt.StreamKind]carry.Source, reads *carry.Opener, leads *leads, start func(func()),
) (*streaming, error) {
	s := &streaming{cfg: cfg, endpoint: endpoint, topic: bytesTopic(cfg.Core.Name), log: cfg.Logger, stands: standing}
	s.reads, s.leads = reads, leads
	send := func(peer string, msg mgmt.Message) bool { return endpoint.PublishTo(peer, s.topic, codec.Encode(msg)) }
	var err error
	if s.server, err = carry.NewServer(cfg.Streams, send, sources, start); err != nil {
		return nil, err
	}
	s.standing, err = carry.NewServer(standingStreams(cfg.Streams, samplesPerPeer, samplesTotal), send, standing, start)
	if err == nil {
		s.sub = endpoint.Subscribe(0, s.topic)
	}
	return s, err
}

func (s *streaming) run(ctx context.Context) error {
	defer s.sub.Close()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case happened := <-s.sub.Events():
			switch ev := happened.(type) {
			case bus.PeerAdded:
				s.leads.heard(ev.Peer, ev.Topics)
			case bus.PeerUpdated:
				had := s.leads.peers[ev.Peer.ID]
				if is := s.leads.heard(ev.Peer, ev.Topics); had.fleet && !is.fleet || had.term > 0 && is.term == 0 {
					s.end(ev.Peer.ID) // it reads and sends none of its earlier lead
				}
			case bus.PeerLost:
				s.leads.lost(ev.Peer.ID)
				s.end(ev.Peer.ID)
			case bus.Message:
				s.message(ctx, ev)
			}
		}
	}
}

// end ends the streams with a peer.
func (s *streaming) end(id string) {
	s.server.Lost(id)
	s.standing.Lost(id)
	s.reads.Lost(func(peer string) bool { return peer == id })
}

// message hears those who may give orders to the agent.
func (s *streaming) message(ctx context.Context, m bus.Message) {
	if m.Topic != s.topic || m.From.Kind != bus.Native {
		s.log.Debug("message ignored", "peer", m.From.ID, "topic", m.Topic)
		return
	}
	msg, err := codec.Decode(m.Value)
	if err != nil {
		s.log.Warn("message about a stream is not understood", "peer", m.From.ID, "err", err)
		return
	}
	if s.reads.Take(m.From.ID, msg) {
		return
	}
	if open, ok := msg.(mgmt.StreamOpen); ok {
		why := s.cfg.barred(*m.From)
		if why == "" {
			why = s.leads.refusal(*m.From)
		}
		if why != "" {
			s.cfg.Bus.OnRefused(refusalOf(*m.From, why))
			s.endpoint.PublishTo(m.From.ID, s.topic, codec.Encode(mgmt.StreamEnd{Stream: open.Stream, Code: mgmt.StreamForbidden, Error: why}))
			return
		}
		// A controller that has dialed the agent would else be a newcomer, whose messages
		// are slowed down.
		s.endpoint.Meet(m.From.ID)
	}
	open, opens := msg.(mgmt.StreamOpen)
	_, stands := s.stands[open.Kind]
	if !opens || !stands {
		s.server.Take(ctx, m.From.ID, msg)
	}
	if !opens || stands {
		s.standing.Take(ctx, m.From.ID, msg)
	}
}
