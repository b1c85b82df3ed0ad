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
	"sort"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Dir returns the directory for crash records in the agent's directory.
func Dir(agent string) string { return filepath.Join(agent, "crashes") }

// Config configures a Store.
type Config struct {
	// Dir is the directory of the records; see the function Dir. The first Add creates
	// it.
	Dir string
	// PerNode bounds the records of one node. Zero means 10.
	PerNode int
	// Nodes bounds the nodes with records. Beyond it, the records of the nodes with
	// the oldest last crashes are removed. Zero means 256.
	Nodes int
	// Bytes bounds the size of all files. The record that was just added stays even if
	// it is larger. Zero means 64 MiB.
	Bytes int64
	// Cores bounds the core files in the working directory of one node. Run removes
	// older ones after it has their backtraces. It does not remove core files that the
	// kernel writes to another directory. Zero means 3.
	Cores int
	// Debugger is gdb or a compatible program: a name to find in PATH, or an absolute
	// path. Empty means gdb.
	Debugger string
	// BacktraceTimeout bounds the debugger's run for one core file. Zero means 30 s.
	BacktraceTimeout time.Duration
	// Logger receives the messages of Run. Nil discards them.
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

// A Store keeps crash records. Its methods may be called concurrently, but only one
// Run at a time.
type Store struct {
	cfg  Config
	turn chan struct{} // holds an element while a method changes files
	kick chan struct{} // tells Run that there is a record to examine

	corePattern func() (corePattern, error) // tests replace it
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

// Add stores r. When Add returns nil, the record is durable. If there are too many
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
		default: // Run has not read the records yet and will see this one too
		}
	}
	if err := s.prune(r); err != nil {
		return fmt.Errorf("remove old crash records: %w", err)
	}
	return nil
}

// begin waits until no other method changes files. done must follow.
func (s *Store) begin(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Store) done() { <-s.turn }

// write writes r's file. After a crash the file is the old one or the complete new
// one.
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

// List returns the records of a node, newest first. It returns the records that it
// can read even if there is an error. The error names the others.
func (s *Store) List(node mgmt.NodeName) ([]Record, error) {
	return s.list(directory(node))
}

// All returns the records of all nodes, newest first. Its error is like that of List.
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
	sort.SliceStable(all, func(i, j int) bool { return newestFirst(all[i], all[j]) < 0 })
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
	sort.SliceStable(records, func(i, j int) bool { return newestFirst(records[i], records[j]) < 0 })
	return records, errors.Join(errs...)
}

func newestFirst(a, b Record) int {
	return cmp.Or(b.When.Compare(a.When), cmp.Compare(a.Node, b.Node), cmp.Compare(b.Launch, a.Launch))
}

// file is the file of a record. Its content may be unreadable.
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
		err = &os.PathError{Op: "read", Path: path, Err: unix.ENOTDIR} // such as a link to a directory
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
