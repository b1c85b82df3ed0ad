package runoption

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Start is what an agent gives an embedded node when it launches it.
type Start struct {
	Options []mgmt.Option
	Bundles []mgmt.Bundle
}

// start1 is form 1 of a Start. Its file has a checksum.
type start1 struct {
	Version int           `json:"version"`
	Options []form.Option `json:"options,omitempty"`
	Bundles []form.Bundle `json:"bundles,omitempty"`
}

const maxStart = 1 << 20 // bytes; zeekfleet's are shorter

// IsZero tells whether there is nothing to give.
func (s Start) IsZero() bool { return len(s.Options) == 0 && len(s.Bundles) == 0 }

// Write puts s into a file that only the user of the node can read: values of options can
// be secrets. If s is zero, there is no file afterwards. The file is not synced: after a
// power failure, no process lives that was launched with it.
func (s Start) Write(path string) error {
	if s.IsZero() {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove options of an earlier launch: %w", err)
		}
		return nil
	}
	f := start1{Version: 1}
	for _, o := range s.Options {
		f.Options = append(f.Options, form.Option(o))
	}
	for _, b := range s.Bundles {
		f.Bundles = append(f.Bundles, form.Bundle(b))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write options of a node: %w", err)
	}
	if err := durable.ReplaceUnsynced(path, path+".new", durable.Seal(form.Encode(f))); err != nil {
		return fmt.Errorf("write options of a node: %w", err)
	}
	return nil
}

// ReadStart reads a file that Write has made. It returns the zero Start if there is none.
func ReadStart(path string) (Start, error) {
	text, err := durable.ReadRegular(path, maxStart)
	if errors.Is(err, fs.ErrNotExist) {
		return Start{}, nil
	}
	if err != nil {
		return Start{}, fmt.Errorf("read options: %w", err)
	}
	s, err := decodeStart(text)
	if _, ok := errors.AsType[*form.NewerError](err); ok {
		return Start{}, fmt.Errorf("%s was %w", path, err)
	}
	if err != nil {
		return Start{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

func decodeStart(text []byte) (Start, error) {
	text, sealed, err := durable.Unseal(text)
	if err != nil {
		return Start{}, err
	}
	version, err := form.Version(text, 1)
	if err != nil {
		return Start{}, err
	}
	if version != 1 || !sealed {
		return Start{}, durable.ErrDamaged
	}
	var f start1
	if err := form.Decode(text, &f); err != nil {
		return Start{}, err
	}
	var s Start
	for _, o := range f.Options {
		s.Options = append(s.Options, mgmt.Option(o))
	}
	for _, b := range f.Bundles {
		s.Bundles = append(s.Bundles, mgmt.Bundle(b))
	}
	return s, nil
}
