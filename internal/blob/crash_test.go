package blob_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/blob"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/durable/durabletest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"golang.org/x/sys/unix"
)

// life is what a controller does with its store, until it fails.
func life(dir string, disk durable.Disk, text []byte, hash mgmt.BundleHash, remove bool) error {
	s, err := blob.Open(blob.Config{Dir: dir, Disk: disk, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	p, err := s.Begin(hash, int64(len(text)), push("site"))
	if err != nil {
		return err
	}
	for !p.Complete {
		// Pieces show a crash between two of them.
		if p, err = s.Append(start, hash, p.Offset, bytes.NewReader(text[p.Offset:min(p.Offset+2000, int64(len(text)))])); err != nil {
			return err
		}
	}
	if remove {
		return s.Remove(hash)
	}
	return nil
}

func TestAKillAtAnyOperationLeavesNothingHalfDone(t *testing.T) {
	text, contents := archive(t, "a", 5000)
	for _, remove := range []bool{false, true} {
		for n := 1; ; n++ {
			dir := durabletest.Dir(t)
			disk, count := durabletest.Kill(n)
			err := life(dir, disk, text, contents.Hash, remove)
			if *count < n {
				if err != nil {
					t.Fatal(err)
				}
				if n < 15 {
					t.Errorf("only %d operations were seen", n)
				}
				break
			}
			if !errors.Is(err, durabletest.ErrKilled) {
				t.Fatalf("operation %d: got %v, want %v", n, err, durabletest.ErrKilled)
			}
			s := open(t, blob.Config{Dir: dir})
			if _, stored := s.Get(contents.Hash); stored && !bytes.Equal(content(t, s, contents.Hash), text) {
				t.Errorf("operation %d: the archive has other content", n)
			}
			if err := life(dir, durable.Disk{}, text, contents.Hash, false); err != nil {
				t.Errorf("operation %d: the next life: %v", n, err)
			}
			path := "sha256/" + contents.Hash.Digits()[:2] + "/" + contents.Hash.Digits()
			wantOnly(t, dir, path, path+".about", path+".files")
		}
	}
}

// A power cut keeps what was synced. So an archive is synced before it has its name, and
// its directory after that.
func TestAnArchiveIsSyncedBeforeItHasItsName(t *testing.T) {
	text, contents := archive(t, "a", 5000)
	var seen []string
	disk := durable.Disk{Before: func(operation, path string) error {
		seen = append(seen, operation+" "+path[strings.LastIndexByte(path, '/')+1:])
		return nil
	}}
	if err := life(durabletest.Dir(t), disk, text, contents.Hash, false); err != nil {
		t.Fatal(err)
	}
	digits := contents.Hash.Digits()
	want := []string{"write " + digits, "sync " + digits, "rename " + digits, "sync " + digits[:2]}
	for _, operation := range seen {
		if len(want) > 0 && operation == want[0] {
			want = want[1:]
		}
		if operation == "write "+digits && len(want) < 2 {
			t.Error("it is written to after it was synced")
		}
	}
	if len(want) > 0 {
		t.Errorf("%q is missing in %q", want, seen)
	}
}

func TestAFullDisk(t *testing.T) {
	text, contents := archive(t, "a", 5000)
	for n := 1; ; n++ {
		dir := durabletest.Dir(t)
		count, full := 0, true
		s := open(t, blob.Config{Dir: dir, Disk: durable.Disk{Before: func(operation, _ string) error {
			if operation == "write" || operation == "replace" || operation == "open" {
				if count++; count >= n && full {
					return unix.ENOSPC
				}
			}
			return nil
		}}})
		begin(t, s, "site", contents.Hash, len(text))
		_, err := s.Append(start, contents.Hash, 0, readerOf(text))
		if count < n {
			if err != nil || n < 4 {
				t.Errorf("%d operations, %v", n, err)
			}
			return
		}
		if _, ok := errors.AsType[*blob.FullError](err); !ok || !strings.Contains(err.Error(), "the disk is full") {
			t.Errorf("operation %d: got %v", n, err)
		}
		if _, stored := s.Get(contents.Hash); stored {
			t.Errorf("operation %d: it counts as stored", n)
		}
		if partial, err := (blob.Incoming{Dir: dir + "/incoming"}).List(); len(partial) > 0 || err != nil {
			t.Errorf("operation %d: %v, %v", n, partial, err)
		}
		full = false
		upload(t, s, "site", text, contents.Hash)
	}
}

// readerOf hides that bytes are in memory, so that they come in pieces.
func readerOf(text []byte) io.Reader {
	return &pieces{text}
}

type pieces struct{ rest []byte }

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), 3000)], p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// The time of an upload that was there before a restart is that of its file.
func TestAbandonedUploadsOfAnEarlierLifeAreDropped(t *testing.T) {
	dir := durabletest.Dir(t)
	text, contents := archive(t, "a", 3000)
	s := open(t, blob.Config{Dir: dir})
	begin(t, s, "site", contents.Hash, len(text))
	if _, err := s.Append(start, contents.Hash, 0, bytes.NewReader(text[:10])); err != nil {
		t.Fatal(err)
	}
	s = open(t, blob.Config{Dir: dir})
	s.Expire(time.Now().Add(23 * time.Hour))
	wantOnly(t, dir, "incoming/"+contents.Hash.Digits())
	s.Expire(time.Now().Add(25 * time.Hour))
	wantOnly(t, dir)
}
