package boltstore_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
)

// crashRounds is the number of kills in TestKilledProcessLosesNothing.
const crashRounds = 200

// TestKilledProcessLosesNothing kills a process that saves without pause at random
// moments. After each kill the store must have the last acknowledged entries, or those
// of the Save that was running.
func TestKilledProcessLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "state.db")
	var before store.Revision
	for round := range crashRounds {
		acknowledged := max(before, killWhileSaving(t, path, round))
		s := open(t, path, boltstore.Config{})
		entries, rev, err := s.Load(t.Context(), "")
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if rev != acknowledged && rev != acknowledged+1 {
			t.Fatalf("round %d: got revision %d, want %d or the next", round, rev, acknowledged)
		}
		if want := crashEntries(rev); !slices.EqualFunc(entries, want, isChange) {
			t.Fatalf("round %d: got %.200q at revision %d, want %.200q", round, entries, rev, want)
		}
		before = rev
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if before == 0 {
		t.Error("nothing was ever saved")
	}
}

// killWhileSaving returns the last revision that a saver acknowledged before it
// was killed, or 0.
func killWhileSaving(t *testing.T, path string, round int) store.Revision {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", path)
	cmd.Env = append(os.Environ(), roleEnv+"=saver")
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The kill comes a random moment after the start, so that it can hit the making or
	// opening of the file, or a random moment after 5, 10 or 15 saves.
	moment := time.Duration(rand.IntN(3000)) * time.Microsecond
	after := round % 4 * 5
	lines := bufio.NewScanner(out)
	var last store.Revision
	for n := 0; n < after && lines.Scan(); n++ {
		last = parseRevision(t, lines.Text())
	}
	timer := time.AfterFunc(moment, func() { cmd.Process.Kill() })
	defer timer.Stop()
	for lines.Scan() {
		last = parseRevision(t, lines.Text())
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("round %d: the saver ended with %v, want it killed", round, err)
	}
	return last
}

func parseRevision(t *testing.T, line string) store.Revision {
	t.Helper()
	n, err := strconv.ParseUint(line, 10, 64)
	if err != nil {
		t.Fatalf("saver printed %q", line)
	}
	return store.Revision(n)
}

// crashEntries returns the entries of a revision. Their values repeat the revision, and
// their sizes vary up to several pages.
func crashEntries(rev store.Revision) []store.Change {
	if rev == 0 {
		return nil
	}
	value := func(factor int) []byte {
		return []byte(strings.Repeat(fmt.Sprintf("%d ", rev), 1+int(rev)%50*factor))
	}
	return []store.Change{{Key: "a", Value: value(1)}, {Key: "b", Value: value(40)}}
}

func isChange(e store.Entry, c store.Change) bool {
	return e.Key == c.Key && bytes.Equal(e.Value, c.Value)
}

// saverMain saves until it is killed. It acknowledges each revision with a line, in one
// write.
func saverMain(path string) int {
	ctx := context.Background()
	s, err := boltstore.Open(ctx, path, boltstore.Config{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	_, rev, err := s.Load(ctx, "")
	for err == nil {
		if rev, err = s.Save(ctx, crashEntries(rev+1), rev); err == nil {
			_, err = fmt.Println(rev)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// TestFullDiskKeepsTheStoreUsable starts a process whose files cannot grow beyond a
// limit. Writes then fail as on a full disk, on every machine and without privileges.
func TestFullDiskKeepsTheStoreUsable(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", filepath.Join(t.TempDir(), "state.db"))
	cmd.Env = append(os.Environ(), roleEnv+"=full disk")
	said, err := cmd.CombinedOutput()
	if err != nil || string(said) != "ok\n" {
		t.Errorf("got %v and:\n%s", err, said)
	}
}

func fullDiskMain(path string) int {
	if err := fillDisk(context.Background(), path); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("ok")
	return 0
}

func fillDisk(ctx context.Context, path string) error {
	signal.Ignore(syscall.SIGXFSZ) // so that writes fail instead
	s, err := boltstore.Open(ctx, path, boltstore.Config{})
	if err != nil {
		return err
	}
	small := []byte("small")
	rev, err := put(ctx, s, "state", small, 0)
	if err != nil {
		return err
	}
	restore, err := limitFiles(256 << 10)
	if err != nil {
		return err
	}
	large := bytes.Repeat([]byte("large"), 100<<10)
	for range 3 {
		if _, err := put(ctx, s, "state", large, rev); err == nil {
			return fmt.Errorf("a save beyond the limit succeeded")
		} else if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "file too large") {
			return fmt.Errorf("unclear error: %w", err)
		}
		if err := wantState(ctx, s, small, rev); err != nil {
			return fmt.Errorf("load on a full disk: %w", err)
		}
		// A save that fits must succeed.
		if rev, err = put(ctx, s, "state", small, rev); err != nil {
			return fmt.Errorf("small save on a full disk: %w", err)
		}
	}
	if err := restore(); err != nil {
		return err
	}
	if rev, err = put(ctx, s, "state", large, rev); err != nil {
		return fmt.Errorf("save with room again: %w", err)
	}
	if err := s.Close(); err != nil {
		return err
	}
	if s, err = boltstore.Open(ctx, path, boltstore.Config{}); err != nil {
		return err
	}
	defer s.Close()
	if err := wantState(ctx, s, large, rev); err != nil {
		return fmt.Errorf("load after reopening: %w", err)
	}
	return nil
}

// wantState checks that the store has one entry with this value.
func wantState(ctx context.Context, s *boltstore.Store, want []byte, wantRev store.Revision) error {
	entries, rev, err := s.Load(ctx, "")
	if err != nil || rev != wantRev || len(entries) != 1 || !bytes.Equal(entries[0].Value, want) {
		return fmt.Errorf("%.40q at %d, %w; want %.20q at %d", entries, rev, err, want, wantRev)
	}
	return nil
}

// limitFiles bounds the size of files until restore is called.
func limitFiles(bytes uint64) (restore func() error, err error) {
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		return nil, err
	}
	limited := old
	limited.Cur = bytes
	restore = func() error { return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old) }
	return restore, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limited)
}
