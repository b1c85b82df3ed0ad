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

// Keep keeps a text. The error of its Load wraps fs.ErrNotExist if there is none.
type Keep interface {
	Load() ([]byte, error)
	Save(text []byte) error
}

// cursorFile is the file with the cursor of a receiver.
type cursorFile struct{ dir, receiver string }

func (f cursorFile) path() string { return filepath.Join(f.dir, f.receiver+".json") }

// Load is the method of Keep.
func (f cursorFile) Load() ([]byte, error) {
	text, err := durable.ReadRegular(f.path(), maxCursor)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		err = &cursorError{f.path(), err}
	}
	return text, err
}

// Save is the method of Keep.
func (f cursorFile) Save(text []byte) error {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return err
	}
	return durable.Replace(f.path(), f.path()+".new", text)
}

// cursorError says that a cursor is damaged or in another form.
type cursorError struct {
	of  string
	err error
}

func (e *cursorError) Error() string { return e.of + ": " + e.err.Error() }

func (e *cursorError) Unwrap() error { return e.err }

func saveCursor(k Keep, log string, seq uint64) error {
	return k.Save(durable.Seal(form.Encode(cursor1{version, log, seq})))
}

// readCursor returns the number up to which a receiver was told of a log. It returns false if
// the receiver is new, or if the log is. A *cursorError says that the cursor itself is wrong.
func readCursor(k Keep, receiver, log string) (seq uint64, known bool, err error) {
	text, err := k.Load()
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
		of := "the cursor of receiver " + receiver
		if file, ok := k.(cursorFile); ok {
			of = file.path()
		}
		return 0, false, &cursorError{of, err}
	}
	return c.Seq, c.Log == log, nil
}
