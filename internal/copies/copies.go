package copies

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/pause"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// The names of the feeds.
const (
	Audit  = "audit"
	Events = "happenings"
)

// Log is a log on the disk of this controller.
type Log interface {
	// Newest is the number of its newest record.
	Newest() uint64
	// Take writes a batch of a feed as it is. It leaves out what the log has.
	Take(first, last uint64, lines []byte) error
}

// Archives are the contents of bundles on the disk of this controller.
type Archives interface {
	// Held returns what is known of each archive, by its hash.
	Held() (map[string][]byte, error)
	// Take keeps an archive. A nil content means that the archive is there, and that only
	// about is new.
	Take(hash string, about []byte, content io.Reader) error
	Forget(hash string) error
}

// Config is what Copies needs. Engine, Audit, Events and Archives are required.
type Config struct {
	Engine        quorum.Engine
	Audit, Events Log
	Archives      Archives
	// Scratch is a directory for archives on their way.
	Scratch string
	// ShareTimeout bounds the sharing of one batch, and ArchiveTimeout that of one archive.
	// Zero means 5 s and 5 min.
	ShareTimeout, ArchiveTimeout time.Duration
	// Retry is the pause after a failure. Zero means 1 s.
	Retry time.Duration
	// What the shared feeds keep, for controllers that were away and for new ones. Files keep
	// more. Zero means 100,000 records and 64 MiB of the audit, 200,000 and 128 MiB of events.
	AuditRecords, EventRecords int
	AuditBytes, EventBytes     int64
	// TrimEvery is how often older ones are removed from the feeds. Zero means 10 min.
	TrimEvery time.Duration
	// Logger gets reports of failures. Nil discards them.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	c.ShareTimeout = cmp.Or(c.ShareTimeout, 5*time.Second)
	c.ArchiveTimeout = cmp.Or(c.ArchiveTimeout, 5*time.Minute)
	c.Retry = cmp.Or(c.Retry, time.Second)
	c.AuditRecords = cmp.Or(c.AuditRecords, 100_000)
	c.AuditBytes = cmp.Or(c.AuditBytes, 64<<20)
	c.EventRecords = cmp.Or(c.EventRecords, 200_000)
	c.EventBytes = cmp.Or(c.EventBytes, 128<<20)
	c.TrimEvery = cmp.Or(c.TrimEvery, 10*time.Minute)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return c
}

// Copies are the copies of one controller.
type Copies struct {
	cfg Config
	// fence is that of this controller while it leads.
	fence atomic.Pointer[quorum.Fence]
	// archiving is held while the archives on the disk change.
	archiving sync.Mutex
}

// New returns copies that do not change yet. The logs and the archives may be named later, by
// Use: they need the copies for sharing.
func New(cfg Config) *Copies { return &Copies{cfg: cfg.withDefaults()} }

// Use names the logs and the archives, before anything else is done with them.
func (c *Copies) Use(audit, events Log, archives Archives) {
	c.cfg.Audit, c.cfg.Events, c.cfg.Archives = audit, events, archives
}

// Fence returns that of this controller, and false if it does not lead.
func (c *Copies) Fence() (quorum.Fence, bool) {
	f, err := c.leads()
	return f, err == nil
}

// errFollows says that this controller must not share anything.
var errFollows = fmt.Errorf("%w: this controller does not lead", store.ErrConflict)

// Lead lets this controller share what it writes, until stop is called.
func (c *Copies) Lead(f quorum.Fence) (stop func()) {
	c.fence.Store(&f)
	return func() { c.fence.CompareAndSwap(&f, nil) }
}

// leads returns the fence of this controller, or an error if it does not lead.
func (c *Copies) leads() (quorum.Fence, error) {
	if f := c.fence.Load(); f != nil {
		return *f, nil
	}
	return quorum.Fence{}, errFollows
}

// ShareAudit and ShareEvents share a batch that the log of this controller is about to
// write. After an error the log must not write it.
func (c *Copies) ShareAudit(first, last uint64, lines []byte) error {
	return c.share(Audit, first, last, lines)
}

// ShareEvents is ShareAudit for the log of what happens.
func (c *Copies) ShareEvents(first, last uint64, lines []byte) error {
	return c.share(Events, first, last, lines)
}

func (c *Copies) share(feed string, first, last uint64, lines []byte) error {
	f, err := c.leads()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.cfg.ShareTimeout)
	defer cancel()
	return c.cfg.Engine.Feed(feed).Append(ctx, f, quorum.Batch{First: first, Last: last, Lines: lines})
}

// ShareArchive shares an archive before its upload is acknowledged. open may be nil if only
// about is new.
func (c *Copies) ShareArchive(hash string, about []byte, open func() (io.ReadCloser, error)) error {
	f, err := c.leads()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.cfg.ArchiveTimeout)
	defer cancel()
	var content io.Reader
	if open != nil {
		file, err := open()
		if err != nil {
			return err
		}
		defer file.Close()
		content = file
	}
	return c.cfg.Engine.Archives().Put(ctx, f, hash, about, content)
}

// ForgetArchive removes an archive for all controllers.
func (c *Copies) ForgetArchive(hash string) error {
	f, err := c.leads()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.cfg.ShareTimeout)
	defer cancel()
	return c.cfg.Engine.Archives().Remove(ctx, f, hash)
}

// CatchUp copies all records that were acknowledged before it was called.
func (c *Copies) CatchUp(ctx context.Context) error {
	for name, log := range c.logs() {
		if err := c.cfg.Engine.Feed(name).Read(ctx, log.Newest(), taking(log)); err != nil {
			return fmt.Errorf("copy the feed %s: %w", name, err)
		}
	}
	return nil
}

func (c *Copies) logs() map[string]Log {
	return map[string]Log{Audit: c.cfg.Audit, Events: c.cfg.Events}
}

func taking(log Log) func(quorum.Batch) error {
	return func(b quorum.Batch) error { return log.Take(b.First, b.Last, b.Lines) }
}

// Run copies what the controller that leads shares, until ctx is done, and returns the cause
// of ctx then.
func (c *Copies) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	for name, log := range c.logs() {
		all.Go(func() {
			c.keep(ctx, "feed "+name, func() error {
				return c.cfg.Engine.Feed(name).Follow(ctx, log.Newest(), taking(log))
			})
		})
	}
	all.Go(func() { c.trim(ctx) })
	c.keep(ctx, "contents of bundles", func() error { return c.followArchives(ctx) })
	return context.Cause(ctx)
}

// keep does something until ctx is done, and again after each failure.
func (c *Copies) keep(ctx context.Context, what string, do func() error) {
	for failed := false; ctx.Err() == nil; {
		err := do()
		if ctx.Err() != nil {
			return
		}
		if !failed {
			c.cfg.Logger.Warn("what the controllers share is not copied at the moment", "what", what, "err", err)
		}
		failed = true
		_ = pause.For(ctx, c.cfg.Retry)
	}
}

// trim removes what is too old from the feeds while this controller leads.
func (c *Copies) trim(ctx context.Context) {
	for {
		_ = pause.For(ctx, c.cfg.TrimEvery)
		if ctx.Err() != nil {
			return
		}
		f, err := c.leads()
		if err != nil {
			continue
		}
		err = errors.Join(
			c.cfg.Engine.Feed(Audit).Trim(ctx, f, c.cfg.AuditRecords, c.cfg.AuditBytes),
			c.cfg.Engine.Feed(Events).Trim(ctx, f, c.cfg.EventRecords, c.cfg.EventBytes),
		)
		if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrConflict) {
			c.cfg.Logger.Warn("old records stay in what the controllers share", "err", err)
		}
	}
}

// followArchives keeps the archives on the disk equal to the shared ones.
func (c *Copies) followArchives(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	lists := make(chan map[string][]byte, 1)
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() {
		err := c.cfg.Engine.Archives().Watch(ctx, func(list map[string][]byte) {
			select {
			case <-lists: // an older list that nobody has read
			default:
			}
			lists <- list
		})
		cancel(cmp.Or(err, errors.New("the watch has ended")))
	})
	defer cancel(nil)
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case list := <-lists:
			if err := c.CopyArchives(ctx, list); err != nil {
				return err
			}
		}
	}
}

// CopyArchives makes the archives on the disk those of a list.
func (c *Copies) CopyArchives(ctx context.Context, list map[string][]byte) error {
	c.archiving.Lock()
	defer c.archiving.Unlock()
	held, err := c.cfg.Archives.Held()
	if err != nil {
		return err
	}
	var failed error
	for _, hash := range slices.Sorted(maps.Keys(list)) {
		about, have := held[hash]
		switch {
		case !have:
			err = c.fetch(ctx, hash, list[hash])
		case !bytes.Equal(about, list[hash]):
			err = c.cfg.Archives.Take(hash, list[hash], nil)
		default:
			continue
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("copy bundle %s: %w", hash, err))
		}
	}
	if c.fence.Load() != nil {
		return failed // this list may be older than what this controller itself has just shared
	}
	for _, hash := range slices.Sorted(maps.Keys(held)) {
		if _, still := list[hash]; !still {
			failed = errors.Join(failed, c.cfg.Archives.Forget(hash))
		}
	}
	return failed
}

// fetch copies one archive.
func (c *Copies) fetch(ctx context.Context, hash string, about []byte) error {
	file, err := os.CreateTemp(c.cfg.Scratch, "archive-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := c.cfg.Engine.Archives().Fetch(ctx, hash, file); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return c.cfg.Archives.Take(hash, about, file)
}
