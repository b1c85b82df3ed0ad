package boltstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
)

// saved is a directory of state directories with files of format 1; see its README.md.
const saved = "../../../testdata/state-d751308"

// format1Files are the state files in saved, with their revisions and documents.
var format1Files = map[string]struct {
	rev      store.Revision
	document string
}{
	"embedded/nodes/controller/state.db": {5, "embedded-controller.json"},
	"embedded/nodes/sensor-1/state.db":   {2, "embedded-sensor-1.json"},
	"history/nodes/controller/state.db":  {12, "history-controller.json"},
	"untold/nodes/controller/state.db":   {2, "untold-controller.json"},
	"untold/nodes/sensor-1/state.db":     {1, "untold-sensor-1.json"},
	"zeek/nodes/controller/state.db":     {2, "zeek-controller.json"},
	"zeek/nodes/sensor-1/state.db":       {1, "zeek-sensor-1.json"},
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// copyOf returns the path of a copy of a file.
func copyOf(t testing.TB, file string) string {
	path := filepath.Join(t.TempDir(), "state.db")
	write(t, path, read(t, file))
	return path
}

func TestFileOfFormat1IsConverted(t *testing.T) {
	for name, want := range format1Files {
		t.Run(name, func(t *testing.T) {
			path := copyOf(t, filepath.Join(saved, name))
			wantConverted(t, path, want.rev, read(t, filepath.Join(saved, "documents", want.document)))
			left, err := filepath.Glob(filepath.Dir(path) + "/*")
			if err != nil || len(left) != 1 {
				t.Errorf("files: %v, %v, want the state file alone", left, err)
			}
		})
	}
}

// wantConverted opens the file twice and saves after each opening. At the second
// opening the file has format 2.
func wantConverted(t *testing.T, path string, rev store.Revision, document []byte) {
	t.Helper()
	want := []store.Entry{{Key: "state", Value: document}}
	for range 2 {
		s := open(t, path, boltstore.Config{})
		got, now, err := s.Load(t.Context(), "")
		if err != nil || now != rev {
			t.Fatalf("revision %d, %v, want %d", now, err, rev)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		if rev, err = put(t.Context(), s, "more", []byte("text"), rev); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		want = append([]store.Entry{{Key: "more", Value: []byte("text")}}, store.Entry{Key: "state", Value: document})
	}
}

func TestLinkToAFileOfFormat1StaysALink(t *testing.T) {
	path := copyOf(t, filepath.Join(saved, "untold/nodes/sensor-1/state.db"))
	link := filepath.Join(t.TempDir(), "state.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	wantConverted(t, link, 1, read(t, filepath.Join(saved, "documents/untold-sensor-1.json")))
	if to, err := os.Readlink(link); to != path || err != nil {
		t.Errorf("the link leads to %s, %v", to, err)
	}
}

func TestEmptyFileOfFormat1IsConverted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	database(t, path, func(tx *bbolt.Tx) error {
		about, err := tx.CreateBucket([]byte("zeekfleet"))
		if err == nil {
			_, err = tx.CreateBucket([]byte("documents"))
		}
		return errors.Join(err, about.Put([]byte("format"), []byte("1")))
	})
	s := open(t, path, boltstore.Config{})
	if entries, rev, err := s.Load(t.Context(), ""); len(entries) > 0 || rev != 0 || err != nil {
		t.Errorf("got %v at %d, %v", entries, rev, err)
	}
}

// The first versions of zeekfleet say that a file has another format only if it has
// their bucket. Otherwise they say that it is another program's.
func TestFormat2HasTheBucketOfFormat1(t *testing.T) {
	for name, path := range map[string]string{
		"new":       filepath.Join(t.TempDir(), "state.db"),
		"converted": copyOf(t, filepath.Join(saved, "history/nodes/controller/state.db")),
	} {
		t.Run(name, func(t *testing.T) {
			if err := open(t, path, boltstore.Config{}).Close(); err != nil {
				t.Fatal(err)
			}
			database(t, path, func(tx *bbolt.Tx) error {
				if format := tx.Bucket([]byte("zeekfleet")).Get([]byte("format")); string(format) != "2" {
					t.Errorf("the format is %q, want 2", format)
				}
				if b := tx.Bucket([]byte("documents")); b == nil || b.Stats().KeyN > 0 {
					t.Errorf("bucket documents is %v, want an empty one", b)
				}
				return nil
			})
		})
	}
}

// Open does not change a file that it refuses.
func TestRefusedFileIsNotChanged(t *testing.T) {
	format1 := filepath.Join(saved, "history/nodes/controller/state.db")
	tests := map[string]struct {
		change func(*bbolt.Tx) error
		err    string
	}{
		"a newer format": {
			inBucket("zeekfleet", "format", "3"),
			"was written by a newer zeekfleet (format 3, known are up to 2); run that zeekfleet, or a later one",
		},
		"a document of format 1 that is damaged": {
			inBucket("documents", "\x00\x00\x00\x00\x00\x00\x00\x0c", strings.Repeat("x", 100)),
			"is damaged: revision 12: checksum mismatch; restore a copy of it, or move it away",
		},
		"an entry of format 1 that is no document": {
			inBucket("documents", "short", "x"),
			"is damaged: entry 73686f7274 is not a document; restore a copy of it, or move it away",
		},
		"format 1 without documents": {
			func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("documents")) },
			"is damaged: it has no documents; restore a copy of it, or move it away",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := copyOf(t, format1)
			database(t, path, tt.change)
			before := read(t, path)
			_, err := boltstore.Open(t.Context(), path, boltstore.Config{})
			if want := "state file " + path + " " + tt.err; err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if !bytes.Equal(before, read(t, path)) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestFileOfFormat1IsConvertedOnlyIfItCanBeRead(t *testing.T) {
	path := copyOf(t, filepath.Join(saved, "history/nodes/controller/state.db"))
	before, unreadable := read(t, path), errors.New("nobody knows this value")
	_, err := boltstore.Open(t.Context(), path, boltstore.Config{Check: func(entries []store.Entry) error {
		if len(entries) != 1 || entries[0].Key != "state" {
			t.Errorf("asked about %v", entries)
		}
		return unreadable
	}})
	if !errors.Is(err, unreadable) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
	if !bytes.Equal(before, read(t, path)) {
		t.Error("the file was changed")
	}
}

// conversions is the number of kills in TestKilledConversionLosesNothing.
const conversions = 50

func TestKilledConversionLosesNothing(t *testing.T) {
	file := read(t, filepath.Join(saved, "history/nodes/controller/state.db"))
	document := read(t, filepath.Join(saved, "documents/history-controller.json"))
	path := filepath.Join(t.TempDir(), "state.db")
	for range conversions {
		write(t, path, file)
		cmd := exec.Command("/proc/self/exe", path)
		cmd.Env = append(os.Environ(), roleEnv+"=opener")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(rand.IntN(20_000))*time.Microsecond, func() { cmd.Process.Kill() })
		cmd.Wait() // it was killed, or it ended before
		timer.Stop()
		s := open(t, path, boltstore.Config{})
		entries, rev, err := s.Load(t.Context(), "")
		if err != nil || rev != 12 || len(entries) != 1 || !bytes.Equal(entries[0].Value, document) {
			t.Fatalf("%.200q at %d, %v", entries, rev, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// openerMain opens a file, which converts it, and closes it.
func openerMain(path string) int {
	s, err := boltstore.Open(context.Background(), path, boltstore.Config{})
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// The function populated made testdata/format2.db when format 2 was new. Every later
// version must read the file.
func TestFileOfFormat2IsRead(t *testing.T) {
	s := open(t, copyOf(t, "testdata/format2.db"), boltstore.Config{})
	if !isPopulated(t, s) {
		entries, rev, err := s.Load(t.Context(), "")
		t.Errorf("got %d entries at %d, %v", len(entries), rev, err)
	}
}
