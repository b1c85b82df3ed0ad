package preflight

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// checkDirs finds directories in which nodes cannot write, and file systems without
// enough free space. A finding about a directory of several nodes, or about a file
// system, is a finding of the host.
func checkDirs(cfg Config, checks []Check) []mgmt.Finding {
	users := map[string][]mgmt.NodeName{}
	for _, c := range checks {
		for _, dir := range c.writes() {
			users[dir] = append(users[dir], c.Node)
		}
	}
	var found []mgmt.Finding
	full := map[uint64]bool{} // by device
	for _, dir := range slices.Sorted(maps.Keys(users)) {
		p := inspect(dir)
		if problem := p.problem(); problem != "" {
			f := mgmt.Finding{Problem: problem}
			if len(users[dir]) == 1 {
				f.Node = users[dir][0]
			}
			found = append(found, f)
		} else if problem := p.roomProblem(cfg.MinFree); problem != "" && !full[p.device] {
			full[p.device] = true
			found = append(found, mgmt.Finding{Problem: problem})
		}
	}
	return found
}

// writes returns the directories in which the node writes.
func (c Check) writes() []string {
	if c.WorkDir == "" {
		return c.Dirs
	}
	return append([]string{c.WorkDir}, c.Dirs...)
}

// place holds the facts about a directory. Except dir, its fields are about nearest.
type place struct {
	dir string
	// nearest is dir or, if dir does not exist, the deepest of its parents that does.
	nearest     string
	isDir       bool
	notWritable error
	device      uint64
	room        *room // nil if unknown
}

// room is the free space of a file system.
type room struct {
	bytes int64
	// noFiles says that no more files can be made.
	noFiles bool
}

// inspect collects the facts about a directory.
func inspect(dir string) place {
	p := place{dir: dir, nearest: filepath.Clean(dir)}
	info, err := os.Stat(p.nearest)
	for (errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR)) && p.nearest != "/" && p.nearest != "." {
		p.nearest = filepath.Dir(p.nearest)
		info, err = os.Stat(p.nearest)
	}
	if err != nil {
		p.isDir, p.notWritable = true, err
		return p
	}
	p.isDir = info.IsDir()
	p.notWritable = unix.Faccessat(unix.AT_FDCWD, p.nearest, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	var st unix.Stat_t
	var fsys unix.Statfs_t
	if unix.Stat(p.nearest, &st) == nil && unix.Statfs(p.nearest, &fsys) == nil {
		p.device = uint64(st.Dev)
		p.room = &room{
			bytes:   int64(fsys.Bavail) * int64(fsys.Bsize),
			noFiles: fsys.Files > 0 && fsys.Ffree == 0,
		}
	}
	return p
}

// problem returns the reason why a node cannot write in the directory, or "".
func (p place) problem() string {
	switch {
	case !p.isDir && p.nearest == filepath.Clean(p.dir):
		return fmt.Sprintf("%s is not a directory", p.dir)
	case !p.isDir:
		return fmt.Sprintf("directory %s cannot be made: %s is not a directory", p.dir, p.nearest)
	case p.notWritable != nil && p.nearest == filepath.Clean(p.dir):
		return fmt.Sprintf("directory %s is not writable: %v", p.dir, p.notWritable)
	case p.notWritable != nil:
		return fmt.Sprintf("directory %s cannot be made in %s: %v", p.dir, p.nearest, p.notWritable)
	}
	return ""
}

// roomProblem returns a problem if the file system has less than minFree bytes of free
// space or can hold no more files, and "" otherwise.
func (p place) roomProblem(minFree int64) string {
	switch {
	case p.room == nil || minFree < 0:
		return ""
	case p.room.bytes < minFree:
		return fmt.Sprintf("the disk with %s has %d MiB left, and nodes need %d", p.nearest, p.room.bytes>>20, minFree>>20)
	case p.room.noFiles:
		return fmt.Sprintf("the disk with %s has no room for another file", p.nearest)
	}
	return ""
}
