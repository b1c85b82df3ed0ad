// Package removed has the directories of nodes that were removed from the cluster. They
// stay for a time, because somebody may want to look at them. Then their logs are put into
// the queue of the archive, and they are deleted.
//
// It deletes only directories of nodes that this agent has launched, because other agents
// and controllers of the host may keep their directories beside them. A directory in which
// somebody has written since the node was removed stays.
package removed

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
	"strconv"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Config says which directories are kept for how long. The fields without a default are
// required.
type Config struct {
	// Nodes has a directory for each node, by its name.
	Nodes string
	// Trash is a directory on the same file system as Nodes. A directory is moved there
	// before it is deleted, so that its node can come back at any time.
	Trash string
	// File keeps which nodes were launched, and when each was there last.
	File string
	// Keep is how long the directory of a removed node stays.
	Keep time.Duration
	// MaxNodes bounds the nodes that File has. The directories of further nodes stay. Zero
	// means 10,000.
	MaxNodes int
	// MaxMoves bounds the directories that one Sweep moves. Zero means 20.
	MaxMoves int
	// Rescue puts the logs in a directory into the queue of the archive. Nil keeps
	// directories with logs.
	Rescue func(ctx context.Context, dir string, logs Logs) error
	Logger *slog.Logger
}

// Logs says how a node names the logs that it leaves: with a suffix, and in the time zone
// of its clock, such as TZ=Europe/Berlin.
type Logs struct{ Suffix, Zone string }

// Directories are the directories of the nodes of one agent. Launched and Sweep are for one
// goroutine, Empty is for another.
type Directories struct {
	cfg   Config
	nodes map[mgmt.NodeName]entry
	dirty bool // nodes differ from File

	mu    sync.Mutex
	moved map[string]Logs // by the path in Trash
}

// entry is what is known of a launched node.
type entry struct {
	seen time.Time // when it was there last
	logs Logs
}

// fileForm1 is form 1 of File.
type fileForm1 struct {
	Version int                          `json:"version"`
	Nodes   map[mgmt.NodeName]entryForm1 `json:"nodes"`
}

type entryForm1 struct {
	Seen   time.Time `json:"seen"`
	Suffix string    `json:"log_suffix,omitempty"`
	Zone   string    `json:"zone,omitempty"`
}

const fileForm = 1

// maxFile bounds what is read of File.
const maxFile = 16 << 20

// quiet is how long after a node was there last its directory may still change: its process
// ends, and its logs are put away.
const quiet = 10 * time.Minute

// Open reads File. A file that is missing or damaged is as one without nodes: the
// directories that it would name stay. A file of a newer zeekfleet is an error.
func Open(cfg Config) (*Directories, error) {
	cfg.MaxNodes, cfg.MaxMoves = cmp.Or(cfg.MaxNodes, 10_000), cmp.Or(cfg.MaxMoves, 20)
	d := &Directories{cfg: cfg, nodes: map[mgmt.NodeName]entry{}, moved: map[string]Logs{}}
	text, err := durable.ReadRegular(cfg.File, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return d, nil
	}
	var f fileForm1
	if err == nil {
		if _, err = form.Version(text, fileForm); err == nil {
			err = form.Decode(text, &f)
		}
	}
	if _, newer := errors.AsType[*form.NewerError](err); newer {
		return nil, fmt.Errorf("directories of nodes, %s: %w", cfg.File, err)
	}
	if err != nil {
		cfg.Logger.Warn("which directories are of removed nodes is not known any more: they stay", "file", cfg.File, "err", err)
		return d, nil
	}
	for name, e := range f.Nodes {
		if mgmt.CheckName(string(name)) == nil {
			d.nodes[name] = entry{e.Seen, Logs{e.Suffix, e.Zone}}
		}
	}
	return d, nil
}

// Launched notes that a node is about to be launched.
func (d *Directories) Launched(now time.Time, node mgmt.NodeName, logs Logs) {
	before, known := d.nodes[node]
	if !known && len(d.nodes) >= d.cfg.MaxNodes {
		d.cfg.Logger.Warn("the directory of this node stays when the node is removed: there are too many", "node", string(node), "most", d.cfg.MaxNodes)
		return
	}
	d.nodes[node] = entry{now, logs}
	if d.dirty = d.dirty || !known || before.logs != logs; d.dirty {
		d.save()
	}
}

// Sweep moves the directories of nodes that were removed long enough ago into Trash. present
// are all nodes that are desired, that run, or of which it is not known whether they run. It
// reports whether there is something for Empty to do.
func (d *Directories) Sweep(now time.Time, present []mgmt.NodeName) (trash bool) {
	for _, name := range present {
		if e, ok := d.nodes[name]; ok {
			e.seen = now
			d.nodes[name], d.dirty = e, true
		}
	}
	moves := 0
	for name, e := range d.nodes {
		if slices.Contains(present, name) || now.Sub(e.seen) < d.cfg.Keep {
			continue
		}
		if moves == d.cfg.MaxMoves {
			break // the next sweep goes on
		}
		moves++
		d.dirty = true
		d.move(now, name, e)
	}
	if d.dirty {
		d.save()
	}
	left, err := os.ReadDir(d.cfg.Trash)
	return err == nil && len(left) > 0
}

// move moves the directory of a removed node into Trash.
func (d *Directories) move(now time.Time, name mgmt.NodeName, e entry) {
	dir := filepath.Join(d.cfg.Nodes, string(name))
	info, err := os.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		delete(d.nodes, name)
		return
	case err == nil && !info.IsDir():
		err = errors.New("it is no directory")
	case err == nil && writtenSince(dir, e.seen.Add(quiet)):
		d.cfg.Logger.Info("directory of a removed node stays: somebody has written in it since", "node", string(name), "dir", dir)
		delete(d.nodes, name)
		return
	}
	place := filepath.Join(d.cfg.Trash, strconv.FormatInt(now.UnixNano(), 10))
	moved := filepath.Join(place, string(name))
	if err == nil {
		err = d.ours()
	}
	if err == nil {
		err = os.MkdirAll(place, 0o700)
	}
	if err == nil {
		err = d.ours() // somebody may have made it meanwhile
	}
	if err == nil {
		err = os.Rename(dir, moved)
	}
	if err != nil {
		d.cfg.Logger.Warn("directory of a removed node stays", "node", string(name), "dir", dir, "err", err)
		delete(d.nodes, name)
		return
	}
	delete(d.nodes, name)
	d.mu.Lock()
	d.moved[moved] = e.logs
	d.mu.Unlock()
	d.cfg.Logger.Info("directory of a removed node is deleted", "node", string(name), "dir", dir, "since", e.seen)
}

// ours returns an error if another user controls Trash: a link there would lead to something
// else that is deleted.
func (d *Directories) ours() error {
	return cmp.Or(durable.CheckOwnDir(filepath.Dir(d.cfg.Trash)), durable.CheckOwnDir(d.cfg.Trash))
}

// writtenSince reports whether a file of the directory was written after that time.
func writtenSince(dir string, since time.Time) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return true // nobody knows
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.ModTime().After(since) {
			return true
		}
	}
	return false
}

// Empty puts the logs of the directories in Trash into the queue, and deletes them. A
// directory whose logs cannot be put there stays for the next time.
func (d *Directories) Empty(ctx context.Context) {
	if err := d.ours(); err != nil {
		d.cfg.Logger.Warn("directories of removed nodes are not deleted", "err", err)
		return
	}
	found, err := filepath.Glob(filepath.Join(d.cfg.Trash, "*", "*"))
	if err != nil {
		panic(fmt.Sprintf("removed: a bad pattern: %v", err))
	}
	for _, dir := range found {
		if ctx.Err() != nil {
			return
		}
		if err := d.empty(ctx, dir); err != nil {
			d.cfg.Logger.Warn("directory of a removed node is not deleted yet", "dir", dir, "err", err)
		}
	}
}

func (d *Directories) empty(ctx context.Context, dir string) error {
	d.mu.Lock()
	logs, ok := d.moved[dir]
	d.mu.Unlock()
	if !ok { // an earlier life of the agent has moved it
		logs.Suffix = filepath.Base(dir)
	}
	left := []string{}
	for _, pattern := range []string{"*.log", "*.log.gz"} {
		some, _ := filepath.Glob(filepath.Join(dir, pattern))
		left = append(left, some...)
	}
	switch {
	case len(left) > 0 && d.cfg.Rescue == nil:
		return fmt.Errorf("it has logs, such as %s, and the agent does not archive logs", filepath.Base(left[0]))
	case len(left) > 0:
		if err := d.cfg.Rescue(ctx, dir, logs); err != nil {
			return fmt.Errorf("put its logs into the queue: %w", err)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	d.mu.Lock()
	delete(d.moved, dir)
	d.mu.Unlock()
	return os.Remove(filepath.Dir(dir))
}

// save writes File. If that fails, the next change tries again.
func (d *Directories) save() {
	f := fileForm1{fileForm, make(map[mgmt.NodeName]entryForm1, len(d.nodes))}
	for name, e := range d.nodes {
		f.Nodes[name] = entryForm1{e.seen.UTC(), e.logs.Suffix, e.logs.Zone}
	}
	if err := durable.Replace(d.cfg.File, d.cfg.File+".new", form.Encode(f)); err != nil {
		d.cfg.Logger.Warn("which nodes have directories is not kept", "file", d.cfg.File, "err", err)
		return
	}
	d.dirty = false
}
