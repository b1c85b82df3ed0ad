package crash

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Dir returns the directory of the crash records of the agent whose own
// directory is given.
func Dir(agent string) string { return filepath.Join(agent, "crashes") }

// Config is what a Store works with.
type Config struct {
	// Dir is the directory of the records; see Dir. It is made by the first Add.
	Dir string
	// PerNode bounds the records of one node. Zero means 10.
	PerNode int
	// Nodes bounds the nodes with records. Beyond it, the records go of the nodes
	// whose last crash is the longest ago. Zero means 256.
	Nodes int
	// Bytes bounds the files together; the newest record stays even if it is
	// larger. Zero means 64 MiB.
	Bytes int64
	// Cores bounds the core files in the working directory of one node. Older ones
	// are removed when their backtraces are known. Zero means 3. Core files that the
	// kernel puts elsewhere are not removed.
	Cores int
	// Debugger is gdb, or the like of it, as a name to be found in PATH or an
	// absolute path. Empty means gdb.
	Debugger string
	// BacktraceTimeout bounds the debugger's work on one core file. Zero means 30 s.
	BacktraceTimeout time.Duration
	// Logger receives what Run has to say. Nil discards it.
	Logger *slog.Logger
}

func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" {
		return c, errors.New("no directory for crash records")
	}
	if c.PerNode < 0 || c.Nodes < 0 || c.Bytes < 0 || c.Cores < 0 || c.BacktraceTimeout < 0 {
		return c, errors.New("a bound of crash records is negative")
	}
	c.PerNode = cmp.Or(c.PerNode, 10)
	c.Nodes = cmp.Or(c.Nodes, 256)
	c.Bytes = cmp.Or(c.Bytes, 64<<20)
	c.Cores = cmp.Or(c.Cores, 3)
	c.Debugger = cmp.Or(c.Debugger, "gdb")
	c.BacktraceTimeout = cmp.Or(c.BacktraceTimeout, 30*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// A Store keeps crash records. Its methods may be called concurrently, Run once
// at a time.
type Store struct {
	cfg  Config
	turn chan struct{} // has room for the one that changes files
	kick chan struct{} // tells Run of a record that it is to examine

	corePattern func() (corePattern, error) // replaced by tests
}

// New returns the store of the records in cfg.Dir. It touches no file.
func New(cfg Config) (*Store, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Store{
		cfg:         cfg,
		turn:        make(chan struct{}, 1),
		kick:        make(chan struct{}, 1),
		corePattern: readCorePattern,
	}, nil
}

// Add keeps r. When Add returns nil, the record is durable. If there are too many
// records, Add removes the oldest. Add takes milliseconds; Run adds the backtrace
// later.
func (s *Store) Add(ctx context.Context, r Record) error {
	if r.Node == "" {
		return errors.New("add crash record: it names no node")
	}
	if r.When.IsZero() {
		r.When = time.Now()
	}
	r.bound()
	r.Core, r.Backtrace = "", ""
	r.Pending, r.Note = needsExamination(r.Exit)
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.done()
	if err := s.write(r); err != nil {
		return fmt.Errorf("add crash record of node %s: %w", r.Node, err)
	}
	if r.Pending {
		select {
		case s.kick <- struct{}{}:
		default: // Run has yet to look, and will see this record too
		}
	}
	if err := s.prune(r); err != nil {
		return fmt.Errorf("remove old crash records: %w", err)
	}
	return nil
}

// begin waits for the turn to change files.
func (s *Store) begin(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Store) done() { <-s.turn }

// write writes r's file: the old one stays, or it is the new one as a whole.
func (s *Store) write(r Record) error {
	text, err := encodeRecord(r)
	if err != nil {
		return err
	}
	dir := filepath.Join(s.cfg.Dir, directory(r.Node))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
		return cmp.Or[error](err, &os.PathError{Op: "write", Path: dir, Err: unix.ENOTDIR})
	}
	path := filepath.Join(dir, r.file())
	fresh := strings.TrimSuffix(path, suffix) + freshSuffix
	if err := durable.Replace(path, fresh, text); err != nil {
		return err
	}
	return durable.SyncDir(s.cfg.Dir)
}

// update replaces the record of r's crash, unless it has been removed meanwhile.
func (s *Store) update(ctx context.Context, r Record) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.done()
	_, err := os.Lstat(filepath.Join(s.cfg.Dir, directory(r.Node), r.file()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.write(r)
}

// List returns the records of a node, newest first. The error tells of those that
// could not be read; the others are returned nevertheless.
func (s *Store) List(node mgmt.NodeName) ([]Record, error) {
	return s.list(directory(node))
}

// All returns the records of all nodes, newest first; the error is as List's.
func (s *Store) All() ([]Record, error) {
	entries, err := os.ReadDir(s.cfg.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read crash records: %w", err)
	}
	var all []Record
	var errs []error
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		records, err := s.list(e.Name())
		all, errs = append(all, records...), append(errs, err)
	}
	slices.SortStableFunc(all, newestFirst)
	return all, errors.Join(errs...)
}

func (s *Store) list(dir string) ([]Record, error) {
	files, err := s.files(dir)
	if err != nil {
		return nil, fmt.Errorf("read crash records: %w", err)
	}
	var records []Record
	var errs []error
	for _, f := range files {
		r, err := f.read(s.cfg.Dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("crash record %s: %w", f.path(s.cfg.Dir), err))
			continue
		}
		records = append(records, r)
	}
	slices.SortStableFunc(records, newestFirst)
	return records, errors.Join(errs...)
}

func newestFirst(a, b Record) int {
	return cmp.Or(b.When.Compare(a.When), cmp.Compare(a.Node, b.Node), cmp.Compare(b.Launch, a.Launch))
}

// file is the file of a record, readable or not.
type file struct {
	dir, name string
	size      int64
}

func (f file) path(root string) string { return filepath.Join(root, f.dir, f.name) }

// files lists the files of records in one node's directory, oldest first.
func (s *Store) files(dir string) ([]file, error) {
	path := filepath.Join(s.cfg.Dir, dir)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && !info.IsDir() {
		err = &os.PathError{Op: "read", Path: path, Err: unix.ENOTDIR} // nor is a link to one
	}
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(path) // sorted
	if err != nil {
		return nil, err
	}
	var files []file
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), suffix) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // removed meanwhile
		}
		files = append(files, file{dir, e.Name(), info.Size()})
	}
	return files, nil
}
