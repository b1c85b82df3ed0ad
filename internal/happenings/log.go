package happenings

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
	// MaxRecords bounds what is kept. If there is more, the oldest segment is removed. Zero
	// means 1,000,000.
	MaxRecords int
	// MaxBytes bounds the files of the log, in bytes. Zero means 512 MiB.
	MaxBytes int64
	// MaxAge is how long a record is kept. A segment goes when its newest record is older.
	// Zero means 400 days.
	MaxAge time.Duration
	// Recent is how many of the newest records are kept in memory, for readers that follow.
	// Zero means 2,048.
	Recent int
	// SearchSegments bounds the segments of 1 MiB that one Search reads: a query that wants what
	// is nowhere in the log would read all of it. Zero means 32.
	SearchSegments int
	// Copies bounds the logs of which this one remembers how far it has copied them. The one
	// of which it has heard least lately is forgotten: if it comes back, it is copied from
	// its beginning. Zero means 10,000.
	Copies int
	// Share shares lines with the other controllers of the cluster, before they are written
	// here. The lines are those of the records from first to last. After an error they are not
	// written here either. Nil means that there are no others.
	Share func(first, last uint64, lines []byte) error
	// ShareBytes bounds the lines that are shared at once. Zero means 256 kB. A single line may
	// be longer.
	ShareBytes int
	// Identity keeps the identity of the log, which is the same for all controllers of a
	// cluster. Nil means that a file in Dir keeps it.
	Identity Keep
	// Positions keeps how far agents were heard, for controllers that were away for long. Nil
	// means that nobody else needs it.
	Positions Keep
	// PositionsEvery is after how many records Positions are saved. Zero means 50,000.
	PositionsEvery int
	// Appended is called with the records that the log has got. It must not wait, nor use the
	// log. Nil tells nobody.
	Appended func([]Record)
	// Logger gets reports of damage. Nil discards them.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	c.MaxRecords = cmp.Or(c.MaxRecords, 1_000_000)
	c.MaxBytes = cmp.Or(c.MaxBytes, 512<<20)
	c.MaxAge = cmp.Or(c.MaxAge, 400*24*time.Hour)
	c.Recent = cmp.Or(c.Recent, 2048)
	c.SearchSegments = cmp.Or(c.SearchSegments, 32)
	c.ShareBytes = cmp.Or(c.ShareBytes, 256_000)
	c.PositionsEvery = cmp.Or(c.PositionsEvery, 50_000)
	if c.Identity == nil {
		c.Identity = identityFile(c.Dir)
	}
	c.Copies = cmp.Or(c.Copies, 10_000)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return c
}

// ErrClosed says that a log was closed.
var ErrClosed = errors.New("the log of happenings is closed")

// Log is a log of happenings. Any goroutine may use it.
type Log struct {
	cfg     Config
	journal *journal.Journal
	// turn holds a value while nobody writes. The goroutine that has taken the value may
	// append to the journal, and owns what follows.
	turn   chan struct{}
	copies *copies
	// unwritten are records that were shared, and could not be written here yet.
	unwritten []written
	// positions is the number of the newest record when Positions were saved.
	positions uint64
	closed    bool

	mu sync.Mutex // guards what follows
	id string
	// newest is the number of the newest record.
	newest uint64
	// recent are the newest records, oldest first, without a gap.
	recent []Record
	// grown is closed when newest grows, and when the log is closed.
	grown  chan struct{}
	ending bool
}

// Open opens the log in a directory, or makes a new one.
func Open(cfg Config) (*Log, error) {
	cfg = cfg.withDefaults()
	l := &Log{cfg: cfg, turn: make(chan struct{}, 1), grown: make(chan struct{})}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("open the log of happenings: %w", err)
	}
	l.turn <- struct{}{}
	return l, nil
}

// OpenToRead opens the log in a directory to read what it has now, while another process may
// be writing it. It changes nothing: Append returns ErrClosed, and the bounds of the log do
// not count. A directory that does not exist is an error.
func OpenToRead(dir string) (*Log, error) { return OpenToReadWith(dir, nil) }

// OpenToReadWith is OpenToRead with a logger that gets reports of damage. Nil discards them.
func OpenToReadWith(dir string, log *slog.Logger) (*Log, error) {
	const unbounded = 1 << 30
	cfg := Config{Dir: dir, MaxRecords: unbounded, MaxBytes: unbounded << 30, MaxAge: math.MaxInt64, Logger: log}.withDefaults()
	l := &Log{cfg: cfg, turn: make(chan struct{}, 1), grown: make(chan struct{}), closed: true, ending: true}
	if err := l.openJournal(); err != nil {
		return nil, fmt.Errorf("read the log of happenings: %w", err)
	}
	l.turn <- struct{}{}
	return l, nil
}

func (l *Log) open() error {
	if err := makeDir(l.cfg.Dir); err != nil {
		return err
	}
	var err error
	if l.id, err = readIdentity(l.cfg); err != nil {
		return err
	}
	if err := l.openJournal(); err != nil {
		return err
	}
	l.copies = readCopies(l.cfg)
	return l.catchUp()
}

func (l *Log) openJournal() (err error) {
	l.journal, l.newest, err = journal.Open(journal.Config{
		Dir: l.cfg.Dir, Name: "happenings", What: "log of happenings", MaxLines: l.cfg.MaxRecords, MaxBytes: l.cfg.MaxBytes, MaxAge: l.cfg.MaxAge,
		LineBytes: maxLine, Indexed: true, Logger: l.cfg.Logger,
		Read: headOf,
	}, time.Now())
	return err
}

// catchUp reads what was written since the copies were saved, and the newest records.
func (l *Log) catchUp() error {
	for _, g := range l.journal.Segments() {
		newest := g.Last == l.newest
		if g.Last <= l.copies.upTo && !newest {
			continue
		}
		text, err := l.journal.Text(g)
		if err != nil {
			return err
		}
		list, _ := Query{}.scan(text)
		for _, r := range list {
			l.copies.note(r)
		}
		l.remember(list)
	}
	return nil
}

// remember adds records to the newest ones.
func (l *Log) remember(list []Record) {
	l.recent = append(l.recent, list...)
	if over := len(l.recent) - l.cfg.Recent; over > 0 {
		clear(l.recent[:over])
		l.recent = l.recent[over:] // append moves the others when there is no more room behind them
	}
}

func makeDir(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

// Append adds records. It sets their Seq, and their Time if that is zero. It leaves out
// copies that the log has, and says where copies are missing. When Append returns nil, the
// records outlive a power cut. After an error the log may have the first ones. Records that
// were shared outlive a power cut elsewhere, and are written here before the next ones.
func (l *Log) Append(list []Record) error {
	<-l.turn
	defer func() { l.turn <- struct{}{} }()
	if l.closed {
		return ErrClosed
	}
	if err := l.writeShared(); err != nil {
		return err
	}
	list = l.numbered(l.copies.fresh(list))
	lines := make([]written, len(list))
	for i, r := range list {
		lines[i] = written{r, journal.Line{Head: journal.Head{Seq: r.Seq, Time: r.Time, Written: r.Heard}, Text: encode(r)}}
	}
	if l.cfg.Share != nil {
		return l.share(lines)
	}
	_, err := l.write(lines)
	return err
}

// written is a record with its line.
type written struct {
	Record
	line journal.Line
}

// write writes records, and returns how many are written.
func (l *Log) write(list []written) (int, error) {
	lines, records := make([]journal.Line, len(list)), make([]Record, len(list))
	for i, w := range list {
		lines[i], records[i] = w.line, w.Record
	}
	done, err := l.journal.Append(lines)
	for _, r := range records[:done] {
		l.copies.note(r)
	}
	l.announce(records[:done])
	if l.cfg.Appended != nil && done > 0 {
		l.cfg.Appended(records[:done])
	}
	l.saveCopies(false)
	if err != nil {
		return done, fmt.Errorf("write the log of happenings: %w", err)
	}
	return done, nil
}

// numbered returns the records with the numbers and the times that they get.
func (l *Log) numbered(list []Record) []Record {
	next := l.Newest()
	for i := range list {
		next++
		list[i].Seq = next
		if year := list[i].Time.UTC().Year(); list[i].Time.IsZero() || year < 1 || year > 9999 {
			list[i].Time = time.Now()
		}
	}
	return list
}

// saveCopies saves how far other logs were copied, when enough was written since or when
// that is now or never. If it cannot, the next Open reads more.
func (l *Log) saveCopies(last bool) {
	newest := l.Newest()
	if newest-l.copies.upTo < copiesEvery && !last || newest == l.copies.upTo {
		return
	}
	if err := l.copies.save(newest); err != nil {
		l.cfg.Logger.Warn("how far agents were heard is not saved", "path", l.copies.path, "err", err)
	}
}

// announce says that these records are there.
func (l *Log) announce(list []Record) {
	if len(list) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.newest = list[len(list)-1].Seq
	l.remember(list)
	close(l.grown)
	l.grown = make(chan struct{})
}

// Newest returns the number of the newest record. It is 0 if there was none.
func (l *Log) Newest() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.newest
}

// Oldest returns the number of the oldest record that is kept. It is 0 if there is none.
func (l *Log) Oldest() uint64 {
	for _, g := range l.journal.Segments() {
		if g.Count > 0 {
			return g.First
		}
	}
	return 0
}

// Grown returns a channel that is closed when there is another record than now, or when the
// log is closed.
func (l *Log) Grown() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.grown
}

// ended reports whether the log was closed.
func (l *Log) ended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ending
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

// Copied returns the number up to which an instance's log with this identity was copied.
func (l *Log) Copied(instance mgmt.InstanceName, log string) uint64 {
	<-l.turn
	defer func() { l.turn <- struct{}{} }()
	return l.copies.of(instance, log)
}

// CopiedLast returns the log of an instance of which the latest copy was made, and how far it
// was copied. It returns nothing if there is none.
func (l *Log) CopiedLast(instance mgmt.InstanceName) (log string, seq uint64) {
	<-l.turn
	defer func() { l.turn <- struct{}{} }()
	return l.copies.last(instance)
}

// Close closes the log. Records can still be read.
func (l *Log) Close() error {
	<-l.turn
	defer func() { l.turn <- struct{}{} }()
	if l.closed {
		return nil
	}
	l.closed = true
	l.saveCopies(true)
	l.mu.Lock()
	l.ending = true
	close(l.grown)
	l.mu.Unlock()
	return l.journal.Close()
}
