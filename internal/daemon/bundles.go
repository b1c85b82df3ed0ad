package daemon

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/depot"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/pause"
)

// bundles gets what the configurations of this host need. Its methods but fetch and use
// may be called by any goroutine.
type bundles struct {
	shell *agentShell
	depot *depot.Depot // nil: this agent takes no bundles
	links *agentBundles
	limit *rate.Limiter // nil: there is no limit
	slots chan struct{} // one for each transfer

	mu       sync.Mutex
	current  *bundleFetch
	transfer map[mgmt.BundleHash]*bundleTransfer
}

// bundleFetch is the latest Fetch.
type bundleFetch struct {
	ask       agent.Fetch
	ctx       context.Context
	cancel    context.CancelFunc
	transfers []*bundleTransfer
}

// bundleTransfer is a bundle on its way. Only the latest Fetch that wants it waits for it.
type bundleTransfer struct {
	bundle      mgmt.Bundle
	cancel      context.CancelCauseFunc
	over        chan struct{} // closed at the end; then err counts
	err         error
	done, total int64
}

// bundleBurst bounds the bytes that are read at once of a transfer with a limit: they are on
// the line at once.
const bundleBurst = 8 << 10

func (a *agentShell) newBundles() (*bundles, error) {
	b := &bundles{shell: a, depot: a.cfg.Depot, slots: make(chan struct{}, bundlesAtOnce), transfer: map[mgmt.BundleHash]*bundleTransfer{}}
	if a.cfg.BundleRate > 0 {
		b.limit = rate.NewLimiter(rate.Limit(a.cfg.BundleRate), bundleBurst)
	}
	var err error
	b.links, err = newAgentBundles(&a.cfg, a.endpoint)
	return b, err
}

// fetch begins a Fetch. The Fetch before needs no answer any more: what both want goes on.
func (b *bundles) fetch(ctx context.Context, e agent.Fetch) {
	b.mu.Lock()
	if b.current != nil {
		b.current.cancel()
	}
	f := &bundleFetch{ask: e}
	f.ctx, f.cancel = context.WithCancel(ctx)
	b.current = f
	for hash, t := range b.transfer {
		if !slices.ContainsFunc(e.Bundles, func(w mgmt.Bundle) bool { return w.Hash == hash }) {
			t.cancel(errUnwantedBundle)
			delete(b.transfer, hash)
		}
	}
	for _, want := range e.Bundles {
		// What is here must stay until the request is over.
		if b.depot == nil || b.depot.Hold(time.Now(), want.Hash) {
			continue
		}
		t := b.transfer[want.Hash]
		if t == nil || t.ended() {
			t = b.begin(ctx, want, e.Peer)
		}
		f.transfers = append(f.transfers, t)
	}
	b.mu.Unlock()
	b.shell.parts.task(func() { b.await(f) })
}

var errUnwantedBundle = errors.New("nobody wants the bundle any more")

func (t *bundleTransfer) ended() bool {
	select {
	case <-t.over:
		return true
	default:
		return false
	}
}

// begin starts a transfer. The caller holds mu.
func (b *bundles) begin(ctx context.Context, want mgmt.Bundle, peer mgmt.PeerID) *bundleTransfer {
	ctx, cancel := context.WithCancelCause(ctx)
	t := &bundleTransfer{bundle: want, cancel: cancel, over: make(chan struct{})}
	b.transfer[want.Hash] = t
	b.shell.parts.task(func() {
		defer cancel(nil)
		err := b.run(ctx, t, peer)
		b.mu.Lock()
		t.err = err
		if b.transfer[want.Hash] == t {
			delete(b.transfer, want.Hash)
		}
		b.mu.Unlock()
		close(t.over)
	})
	return t
}

// run gets a bundle when its turn has come.
func (b *bundles) run(ctx context.Context, t *bundleTransfer, peer mgmt.PeerID) error {
	select {
	case b.slots <- struct{}{}:
		defer func() { <-b.slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	begun := time.Now()
	err := b.resuming(ctx, t, peer)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err == nil {
		b.shell.cfg.Logger.Info("bundle is here", "bundle", t.bundle.Name, "hash", t.bundle.Hash.Short(), "bytes", t.total, "took", time.Since(begun).Round(time.Millisecond))
	}
	return err
}

// resumeWithin is how long a transfer waits for a controller after the connection was lost,
// and resumeAfter how long it waits in any case.
const (
	resumeWithin = 10 * time.Minute
	resumeAfter  = 250 * time.Millisecond
)

// resuming gets a bundle, and goes on over the next connection if one is lost.
func (b *bundles) resuming(ctx context.Context, t *bundleTransfer, peer mgmt.PeerID) error {
	for {
		open := func(ctx context.Context, _ mgmt.BundleHash, offset int64) (io.ReadCloser, int64, error) {
			return b.open(ctx, t, peer, offset)
		}
		err := b.depot.Fetch(ctx, time.Now(), t.bundle, open, func(done, size int64) {
			b.mu.Lock()
			defer b.mu.Unlock()
			t.done, t.total = done, size
		})
		lost, ok := errors.AsType[*mgmt.StreamError](err)
		if !ok || lost.Code != mgmt.StreamLost {
			return err
		}
		b.shell.cfg.Logger.Info("transfer of a bundle goes on when a controller connects", "bundle", t.bundle.Name, "hash", t.bundle.Hash.Short(), "err", err)
		wait, cancel := context.WithTimeoutCause(ctx, resumeWithin, err)
		peer, err = b.shell.controllers.await(wait)
		cancel()
		if err != nil {
			return err
		}
		// The loss of a connection may reach the list of controllers a moment later.
		if err := pause.For(ctx, resumeAfter); err != nil {
			return err
		}
	}
}

// open asks the controller for the archive from a byte on.
func (b *bundles) open(ctx context.Context, t *bundleTransfer, peer mgmt.PeerID, offset int64) (io.ReadCloser, int64, error) {
	s, err := b.links.open(ctx, peer, mgmt.StreamBundle, mgmt.BundleQuery{Hash: t.bundle.Hash, Offset: offset})
	if err != nil {
		return nil, 0, err
	}
	var header [mgmt.BundleSizeBytes]byte
	if _, err := io.ReadFull(s, header[:]); err != nil {
		s.Close()
		return nil, 0, err
	}
	size := int64(binary.BigEndian.Uint64(header[:]))
	if b.limit == nil {
		return s, size, nil
	}
	return limitedStream{s, ctx, b.limit}, size, nil
}

// limitedStream reads no faster than its limit.
type limitedStream struct {
	io.ReadCloser
	ctx   context.Context
	limit *rate.Limiter
}

func (s limitedStream) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p[:min(len(p), bundleBurst)])
	if n > 0 {
		if wait := s.limit.WaitN(s.ctx, n); wait != nil && err == nil {
			err = wait
		}
	}
	return n, err
}

// fetchingEvery is how often the core hears of a transfer.
const fetchingEvery = time.Second

// await answers a Fetch when all its transfers are over.
func (b *bundles) await(f *bundleFetch) {
	defer f.cancel()
	every := time.NewTicker(fetchingEvery)
	defer every.Stop()
	for _, t := range f.transfers {
		for !t.ended() {
			select {
			case <-t.over:
			case <-f.ctx.Done():
				return // another Fetch has taken its place, or the agent ends
			case <-every.C:
				b.shell.post(f.ctx, b.progress(f, t))
			}
		}
	}
	b.shell.post(f.ctx, b.fetched(f))
}

func (b *bundles) progress(f *bundleFetch, awaited *bundleTransfer) agent.Fetching {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := agent.Fetching{ID: f.ask.ID, Bundle: awaited.bundle.Name}
	for _, t := range f.transfers {
		p.Done += t.done
		p.Total += t.total
	}
	return p
}

// fetched returns the answer to a Fetch whose transfers are over.
func (b *bundles) fetched(f *bundleFetch) agent.Fetched {
	answer := agent.Fetched{ID: f.ask.ID}
	if b.depot == nil && len(f.ask.Bundles) > 0 {
		answer.Findings = append(answer.Findings, mgmt.Finding{Problem: "this agent takes no bundles"})
	}
	for _, t := range f.transfers {
		if t.err == nil {
			continue
		}
		why := t.err.Error()
		if lost, ok := errors.AsType[*mgmt.StreamError](t.err); ok && lost.Code == mgmt.StreamLost && t.done > 0 {
			why += fmt.Sprintf("; %d of %d bytes are kept, and the next deployment goes on there", t.done, t.total)
		}
		answer.Findings = append(answer.Findings, mgmt.Finding{Problem: why})
	}
	for _, want := range f.ask.Bundles {
		if b.depot == nil || !b.depot.Have(want.Hash) {
			answer.Missing = append(answer.Missing, want.Name)
		}
	}
	return answer
}

// use switches the paths of data bundles, and removes what nobody needs.
func (b *bundles) use(ctx context.Context, e agent.Use) {
	if b.depot == nil {
		return
	}
	if err := b.depot.Use(time.Now(), e.Bundles); err != nil {
		b.shell.cfg.Logger.Error("data bundles could not be switched", "err", err)
	}
	needs := depot.Needs{Desired: e.Bundles}
	for _, n := range b.shell.nodes {
		needs.Running = append(needs.Running, n.facts.Bundles...)
	}
	b.shell.parts.task(func() { b.collect(ctx, needs) })
}

// collectTimeout bounds the question of which bundles are needed.
const collectTimeout = time.Minute

// collect removes the bundles that nobody needs. A controller says which ones can be
// rolled back to. Without its word, it removes only what the disk has no room for.
func (b *bundles) collect(ctx context.Context, needs depot.Needs) {
	ctx, cancel := context.WithTimeout(ctx, collectTimeout)
	defer cancel()
	if peer, ok := b.shell.controllers.any(); ok {
		kept, err := b.needed(ctx, peer)
		if needs.Kept, needs.KeptKnown = kept, err == nil; err != nil {
			b.shell.cfg.Logger.Debug("no controller says which bundles it needs", "err", err)
		}
	}
	gone, err := b.depot.Collect(time.Now(), needs)
	if err != nil {
		b.shell.cfg.Logger.Warn("bundles that nobody needs were not removed", "err", err)
	}
	for _, hash := range gone {
		b.shell.cfg.Logger.Info("bundle removed, because nothing needs it", "hash", hash.Short())
	}
}

// maxNeeded bounds the list of bundles that a controller needs, in bytes.
const maxNeeded = 8 << 20

func (b *bundles) needed(ctx context.Context, peer mgmt.PeerID) ([]mgmt.BundleHash, error) {
	s, err := b.links.open(ctx, peer, mgmt.StreamBundles, nil)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	text, err := io.ReadAll(io.LimitReader(s, maxNeeded+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxNeeded {
		return nil, fmt.Errorf("the controller's list of bundles has more than %d bytes", maxNeeded)
	}
	var needed []mgmt.BundleHash
	if err := json.Unmarshal(text, &needed); err != nil {
		return nil, fmt.Errorf("read the controller's list of bundles: %w", err)
	}
	return needed, nil
}
