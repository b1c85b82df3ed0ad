package notify

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
)

// cursor1 is form 1 of the file of a receiver: the number of the last happening of a log of
// which the receiver needs nothing any more.
type cursor1 struct {
	Version int    `json:"version"`
	Log     string `json:"log"`
	Seq     uint64 `json:"seq"`
}

const (
	version   = 1
	maxCursor = 4 << 10
)

func cursorPath(dir, name string) string { return filepath.Join(dir, name+".json") }

func saveCursor(dir, name, log string, seq uint64) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	path := cursorPath(dir, name)
	return durable.Replace(path, path+".new", durable.Seal(form.Encode(cursor1{version, log, seq})))
}

// readCursor returns the number up to which a receiver was told of a log. It returns false if
// the receiver is new, or if the log is.
func readCursor(dir, name, log string) (seq uint64, known bool, err error) {
	path := cursorPath(dir, name)
	text, err := durable.ReadRegular(path, maxCursor)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	object, sealed, err := durable.Unseal(text)
	if err == nil {
		_, err = form.Version(object, version)
	}
	if err == nil && !sealed {
		err = errors.New("it has no checksum")
	}
	var c cursor1
	if err == nil {
		err = form.Decode(object, &c)
	}
	if err != nil {
		return 0, false, fmt.Errorf("%s: %w", path, err)
	}
	return c.Seq, c.Log == log, nil
}
