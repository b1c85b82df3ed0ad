package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/durable"
)

// ErrBusy says that another Archiver, of this process or another, works on the
// queue.
var ErrBusy = errors.New("another archiver is at work on it")

// An Archiver archives the logs of one queue. Its methods may be called
// concurrently.
type Archiver struct {
	cfg   Config
	mover mover
	lock  *durable.Lock
	turn  chan struct{} // holds an element while a sweep is running

	// Tests replace these.
	watch func(ctx context.Context, dir string, wake chan<- struct{}) error
	usage func(dir string) (usage, error)
}

// New returns an Archiver that holds the lock of cfg.Queue until Close. It returns
// ErrBusy if another Archiver holds the lock for another second. It creates the
// directories if they do not exist.
func New(cfg Config) (*Archiver, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := makeDirs(cfg.Queue, cfg.Logs); err != nil {
		return nil, err
	}
	if err := handOver(cfg); err != nil {
		return nil, fmt.Errorf("give log archive %s to the user of its command: %w", cfg.Logs, err)
	}
	lock, err := durable.LockFile(filepath.Join(cfg.Queue, lockFile))
	if errors.Is(err, durable.ErrLocked) {
		return nil, ErrBusy
	}
	if err != nil {
		return nil, fmt.Errorf("lock log queue %s: %w", cfg.Queue, err)
	}
	host, _ := os.Hostname() // if it is empty, two hosts must not share an archive
	return &Archiver{
		cfg:   cfg,
		mover: mover{level: *cfg.Level, origin: host},
		lock:  lock,
		turn:  make(chan struct{}, 1),
		watch: watch,
		usage: diskUsage,
	}, nil
}

// handOver gives the archive to the user of the command. It does nothing else in a directory that
// the user has already.
func handOver(cfg Config) error {
	if cfg.As == nil || len(cfg.Command) == 0 {
		return nil
	}
	info, err := os.Stat(cfg.Logs)
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid == cfg.As.Uid {
		return nil
	}
	entries, err := os.ReadDir(cfg.Logs)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() && isDay(e.Name()) {
			if err := os.Lchown(filepath.Join(cfg.Logs, e.Name()), int(cfg.As.Uid), int(cfg.As.Gid)); err != nil {
				return err
			}
		}
	}
	// The archive may be a link, which the operator has made.
	return os.Chown(cfg.Logs, int(cfg.As.Uid), int(cfg.As.Gid))
}

func makeDirs(paths ...string) error {
	for _, path := range paths {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		if err := (disk{}).syncDir(filepath.Dir(path)); err != nil {
			return err
		}
	}
	return nil
}

// lockFile is a hidden file, because zeek-archiver ignores hidden files.
const lockFile = ".zeekfleet.lock"

// Close releases the lock of the queue. Run and Sweep must have returned.
func (a *Archiver) Close() error { return a.lock.Close() }

// A Report says what one sweep did.
type Report struct {
	Archived int   // logs that the sweep stored in the archive
	Bytes    int64 // their size before compression
	// Resumed counts the logs that an interrupted sweep had already stored. This
	// sweep only removed them from the queue.
	Resumed int
	// Left are the files that stay in the queue.
	Left []Left
	// Expired counts the archived logs that retention removed. Freed is how many
	// bytes of the disk they took.
	Expired int
	Freed   int64
}

// Left is a file that stays in the queue.
type Left struct {
	Name string
	// Err is ErrNotRotated, or the reason why the log could not be archived. The
	// next sweep tries again.
	Err error
}

// Sweep applies retention and archives the logs that are in the queue now. If
// another sweep is running, Sweep first waits for its end. The report lists the logs
// that could not be archived; the error says what stopped the sweep as a whole.
//
// When ctx is done, Sweep ends within a fraction of a second and leaves no log half
// archived.
func (a *Archiver) Sweep(ctx context.Context) (Report, error) {
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return Report{}, context.Cause(ctx)
	}
	var r Report
	// Somebody may have removed the archive. Zeek itself makes a missing queue.
	if _, err := os.Stat(a.cfg.Logs); errors.Is(err, fs.ErrNotExist) {
		if err := makeDirs(a.cfg.Logs); err != nil {
			return r, fmt.Errorf("make log archive: %w", err)
		}
	}
	expired := a.expire(ctx, time.Now(), &r)
	files, err := a.list()
	if err != nil {
		return r, errors.Join(expired, fmt.Errorf("read log queue: %w", err))
	}
	if len(a.cfg.Command) > 0 {
		err = a.command(ctx, len(files))
	} else {
		a.archiveAll(ctx, files, &r)
		err = context.Cause(ctx)
	}
	return r, errors.Join(expired, err)
}

// list returns the names in the queue, sorted. It ignores hidden files.
func (a *Archiver) list() ([]string, error) {
	dir, err := os.Open(a.cfg.Queue)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(maxQueue)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, ".") })
	slices.Sort(names)
	return names, nil
}

// queued is a log in the queue, and the result of archiving it.
type queued struct {
	file string
	name Name
	got  moved
	err  error
}

// archiveAll archives the files, oldest first, until ctx is done.
func (a *Archiver) archiveAll(ctx context.Context, files []string, r *Report) {
	var logs []queued
	for _, file := range files {
		name, err := ParseName(file)
		if err != nil {
			r.Left = append(r.Left, Left{file, err})
			continue
		}
		logs = append(logs, queued{file: file, name: name})
	}
	sort.SliceStable(logs, func(i, j int) bool {
		return cmp.Or(logs[i].name.Close.Compare(logs[j].name.Close), cmp.Compare(logs[i].file, logs[j].file)) < 0
	})
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(a.cfg.Parallel, len(logs)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(logs)); i = next.Add(1) - 1 {
				logs[i].got, logs[i].err = a.archive(ctx, logs[i])
			}
		})
	}
	workers.Wait()
	for _, l := range logs {
		r.add(l)
	}
}

func (r *Report) add(l queued) {
	switch {
	case l.err != nil:
		r.Left = append(r.Left, Left{l.file, l.err})
	case l.got.resumed:
		r.Resumed++
	default:
		r.Archived++
		r.Bytes += l.got.size
	}
}

// archive moves one log into the archive.
func (a *Archiver) archive(ctx context.Context, l queued) (moved, error) {
	if err := context.Cause(ctx); err != nil {
		return moved{}, err
	}
	day := filepath.Join(a.cfg.Logs, l.name.Day())
	if err := a.mover.mkdir(day); err != nil {
		return moved{}, err
	}
	// Sync even if the directory existed: the process that made it may have died
	// before it synced.
	if err := a.mover.syncDir(a.cfg.Logs); err != nil {
		return moved{}, err
	}
	compress := *a.cfg.Level > 0 && !l.name.compressed()
	return a.mover.move(ctx, filepath.Join(a.cfg.Queue, l.file), func(number int) []form {
		plain := form{path: filepath.Join(day, l.name.Archived(number))}
		zipped := form{path: plain.path + ".gz", gzip: true}
		switch {
		case compress:
			return []form{zipped, plain} // plain, because the level may have been 0 before
		case l.name.compressed():
			return []form{plain}
		}
		return []form{plain, zipped}
	})
}
