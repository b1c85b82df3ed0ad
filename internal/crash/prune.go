package crash

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"golang.org/x/sys/unix"
)

// prune removes records that exceed the bounds, and the unfinished files of writers
// that died. It keeps the record that was just added.
func (s *Store) prune(added Record) error {
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return err
	}
	var nodes [][]file // the files of each node, oldest first
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if err := s.removeFresh(e.Name()); err != nil {
			return err
		}
		files, err := s.files(e.Name())
		if err != nil {
			return err
		}
		if len(files) > 0 {
			nodes = append(nodes, files)
		}
	}
	for _, f := range s.excess(nodes, directory(added.Node), added.file()) {
		if err := s.remove(f); err != nil {
			return err
		}
	}
	return nil
}

// excess returns the files to remove. It keeps the file keepName in keepDir.
func (s *Store) excess(nodes [][]file, keepDir, keepName string) []file {
	var gone, last, older []file // last are the newest files of each node, older the rest within PerNode
	var bytes int64
	sort.SliceStable(nodes, func(i, j int) bool {
		a, b := nodes[i], nodes[j]
		if kept := cmp.Compare(rank(a, keepDir), rank(b, keepDir)); kept != 0 {
			return kept < 0
		}
		return b[len(b)-1].name < a[len(a)-1].name
	})
	for i, files := range nodes {
		if i >= s.cfg.Nodes {
			gone = append(gone, files...)
			continue
		}
		surplus := max(0, len(files)-s.cfg.PerNode)
		gone = append(gone, files[:surplus]...)
		files = files[surplus:]
		last = append(last, files[len(files)-1])
		older = append(older, files[:len(files)-1]...)
		for _, f := range files {
			bytes += f.size
		}
	}
	sort.SliceStable(older, func(i, j int) bool { return older[i].name < older[j].name })
	sort.SliceStable(last, func(i, j int) bool { return last[i].name < last[j].name })
	for _, f := range append(older, last...) {
		if bytes <= s.cfg.Bytes {
			break
		}
		if f.dir != keepDir || f.name != keepName {
			gone = append(gone, f)
			bytes -= f.size
		}
	}
	return slices.DeleteFunc(gone, func(f file) bool { return f.dir == keepDir && f.name == keepName })
}

// rank sorts the node with the directory keepDir before the others.
func rank(files []file, keepDir string) int {
	if files[0].dir == keepDir {
		return 0
	}
	return 1
}

// remove removes a file, and then its node's directory if it is empty.
func (s *Store) remove(f file) error {
	path := f.path(s.cfg.Dir)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := os.Remove(filepath.Dir(path))
	if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// removeFresh removes the unfinished files in a node's directory.
func (s *Store) removeFresh(dir string) error {
	entries, err := os.ReadDir(filepath.Join(s.cfg.Dir, dir))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), freshSuffix) {
			continue
		}
		err := os.Remove(filepath.Join(s.cfg.Dir, dir, e.Name()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
