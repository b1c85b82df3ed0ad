package blob_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/blob"
	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/durable/durabletest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func push(name string) blob.Push { return blob.Push{Name: name, By: "alice", At: start} }

// archive packs a tree of one file, which has the text and is size bytes long.
func archive(t testing.TB, text string, size int) ([]byte, bundle.Contents) {
	t.Helper()
	content := text + strings.Repeat(".", size-len(text))
	var b bytes.Buffer
	contents, err := bundle.Config{}.Pack(&b, []bundle.File{{Path: "local.zeek", Mode: bundle.Plain, Size: int64(size), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(content)), nil
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), contents
}

func open(t testing.TB, cfg blob.Config) *blob.Store {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = durabletest.Dir(t)
	}
	cfg.Logger = slog.New(slog.DiscardHandler)
	s, err := blob.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// begin begins an upload that must be accepted.
func begin(t testing.TB, s *blob.Store, name string, hash mgmt.BundleHash, size int) blob.Progress {
	t.Helper()
	p, err := s.Begin(hash, int64(size), push(name))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// upload stores an archive.
func upload(t testing.TB, s *blob.Store, name string, text []byte, hash mgmt.BundleHash) {
	t.Helper()
	p := begin(t, s, name, hash, len(text))
	if p, err := s.Append(start, hash, p.Offset, bytes.NewReader(text[p.Offset:])); err != nil || !p.Complete {
		t.Fatalf("got %+v, %v", p, err)
	}
}

func content(t testing.TB, s *blob.Store, hash mgmt.BundleHash) []byte {
	t.Helper()
	f, err := s.Content(hash)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestAnArchiveIsStoredInPieces(t *testing.T) {
	dir := durabletest.Dir(t)
	s := open(t, blob.Config{Dir: dir})
	text, contents := archive(t, "a", 3000)
	if p := begin(t, s, "site", contents.Hash, len(text)); p != (blob.Progress{}) {
		t.Errorf("at first: %+v", p)
	}
	offset := int64(0)
	for offset < int64(len(text)) {
		p, err := s.Append(start, contents.Hash, offset, bytes.NewReader(text[offset:min(offset+1000, int64(len(text)))]))
		if err != nil || p.Offset != min(offset+1000, int64(len(text))) {
			t.Fatalf("got %+v, %v", p, err)
		}
		if _, stored := s.Get(contents.Hash); stored != p.Complete || stored != (p.Offset == int64(len(text))) {
			t.Errorf("after %d bytes: stored %v, complete %v", p.Offset, stored, p.Complete)
		}
		offset = p.Offset
	}
	for name, s := range map[string]*blob.Store{"at once": s, "after a restart": open(t, blob.Config{Dir: dir})} {
		want := []blob.Blob{{Hash: contents.Hash, Size: contents.Size, Files: 1, Pushes: []blob.Push{push("site")}}}
		if diff := cmp.Diff(want, s.List()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if !bytes.Equal(content(t, s, contents.Hash), text) {
			t.Errorf("%s: other content", name)
		}
		files, err := s.Files(contents.Hash)
		if diff := cmp.Diff(contents.Entries, files); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	if p := begin(t, s, "other", contents.Hash, len(text)); !p.Complete {
		t.Errorf("again: %+v", p)
	}
	if got, _ := s.Get(contents.Hash); cmp.Diff([]blob.Push{push("other"), push("site")}, got.Pushes) != "" {
		t.Errorf("pushes: %+v", got.Pushes)
	}
}

// wantNothing fails the test if the store has any file but those that are named.
func wantOnly(t testing.TB, dir string, want ...string) {
	t.Helper()
	var got []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			got = append(got, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestAnUploadGoesOnAfterARestart(t *testing.T) {
	dir := durabletest.Dir(t)
	text, contents := archive(t, "a", 3000)
	s := open(t, blob.Config{Dir: dir})
	begin(t, s, "site", contents.Hash, len(text))
	broken := io.MultiReader(bytes.NewReader(text[:1234]), iotest.ErrReader(errors.New("the line is cut")))
	if p, err := s.Append(start, contents.Hash, 0, broken); err == nil || p.Offset != 1234 {
		t.Errorf("got %+v, %v", p, err)
	}
	s = open(t, blob.Config{Dir: dir})
	if _, err := s.Append(start, contents.Hash, 1234, bytes.NewReader(text[1234:])); !errors.Is(err, blob.ErrNotBegun) {
		t.Errorf("without a beginning: %v", err)
	}
	if p := begin(t, s, "site", contents.Hash, len(text)); p.Offset != 1234 || p.Complete {
		t.Errorf("got %+v", p)
	}
	_, err := s.Append(start, contents.Hash, 1000, bytes.NewReader(text[1000:]))
	if wrong, ok := errors.AsType[*blob.OffsetError](err); !ok || wrong.Want != 1234 {
		t.Errorf("at another offset: %v", err)
	}
	upload(t, s, "site", text, contents.Hash)
	if !bytes.Equal(content(t, s, contents.Hash), text) {
		t.Error("other content")
	}
}

func TestWhatIsNoArchiveIsRemoved(t *testing.T) {
	good, contents := archive(t, "a", 3000)
	_, other := archive(t, "b", 3000)
	damaged := bytes.Clone(good)
	damaged[600] ^= 1
	for name, tt := range map[string]struct {
		text []byte
		hash mgmt.BundleHash
		want string
	}{
		"another hash":       {good, other.Hash, "has the hash"},
		"a damaged transfer": {damaged, contents.Hash, "has the hash"},
		"no archive":         {[]byte("text"), contents.Hash, "ends early"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := durabletest.Dir(t)
			s := open(t, blob.Config{Dir: dir})
			begin(t, s, "site", tt.hash, len(tt.text))
			_, err := s.Append(start, tt.hash, 0, bytes.NewReader(tt.text))
			if _, ok := errors.AsType[*bundle.InvalidError](err); !ok || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
			wantOnly(t, dir)
		})
	}
}

func TestBytesBeyondTheDeclaredSizeAreNotStored(t *testing.T) {
	dir := durabletest.Dir(t)
	s := open(t, blob.Config{Dir: dir})
	text, contents := archive(t, "a", 3000)
	begin(t, s, "site", contents.Hash, 100)
	p, err := s.Append(start, contents.Hash, 0, bytes.NewReader(text))
	if _, ok := errors.AsType[*blob.LongerError](err); !ok || p.Offset != 100 {
		t.Errorf("got %+v, %v", p, err)
	}
	// The right size makes the upload go on.
	if p := begin(t, s, "site", contents.Hash, len(text)); p.Offset != 100 {
		t.Errorf("got %+v", p)
	}
	upload(t, s, "site", text, contents.Hash)
}

func TestADeclaredSizeThatIsSmallerThanWhatIsThereBeginsAnew(t *testing.T) {
	s := open(t, blob.Config{})
	text, contents := archive(t, "a", 3000)
	begin(t, s, "site", contents.Hash, 1<<20)
	if _, err := s.Append(start, contents.Hash, 0, io.MultiReader(bytes.NewReader(text), strings.NewReader("more"))); err != nil {
		t.Fatal(err)
	}
	if p := begin(t, s, "site", contents.Hash, len(text)); p.Offset != 0 {
		t.Errorf("got %+v", p)
	}
	upload(t, s, "site", text, contents.Hash)
}

func TestLimits(t *testing.T) {
	const size = 4096 // header, 2560 bytes of content, end
	a, ofA := archive(t, "a", 2560)
	_, ofB := archive(t, "b", 2560)
	if len(a) != size {
		t.Fatalf("the archive has %d bytes", len(a))
	}
	for name, tt := range map[string]struct {
		most, less blob.Config
		want       string
	}{
		"bytes":   {blob.Config{Bytes: 2 * size}, blob.Config{Bytes: 2*size - 1}, "may have 8191"},
		"blobs":   {blob.Config{Blobs: 2}, blob.Config{Blobs: 1}, "limit of 1 bundles"},
		"uploads": {blob.Config{Uploads: 2}, blob.Config{Uploads: 1}, "limit of 1 uploads"},
		"one": {
			blob.Config{Bundle: bundle.Config{Bytes: size}}, blob.Config{Bundle: bundle.Config{Bytes: size - 1}}, "may have up to 4095",
		},
	} {
		for _, stored := range []bool{false, true} {
			if stored && (name == "uploads" || name == "one") {
				continue
			}
			t.Run(fmt.Sprint(name, stored), func(t *testing.T) {
				first := func(s *blob.Store) {
					if _, err := s.Begin(ofA.Hash, size, push("a")); err != nil && name != "one" {
						t.Fatal(err)
					}
					if stored {
						upload(t, s, "a", a, ofA.Hash)
					}
				}
				s := open(t, tt.most)
				first(s)
				if _, err := s.Begin(ofB.Hash, size, push("b")); err != nil {
					t.Errorf("at the limit: %v", err)
				}
				s = open(t, tt.less)
				first(s)
				_, err := s.Begin(ofB.Hash, size, push("b"))
				if _, ok := errors.AsType[*blob.LimitError](err); !ok || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("beyond the limit: %v", err)
				}
			})
		}
	}
}

func TestNamesBeyondTheLimitAreForgotten(t *testing.T) {
	s := open(t, blob.Config{Names: 2})
	text, contents := archive(t, "a", 100)
	for _, name := range []string{"a", "b", "a", "c"} {
		if p := begin(t, s, name, contents.Hash, len(text)); !p.Complete {
			upload(t, s, name, text, contents.Hash)
		}
	}
	if got, _ := s.Get(contents.Hash); cmp.Diff([]blob.Push{push("c"), push("a")}, got.Pushes) != "" {
		t.Errorf("got %+v", got.Pushes)
	}
}

// Uploads that somebody only begins keep nobody else out.
func TestUploadsThatWereOnlyBegunGiveWay(t *testing.T) {
	_, contents := archive(t, "a", 100)
	other := func(i int) mgmt.BundleHash { return mgmt.NewBundleHash([32]byte{1: byte(i)}) }
	by := func(who string, after time.Duration) blob.Push {
		return blob.Push{Name: "site", By: who, At: start.Add(after)}
	}
	for name, tt := range map[string]struct {
		cfg  blob.Config
		size int64
		who  string
		at   time.Duration
		gone int // which upload gives way; 0: none, and the new one is refused
	}{
		"somebody with fewer":                {blob.Config{Uploads: 3}, 4096, "bob", time.Minute, 1},
		"somebody with fewer, at the bytes":  {blob.Config{Bytes: 3 * 4096}, 4096, "bob", time.Minute, 1},
		"somebody with fewer, at the number": {blob.Config{Blobs: 3}, 4096, "bob", time.Minute, 1},
		"the same one":                       {blob.Config{Uploads: 3}, 4096, "alice", time.Minute, 0},
		"the same one, while idle":           {blob.Config{Uploads: 3}, 4096, "alice", 10 * time.Minute, 0},
		"the same one, after an idle time":   {blob.Config{Uploads: 3}, 4096, "alice", 10*time.Minute + time.Second, 1},
		"somebody with too much":             {blob.Config{Bytes: 3 * 4096}, 3*4096 + 1, "bob", time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, tt.cfg)
			for i := 1; i <= 3; i++ {
				if _, err := s.Begin(other(i), 4096, by("alice", time.Duration(i)*time.Millisecond)); err != nil {
					t.Fatal(err)
				}
			}
			_, err := s.Begin(contents.Hash, tt.size, by(tt.who, tt.at))
			_, limit := errors.AsType[*blob.LimitError](err)
			if limit != (tt.gone == 0) || !limit && err != nil {
				t.Errorf("got %v", err)
			}
			for i := 1; i <= 3; i++ {
				_, err := s.Append(start, other(i), 0, strings.NewReader("x"))
				if gone := errors.Is(err, blob.ErrNotBegun); gone != (i == tt.gone) {
					t.Errorf("upload %d: %v", i, err)
				}
			}
		})
	}
}

// The time of a push is when the archive was complete: it is kept for some time since then.
func TestAPushCountsFromItsEnd(t *testing.T) {
	s := open(t, blob.Config{})
	text, contents := archive(t, "a", 100)
	begin(t, s, "site", contents.Hash, len(text))
	end := start.Add(2 * time.Hour)
	if _, err := s.Append(end, contents.Hash, 0, bytes.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.Get(contents.Hash); len(got.Pushes) != 1 || !got.Pushes[0].At.Equal(end) {
		t.Errorf("got %+v", got.Pushes)
	}
}

func TestAPartThatBreaksOffIsNoErrorOfTheDisk(t *testing.T) {
	s := open(t, blob.Config{})
	text, contents := archive(t, "a", 100)
	begin(t, s, "site", contents.Hash, len(text))
	p, err := s.Append(start, contents.Hash, 0, io.MultiReader(bytes.NewReader(text[:40]), iotest.ErrReader(io.ErrUnexpectedEOF)))
	if _, ok := errors.AsType[*blob.ReadError](err); !ok || !errors.Is(err, io.ErrUnexpectedEOF) || p.Offset != 40 {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestAbandonedUploadsAreDropped(t *testing.T) {
	dir := durabletest.Dir(t)
	s := open(t, blob.Config{Dir: dir, MaxAge: time.Hour})
	text, contents := archive(t, "a", 3000)
	begin(t, s, "site", contents.Hash, len(text))
	if _, err := s.Append(start.Add(time.Minute), contents.Hash, 0, bytes.NewReader(text[:10])); err != nil {
		t.Fatal(err)
	}
	s.Expire(start.Add(time.Hour + time.Minute))
	wantOnly(t, dir, "incoming/"+contents.Hash.Digits())
	s.Expire(start.Add(time.Hour + time.Minute + 1))
	wantOnly(t, dir)
	if _, err := s.Append(start, contents.Hash, 0, bytes.NewReader(text)); !errors.Is(err, blob.ErrNotBegun) {
		t.Errorf("got %v", err)
	}
}

func TestRemove(t *testing.T) {
	dir := durabletest.Dir(t)
	s := open(t, blob.Config{Dir: dir})
	text, contents := archive(t, "a", 3000)
	upload(t, s, "site", text, contents.Hash)
	f, err := s.Content(contents.Hash)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := s.Remove(contents.Hash); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, text) {
		t.Errorf("who reads it meanwhile: %v", err)
	}
	wantOnly(t, dir)
	if _, err := s.Content(contents.Hash); !errors.Is(err, blob.ErrNone) {
		t.Errorf("got %v", err)
	}
	if err := s.Remove(contents.Hash); !errors.Is(err, blob.ErrNone) {
		t.Errorf("got %v", err)
	}
	upload(t, s, "site", text, contents.Hash)
}

// waiting is a reader that tells that it is read, and then waits.
type waiting struct {
	read, goOn chan struct{}
}

func (w waiting) Read([]byte) (int, error) {
	close(w.read)
	<-w.goOn
	return 0, io.EOF
}

func TestOneAtATimeChangesAnArchive(t *testing.T) {
	s := open(t, blob.Config{})
	text, contents := archive(t, "a", 3000)
	begin(t, s, "site", contents.Hash, len(text))
	w := waiting{make(chan struct{}), make(chan struct{})}
	done := make(chan error)
	go func() {
		_, err := s.Append(start, contents.Hash, 0, w)
		done <- err
	}()
	<-w.read
	_, err1 := s.Begin(contents.Hash, int64(len(text)), push("site"))
	_, err2 := s.Append(start, contents.Hash, 0, bytes.NewReader(text))
	s.Expire(start.Add(24 * 365 * time.Hour))
	for _, err := range []error{err1, err2, s.Remove(contents.Hash)} {
		if !errors.Is(err, blob.ErrBusy) {
			t.Errorf("got %v", err)
		}
	}
	close(w.goOn)
	if err := <-done; err != nil {
		t.Error(err)
	}
	upload(t, s, "site", text, contents.Hash)
}

// A record beside an archive can be lost. The archive is still there.
func TestDamagedRecords(t *testing.T) {
	dir := durabletest.Dir(t)
	s := open(t, blob.Config{Dir: dir})
	text, contents := archive(t, "a", 3000)
	upload(t, s, "site", text, contents.Hash)
	path := filepath.Join(dir, "sha256", contents.Hash.Digits()[:2], contents.Hash.Digits())
	for _, suffix := range []string{".about", ".files"} {
		record, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		record[len(record)/2] ^= 1
		if err := os.WriteFile(path+suffix, record, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, blob.Config{Dir: dir})
	if got, ok := s.Get(contents.Hash); !ok || len(got.Pushes) != 0 || got.Size != contents.Size {
		t.Errorf("got %+v, %v", got, ok)
	}
	files, err := s.Files(contents.Hash)
	if diff := cmp.Diff(contents.Entries, files); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestRecordsOfANewerZeekfleetAreRefused(t *testing.T) {
	dir := durabletest.Dir(t)
	s := open(t, blob.Config{Dir: dir})
	text, contents := archive(t, "a", 3000)
	upload(t, s, "site", text, contents.Hash)
	path := filepath.Join(dir, "sha256", contents.Hash.Digits()[:2], contents.Hash.Digits())
	for _, suffix := range []string{".files", ".about"} {
		if err := os.WriteFile(path+suffix, durable.Seal([]byte(`{"version":2}`)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Files(contents.Hash); err == nil || !strings.Contains(err.Error(), "newer zeekfleet") {
		t.Errorf("got %v", err)
	}
	if _, err := blob.Open(blob.Config{Dir: dir, Logger: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), "newer zeekfleet") {
		t.Errorf("got %v", err)
	}
}

func TestNoHashIsAPath(t *testing.T) {
	s := open(t, blob.Config{})
	for _, hash := range []mgmt.BundleHash{"", "sha256:", "sha256:../../x", mgmt.BundleHash("sha256:" + strings.Repeat("A", 64))} {
		_, err1 := s.Begin(hash, 1, push("site"))
		_, err2 := s.Append(start, hash, 0, strings.NewReader("x"))
		_, err3 := s.Content(hash)
		_, err4 := s.Files(hash)
		for i, err := range []error{err1, err2, err3, err4, s.Remove(hash)} {
			if err == nil {
				t.Errorf("%d: %q is accepted", i, hash)
			}
		}
	}
	if _, err := s.Begin(mgmt.NewBundleHash([32]byte{}), 1, push("../x")); err == nil {
		t.Error("a name that is none is accepted")
	}
}

// The files of each form that was ever released are read for ever.
func TestForm1(t *testing.T) {
	dir := durabletest.Dir(t)
	s := open(t, blob.Config{Dir: dir})
	text, contents := archive(t, "a", 100)
	upload(t, s, "other", text, contents.Hash)
	path := filepath.Join(dir, "sha256", contents.Hash.Digits()[:2], contents.Hash.Digits())
	for _, suffix := range []string{".about", ".files"} {
		form, err := os.ReadFile("testdata/form1" + suffix)
		if err == nil {
			err = os.WriteFile(path+suffix, form, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, blob.Config{Dir: dir})
	want := []blob.Blob{{Hash: contents.Hash, Size: contents.Size, Files: 1, Pushes: []blob.Push{push("site")}}}
	if diff := cmp.Diff(want, s.List()); diff != "" {
		t.Error(diff)
	}
	files, err := s.Files(contents.Hash)
	entries := []bundle.Entry{{Path: "a", Mode: bundle.Executable, Size: 4, SHA256: "0123"}, {Path: "b", Mode: bundle.Link, Target: "a"}}
	if diff := cmp.Diff(entries, files); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}
