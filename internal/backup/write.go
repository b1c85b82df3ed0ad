package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
)

// A backup file is a tar archive. Its files are, in this order:
//
//	head/N               a sealed JSON object: headForm1
//	parts/NAME/N         a sealed JSON object: partForm1
//	entries/NAME/N       entries of that part: for each the length of its key and of its value,
//	                     as varints, and both
//	feeds/NAME/N         a sealed JSON object: batchForm1, and the lines
//	archives/HASH/N      a sealed JSON object: archiveForm1
//	content/HASH/N       a piece of its content
//	archived/HASH/N      a sealed JSON object: archivedForm1
//	missing/N            a sealed JSON object: missingForm1
//	end/N                a sealed JSON object: endForm1
//
// N counts the files, with eight digits. Each file has a record "ZEEKFLEET.sum": the SHA-256 of its
// name, a zero byte, and its content. The end has the SHA-256 of all these sums. HASH has an
// underscore in place of its colon.

// version is the form of backup files.
const version = 1

// sumRecord is the name of the record with the checksum.
const sumRecord = "ZEEKFLEET.sum"

type (
	headForm1 struct {
		Version    int               `json:"version"`
		Controller string            `json:"controller"`
		Program    string            `json:"program"`
		Made       time.Time         `json:"made"`
		Term       uint64            `json:"term,omitempty"`
		Newest     map[string]uint64 `json:"newest,omitempty"`
	}
	partForm1 struct {
		Version  int    `json:"version"`
		Revision uint64 `json:"revision"`
	}
	batchForm1 struct {
		Version int    `json:"version"`
		First   uint64 `json:"first"`
		Last    uint64 `json:"last"`
	}
	archiveForm1 struct {
		Version int    `json:"version"`
		About   []byte `json:"about"`
	}
	archivedForm1 struct {
		Version int    `json:"version"`
		Size    int64  `json:"size"`
		Sum     string `json:"sha256"`
	}
	missingForm1 struct {
		Version int    `json:"version"`
		What    string `json:"what"`
	}
	endForm1 struct {
		Version int    `json:"version"`
		Files   int    `json:"files"`
		Sum     string `json:"sha256"`
	}
)

// chunkBytes is how large a file with entries or with a piece of content gets.
const chunkBytes = 1 << 20

// Write writes a backup file. The file is whole if Write returns nil.
func Write(ctx context.Context, w io.Writer, from Source) (Report, error) {
	return Copy(ctx, from, newTarSink(w))
}

// WriteFile writes a backup file at a path, for its owner alone. It is there as a whole, or not
// at all. It replaces no file.
func WriteFile(ctx context.Context, path string, from Source) (r Report, err error) {
	if err := durable.CheckAbsent(path); err != nil {
		return r, err
	}
	err = durable.WriteNew(path, func(w io.Writer) (err error) {
		r, err = Write(ctx, w, from)
		return err
	})
	return r, err
}

// tarSink writes a backup file.
type tarSink struct {
	tar   *tar.Writer
	made  time.Time
	files int
	sums  hash.Hash
	part  string
	chunk []byte // entries of the part
}

func newTarSink(w io.Writer) *tarSink { return &tarSink{tar: tar.NewWriter(w), sums: sha256.New()} }

// file writes one file.
func (s *tarSink) file(path string, content []byte) error {
	name := fmt.Sprintf("%s/%08d", path, s.files)
	s.files++
	sum := sumOf(name, content)
	s.sums.Write(sum)
	err := s.tar.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: int64(len(content)), ModTime: s.made, Format: tar.FormatPAX,
		PAXRecords: map[string]string{sumRecord: hex.EncodeToString(sum)},
	})
	if err == nil {
		_, err = s.tar.Write(content)
	}
	return err
}

func sumOf(name string, content []byte) []byte {
	h := sha256.New()
	h.Write([]byte(name))
	h.Write([]byte{0})
	h.Write(content)
	return h.Sum(nil)
}

func (s *tarSink) object(path string, object any) error {
	return s.file(path, durable.Seal(form.Encode(object)))
}

func (s *tarSink) Begin(_ context.Context, h Head) error {
	s.made = h.Made.Truncate(time.Second)
	return s.object("head", headForm1{version, h.Controller, h.Program, h.Made.UTC(), h.Term, h.Newest})
}

func (s *tarSink) Put(_ context.Context, i Item) error {
	if e, ok := i.(Entry); ok {
		return s.entry(e)
	}
	if err := s.flush(); err != nil {
		return err
	}
	switch i := i.(type) {
	case Part:
		s.part = i.Name
		return s.object("parts/"+i.Name, partForm1{version, uint64(i.Revision)})
	case Batch:
		about := durable.Seal(form.Encode(batchForm1{version, i.First, i.Last}))
		return s.file("feeds/"+i.Feed, append(about, i.Lines...))
	case Archive:
		return s.archive(i)
	case Missing:
		return s.object("missing", missingForm1{version, string(i)})
	}
	panic(fmt.Sprintf("backup: unhandled piece %T", i))
}

// entry takes an entry. Small ones share a file.
func (s *tarSink) entry(e Entry) error {
	if len(s.chunk) > 0 && len(s.chunk)+len(e.Key)+len(e.Value) > chunkBytes {
		if err := s.flush(); err != nil {
			return err
		}
	}
	s.chunk = binary.AppendUvarint(s.chunk, uint64(len(e.Key)))
	s.chunk = binary.AppendUvarint(s.chunk, uint64(len(e.Value)))
	s.chunk = append(append(s.chunk, e.Key...), e.Value...)
	return nil
}

// flush writes the entries that wait.
func (s *tarSink) flush() error {
	if len(s.chunk) == 0 {
		return nil
	}
	err := s.file("entries/"+s.part, s.chunk)
	s.chunk = nil
	return err
}

func (s *tarSink) archive(a Archive) error {
	name := strings.ReplaceAll(a.Hash, ":", "_")
	if err := s.object("archives/"+name, archiveForm1{version, a.About}); err != nil {
		return err
	}
	c := &contentWriter{sink: s, path: "content/" + name, sum: sha256.New()}
	if err := a.Write(c); err != nil {
		return err
	}
	if err := c.flush(); err != nil {
		return err
	}
	return s.object("archived/"+name, archivedForm1{version, c.size, hex.EncodeToString(c.sum.Sum(nil))})
}

// contentWriter writes the content of an archive in pieces.
type contentWriter struct {
	sink  *tarSink
	path  string
	chunk []byte
	size  int64
	sum   hash.Hash
}

func (c *contentWriter) Write(b []byte) (int, error) {
	c.sum.Write(b)
	c.size += int64(len(b))
	written := len(b)
	for len(b) > 0 {
		n := min(len(b), chunkBytes-len(c.chunk))
		c.chunk, b = append(c.chunk, b[:n]...), b[n:]
		if len(c.chunk) == chunkBytes {
			if err := c.flush(); err != nil {
				return 0, err
			}
		}
	}
	return written, nil
}

func (c *contentWriter) flush() error {
	if len(c.chunk) == 0 {
		return nil
	}
	err := c.sink.file(c.path, c.chunk)
	c.chunk = c.chunk[:0]
	return err
}

func (s *tarSink) Commit(context.Context) error {
	if err := s.flush(); err != nil {
		return err
	}
	if err := s.object("end", endForm1{version, s.files, hex.EncodeToString(s.sums.Sum(nil))}); err != nil {
		return err
	}
	return s.tar.Close()
}

func (s *tarSink) Close() error { return nil }
