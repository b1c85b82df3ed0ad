package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/carry"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// fetching asks agents for streams. Its run belongs to one goroutine.
type fetching struct {
	endpoint *bus.Endpoint
	sub      *bus.Subscription
	log      *slog.Logger
	opener   *carry.Opener
	standing *carry.Opener  // of streams that the controller reads as long as agents are connected
	bundles  *bundleServing // nil: the controller has none
}

// newFetching returns the part that asks. The caller must call subscribe, and then run.
func newFetching(cfg carry.Config, endpoint *bus.Endpoint, log *slog.Logger) (*fetching, error) {
	f := &fetching{endpoint: endpoint, log: log}
	var err error
	if f.opener, err = carry.NewOpener(cfg, f.send); err != nil {
		return nil, err
	}
	f.standing, err = carry.NewOpener(standingStreams(cfg, 1, followsAtMost), f.send)
	return f, err
}

// subscribe announces what the controller has.
func (f *fetching) subscribe() {
	topics := []string{fleetBytes + "/"}
	if f.bundles != nil {
		topics = append(topics, fleetBundles)
	}
	f.sub = f.endpoint.Subscribe(0, topics...)
}

// send sends a message to an agent. A peer that has streams has subscribed to the topic of
// its instance alone, and the topic of a message is the only thing that names the instance.
func (f *fetching) send(peer string, msg mgmt.Message) bool {
	id, instance, _ := strings.Cut(peer, " ")
	return f.endpoint.PublishTo(id, bytesTopic(mgmt.InstanceName(instance)), codec.Encode(msg))
}

// streamPeer names the agent of an instance for the Opener.
func streamPeer(peer mgmt.PeerID, instance mgmt.InstanceName) string {
	return string(peer) + " " + string(instance)
}

func (f *fetching) run(ctx context.Context) error {
	defer f.sub.Close()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case happened := <-f.sub.Events():
			switch ev := happened.(type) {
			case bus.PeerLost:
				gone := func(peer string) bool { return strings.HasPrefix(peer, ev.Peer.ID+" ") }
				f.opener.Lost(gone)
				f.standing.Lost(gone)
				f.bundles.lost(ev.Peer.ID)
			case bus.Message:
				f.message(ctx, ev)
			}
		}
	}
}

// message takes what agents send in streams that were opened. The Opener knows which peer
// sends which stream.
func (f *fetching) message(ctx context.Context, m bus.Message) {
	instance, ok := strings.CutPrefix(m.Topic, fleetBytes+"/")
	if !ok || m.From.Kind != bus.Native {
		f.log.Debug("message ignored", "peer", m.From.ID, "topic", m.Topic)
		return
	}
	msg, err := codec.Decode(m.Value)
	if err != nil {
		f.log.Warn("message of a stream is not understood", "peer", m.From.ID, "err", err)
		return
	}
	if f.bundles.take(ctx, *m.From, mgmt.InstanceName(instance), msg) {
		return
	}
	if peer := streamPeer(mgmt.PeerID(m.From.ID), mgmt.InstanceName(instance)); !f.opener.Take(peer, msg) && !f.standing.Take(peer, msg) {
		f.log.Debug("message of no stream is ignored", "peer", m.From.ID, "topic", m.Topic)
	}
}

// newFetching lets the controller ask agents for streams, and subscribes. The caller must call
// fetch.
func (c *Controller) newFetching(parts *group, endpoint *bus.Endpoint) (*fetching, error) {
	f, err := newFetching(c.cfg.Streams, endpoint, c.cfg.Logger)
	if err != nil {
		return nil, err
	}
	if c.cfg.Bundles != nil {
		if f.bundles, err = c.newBundleServing(f, parts.task); err != nil {
			return nil, err
		}
	}
	f.subscribe()
	c.port.fetching.Store(f)
	return f, nil
}

// fetch runs what asks agents for streams.
func (c *Controller) fetch(ctx context.Context, parts *group, f *fetching) {
	parts.run(ctx, "streams", f.run)
	if c.cfg.Samples != nil {
		c.port.follows = newFollowing(c.cfg.Samples)
		parts.run(ctx, "samples", func(ctx context.Context) error { return c.followSamples(ctx, c.port.follows) })
	}
	parts.run(ctx, "facts of hosts", func(ctx context.Context) error { return c.port.hosts.follow(ctx, c.askHost) })
}

// Stream asks the agent of an instance for a stream, on behalf of a user. parameters are
// those of the kind, or nil. Stream waits until the agent begins to send. The caller closes the stream, which also ends when ctx is done.
// An error for people is a *mgmt.StreamError. Any goroutine may call Stream while Run runs.
func (c *Controller) Stream(
	ctx context.Context, who mgmt.Principal, instance mgmt.InstanceName, kind mgmt.StreamKind, parameters any,
) (io.ReadCloser, error) {
	row, ok := access.StreamRow(kind)
	if !ok {
		return nil, fmt.Errorf("%q is not a kind of streams that users ask for", kind)
	}
	if why := c.cfg.forbids(who, row, string(instance)); why != "" {
		return nil, &mgmt.StreamError{Code: mgmt.StreamForbidden, Text: why}
	}
	return c.stream(ctx, forUsers, instance, kind, parameters)
}

// forbids returns why a user may not make a request, and puts the refusal into the audit.
func (c *ControllerConfig) forbids(who mgmt.Principal, row access.Row, subject string) string {
	if who.Role >= row.May {
		return ""
	}
	why := row.Forbids(who)
	c.Audit.Refused(mgmt.AuditRecord{
		Who: who.Name, Role: who.Role, Source: who.Source, Request: row.Name, Subject: subject, Outcome: mgmt.AuditRefused, Reason: why,
	})
	return why
}

// openerOf chooses among the places that streams can take.
type openerOf func(*fetching) *carry.Opener

func forUsers(f *fetching) *carry.Opener { return f.opener }
func standing(f *fetching) *carry.Opener { return f.standing }

// stream asks the agent that the core has for an instance.
func (c *Controller) stream(
	ctx context.Context, whose openerOf, instance mgmt.InstanceName, kind mgmt.StreamKind, parameters any,
) (io.ReadCloser, error) {
	in, err := c.instance(ctx, instance)
	if err != nil {
		return nil, err
	}
	f := c.port.fetching.Load() // it is set before the first instance
	switch {
	case in == nil:
		return nil, &mgmt.StreamError{Code: mgmt.StreamNotFound, Text: fmt.Sprintf("there is no instance %.100q", instance)}
	case in.Peer == "":
		return nil, &mgmt.StreamError{Code: mgmt.StreamLost, Text: fmt.Sprintf("the agent of instance %s is not connected", instance)}
	case !f.endpoint.Wants(string(in.Peer), bytesTopic(instance)):
		return nil, &mgmt.StreamError{Code: mgmt.StreamUnsupported, Text: fmt.Sprintf(
			"the agent of instance %s is Zeek's own, or a zeekfleet that is older than this controller: it cannot be asked for this", instance)}
	}
	var text []byte
	if parameters != nil {
		if text, err = json.Marshal(parameters); err != nil {
			return nil, err
		}
	}
	s, err := whose(f).Open(ctx, streamPeer(in.Peer, instance), kind, text)
	if err != nil {
		return nil, ofInstance(instance, err)
	}
	if err := s.Begin(); err != nil {
		s.Close()
		return nil, ofInstance(instance, err)
	}
	return instanceStream{s, instance}, nil
}

// instanceStream is a stream whose errors name the instance.
type instanceStream struct {
	*carry.Stream
	instance mgmt.InstanceName
}

func (s instanceStream) Read(p []byte) (int, error) {
	n, err := s.Stream.Read(p)
	return n, ofInstance(s.instance, err)
}

// ofInstance names the instance in an error of a stream.
func ofInstance(instance mgmt.InstanceName, err error) error {
	known, ok := errors.AsType[*mgmt.StreamError](err)
	if !ok || strings.Contains(known.Text, "instance "+string(instance)) {
		return err
	}
	return &mgmt.StreamError{Code: known.Code, Text: fmt.Sprintf("instance %s: %s", instance, known.Text)}
}
