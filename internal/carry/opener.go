package carry

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Opener asks peers for streams.
type Opener struct {
	cfg    Config
	send   Send
	prefix string // of the IDs of this Opener: peers may remember those of another one

	mu      sync.Mutex
	count   int // of streams so far
	streams map[mgmt.StreamID]*Stream
	peers   map[string]int // their streams
}

// NewOpener returns an Opener without streams.
func NewOpener(cfg Config, send Send) (*Opener, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Opener{
		cfg: cfg, send: send, prefix: rand.Text()[:8],
		streams: map[mgmt.StreamID]*Stream{}, peers: map[string]int{},
	}, nil
}

// Open asks a peer for a stream. The caller reads it, and closes it in any case. The
// stream ends with the cause of ctx when ctx is done. An error is a *mgmt.StreamError.
func (o *Opener) Open(ctx context.Context, peer string, kind mgmt.StreamKind, parameters []byte) (*Stream, error) {
	s, err := o.add(peer)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.cfg.Life,
		fault(mgmt.StreamFailed, fmt.Sprintf("the stream has lasted for %v, and no stream lasts longer", o.cfg.Life)))
	stop := context.AfterFunc(ctx, func() { s.cancel(context.Cause(ctx)) })
	s.release = func() {
		stop()
		cancel()
	}
	if !o.send(peer, mgmt.StreamOpen{Stream: s.id, Kind: kind, Parameters: string(parameters), Credit: uint64(o.cfg.Window)}) {
		s.end(fault(mgmt.StreamLost, "the peer is not connected any more"))
		s.Close()
		return nil, fault(mgmt.StreamLost, "the peer is not connected any more")
	}
	return s, nil
}

func (o *Opener) add(peer string) (*Stream, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case len(o.streams) >= o.cfg.Total:
		return nil, fault(mgmt.StreamBusy, fmt.Sprintf("%d streams are open, and no more are allowed; try again later", o.cfg.Total))
	case o.peers[peer] >= o.cfg.PerPeer:
		return nil, fault(mgmt.StreamBusy, fmt.Sprintf("%d streams of this %s are open, and no more are allowed; try again later", o.cfg.PerPeer, o.cfg.Sender))
	}
	o.count++
	s := &Stream{
		opener: o, id: mgmt.StreamID(fmt.Sprintf("%s-%d", o.prefix, o.count)), peer: peer,
		granted: o.cfg.Window, wake: make(chan struct{}, 1),
	}
	o.streams[s.id] = s
	o.peers[peer]++
	return s, nil
}

// remove forgets a stream. It reports whether the stream was known.
func (o *Opener) remove(s *Stream) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.streams[s.id] != s {
		return false
	}
	delete(o.streams, s.id)
	if o.peers[s.peer]--; o.peers[s.peer] == 0 {
		delete(o.peers, s.peer)
	}
	return true
}

// Take takes a message of a peer. It reports whether the message belongs to a stream that
// this peer sends.
func (o *Opener) Take(peer string, msg mgmt.Message) bool {
	switch msg := msg.(type) {
	case mgmt.StreamChunk:
		s := o.find(peer, msg.Stream)
		if s != nil {
			s.chunk(msg.Data)
		}
		return s != nil
	case mgmt.StreamEnd:
		s := o.find(peer, msg.Stream)
		if s != nil {
			s.ended(msg)
		}
		return s != nil
	}
	return false
}

func (o *Opener) find(peer string, id mgmt.StreamID) *Stream {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s := o.streams[id]; s != nil && s.peer == peer {
		return s
	}
	return nil
}

// Lost says that peers are gone: their streams end.
func (o *Opener) Lost(gone func(peer string) bool) {
	o.mu.Lock()
	var lost []*Stream
	for _, s := range o.streams {
		if gone(s.peer) {
			lost = append(lost, s)
		}
	}
	o.mu.Unlock()
	for _, s := range lost {
		s.end(fault(mgmt.StreamLost, "the connection with the "+o.cfg.Sender+" was lost"))
	}
}
