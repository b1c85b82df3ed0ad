package bundle

import (
	"cmp"
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Config bounds trees and their archives. A larger tree is refused, by the one who packs it
// and by everyone who reads its archive.
type Config struct {
	// Files bounds the files and links of a tree. Zero means 20,000.
	Files int
	// Dirs bounds the directories of a tree. Zero means 20,000.
	Dirs int
	// Bytes bounds an archive. Zero means 512 MiB.
	Bytes int64
	// Path bounds the path of a file in its tree, in bytes. Zero means 255. More than 255
	// do not fit into a header. The last part of a path has at most 100 bytes, for the same
	// reason.
	Path int
	// Target bounds the text of a link, in bytes. Zero means 100. More than 100 do not fit
	// into a header.
	Target int
	// Depth bounds the parts of a path. Zero means 40.
	Depth int
	// Before is called before each operation on files of Unpack, if it is not nil. Its error
	// takes the place of the operation. Tests make operations fail with it.
	Before func(operation, path string) error
}

func (c Config) withDefaults() Config {
	c.Files = cmp.Or(c.Files, 20_000)
	c.Dirs = cmp.Or(c.Dirs, 20_000)
	c.Bytes = cmp.Or(c.Bytes, 512<<20)
	c.Path = min(cmp.Or(c.Path, maxPath), maxPath)
	c.Target = min(cmp.Or(c.Target, maxTarget), maxTarget)
	c.Depth = cmp.Or(c.Depth, 40)
	if c.Before == nil {
		c.Before = func(string, string) error { return nil }
	}
	return c
}

// MaxBytes returns the bound of an archive.
func (c Config) MaxBytes() int64 { return c.withDefaults().Bytes }

// MaxFiles returns the bound of the files and links of a tree.
func (c Config) MaxFiles() int { return c.withDefaults().Files }

// Mode says what a path of a tree is.
type Mode string

// The modes are those of the archive's headers.
const (
	Plain      Mode = "0644"
	Executable Mode = "0755"
	Link       Mode = "0777"
)

// Entry is one file or link of a tree.
type Entry struct {
	Path   string `json:"path"`
	Mode   Mode   `json:"mode"`
	Size   int64  `json:"size,omitempty"`
	SHA256 string `json:"sha256,omitempty"` // hex digits; of a link it is empty
	Target string `json:"target,omitempty"` // of a link
}

// Contents says what an archive has.
type Contents struct {
	Hash    mgmt.BundleHash
	Size    int64   // of the archive
	Entries []Entry // sorted by path, bytewise
}

// InvalidError says why a tree or an archive is refused. All other errors of this package
// come from the reader, the writer or the disk.
type InvalidError struct {
	Path string // of a file in the tree, or empty
	Why  string
}

func (e *InvalidError) Error() string {
	if e.Path == "" {
		return e.Why
	}
	return fmt.Sprintf("%.300q: %s", e.Path, e.Why)
}

// invalid returns that an archive or a tree is invalid at path.
//
// The compiler does not copy it into its many callers (docs/decisions/0059).
//
//go:noinline
func invalid(path, format string, args ...any) error {
	return &InvalidError{path, fmt.Sprintf(format, args...)}
}

// Difference has the paths in which one tree differs from another, each list sorted.
type Difference struct {
	Added   []string `json:"added,omitempty"`
	Removed []string `json:"removed,omitempty"`
	Changed []string `json:"changed,omitempty"` // content, mode, or target
}

// Diff says how after differs from before. Both are sorted, like the Entries of Contents.
func Diff(before, after []Entry) Difference {
	var d Difference
	for len(before) > 0 || len(after) > 0 {
		switch {
		case len(after) == 0 || (len(before) > 0 && before[0].Path < after[0].Path):
			d.Removed = append(d.Removed, before[0].Path)
			before = before[1:]
		case len(before) == 0 || after[0].Path < before[0].Path:
			d.Added = append(d.Added, after[0].Path)
			after = after[1:]
		default:
			if before[0] != after[0] {
				d.Changed = append(d.Changed, after[0].Path)
			}
			before, after = before[1:], after[1:]
		}
	}
	return d
}
