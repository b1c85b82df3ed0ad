package daemon

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/carry"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/measure"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/pause"
)

// The times of samples.
const (
	nodesAnswer  = time.Second // from the question to the sample: later answers count for the next one
	maxNodeStats = 256 << 10   // bytes of a node's figures
	maxNodeFacts = 20_000      // JSON values of a node's figures
)

// standingStreams bounds the streams that go on as long as their peers are connected. They
// have places of their own: users' streams do not take them, nor these those of users.
func standingStreams(cfg carry.Config, perPeer, total int) carry.Config {
	cfg.PerPeer, cfg.Total = perPeer, total
	return cfg
}

// The bounds of an agent's standing streams. A controller that has lost a stream may open
// another before the agent knows.
const (
	samplesPerPeer = 2
	samplesTotal   = 16
)

// sampling takes samples as long as somebody listens.
type sampling struct {
	book    *nodeBook
	sampler func() *measure.Sampler
	ask     func(context.Context) // asks the nodes for their figures
	peers   func() []mgmt.PeerSample
	log     *slog.Logger
	wake    chan struct{}

	newest atomic.Pointer[mgmt.HostSample] // nil: none was taken

	mu        sync.Mutex
	listeners map[chan []byte]bool
	figures   map[mgmt.NodeName]nodeFigures
}

// nodeFigures is what the process of a launch has told.
type nodeFigures struct {
	launch uint64
	told   time.Time
	zeek   mgmt.ZeekSample
	peers  []mgmt.PeerSample
}

func (a *agentShell) newSampling() *sampling {
	return &sampling{
		book: a.book, log: a.cfg.Logger, wake: make(chan struct{}, 1),
		sampler: func() *measure.Sampler { return measure.NewSampler(measure.Config{Dirs: a.cfg.About.Dirs}) },
		ask:     func(ctx context.Context) { a.post(ctx, agent.Measure{}) },
		peers:   func() []mgmt.PeerSample { return a.ends.peers(a.endpoint) },

		listeners: map[chan []byte]bool{}, figures: map[mgmt.NodeName]nodeFigures{},
	}
}

// stream is the source of the streams of samples.
func (s *sampling) stream(ctx context.Context, _ []byte, to *carry.Writer) error {
	lines := make(chan []byte, 1)
	s.mu.Lock()
	s.listeners[lines] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.listeners, lines)
		s.mu.Unlock()
	}()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	to.Begin()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case line := <-lines:
			if err := to.Write(ctx, line); err != nil {
				return err
			}
		}
	}
}

// run takes samples until ctx is done.
func (s *sampling) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.wake:
		}
		if err := s.serve(ctx); err != nil {
			return err
		}
	}
}

// serve takes samples until nobody listens. What is measured before the first sample is
// where the rates of that sample begin.
func (s *sampling) serve(ctx context.Context) error {
	sampler, due := s.sampler(), time.Now()
	sampler.Take(due, s.nodes(due))
	for {
		if err := pause.For(ctx, time.Until(due)); err != nil {
			return err
		}
		if !s.heard() {
			return nil
		}
		if due = due.Add(mgmt.SampleInterval); time.Until(due) < 0 {
			due = time.Now().Add(mgmt.SampleInterval) // this host has slept
		}
		s.ask(ctx)
		if err := pause.For(ctx, nodesAnswer); err != nil {
			return err
		}
		now := time.Now()
		sample := sampler.Take(now, s.nodes(now))
		sample.Peers = s.peers()
		sample.Cut()
		s.send(sample)
	}
}

func (s *sampling) heard() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.listeners) > 0
}

// send hands a sample to all listeners. One that has not taken the sample before gets this
// one in its place.
func (s *sampling) send(sample *mgmt.HostSample) {
	s.newest.Store(sample)
	line, err := sampleLine(sample)
	if err != nil {
		s.log.Error("sample cannot be written", "err", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for lines := range s.listeners {
		select {
		case <-lines:
		default:
		}
		lines <- line
	}
}

// sampleLine returns a sample as it is sent. Nodes that were taken over can tell of so many peers
// that the controller would not take the line: then it has no peers of nodes.
func sampleLine(sample *mgmt.HostSample) ([]byte, error) {
	line, err := json.Marshal(sample)
	if err == nil && len(line) >= maxSampleLine {
		short := *sample
		short.Nodes = slices.Clone(sample.Nodes)
		for i := range short.Nodes {
			short.Nodes[i].Peers = nil
		}
		line, err = json.Marshal(&short)
	}
	if err != nil {
		return nil, err
	}
	return append(line, '\n'), nil
}

// nodes returns what is known of the nodes without measuring. Figures are those of this
// interval.
func (s *sampling) nodes(now time.Time) []mgmt.NodeSample {
	list, launches := s.book.samples()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range list {
		f, ok := s.figures[list[i].Node]
		if ok && f.launch == launches[i] && now.Sub(f.told) < mgmt.SampleInterval {
			zeek := f.zeek
			list[i].Zeek, list[i].Peers = &zeek, f.peers
		}
	}
	clear(s.figures)
	return list
}

// told takes the figures of a node, which can say anything.
func (s *sampling) told(now time.Time, e agent.Measured) {
	var stats mgmt.NodeStats
	err := fmt.Errorf("%d bytes are more than %d", len(e.Figures), maxNodeStats)
	if len(e.Figures) <= maxNodeStats {
		err = mgmt.ReadJSON([]byte(e.Figures), maxNodeFacts, &stats)
	}
	if err != nil {
		s.log.Debug("figures of a node are not understood", "node", string(e.Node), "err", err)
		return
	}
	f := nodeFigures{launch: e.Launch, told: now, zeek: stats.ZeekSample}
	f.zeek.Time = now.UTC()
	for _, p := range stats.Peers {
		p.Address = plainAddress(p.Address)
		f.peers = append(f.peers, mgmt.PeerSample{
			Peer: cmp.Or(string(p.Peer), p.Address), Addr: p.Address, Kind: p.Kind, Queued: p.Queued, Limit: p.Limit, Dropped: new(p.Dropped),
		})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.figures) < bookNodes {
		s.figures[e.Node] = f
	}
}

// plainAddress writes an address of a connection as all others are written: Zeek tells an IPv4
// address as IPv6 if the other end has connected, and IPv6 without brackets.
func plainAddress(told string) string {
	i := strings.LastIndexByte(told, ':')
	if i < 0 {
		return told
	}
	addr, err := netip.ParseAddr(told[:i])
	port, errPort := strconv.ParseUint(told[i+1:], 10, 16)
	if err != nil || errPort != nil {
		return told
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)).String()
}

// samples returns the nodes that have a process or have lost it, sorted, and the launches of
// their processes.
func (b *nodeBook) samples() (list []mgmt.NodeSample, launches []uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	type entry struct {
		sample mgmt.NodeSample
		launch uint64
	}
	var entries []entry
	for name, p := range b.pages {
		if p.pid == 0 && p.state != mgmt.Crashed && p.state != mgmt.Failed && p.state != mgmt.Pending {
			continue // it was stopped or removed
		}
		n := mgmt.NodeSample{Node: name, PID: p.pid, Restarts: max(p.launches, 1) - 1}
		if p.plan.Node.Interface != nil {
			n.Interface = *p.plan.Node.Interface
		}
		entries = append(entries, entry{n, p.launch})
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].sample.Node < entries[j].sample.Node })
	for _, e := range entries[:min(len(entries), mgmt.MaxSampleNodes)] {
		list, launches = append(list, e.sample), append(launches, e.launch)
	}
	return list, launches
}
