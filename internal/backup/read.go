package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// The bounds of the files in a backup file, in bytes. A file with entries has at most one that
// is larger than chunkBytes.
const (
	maxEntries = 80 << 20
	maxBatch   = 1 << 20
	maxObject  = 1 << 20
)

// DamagedError says that a backup file is not what Write has written.
type DamagedError struct {
	// File is the name of the file in the archive, and At is where it begins.
	File string
	At   int64
	Err  error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("the backup is damaged in %s, at byte %d: %v", e.File, e.At, e.Err)
}

// Unwrap returns what is wrong.
func (e *DamagedError) Unwrap() error { return e.Err }

// Read returns the Source in a backup file. What it gives is right only when all of it was
// read: the Sink must commit nothing before.
func Read(r io.Reader) Source {
	at := &position{r: r}
	return &tarSource{tar: tar.NewReader(at), at: at, sums: sha256.New()}
}

// position counts what was read.
type position struct {
	r io.Reader
	n int64
}

func (p *position) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.n += int64(n)
	return n, err
}

// tarSource reads a backup file.
type tarSource struct {
	tar   *tar.Reader
	at    *position
	files int
	sums  hash.Hash
	part  string
}

// member is a file of a backup file.
type member struct {
	path    []string // without the number
	name    string
	at      int64
	content []byte
}

// damaged returns an error about a member.
func (m *member) damaged(err error) error {
	if newer, ok := errors.AsType[*form.NewerError](err); ok {
		return fmt.Errorf("the backup was %w", newer)
	}
	return &DamagedError{m.name, m.at, err}
}

var errCut = errors.New("it ends here, and the rest is missing")

// next reads the next member, and checks its sum.
func (s *tarSource) next() (*member, error) {
	m := &member{name: "its beginning", at: s.at.n}
	if s.files > 0 {
		m.name = fmt.Sprintf("file %d", s.files)
	}
	h, err := s.tar.Next()
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, m.damaged(errCut)
	case err != nil:
		return nil, m.damaged(err)
	}
	m.name = printable(h.Name)
	path, number, ok := cutLast(h.Name)
	if n, err := strconv.Atoi(number); !ok || err != nil || n != s.files || h.Name != fmt.Sprintf("%s/%08d", path, n) || h.Typeflag != tar.TypeReg {
		return nil, m.damaged(fmt.Errorf("it is not file %d of a backup of zeekfleet", s.files))
	}
	for record := range h.PAXRecords {
		if record != sumRecord { // a sparse file is larger than what is there of it
			return nil, m.damaged(fmt.Errorf("it has a record %.40q", record))
		}
	}
	m.path = strings.Split(path, "/")
	most := int64(maxObject)
	switch m.path[0] {
	case "entries":
		most = maxEntries
	case "feeds":
		most = maxBatch
	}
	if h.Size > most {
		return nil, m.damaged(fmt.Errorf("it has %d bytes, and may have %d", h.Size, most))
	}
	// Not by its size: the rest of the file may be missing.
	var content bytes.Buffer
	if _, err := io.Copy(&content, s.tar); err != nil {
		return nil, m.damaged(cut(err))
	}
	m.content = content.Bytes()
	sum := sumOf(h.Name, m.content)
	if got := h.PAXRecords[sumRecord]; got != hex.EncodeToString(sum) {
		return nil, m.damaged(errors.New("it does not match its checksum"))
	}
	if m.path[0] != "end" {
		s.sums.Write(sum)
	}
	s.files++
	return m, nil
}

func cut(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errCut
	}
	return err
}

func cutLast(name string) (path, last string, ok bool) {
	i := strings.LastIndexByte(name, '/')
	if i < 1 {
		return "", "", false
	}
	return name[:i], name[i+1:], true
}

// printable returns the beginning of a name, for a message.
func printable(name string) string { return fmt.Sprintf("%.100q", name) }

// object reads the sealed object of a member, and returns what follows it.
func (m *member) object(v any) (rest []byte, err error) {
	line, rest, found := bytes.Cut(m.content, []byte("\n"))
	object, sealed, err := durable.Unseal(append(slices.Clone(line), '\n'))
	if err == nil && (!sealed || !found) {
		err = durable.ErrDamaged
	}
	if err == nil {
		_, err = form.Version(object, version)
	}
	if err == nil {
		err = form.Decode(object, v)
	}
	if err != nil {
		return nil, m.damaged(err)
	}
	return rest, nil
}

// is returns an error unless a member has this path. An empty name means any.
func (m *member) is(kind string, names int) error {
	if m.path[0] != kind || len(m.path) != names {
		return m.damaged(fmt.Errorf("it stands where %s should be", kind))
	}
	return nil
}

// Head is the method of Source.
func (s *tarSource) Head(context.Context) (Head, error) {
	m, err := s.next()
	if damaged, ok := errors.AsType[*DamagedError](err); ok && errors.Is(damaged.Err, tar.ErrHeader) {
		return Head{}, errors.New("it is not a backup of zeekfleet")
	}
	if err != nil {
		return Head{}, err
	}
	if err := m.is("head", 1); err != nil {
		return Head{}, err
	}
	var h headForm1
	if _, err := m.object(&h); err != nil {
		return Head{}, err
	}
	return Head{h.Controller, h.Program, h.Made, h.Term, h.Newest}, nil
}

// Each is the method of Source.
func (s *tarSource) Each(_ context.Context, put func(Item) error) error {
	for {
		m, err := s.next()
		if err != nil {
			return err
		}
		if m.path[0] == "end" {
			return s.end(m)
		}
		if err := s.items(m, put); err != nil {
			return err
		}
	}
}

// items gives the pieces in a member.
func (s *tarSource) items(m *member, put func(Item) error) error {
	switch {
	case m.is("parts", 2) == nil:
		var p partForm1
		if _, err := m.object(&p); err != nil {
			return err
		}
		s.part = m.path[1]
		return put(Part{s.part, store.Revision(p.Revision)})
	case m.is("entries", 2) == nil && m.path[1] == s.part:
		return m.entries(put)
	case m.is("feeds", 2) == nil:
		var b batchForm1
		lines, err := m.object(&b)
		if err != nil {
			return err
		}
		return put(Batch{m.path[1], quorum.Batch{First: b.First, Last: b.Last, Lines: lines}})
	case m.is("archives", 2) == nil:
		return s.archive(m, put)
	case m.is("missing", 1) == nil:
		var what missingForm1
		if _, err := m.object(&what); err != nil {
			return err
		}
		return put(Missing(what.What))
	}
	return m.damaged(errors.New("it does not belong here"))
}

// entries gives the entries in a member.
func (m *member) entries(put func(Item) error) error {
	for rest := m.content; len(rest) > 0; {
		key, n := binary.Uvarint(rest)
		value, k := binary.Uvarint(rest[max(n, 0):])
		if n <= 0 || k <= 0 {
			return m.damaged(errors.New("an entry has no length"))
		}
		rest = rest[n+k:]
		if key > uint64(len(rest)) || value > uint64(len(rest))-key {
			return m.damaged(errors.New("an entry is longer than its file"))
		}
		e := Entry{Key: string(rest[:key]), Value: append([]byte{}, rest[key:key+value]...)}
		if err := put(e); err != nil {
			return err
		}
		rest = rest[key+value:]
	}
	return nil
}

// archive gives the archive that a member begins.
func (s *tarSource) archive(m *member, put func(Item) error) error {
	var a archiveForm1
	if _, err := m.object(&a); err != nil {
		return err
	}
	c := &contentReader{source: s, name: m.path[1], sum: sha256.New()}
	hash := strings.Replace(m.path[1], "_", ":", 1)
	if err := put(Archive{hash, a.About, c.writeTo}); err != nil {
		return err
	}
	if c.done {
		return nil
	}
	return c.writeTo(io.Discard) // nobody wants it
}

// contentReader reads the content of an archive.
type contentReader struct {
	source *tarSource
	name   string
	size   int64
	sum    hash.Hash
	done   bool
}

func (c *contentReader) writeTo(w io.Writer) error {
	if c.done {
		return errors.New("the content of a bundle can be read once")
	}
	for {
		m, err := c.source.next()
		if err != nil {
			return err
		}
		if len(m.path) != 2 || m.path[1] != c.name || m.path[0] != "content" && m.path[0] != "archived" {
			return m.damaged(errors.New("it stands where the content of a bundle should be"))
		}
		if m.path[0] == "archived" {
			c.done = true
			return c.check(m)
		}
		c.size += int64(len(m.content))
		c.sum.Write(m.content)
		if _, err := w.Write(m.content); err != nil {
			return err
		}
	}
}

// check checks that the content is whole.
func (c *contentReader) check(m *member) error {
	var end archivedForm1
	if _, err := m.object(&end); err != nil {
		return err
	}
	if end.Size != c.size || end.Sum != hex.EncodeToString(c.sum.Sum(nil)) {
		return m.damaged(errors.New("the content of the bundle is not whole"))
	}
	return nil
}

// end checks that the file is whole.
func (s *tarSource) end(m *member) error {
	if err := m.is("end", 1); err != nil {
		return err
	}
	var end endForm1
	if _, err := m.object(&end); err != nil {
		return err
	}
	if end.Files != s.files-1 || end.Sum != hex.EncodeToString(s.sums.Sum(nil)) {
		return m.damaged(errors.New("files are missing before it"))
	}
	if _, err := s.tar.Next(); !errors.Is(err, io.EOF) {
		return m.damaged(errors.New("something follows it"))
	}
	return nil
}
