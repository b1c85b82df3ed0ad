package blob_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/blob"
	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/durable/durabletest"
)

// shared is what the controllers of a cluster share, in memory.
type shared struct {
	abouts, contents map[string][]byte
	err              error
	during           func() // is called while an archive is shared
}

func newShared() *shared {
	return &shared{abouts: map[string][]byte{}, contents: map[string][]byte{}, during: func() {}}
}

func (s *shared) sharing() blob.Sharing { return blob.Sharing{Put: s.put, Remove: s.remove} }

func (s *shared) put(hash string, about []byte, open func() (io.ReadCloser, error)) error {
	s.during()
	if s.err != nil {
		return s.err
	}
	if open != nil {
		f, err := open()
		if err != nil {
			return err
		}
		defer f.Close()
		if s.contents[hash], err = io.ReadAll(f); err != nil {
			return err
		}
	}
	s.abouts[hash] = about
	return nil
}

func (s *shared) remove(hash string) error {
	if s.err != nil {
		return s.err
	}
	delete(s.abouts, hash)
	delete(s.contents, hash)
	return nil
}

// copyTo makes the archives of a store those that are shared.
func (s *shared) copyTo(t *testing.T, to *blob.Store) {
	t.Helper()
	held, err := to.Held()
	if err != nil {
		t.Fatal(err)
	}
	for hash, about := range s.abouts {
		switch have, ok := held[hash]; {
		case !ok:
			err = errors.Join(err, to.Take(hash, about, bytes.NewReader(s.contents[hash])))
		case !bytes.Equal(have, about):
			err = errors.Join(err, to.Take(hash, about, nil))
		}
	}
	for hash := range held {
		if s.abouts[hash] == nil {
			err = errors.Join(err, to.Forget(hash))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestArchivesAreTheSameOnAllControllers(t *testing.T) {
	all := newShared()
	leads, dir := open(t, blob.Config{Share: all.sharing()}), durabletest.Dir(t)
	follows := open(t, blob.Config{Dir: dir})
	one, of := archive(t, "a", 3000)
	two, other := archive(t, "b", 5000)
	all.during = func() { // while an archive is shared, nobody needs to copy it to the controller that shares it
		if held, err := leads.Held(); err != nil || held[string(of.Hash)] == nil {
			t.Errorf("what is being shared is not held: %v, %v", held, err)
		}
	}
	upload(t, leads, "site", one, of.Hash)
	all.during = func() {}
	upload(t, leads, "site", two, other.Hash)
	same := func() {
		t.Helper()
		all.copyTo(t, follows)
		for name, s := range map[string]*blob.Store{"at once": follows, "after a restart": open(t, blob.Config{Dir: dir})} {
			if diff := cmp.Diff(leads.List(), s.List()); diff != "" {
				t.Errorf("%s: (-leads +follows):\n%s", name, diff)
			}
			if held, err := s.Held(); err != nil || !maps.EqualFunc(held, all.abouts, bytes.Equal) {
				t.Errorf("%s: it holds %s, want %s", name, held, all.abouts)
			}
		}
	}
	same()
	if !bytes.Equal(content(t, follows, of.Hash), one) {
		t.Error("it has another content")
	}
	if files, err := follows.Files(of.Hash); err != nil || !slices.Equal(files, of.Entries) {
		t.Errorf("it has the files %v, %v", files, err)
	}
	if p := begin(t, leads, "again", of.Hash, len(one)); !p.Complete {
		t.Errorf("got %+v", p)
	}
	if about, err := leads.About(string(of.Hash)); err != nil || !bytes.Equal(about, all.abouts[string(of.Hash)]) {
		t.Errorf("a new name is not shared: %v", err)
	}
	same()
	if err := leads.Remove(of.Hash); err != nil {
		t.Fatal(err)
	}
	same()
	if _, err := follows.About(string(of.Hash)); !errors.Is(err, blob.ErrNone) {
		t.Errorf("it knows an archive that was removed: %v", err)
	}
	if err := follows.Forget(string(of.Hash)); err != nil {
		t.Error(err)
	}
}

// An upload that cannot be shared is not acknowledged, and can go on.
func TestAnUploadThatCannotBeSharedGoesOn(t *testing.T) {
	all := newShared()
	s := open(t, blob.Config{Share: all.sharing()})
	text, contents := archive(t, "a", 3000)
	all.err = errors.New("no majority")
	begin(t, s, "site", contents.Hash, len(text))
	if p, err := s.Append(start, contents.Hash, 0, bytes.NewReader(text)); !errors.Is(err, all.err) || p.Complete {
		t.Errorf("got %+v, %v", p, err)
	}
	if _, stored := s.Get(contents.Hash); stored {
		t.Error("it is stored")
	}
	if held, _ := s.Held(); len(held) > 0 {
		t.Errorf("it holds %v", held)
	}
	all.err = nil
	upload(t, s, "site", text, contents.Hash)
	all.err = errors.New("no majority")
	if _, err := s.Begin(contents.Hash, int64(len(text)), push("again")); !errors.Is(err, all.err) {
		t.Errorf("a name that cannot be shared: %v", err)
	}
	if err := s.Remove(contents.Hash); !errors.Is(err, all.err) {
		t.Errorf("a removal that cannot be shared: %v", err)
	}
	if b, ok := s.Get(contents.Hash); !ok || len(b.Pushes) != 1 {
		t.Errorf("it has %+v", b)
	}
}

func TestWhatCannotBeTakenIsAnError(t *testing.T) {
	s := open(t, blob.Config{})
	text, contents := archive(t, "a", 3000)
	_, other := archive(t, "b", 3000)
	source := newShared()
	upload(t, open(t, blob.Config{Share: source.sharing()}), "site", text, contents.Hash)
	about := source.abouts[string(contents.Hash)]
	for name, err := range map[string]error{
		"another content": s.Take(string(other.Hash), about, bytes.NewReader(text)),
		"no about":        s.Take(string(contents.Hash), nil, bytes.NewReader(text)),
		"no seal":         s.Take(string(contents.Hash), []byte(`{"version":1}`+"\n"), bytes.NewReader(text)),
		"no content":      s.Take(string(contents.Hash), about, nil),
		"no hash":         s.Take("../x", about, bytes.NewReader(text)),
		"cut off":         s.Take(string(contents.Hash), about, bytes.NewReader(text[:200])),
	} {
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, ok := errors.AsType[*bundle.InvalidError](s.Take(string(other.Hash), about, bytes.NewReader(text))); !ok {
		t.Error("another content is no *bundle.InvalidError")
	}
	if partial := s.List(); len(partial) > 0 {
		t.Errorf("it has %v", partial)
	}
	// An upload of the same archive that had begun is in the way of nothing.
	begin(t, s, "site", contents.Hash, len(text))
	if _, err := s.Append(start, contents.Hash, 0, bytes.NewReader(text[:100])); err != nil {
		t.Fatal(err)
	}
	if err := s.Take(string(contents.Hash), about, bytes.NewReader(text)); err != nil {
		t.Error(err)
	}
}

func TestAKillWhileAnArchiveIsTakenLeavesNothingHalfDone(t *testing.T) {
	source := newShared()
	text, contents := archive(t, "a", 5000)
	upload(t, open(t, blob.Config{Share: source.sharing()}), "site", text, contents.Hash)
	for n := 1; ; n++ {
		dir := durabletest.Dir(t)
		disk, count := durabletest.Kill(n)
		s, err := blob.Open(blob.Config{Dir: dir, Disk: disk})
		if err == nil {
			err = s.Take(string(contents.Hash), source.abouts[string(contents.Hash)], bytes.NewReader(text))
		}
		if *count < n {
			if err != nil || n < 8 {
				t.Errorf("%d operations, %v", n, err)
			}
			return
		}
		if !errors.Is(err, durabletest.ErrKilled) {
			t.Fatalf("operation %d: %v", n, err)
		}
		s = open(t, blob.Config{Dir: dir, Disk: durable.Disk{}})
		if _, stored := s.Get(contents.Hash); stored && !bytes.Equal(content(t, s, contents.Hash), text) {
			t.Errorf("operation %d: the archive has another content", n)
		}
		source.copyTo(t, s)
		if got := content(t, s, contents.Hash); !bytes.Equal(got, text) {
			t.Errorf("operation %d: it is not taken in the next life", n)
		}
	}
}
