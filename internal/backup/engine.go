package backup

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// Shared says what controllers share, for a Source or a Sink.
type Shared struct {
	Engine quorum.Engine
	// Fence is that of the controller that writes. The zero Fence holds while nobody leads.
	Fence quorum.Fence
	// Controller and Program are for the Head of a Source.
	Controller, Program string
	// Scratch is a directory for archives on their way into the engine. Empty means that of
	// the host.
	Scratch string
	// AuditRecords and HappeningsRecords bound the newest records that a Sink puts into the
	// feeds. Zero means 100,000 and 200,000.
	AuditRecords, HappeningsRecords uint64
	// SaveBytes and SaveEntries bound what is saved at once. Zero means 1 MiB and 500.
	SaveBytes, SaveEntries int
	// BatchBytes bounds a batch that a Sink adds to a feed. Zero means 256 kB.
	BatchBytes int
}

func (c Shared) withDefaults() Shared {
	c.AuditRecords = cmp.Or(c.AuditRecords, 100_000)
	c.HappeningsRecords = cmp.Or(c.HappeningsRecords, 200_000)
	c.SaveBytes = cmp.Or(c.SaveBytes, 1<<20)
	c.SaveEntries = cmp.Or(c.SaveEntries, 500)
	c.BatchBytes = cmp.Or(c.BatchBytes, 256_000)
	return c
}

// NewEngine returns the Source of what controllers share. Other controllers may write
// meanwhile.
func NewEngine(cfg Shared) Source { return &engineSource{cfg.withDefaults()} }

type engineSource struct{ cfg Shared }

// Head is the method of Source.
func (s *engineSource) Head(ctx context.Context) (Head, error) {
	lead, err := leadOf(ctx, s.cfg.Engine)
	if err != nil {
		return Head{}, err
	}
	return Head{Controller: s.cfg.Controller, Program: s.cfg.Program, Made: time.Now().UTC().Truncate(time.Second), Term: lead.Term}, nil
}

var errSeen = errors.New("seen")

// leadOf returns who leads now.
func leadOf(ctx context.Context, e quorum.Engine) (lead quorum.Lead, err error) {
	watch, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err = e.WatchLead(watch, func(now quorum.Lead) {
		if watch.Err() == nil {
			lead = now
		}
		cancel(errSeen)
	})
	if errors.Is(context.Cause(watch), errSeen) {
		return lead, nil
	}
	return lead, err
}

// Each is the method of Source. Bundles come last: a deployment names bundles that were there
// before it.
func (s *engineSource) Each(ctx context.Context, put func(Item) error) error {
	for _, part := range parts {
		begin := func(rev store.Revision) error {
			if rev == 0 {
				return nil
			}
			return put(Part{part, rev})
		}
		visit := func(e store.Entry) error { return put(Entry(e)) }
		if err := readStore(ctx, s.cfg.Engine.Store(part, s.cfg.Fence), begin, visit); err != nil {
			return fmt.Errorf("read the part %s: %w", part, err)
		}
	}
	for _, feed := range feeds {
		err := s.cfg.Engine.Feed(feed).Read(ctx, 0, func(b quorum.Batch) error { return put(Batch{feed, b}) })
		if err != nil {
			return fmt.Errorf("read the feed %s: %w", feed, err)
		}
	}
	archives := s.cfg.Engine.Archives()
	list, err := archives.List(ctx)
	if err != nil {
		return err
	}
	for _, hash := range slices.Sorted(maps.Keys(list)) {
		err := put(Archive{hash, list[hash], func(w io.Writer) error { return archives.Fetch(ctx, hash, w) }})
		if err != nil {
			return fmt.Errorf("read the bundle %s: %w", hash, err)
		}
	}
	return nil
}

// NewEngineSink returns the Sink of what controllers share. Nobody else may write meanwhile.
// What it has written before an error stays: the engine must be made anew, or written again. A
// part becomes exactly that of the state. A feed that has records goes on after them. A bundle
// that is there stays.
func NewEngineSink(cfg Shared) Sink {
	return &engineSink{cfg: cfg.withDefaults(), feeds: map[string]*feedSink{}}
}

// engineSink writes what controllers share.
type engineSink struct {
	cfg  Shared
	head Head
	// What follows is about the part that has begun last.
	part     store.Store
	name     string
	revision store.Revision
	old      map[string]bool // the keys that are there and that the state has not named
	changes  []store.Change
	bytes    int
	feeds    map[string]*feedSink
	archives map[string][]byte // that the engine has; nil: not read yet
}

// feedSink is a feed with lines that wait.
type feedSink struct {
	feed  quorum.Feed
	last  uint64 // that the feed has
	batch quorum.Batch
}

func (s *engineSink) Begin(_ context.Context, h Head) error {
	s.head = h
	return nil
}

func (s *engineSink) Put(ctx context.Context, i Item) error {
	switch i := i.(type) {
	case Part:
		return s.begin(ctx, i)
	case Entry:
		delete(s.old, i.Key)
		return s.change(ctx, store.Change(i))
	case Batch:
		return s.take(ctx, i)
	case Archive:
		return s.archive(ctx, i)
	}
	return nil
}

// begin ends the part before and begins the next.
func (s *engineSink) begin(ctx context.Context, p Part) error {
	if err := s.endPart(ctx); err != nil {
		return err
	}
	s.part, s.name = s.cfg.Engine.Store(p.Name, s.cfg.Fence), p.Name
	entries, rev, err := s.part.Load(ctx, "")
	if err != nil {
		return fmt.Errorf("write the part %s: %w", p.Name, err)
	}
	s.revision, s.old = rev, map[string]bool{}
	for _, e := range entries {
		s.old[e.Key] = true
	}
	return nil
}

func (s *engineSink) change(ctx context.Context, c store.Change) error {
	size := len(c.Key) + len(c.Value)
	if len(s.changes) > 0 && (s.bytes+size > s.cfg.SaveBytes || len(s.changes) >= s.cfg.SaveEntries) {
		if err := s.save(ctx); err != nil {
			return err
		}
	}
	s.changes, s.bytes = append(s.changes, c), s.bytes+size
	return nil
}

func (s *engineSink) save(ctx context.Context) error {
	if len(s.changes) == 0 {
		return nil
	}
	next, err := s.part.Save(ctx, s.changes, s.revision)
	if err != nil {
		return fmt.Errorf("write the part %s: %w", s.name, err)
	}
	s.revision, s.changes, s.bytes = next, nil, 0
	return nil
}

// endPart removes what the state does not have.
func (s *engineSink) endPart(ctx context.Context) error {
	for _, key := range slices.Sorted(maps.Keys(s.old)) {
		if err := s.change(ctx, store.Change{Key: key}); err != nil {
			return err
		}
	}
	s.old = nil
	return s.save(ctx)
}

// take takes a batch of a feed, if it is among the newest.
func (s *engineSink) take(ctx context.Context, b Batch) error {
	f, err := s.feed(ctx, b.Feed)
	if err != nil {
		return err
	}
	keep := s.cfg.AuditRecords
	if b.Feed == FeedHappenings {
		keep = s.cfg.HappeningsRecords
	}
	if b.Last <= f.last || b.Last+keep <= s.head.Newest[b.Feed] {
		return nil
	}
	if len(f.batch.Lines) > 0 && len(f.batch.Lines)+len(b.Lines) > s.cfg.BatchBytes {
		if err := f.flush(ctx, s.cfg.Fence); err != nil {
			return fmt.Errorf("write the feed %s: %w", b.Feed, err)
		}
	}
	if len(f.batch.Lines) == 0 {
		f.batch.First = max(b.First, f.last+1)
	}
	f.batch.Last, f.batch.Lines = b.Last, append(f.batch.Lines, b.Lines...)
	return nil
}

// feed returns a feed with the number of the newest record that it has.
func (s *engineSink) feed(ctx context.Context, name string) (*feedSink, error) {
	if f := s.feeds[name]; f != nil {
		return f, nil
	}
	f := &feedSink{feed: s.cfg.Engine.Feed(name)}
	err := f.feed.Read(ctx, 0, func(b quorum.Batch) error {
		f.last = b.Last
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the feed %s: %w", name, err)
	}
	s.feeds[name] = f
	return f, nil
}

func (f *feedSink) flush(ctx context.Context, fence quorum.Fence) error {
	if len(f.batch.Lines) == 0 {
		return nil
	}
	err := f.feed.Append(ctx, fence, f.batch)
	if err == nil {
		f.last, f.batch = f.batch.Last, quorum.Batch{}
	}
	return err
}

// archive puts an archive into the engine. It goes through a file: the engine reads it.
func (s *engineSink) archive(ctx context.Context, a Archive) error {
	archives := s.cfg.Engine.Archives()
	if s.archives == nil {
		list, err := archives.List(ctx)
		if err != nil {
			return err
		}
		s.archives = list
		if s.archives == nil {
			s.archives = map[string][]byte{}
		}
	}
	if about, ok := s.archives[a.Hash]; ok && bytes.Equal(about, a.About) {
		return nil
	}
	file, err := os.CreateTemp(s.cfg.Scratch, "zeekfleet-archive-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := a.Write(file); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := archives.Put(ctx, s.cfg.Fence, a.Hash, a.About, file); err != nil {
		return fmt.Errorf("write the bundle %s: %w", a.Hash, err)
	}
	return nil
}

// Commit is the method of Sink. A controller that leads leads in a later term than any of the
// state: agents have obeyed that one.
func (s *engineSink) Commit(ctx context.Context) error {
	if err := s.endPart(ctx); err != nil {
		return err
	}
	for _, name := range feeds {
		if f := s.feeds[name]; f != nil {
			if err := f.flush(ctx, s.cfg.Fence); err != nil {
				return fmt.Errorf("write the feed %s: %w", name, err)
			}
		}
	}
	if s.head.Term == 0 || s.cfg.Fence == (quorum.Fence{}) {
		return nil
	}
	lead, err := leadOf(ctx, s.cfg.Engine)
	if err == nil && lead.Term <= s.head.Term {
		err = s.cfg.Engine.Raise(ctx, s.cfg.Fence, s.head.Term+1)
	}
	return err
}

func (s *engineSink) Close() error { return nil }
