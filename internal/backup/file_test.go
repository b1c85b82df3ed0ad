package backup_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/backup"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
)

var makeForm = flag.Bool("make-form", false, "make the file in testdata, which then never changes")

// listed is a Source of these pieces.
type listed struct {
	head  backup.Head
	items []backup.Item
}

func (l listed) Head(context.Context) (backup.Head, error) { return l.head, nil }

func (l listed) Each(_ context.Context, put func(backup.Item) error) error {
	for _, i := range l.items {
		if err := put(i); err != nil {
			return err
		}
	}
	return nil
}

func content(text string) func(w io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

func batch(feed string, first, last uint64, lines string) backup.Batch {
	return backup.Batch{Feed: feed, Batch: quorum.Batch{First: first, Last: last, Lines: []byte(lines)}}
}

// tiny has a piece of each kind.
func tiny() listed {
	return listed{backup.Head{Controller: "ctl", Program: "v1", Made: noon.Truncate(time.Second), Term: 7, Newest: map[string]uint64{"audit": 9}}, []backup.Item{
		backup.Part{Name: "controller", Revision: 12}, backup.Entry{Key: "a", Value: []byte("one")}, backup.Entry{Key: "\x00", Value: []byte{}},
		backup.Part{Name: "happenings"}, backup.Entry{Key: "identity", Value: []byte("id\n")},
		batch("audit", 3, 4, "three\nfour\n"), batch("audit", 9, 9, "nine\n"),
		backup.Archive{Hash: "sha256:00", About: []byte("about\n"), Write: content("content")},
		backup.Missing("bundle x is damaged"),
	}}
}

func written(t testing.TB, from backup.Source) []byte {
	t.Helper()
	var b bytes.Buffer
	_, err := backup.Write(t.Context(), &b, from)
	must(t, err)
	return b.Bytes()
}

func TestAFileHasWhatWasWritten(t *testing.T) {
	want := stateOf(t, tiny())
	text := written(t, tiny())
	same(t, want, stateOf(t, backup.Read(bytes.NewReader(text))))
	r, err := backup.Copy(t.Context(), backup.Read(bytes.NewReader(text)), backup.Discard())
	if err != nil || r.Term != 7 || r.Newest["audit"] != 9 || !r.Made.Equal(noon.Truncate(time.Second)) || r.Entries != 3 || r.Records != 3 || r.Archives != 1 || r.Bytes != 4+1+11+16+7 || len(r.Missing) != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
}

// The file in testdata was written by the first version that had this form. If this test fails,
// add a new form: nobody can change what is stored.
func TestABackupOfForm1IsRead(t *testing.T) {
	const path = "testdata/backup1.tar"
	if *makeForm {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(path, written(t, tiny()), 0o644))
	}
	text, err := os.ReadFile(path)
	must(t, err)
	same(t, stateOf(t, tiny()), stateOf(t, backup.Read(bytes.NewReader(text))))
	if !bytes.Equal(text, written(t, tiny())) {
		t.Error("what is written now differs from the first version")
	}
}

// Wherever a file is cut or changed, it is refused, and the sink commits nothing. What tar
// itself does not need may change.
func TestADamagedFileIsRefusedWithThePlace(t *testing.T) {
	text := written(t, tiny())
	want := stateOf(t, tiny())
	for n := 0; n < len(text); n += 3 {
		refused(t, text[:n], want, n)
		changed := bytes.Clone(text)
		changed[n] ^= 0x41
		refused(t, changed, want, n)
	}
	if _, err := backup.Copy(t.Context(), backup.Read(bytes.NewReader(text[:len(text)/2])), newCollect()); err == nil ||
		!strings.Contains(err.Error(), "the backup is damaged in ") || !strings.Contains(err.Error(), "at byte ") {
		t.Errorf("got %v", err)
	}
	for name, text := range map[string][]byte{"nothing": nil, "another file": bytes.Repeat([]byte("x"), 4096), "zeros": make([]byte, 4096)} {
		if _, err := backup.Copy(t.Context(), backup.Read(bytes.NewReader(text)), newCollect()); err == nil {
			t.Errorf("%s is a backup", name)
		}
	}
}

// refused checks that a text is refused, or that it gives the same.
func refused(t *testing.T, text []byte, want state, at int) {
	t.Helper()
	c := newCollect()
	_, err := backup.Copy(t.Context(), backup.Read(bytes.NewReader(text)), c)
	if err == nil {
		same(t, want, c.state)
		return
	}
	if c.committed || strings.Contains(err.Error(), "\n") {
		t.Errorf("at %d: committed %v, %q", at, c.committed, err)
	}
}

func TestANewerBackupIsRefused(t *testing.T) {
	text := bytes.Replace(written(t, tiny()), []byte(`{"version":1,"controller"`), []byte(`{"version":2,"controller"`), 1)
	var b bytes.Buffer
	resum(t, &b, text)
	_, err := backup.Copy(t.Context(), backup.Read(&b), newCollect())
	if newer, ok := errors.AsType[*form.NewerError](err); !ok || newer.Form != 2 {
		t.Errorf("got %v", err)
	}
}

// resum writes a backup file again, with checksums that fit. The seal of its first file is made
// anew.
func resum(t *testing.T, w io.Writer, text []byte) {
	t.Helper()
	from, to := tar.NewReader(bytes.NewReader(text)), tar.NewWriter(w)
	for first := true; ; first = false {
		h, err := from.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		content, err := io.ReadAll(from)
		must(t, err)
		if first {
			content = backup.Reseal(content)
		}
		h.PAXRecords["ZEEKFLEET.sum"] = backup.Sum(h.Name, content)
		h.Size = int64(len(content))
		must(t, to.WriteHeader(h))
		_, err = to.Write(content)
		must(t, err)
	}
	must(t, to.Close())
}

func TestWhatIsNoStateIsRefused(t *testing.T) {
	part := backup.Part{Name: "controller"}
	entry := backup.Entry{Key: "a", Value: []byte("v")}
	for name, items := range map[string][]backup.Item{
		"nothing":               {},
		"parts alone":           {part},
		"an unknown part":       {backup.Part{Name: "more"}},
		"a part twice":          {part, entry, part},
		"an entry without part": {entry},
		"an empty key":          {part, backup.Entry{Value: []byte("v")}},
		"a long key":            {part, backup.Entry{Key: strings.Repeat("k", 257), Value: []byte("v")}},
		"an unknown feed":       {part, entry, batch("more", 1, 1, "x\n")},
		"a feed that goes back": {part, entry, batch("audit", 2, 3, "x\n"), batch("audit", 3, 4, "x\n")},
		"a batch of nothing":    {part, entry, batch("audit", 3, 2, "")},
		"a bundle twice": {
			part, entry, backup.Archive{Hash: "h", Write: content("")}, backup.Archive{Hash: "h", Write: content("")},
		},
	} {
		if _, err := backup.Copy(t.Context(), listed{items: items}, newCollect()); err == nil {
			t.Errorf("%s is a state", name)
		}
	}
}

// A backup of much needs little memory: neither a bundle nor a feed is in memory as a whole.
func TestALargeStateNeedsLittleMemory(t *testing.T) {
	const most = 48 << 20
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	line := strings.Repeat("l", 199) + "\n"
	lines := strings.Repeat(line, 1000)
	value, piece := bytes.Repeat([]byte("v"), 2000), strings.Repeat("c", 64<<10)
	large := streamed{func(put func(backup.Item) error) error {
		must(t, put(backup.Part{Name: "controller"}))
		for i := range 10_000 { // 20 MB
			must(t, put(backup.Entry{Key: "key" + string(rune('a'+i%26)) + strings.Repeat("x", i%200), Value: value}))
		}
		for i := range uint64(200) { // 40 MB
			must(t, put(batch("happenings", 1000*i+1, 1000*i+1000, lines)))
		}
		return put(backup.Archive{Hash: "sha256:00", Write: func(w io.Writer) error { // 128 MB
			for range 2000 {
				if _, err := io.WriteString(w, piece); err != nil {
					return err
				}
			}
			return nil
		}})
	}}
	r, w := io.Pipe()
	go func() {
		_, err := backup.Write(t.Context(), w, large)
		w.CloseWithError(err)
	}()
	runtime.GC()
	p := &peak{Sink: backup.Discard()}
	p.look()
	base := p.bytes
	report, err := backup.Copy(t.Context(), backup.Read(r), p)
	must(t, err)
	if report.Bytes < 180<<20 || p.bytes-base > most {
		t.Errorf("%d bytes took %d bytes of memory, and may take %d", report.Bytes, p.bytes-base, most)
	}
}

type streamed struct {
	each func(put func(backup.Item) error) error
}

func (s streamed) Head(context.Context) (backup.Head, error) { return backup.Head{}, nil }

func (s streamed) Each(_ context.Context, put func(backup.Item) error) error { return s.each(put) }

// peak looks at the memory at each piece.
type peak struct {
	backup.Sink
	n     int
	bytes uint64
}

func (p *peak) look() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	p.bytes = max(p.bytes, m.HeapAlloc)
}

func (p *peak) Put(ctx context.Context, i backup.Item) error {
	if p.n++; p.n%50 == 0 {
		p.look()
	}
	if a, ok := i.(backup.Archive); ok {
		return a.Write(lookingWriter{p})
	}
	return p.Sink.Put(ctx, i)
}

type lookingWriter struct{ p *peak }

func (w lookingWriter) Write(b []byte) (int, error) {
	w.p.look()
	return len(b), nil
}

// Whatever is in a file, Read gives an error or a state that is written and read again.
func FuzzRead(f *testing.F) {
	text := written(f, tiny())
	f.Add(text)
	f.Add(text[:1024])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		c := newCollect()
		if _, err := backup.Copy(t.Context(), backup.Read(bytes.NewReader(text)), c); err != nil {
			return
		}
		var again bytes.Buffer
		_, err := backup.Write(t.Context(), &again, backup.Read(bytes.NewReader(text)))
		must(t, err)
		same(t, c.state, stateOf(t, backup.Read(&again)))
	})
}

// Whatever stands in one file of a backup whose checksums fit, Read gives an error or a state.
func FuzzOneFile(f *testing.F) {
	text := written(f, tiny())
	from := tar.NewReader(bytes.NewReader(text))
	for {
		h, err := from.Next()
		if err != nil {
			break
		}
		content, err := io.ReadAll(from)
		must(f, err)
		f.Add(h.Name[:strings.LastIndexByte(h.Name, '/')], content)
	}
	f.Fuzz(func(t *testing.T, path string, content []byte) {
		var b bytes.Buffer
		if !backup.WriteFiles(&b, []string{"head", "parts/controller", "entries/controller", path, "archived/sha256_00"}, [][]byte{
			backup.SealedHead, backup.SealedPart, []byte("\x01\x01kv"), content, backup.SealedEnd,
		}) {
			t.Skip() // no tar file has such a name
		}
		c := newCollect()
		if _, err := backup.Copy(t.Context(), backup.Read(&b), c); err == nil {
			var again bytes.Buffer
			_, err := backup.Write(t.Context(), &again, replay{c})
			must(t, err)
		}
	})
}

// replay is a Source of entries alone.
type replay struct{ *collect }

func (r replay) Head(context.Context) (backup.Head, error) { return backup.Head{}, nil }

func (r replay) Each(_ context.Context, put func(backup.Item) error) error {
	if err := put(backup.Part{Name: "controller"}); err != nil {
		return err
	}
	return put(backup.Entry{Key: "k", Value: []byte("v")})
}
