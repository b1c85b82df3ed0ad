package bundle

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Read reads an archive up to its end, and checks all of it. It calls each for every file
// and link, in the order of their paths. The entry has no SHA256 then. The reader has the
// content of a file; each need not read all of it. When each is called for a link, the link
// may still lead out of the tree: only the end of the archive shows where it leads. Each may
// be nil.
func (c Config) Read(r io.Reader, each func(Entry, io.Reader) error) (Contents, error) {
	a := &archiveReader{cfg: c.withDefaults(), sum: sha256.New()}
	a.r = bufio.NewReaderSize(r, 64<<10)
	t := newTree(a.cfg)
	var entries []Entry
	for {
		e, end, err := a.next()
		if err != nil {
			return Contents{}, err
		}
		if end {
			break
		}
		if err := t.add(e); err != nil {
			return Contents{}, err
		}
		if header(e) != a.header {
			return Contents{}, invalid(e.Path, "its header is spelled in another way than ours; pack the bundle with zeekfleet")
		}
		if e.SHA256, err = a.content(e, each); err != nil {
			return Contents{}, err
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return Contents{}, invalid("", "the bundle has no files")
	}
	if err := t.checkLinks(); err != nil {
		return Contents{}, err
	}
	return Contents{mgmt.NewBundleHash([32]byte(a.sum.Sum(nil))), a.size, entries}, nil
}

// Verify is Read for an archive that should have the given hash.
func (c Config) Verify(r io.Reader, want mgmt.BundleHash, each func(Entry, io.Reader) error) (Contents, error) {
	contents, err := c.Read(r, each)
	if err != nil {
		return Contents{}, err
	}
	if contents.Hash != want {
		return Contents{}, invalid("", "the archive has the hash %s, and should have %s", contents.Hash, want)
	}
	return contents, nil
}

// archiveReader takes an archive apart.
type archiveReader struct {
	cfg    Config
	r      *bufio.Reader
	sum    hash.Hash
	size   int64
	header [blockSize]byte
}

// Read reads bytes of the archive, which count and are part of its hash.
func (a *archiveReader) Read(b []byte) (int, error) {
	n, err := a.r.Read(b)
	a.sum.Write(b[:n])
	a.size += int64(n)
	return n, err
}

// next reads the next header. At the end of the archive it reads what must be there and
// returns true.
func (a *archiveReader) next() (e Entry, end bool, err error) {
	if err := a.block(); err != nil {
		return Entry{}, false, err
	}
	if a.header == [blockSize]byte{} {
		return Entry{}, true, a.end()
	}
	if e, err = parse(&a.header); err != nil {
		return Entry{}, false, err
	}
	if a.size+padded(e.Size)+2*blockSize > a.cfg.Bytes {
		return Entry{}, false, invalid(e.Path, "with its %d bytes the bundle is larger than the limit of %d bytes", e.Size, a.cfg.Bytes)
	}
	return e, false, nil
}

func (a *archiveReader) end() error {
	if err := a.block(); err != nil {
		return err
	}
	if a.header != [blockSize]byte{} {
		return invalid("", "the archive has one block of zeros, and then something else")
	}
	switch _, err := a.r.ReadByte(); {
	case err == nil:
		return invalid("", "something follows the end of the archive")
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("read the archive: %w", err)
	}
	return nil
}

// block reads a block into a.header.
func (a *archiveReader) block() error {
	_, err := io.ReadFull(a, a.header[:])
	return readError(err)
}

func readError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return invalid("", "the archive ends early")
	}
	return fmt.Errorf("read the archive: %w", err)
}

// content reads the content of e, and what fills its last block. It returns the hash.
func (a *archiveReader) content(e Entry, each func(Entry, io.Reader) error) (string, error) {
	sum := sha256.New()
	content := io.TeeReader(io.LimitReader(a, e.Size), sum)
	start := a.size
	if each != nil {
		if err := each(e, content); err != nil {
			return "", err
		}
	}
	if _, err := io.Copy(io.Discard, content); err != nil {
		return "", readError(err)
	}
	if a.size-start != e.Size {
		return "", invalid("", "the archive ends early")
	}
	if e.Mode == Link {
		return "", nil
	}
	fill := a.header[:padded(e.Size)-e.Size]
	if _, err := io.ReadFull(a, fill); err != nil {
		return "", readError(err)
	}
	for _, b := range fill {
		if b != 0 {
			return "", invalid(e.Path, "something follows its content")
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
