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
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Depot keeps the bundles of an agent's host. Its methods may be called at the same time.
type Depot interface {
	// Have reports whether the content is there, whole and checked.
	Have(mgmt.BundleHash) bool
	// Fetch gets the content, and returns nil when Have is true. open begins at a byte of
	// the archive: what an earlier Fetch has got is not read again. progress is called with
	// the bytes of the archive that are there.
	Fetch(ctx context.Context, hash mgmt.BundleHash, open func(ctx context.Context, offset int64) (io.ReadCloser, error), progress func(done int64)) error
	// Use switches the paths of data bundles. From then on, these bundles are in use.
	Use([]mgmt.Bundle) error
	// Collect removes what is not in use, and what needed does not name. Of the rest that
	// is not in use, it removes so much that the depot keeps its bound.
	Collect(needed []mgmt.BundleHash) error
}

// bundles gets what the configurations of this host need. Its methods but fetch and use
// may be called by any goroutine.
type bundles struct {
	shell *agentShell
	depot Depot // nil: this agent takes no bundles
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

// bundleBurst bounds the bytes that are read at once of a transfer with a limit.
const bundleBurst = 64 << 10

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
		if b.depot == nil || b.depot.Have(want.Hash) {
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
		open := func(ctx context.Context, offset int64) (io.ReadCloser, error) { return b.open(ctx, t, peer, offset) }
		err := b.depot.Fetch(ctx, t.bundle.Hash, open, func(done int64) {
			b.mu.Lock()
			defer b.mu.Unlock()
			t.done = done
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
		if err := pause(ctx, resumeAfter); err != nil {
			return err
		}
	}
}

// open asks the controller for the archive from a byte on.
func (b *bundles) open(ctx context.Context, t *bundleTransfer, peer mgmt.PeerID, offset int64) (io.ReadCloser, error) {
	s, err := b.links.open(ctx, peer, mgmt.StreamBundle, mgmt.BundleQuery{Hash: t.bundle.Hash, Offset: offset})
	if err != nil {
		return nil, err
	}
	var size [mgmt.BundleSizeBytes]byte
	if _, err := io.ReadFull(s, size[:]); err != nil {
		s.Close()
		return nil, err
	}
	b.mu.Lock()
	t.total = int64(binary.BigEndian.Uint64(size[:]))
	b.mu.Unlock()
	if b.limit == nil {
		return s, nil
	}
	return limitedStream{s, ctx, b.limit}, nil
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
		answer.Findings = append(answer.Findings, mgmt.Finding{Problem: fmt.Sprintf("bundle %s (%s) is not on this host: %s", t.bundle.Name, t.bundle.Hash.Short(), why)})
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
	if err := b.depot.Use(e.Bundles); err != nil {
		b.shell.cfg.Logger.Error("data bundles could not be switched", "err", err)
	}
	b.shell.parts.task(func() { b.collect(ctx) })
}

// collectTimeout bounds the question of which bundles are needed.
const collectTimeout = time.Minute

// collect asks a controller which bundles it needs, and removes others. Without an answer
// it removes nothing.
func (b *bundles) collect(ctx context.Context) {
	peer, ok := b.shell.controllers.any()
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, collectTimeout)
	defer cancel()
	needed, err := b.needed(ctx, peer)
	if err == nil {
		err = b.depot.Collect(needed)
	}
	if err != nil && ctx.Err() == nil {
		b.shell.cfg.Logger.Warn("bundles that nobody needs were not removed", "err", err)
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
