package blob

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Blob is what is known of a stored archive.
type Blob struct {
	Hash  mgmt.BundleHash
	Size  int64 // of the archive
	Files int   // files and links
	// Pushes are newest first, each name once. A stored archive whose record was damaged has
	// none.
	Pushes []Push
}

// Push says who has pushed an archive, under which name.
type Push struct {
	Name string    `json:"name"`
	By   string    `json:"by"`
	At   time.Time `json:"at"`
}

// aboutForm1 is form 1 of the file .about.
type aboutForm1 struct {
	Version int    `json:"version"`
	Files   int    `json:"files"`
	Pushes  []Push `json:"pushes,omitempty"`
}

// filesForm1 is form 1 of the file .files.
type filesForm1 struct {
	Version int            `json:"version"`
	Files   []bundle.Entry `json:"files"`
}

// These bound the files, in bytes. An entry of .files has a path, a target and a hash.
const (
	maxAbout = 1 << 20
	maxFiles = 64 << 20
)

// write writes a sealed form.
func (s *Store) write(path string, v any) error {
	return s.cfg.Disk.Replace(path, path+".new", durable.Seal(form.Encode(v)))
}

// read reads a sealed form.
func read(path string, most int, v any) error {
	text, err := durable.ReadRegular(path, most)
	if err != nil {
		return err
	}
	if err := decode(text, v); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// decode reads the text of a sealed form.
func decode(text []byte, v any) error {
	object, sealed, err := durable.Unseal(text)
	if err == nil && !sealed {
		err = durable.ErrDamaged
	}
	version := 0
	if err == nil {
		version, err = form.Version(object, 1)
	}
	if err == nil && version != 1 {
		err = errors.New(`it has no field "version"`)
	}
	if err == nil {
		err = form.Decode(object, v)
	}
	return err
}

// pushed puts a push at the front of a list.
func pushed(p Push, list []Push, most int) []Push {
	all := []Push{p}
	for _, old := range list {
		if old.Name != p.Name && len(all) < most {
			all = append(all, old)
		}
	}
	return all
}

// Files returns the files of a stored archive.
func (s *Store) Files(hash mgmt.BundleHash) ([]bundle.Entry, error) {
	if err := hash.Check(); err != nil {
		return nil, err
	}
	var f filesForm1
	err := read(s.path(hash)+".files", maxFiles, &f)
	if err == nil {
		return f.Files, nil
	}
	if newer, ok := errors.AsType[*form.NewerError](err); ok {
		return nil, newer
	}
	// The list can be made again.
	archive, err := s.Content(hash)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	contents, err := s.cfg.Bundle.Verify(archive, hash, nil)
	if err != nil {
		return nil, fmt.Errorf("stored archive %s: %w", hash, err)
	}
	return contents.Entries, nil
}

// ErrNone says that there is no archive of a hash.
var ErrNone = fmt.Errorf("no archive of this hash is stored: %w", fs.ErrNotExist)
