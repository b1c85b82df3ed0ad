package daemon

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/carry"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// fleetBundles is the topic whose subscription says that a controller has streams of
// bundles. Nothing is sent on it.
const fleetBundles = fleetTopics + "/bundles/"

// BundleArchives has the archives of bundles. Any goroutine may call it.
type BundleArchives interface {
	// Archive opens the archive of a bundle. If there is none, the error is
	// fs.ErrNotExist.
	Archive(mgmt.BundleHash) (io.ReadSeekCloser, error)
}

// bundleStreams bounds the streams that a controller sends to agents. An agent opens two at
// a time, and one for the list of what is needed.
func bundleStreams(cfg carry.Config) carry.Config {
	cfg.Gentle, cfg.Sender, cfg.PerPeer, cfg.Total = true, "controller", bundlesAtOnce+1, bundleStreamsInAll
	return cfg
}

const (
	bundlesAtOnce      = 2
	bundleStreamsInAll = 2000
)

// bundleServing sends bundles to agents.
type bundleServing struct {
	controller *Controller
	server     *carry.Server
}

func (c *Controller) newBundleServing(f *fetching, start func(func())) (*bundleServing, error) {
	s := &bundleServing{controller: c}
	sources := map[mgmt.StreamKind]carry.Source{mgmt.StreamBundle: s.bundle, mgmt.StreamBundles: s.needed}
	var err error
	s.server, err = carry.NewServer(bundleStreams(c.cfg.Streams), f.send, sources, start)
	return s, err
}

// take takes a message about a stream that an agent reads. It reports whether the message
// is one. Only the agent that the core has for an instance may open streams.
func (s *bundleServing) take(ctx context.Context, from bus.Peer, instance mgmt.InstanceName, msg mgmt.Message) bool {
	if s == nil {
		return false
	}
	peer := streamPeer(mgmt.PeerID(from.ID), instance)
	switch msg := msg.(type) {
	case mgmt.StreamOpen:
		if why := s.refusal(ctx, from, instance); why != "" {
			s.controller.port.fetching.Load().send(peer, mgmt.StreamEnd{Stream: msg.Stream, Code: mgmt.StreamForbidden, Error: why})
			return true
		}
	case mgmt.StreamCredit, mgmt.StreamCancel:
	default:
		return false
	}
	s.server.Take(ctx, peer, msg)
	return true
}

func (s *bundleServing) refusal(ctx context.Context, from bus.Peer, instance mgmt.InstanceName) string {
	snap, err := s.controller.Snapshot(ctx)
	if err != nil {
		return "the controller ends"
	}
	if in := snap.Instance(instance); in == nil || in.Peer != mgmt.PeerID(from.ID) || in.Standing == mgmt.Incompatible {
		return fmt.Sprintf("this is not the agent of instance %.100q", string(instance))
	}
	return ""
}

// lost ends the streams of a peer that is gone.
func (s *bundleServing) lost(id string) {
	if s != nil {
		s.server.LostAll(func(peer string) bool { return strings.HasPrefix(peer, id+" ") })
	}
}

// bundle writes the archive of a bundle.
func (s *bundleServing) bundle(ctx context.Context, parameters []byte, to *carry.Writer) error {
	var query mgmt.BundleQuery
	if err := json.Unmarshal(parameters, &query); err != nil || query.Hash.Check() != nil || query.Offset < 0 {
		return &mgmt.StreamError{Code: mgmt.StreamInvalid, Text: "the parameters are not those of a bundle"}
	}
	archive, err := s.controller.cfg.Bundles.Archive(query.Hash)
	if errors.Is(err, fs.ErrNotExist) {
		return &mgmt.StreamError{Code: mgmt.StreamNotFound, Text: fmt.Sprintf(
			"the controller does not have the content %s; push it again (zeekfleet bundle push)", query.Hash.Short())}
	}
	if err != nil {
		return fmt.Errorf("open the archive %s: %w", query.Hash.Short(), err)
	}
	defer archive.Close()
	size, err := archive.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if query.Offset > size {
		return &mgmt.StreamError{Code: mgmt.StreamInvalid, Text: fmt.Sprintf("the archive %s has %d bytes, and none from %d on", query.Hash.Short(), size, query.Offset)}
	}
	if _, err := archive.Seek(query.Offset, io.SeekStart); err != nil {
		return err
	}
	if err := to.Write(ctx, binary.BigEndian.AppendUint64(nil, uint64(size))); err != nil {
		return err
	}
	part := make([]byte, 64<<10)
	for {
		n, err := archive.Read(part)
		if err := to.Write(ctx, part[:n]); err != nil {
			return err
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the archive %s: %w", query.Hash.Short(), err)
		}
	}
}

// needed writes which bundles configurations need.
func (s *bundleServing) needed(ctx context.Context, _ []byte, to *carry.Writer) error {
	snap, err := s.controller.Snapshot(ctx)
	if err != nil {
		return err
	}
	text, err := json.Marshal(snap.NeededBundles())
	if err != nil {
		return err
	}
	return to.Write(ctx, text)
}

// agentBundles is the agent's end of the streams of its controllers.
type agentBundles struct {
	endpoint *bus.Endpoint
	opener   *carry.Opener
}

func newAgentBundles(cfg *AgentConfig, endpoint *bus.Endpoint) (*agentBundles, error) {
	b := &agentBundles{endpoint: endpoint}
	topic := bytesTopic(cfg.Core.Name)
	streams := bundleStreams(cfg.Streams)
	streams.Total = bundlesAtOnce + 1
	var err error
	b.opener, err = carry.NewOpener(streams, func(peer string, msg mgmt.Message) bool {
		return endpoint.PublishTo(peer, topic, codec.Encode(msg))
	})
	return b, err
}

// open asks a controller for a stream.
func (b *agentBundles) open(ctx context.Context, peer mgmt.PeerID, kind mgmt.StreamKind, parameters any) (*carry.Stream, error) {
	switch {
	case !b.endpoint.Wants(string(peer), fleetController):
		return nil, &mgmt.StreamError{Code: mgmt.StreamLost, Text: "the controller is not connected any more"}
	case !b.endpoint.Wants(string(peer), fleetBundles):
		return nil, &mgmt.StreamError{Code: mgmt.StreamUnsupported, Text: "the controller is older than this agent, or its settings turn bundles off"}
	}
	var text []byte
	if parameters != nil {
		var err error
		if text, err = json.Marshal(parameters); err != nil {
			return nil, err
		}
	}
	return b.opener.Open(ctx, string(peer), kind, text)
}
