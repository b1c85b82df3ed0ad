package boltstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
)

func TestEmptyFileIsDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	write(t, path, nil)
	_, err := boltstore.Open(t.Context(), path, boltstore.Config{WithoutIt: "without it nothing is stopped"})
	want := "state file " + path + " is damaged: it is empty (0 bytes); restore a copy of it, or move it away: without it nothing is stopped"
	if !errors.Is(err, boltstore.ErrDamaged) || err.Error() != want {
		t.Errorf("Open: got %v, want %s", err, want)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 0 {
		t.Errorf("the file was touched: %v, %v", info, err)
	}
}

func TestMissingFileIsDistinguishedFromAFirstStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "state.db")
	first := open(t, path, boltstore.Config{})
	if first.Missing() {
		t.Error("Missing is true at the first start")
	}
	if err := errors.Join(first.Close(), os.Remove(path)); err != nil {
		t.Fatal(err)
	}
	second := open(t, path, boltstore.Config{})
	if !second.Missing() {
		t.Error("Missing is false although the file was removed")
	}
	second.Close()
	if open(t, path, boltstore.Config{}).Missing() {
		t.Error("Missing is true although the file exists")
	}
}

// bbolt itself would use the other meta page, and so older entries.
func TestOpenNamesADamagedMetaPage(t *testing.T) {
	file := populated(t)
	path := filepath.Join(t.TempDir(), "state.db")
	for number, name := range []string{"first", "second"} {
		for at := 16; at < 16+64; at++ {
			damaged := bytes.Clone(file)
			damaged[number*os.Getpagesize()+at] ^= 0x10
			write(t, path, damaged)
			_, err := boltstore.Open(t.Context(), path, boltstore.Config{})
			if !errors.Is(err, boltstore.ErrDamaged) || !strings.Contains(err.Error(), name+" of its two meta pages") {
				t.Fatalf("byte %d of meta page %d: got %v, want it named", at, number, err)
			}
		}
	}
}

// damage returns a copy of a file with one random damage, and a description of it.
func damage(rng *rand.Rand, file []byte) ([]byte, string) {
	switch rng.IntN(4) {
	case 0:
		n := rng.IntN(len(file))
		return file[:n], fmt.Sprintf("cut to %d bytes", n)
	case 1:
		at, n := rng.IntN(len(file)), 1+rng.IntN(600)
		file = bytes.Clone(file)
		clear(file[at:min(at+n, len(file))])
		return file, fmt.Sprintf("%d bytes cleared at %d", n, at)
	}
	at, bit := rng.IntN(len(file)), rng.IntN(8)
	file = bytes.Clone(file)
	file[at] ^= 1 << bit
	return file, fmt.Sprintf("bit %d of byte %d flipped", bit, at)
}

func TestDamageNeverBringsBackOlderEntries(t *testing.T) {
	file := populated(t)
	path := filepath.Join(t.TempDir(), "state.db")
	rng := rand.New(rand.NewPCG(7, 13))
	const damages = 1000
	refused := 0
	for range damages {
		damaged, how := damage(rng, file)
		write(t, path, damaged)
		s, err := boltstore.Open(t.Context(), path, boltstore.Config{})
		if err != nil {
			refused++
			if !strings.Contains(err.Error(), path) {
				t.Fatalf("%s: %v names no file", how, err)
			}
			continue
		}
		if !isPopulated(t, s) {
			t.Fatalf("%s: other entries were loaded", how)
		}
		s.Close()
	}
	t.Logf("%d of %d damages were noticed, the others hit unused bytes", refused, damages)
	if refused < damages/8 {
		t.Errorf("only %d damages were noticed", refused)
	}
}

func TestSaveIsRefusedWhenTheFileWasReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path, boltstore.Config{})
	if err := os.Rename(copyOf(t, "testdata/format2.db"), path); err != nil {
		t.Fatal(err)
	}
	before := read(t, path)
	if _, err := put(t.Context(), s, "key", []byte("value"), 0); !errors.Is(err, store.ErrConflict) {
		t.Errorf("got %v, want %v", err, store.ErrConflict)
	}
	if !bytes.Equal(before, read(t, path)) {
		t.Error("the other file was changed")
	}
}

func TestSaveIsRefusedWhileTheFileIsMovedAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path, boltstore.Config{})
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	const want = ": the file was removed or moved away: put it back, or start anew without it"
	if _, err := put(t.Context(), s, "key", []byte("value"), 0); err == nil || err.Error() != "save "+path+want {
		t.Errorf("got %v", err)
	}
	if err := os.Rename(path+".old", path); err != nil {
		t.Fatal(err)
	}
	if _, err := put(t.Context(), s, "key", []byte("value"), 0); err != nil {
		t.Error(err)
	}
}
