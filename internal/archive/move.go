package archive

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/durable"
)

// errGrowing says that a file changed while it was being copied.
var errGrowing = errors.New("it is still being written")

// errHollow says that a file consists of holes. Reading it would take the archive for ever: a
// node can make a file of some exabytes that takes no space.
var errHollow = errors.New("nearly all of it are holes, so no Zeek wrote it: look at it, and remove it")

// A file above hollowSize bytes is hollow if the disk has less than a hollowShare of it. File
// systems that compress do not reach that with logs.
const (
	hollowSize  = 1 << 30
	hollowShare = 1024
)

func isHollow(info fs.FileInfo) bool {
	return info.Size() > hollowSize && occupied(info) < info.Size()/hollowShare
}

// mover moves logs. It never loses, duplicates or overwrites a log.
type mover struct {
	disk
	level int // of gzip
	// origin is part of the names of temporary files. It distinguishes them from
	// those of other hosts that share the archive.
	origin string
}

// form is one way to store a log.
type form struct {
	path string
	gzip bool
}

// names returns, for each number from 1, the forms in which a log may already be
// stored. The mover stores the log in the first form.
type names func(number int) []form

// moved is the result of a move.
type moved struct {
	to      string
	size    int64 // before compression
	resumed bool  // an earlier move had stored the log
}

// move moves the file src to the first free name and syncs its directory. If an
// earlier, interrupted move has stored the log, move finds it by its content and
// only completes the earlier move.
func (m mover) move(ctx context.Context, src string, name names) (moved, error) {
	in, info, err := openRegular(src)
	if err != nil {
		return moved{}, err
	}
	defer in.Close()
	if isHollow(info) {
		return moved{}, errHollow
	}
	for number := 1; number <= maxNumber; {
		forms := name(number)
		holder, same, err := m.find(ctx, in, forms)
		switch {
		case err != nil:
			return moved{}, err
		case same:
			return moved{to: holder, size: info.Size(), resumed: true}, m.finish(src, holder)
		case holder != "":
			number++
			continue
		}
		err = m.store(ctx, src, in, forms[0])
		if errors.Is(err, errTaken) {
			continue // another mover took the name; it may have stored the same log
		}
		return moved{to: forms[0].path, size: info.Size()}, err
	}
	return moved{}, fmt.Errorf("%d logs have its name already", maxNumber)
}

// finish completes an interrupted move that stored src as holder.
func (m mover) finish(src, holder string) error {
	dir := filepath.Dir(holder)
	if err := m.remove(m.temp(dir, src)); err != nil { // it may be another name of holder
		return err
	}
	if err := m.syncDir(dir); err != nil {
		return err
	}
	return m.remove(src)
}

// find returns the path of a form that exists, "" if none does. same says that the
// form holds the content of in.
func (m mover) find(ctx context.Context, in *os.File, forms []form) (holder string, same bool, err error) {
	for _, f := range forms {
		if _, err := os.Lstat(f.path); errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return "", false, err
		}
		holder = f.path
		if same, err = sameContent(ctx, in, f); same || err != nil {
			return holder, same, err
		}
	}
	return holder, false, nil
}

// sameContent reports whether f holds the content of in. If it cannot read f, it
// returns an error and not false, because after false the log is stored again.
func sameContent(ctx context.Context, in *os.File, f form) (bool, error) {
	stored, info, err := openRegular(f.path)
	if errors.Is(err, durable.ErrNotRegular) { // such as a directory or a link
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer stored.Close()
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	if f.gzip {
		zip, err := gzip.NewReader(stored)
		if err != nil {
			return false, readError(err)
		}
		return sameBytes(ctx, in, zip)
	}
	mine, err := in.Stat()
	if err != nil || mine.Size() != info.Size() {
		return false, err
	}
	return sameBytes(ctx, in, stored)
}

// sameBytes reports whether both readers return the same bytes up to their ends.
func sameBytes(ctx context.Context, here, there io.Reader) (bool, error) {
	a, b := make([]byte, copyBuffer), make([]byte, copyBuffer)
	for {
		if err := context.Cause(ctx); err != nil {
			return false, err
		}
		n, err := io.ReadFull(here, a)
		ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !ended {
			return false, err
		}
		if _, err := io.ReadFull(there, b[:n]); err != nil || !bytes.Equal(a[:n], b[:n]) {
			return false, readError(err)
		}
		if ended {
			// Only io.EOF itself is the end. Half a gzip file returns another error.
			_, err := io.ReadFull(there, b[:1])
			return err == io.EOF, readError(err)
		}
	}
}

// readError returns err if a file could not be read. It returns nil for errors that
// come from the content, which is too short or not gzip.
func readError(err error) error {
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return err
	}
	return nil
}

// store stores in, which is the open file src, as a new file and removes src. It
// returns errTaken if the name is taken.
func (m mover) store(ctx context.Context, src string, in *os.File, as form) error {
	dir := filepath.Dir(as.path)
	if !as.gzip {
		// On the same file system it is enough to rename the file. Zeek has not
		// synced it, so it is synced first.
		if err := m.sync(in); err != nil {
			return err
		}
		err := m.place(src, as.path)
		if err == nil {
			return m.syncDir(dir)
		}
		if !errors.Is(err, unix.EXDEV) {
			return err
		}
	}
	temp := m.temp(dir, src)
	if err := m.remove(temp); err != nil { // an interrupted move may have left it
		return err
	}
	err := m.write(ctx, temp, in, as.gzip)
	if err == nil {
		err = m.place(temp, as.path)
	}
	if err != nil {
		return errors.Join(err, m.remove(temp))
	}
	if err := m.syncDir(dir); err != nil {
		return err
	}
	return m.remove(src)
}

// temp returns the name of the temporary file for src in dir. The name is always
// the same, so that the next move finds the file of an interrupted move. It is
// short, so that it is valid even if the log has the longest name possible.
func (m mover) temp(dir, src string) string {
	sum := sha256.Sum256([]byte(m.origin + "\x00" + src))
	return filepath.Join(dir, tempPrefix+hex.EncodeToString(sum[:12])+tempSuffix)
}

const (
	tempPrefix = ".zeekfleet-"
	tempSuffix = ".tmp"
)

func isTemp(name string) bool {
	return strings.HasPrefix(name, tempPrefix) && strings.HasSuffix(name, tempSuffix)
}

// write copies in to the new file temp, with the mode and the time of in, and syncs
// temp. It returns errGrowing if in changed meanwhile.
func (m mover) write(ctx context.Context, temp string, in *os.File, compress bool) error {
	before, err := in.Stat()
	if err != nil {
		return err
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return err
	}
	out, err := m.create(temp, before.Mode().Perm())
	if err != nil {
		return err
	}
	// A node that goes on writing must not keep the archive busy for ever.
	err = m.copy(ctx, out, io.LimitReader(in, before.Size()), compress)
	if err == nil {
		err = m.change("chtimes", temp, func() error { return os.Chtimes(temp, before.ModTime(), before.ModTime()) })
	}
	if err == nil {
		err = m.sync(out)
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	after, err := in.Stat()
	if err == nil && (after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime())) {
		err = errGrowing
	}
	return err
}

func (m mover) copy(ctx context.Context, out *os.File, in io.Reader, compress bool) error {
	in = until(ctx, in)
	sink := &watched{m.disk, out}
	buffer := make([]byte, copyBuffer)
	if !compress {
		_, err := io.CopyBuffer(sink, in, buffer)
		return err
	}
	zip, err := gzip.NewWriterLevel(sink, m.level)
	if err != nil {
		return err
	}
	if _, err := io.CopyBuffer(zip, in, buffer); err != nil {
		return err
	}
	return zip.Close()
}

const copyBuffer = 256 << 10 // bytes

// until returns a reader of r that returns the cause of ctx when ctx is done.
func until(ctx context.Context, r io.Reader) io.Reader {
	return readFunc(func(p []byte) (int, error) {
		if err := context.Cause(ctx); err != nil {
			return 0, err
		}
		return r.Read(p)
	})
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// watched is a file whose writes count as changes of the disk.
type watched struct {
	disk disk
	f    *os.File
}

func (w *watched) Write(p []byte) (n int, err error) {
	err = w.disk.change("write", w.f.Name(), func() error {
		n, err = w.f.Write(p)
		return err
	})
	return n, err
}
