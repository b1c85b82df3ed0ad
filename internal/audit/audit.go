package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/journal"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Config says where a log is and how much it keeps.
type Config struct {
	// Dir is the directory of the log. Open makes it. Only one Log may use it.
	Dir string
	// MaxRecords bounds the records of changes that are kept. If there are more, the
	// oldest segment is removed. A quarter of it bounds the records of refusals. Zero
	// means 100,000.
	MaxRecords int
	// MaxAge is how long a record is kept. A segment goes when its newest record is
	// older. Zero means 400 days.
	MaxAge time.Duration
	// MaxBytes bounds the segments of changes, in bytes. A quarter of it bounds those
	// of refusals. Zero means 128 MiB.
	MaxBytes int64
	// Share shares lines with the other controllers of the cluster, before they are written
	// here. The lines are those of the records from first to last. After an error they are not
	// written here either. Nil means that there are no others.
	Share func(first, last uint64, lines []byte) error
	// File gets each line as well, for programs that collect logs. Another program may
	// move it away: then Append makes it anew. Empty means no such file.
	File string
	// Logger gets reports of damage. Nil discards them.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	c.MaxRecords = cmp.Or(c.MaxRecords, 100_000)
	c.MaxAge = cmp.Or(c.MaxAge, 400*24*time.Hour)
	c.MaxBytes = cmp.Or(c.MaxBytes, 128<<20)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return c
}

// ErrClosed says that a log was closed.
var ErrClosed = errors.New("the audit log is closed")

// Log is an audit log. Any goroutine may use it.
type Log struct {
	cfg Config
	// turn holds a value while nobody writes. The goroutine that has taken the value
	// may append to the shelves, and owns copied, unwritten and closed.
	turn   chan struct{}
	shelf  map[kind]*journal.Journal
	copied *copied // nil for none
	// unwritten are lines that were shared, and could not be written here yet.
	unwritten shelvedLines
	closed    bool

	mu sync.Mutex // guards what follows
	// newest is the number of the newest record.
	newest uint64
	// grown is closed when newest grows, and when the log is closed.
	grown  chan struct{}
	ending bool
}

// Open opens the log in a directory, or makes a new one.
func Open(cfg Config) (*Log, error) {
	cfg = cfg.withDefaults()
	if err := makeDir(cfg.Dir); err != nil {
		return nil, fmt.Errorf("open the audit log: %w", err)
	}
	return open(cfg)
}

// OpenToRead opens a log that another process may be writing. It changes nothing: Append
// returns ErrClosed, and the bounds of the log do not count. A directory that does not
// exist is an error.
func OpenToRead(dir string) (*Log, error) { return OpenToReadWith(dir, nil) }

// OpenToReadWith is OpenToRead with a logger that gets reports of damage. Nil discards them.
func OpenToReadWith(dir string, log *slog.Logger) (*Log, error) {
	const unbounded = 1 << 30
	cfg := Config{Dir: dir, MaxRecords: unbounded, MaxBytes: unbounded << 30, MaxAge: math.MaxInt64, Logger: log}
	l, err := open(cfg.withDefaults())
	if err == nil {
		l.closed, l.ending = true, true
	}
	return l, err
}

// open reads what a log has.
func open(cfg Config) (*Log, error) {
	l := &Log{cfg: cfg, turn: make(chan struct{}, 1), grown: make(chan struct{}), shelf: map[kind]*journal.Journal{}}
	for k, part := range map[kind]int{changes: 1, refusals: 4} {
		shelf, last, err := journal.Open(journal.Config{
			Dir: cfg.Dir, Name: string(k), What: "audit log", MaxLines: max(cfg.MaxRecords/part, 1), MaxBytes: max(cfg.MaxBytes/int64(part), 1),
			MaxAge: cfg.MaxAge, LineBytes: maxLine, Logger: cfg.Logger,
			Read: headOf,
		}, time.Now())
		if err != nil {
			return nil, fmt.Errorf("open the audit log: %w", err)
		}
		l.shelf[k] = shelf
		l.newest = max(l.newest, last)
	}
	if cfg.File != "" {
		l.copied = &copied{path: cfg.File}
	}
	l.turn <- struct{}{}
	return l, nil
}

func makeDir(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

// Append adds a record. It sets the record's Seq, and its Time if that is zero. When
// Append returns nil, the record outlives a power cut, and Config.File has it. After an
// error Config.File may have the record, with the number of a later one; or the log has
// the record and Config.File has not. A record that was shared outlives a power cut elsewhere,
// and is written here before the next one.
func (l *Log) Append(rec mgmt.AuditRecord) error {
	<-l.turn
	defer func() { l.turn <- struct{}{} }()
	if l.closed {
		return ErrClosed
	}
	if err := l.writeShared(); err != nil {
		return err
	}
	rec.Seq = l.Newest() + 1
	if year := rec.Time.UTC().Year(); rec.Time.IsZero() || year < 1 || year > 9999 {
		rec.Time = time.Now()
	}
	line := shelved{kindOf(rec), journal.Line{Head: journal.Head{Seq: rec.Seq, Time: rec.Time}, Text: encode(rec)}}
	if l.cfg.Share != nil {
		return l.share(line)
	}
	err := l.write(line)
	if l.copied != nil {
		err = errors.Join(err, l.copy(line))
	}
	return err
}

// write writes a line.
func (l *Log) write(line shelved) error {
	if _, err := l.shelf[line.kind].Append([]journal.Line{line.Line}); err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	l.announce(line.Seq)
	return nil
}

// copy writes a line to Config.File.
func (l *Log) copy(line shelved) error {
	if err := l.copied.append(line.Text); err != nil {
		return fmt.Errorf("write the audit file: %w", err)
	}
	return nil
}

// announce says that the record with this number is there.
func (l *Log) announce(seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.newest = seq
	close(l.grown)
	l.grown = make(chan struct{})
}

// Newest returns the number of the newest record. It is 0 if there was none.
func (l *Log) Newest() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.newest
}

// Wait returns nil when there is a record after that with this number. It returns
// ErrClosed when the log is closed, and the cause of ctx when ctx is done.
func (l *Log) Wait(ctx context.Context, after uint64) error {
	for {
		l.mu.Lock()
		newest, ending, grown := l.newest, l.ending, l.grown
		l.mu.Unlock()
		switch {
		case newest > after:
			return nil
		case ending:
			return ErrClosed
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-grown:
		}
	}
}

// Close closes the log. Records can still be read.
func (l *Log) Close() error {
	<-l.turn
	defer func() { l.turn <- struct{}{} }()
	if l.closed {
		return nil
	}
	l.closed = true
	l.mu.Lock()
	l.ending = true
	close(l.grown)
	l.mu.Unlock()
	var errs []error
	for _, s := range l.shelf {
		errs = append(errs, s.Close())
	}
	if l.copied != nil {
		errs = append(errs, l.copied.close())
	}
	return errors.Join(errs...)
}
