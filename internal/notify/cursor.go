package notify

import (
	"errors"
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
	text, err := durable.ReadRegular(cursorPath(dir, name), maxCursor)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	object, _, err := durable.Unseal(text)
	if err != nil {
		return 0, false, err
	}
	if _, err := form.Version(object, version); err != nil {
		return 0, false, err
	}
	var c cursor1
	if err := form.Decode(object, &c); err != nil {
		return 0, false, err
	}
	return c.Seq, c.Log == log, nil
}
