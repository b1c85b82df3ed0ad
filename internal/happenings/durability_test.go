package happenings_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
)

// appendFor is the environment variable with the directory in which the test binary
// appends records until it is killed.
const appendFor = "ZEEKFLEET_TEST_HAPPENINGS"

func TestMain(m *testing.M) {
	if dir := os.Getenv(appendFor); dir != "" {
		appendForEver(dir)
	}
	os.Exit(m.Run())
}

// appendForEver prints the number of each copy that it has appended.
func appendForEver(dir string) {
	l, err := happenings.Open(happenings.Config{Dir: dir, MaxRecords: 4000, MaxAge: forever})
	if err != nil {
		panic(err)
	}
	for {
		next := l.Copied("sensor-1", agentLog)
		list := copiesOf(next, next+10)
		if err := l.Append(list); err != nil {
			panic(err)
		}
		fmt.Println(next + 10)
	}
}

const agentLog = "0123456789abcdef01234567"

// copiesOf returns copies of the records after one number up to another of an agent's log.
func copiesOf(after, upTo uint64) (list []happenings.Record) {
	for seq := after + 1; seq <= upTo; seq++ {
		list = append(list, happenings.Record{Happening: change(int(seq)), Log: agentLog, LogSeq: seq})
	}
	return list
}

func TestAcknowledgedRecordsOutliveKillAndNoneIsThereTwice(t *testing.T) {
	dir := t.TempDir()
	for round := range 4 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), appendFor+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		acknowledged, lines := uint64(0), 0
		for said := bufio.NewScanner(out); said.Scan(); {
			if acknowledged, err = strconv.ParseUint(said.Text(), 10, 64); err != nil {
				t.Fatalf("the program says %q", said.Text())
			}
			if lines++; lines == 40+7*round {
				cmd.Process.Kill() // what it has said before can still be read
			}
		}
		cmd.Wait()
		l := open(t, happenings.Config{Dir: dir, MaxRecords: 4000})
		list := read(t, l, happenings.Query{Limit: 10_000})
		for i, rec := range list {
			if rec.Seq != uint64(i+1) || rec.LogSeq != uint64(i+1) || rec.Kind != mgmt.HappenedNode {
				t.Fatalf("round %d: record %d is number %d, a copy of number %d, of kind %s", round, i+1, rec.Seq, rec.LogSeq, rec.Kind)
			}
		}
		if uint64(len(list)) < acknowledged || acknowledged == 0 {
			t.Errorf("round %d: %d records of %d that were acknowledged", round, len(list), acknowledged)
		}
		l.Close()
	}
}

// eachDamage calls f with copies of a log's directory, each with one file damaged in another
// way.
func eachDamage(t *testing.T, dir string, f func(t *testing.T, dir, file string)) {
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		for name, damage := range map[string]func([]byte) []byte{
			"a bit":   func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
			"cut":     func(b []byte) []byte { return b[:len(b)*2/3] },
			"emptied": func(b []byte) []byte { return nil },
			"zeros":   func(b []byte) []byte { clear(b[len(b)/3:]); return b },
		} {
			t.Run(file.Name()+" "+name, func(t *testing.T) {
				copied := t.TempDir()
				if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(copied, file.Name())
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, damage(text), 0o600); err != nil {
					t.Fatal(err)
				}
				f(t, copied, file.Name())
			})
		}
	}
}

// TestDamageHidesNoMoreThanItDestroys damages each file of a log. The log opens, says so, has
// the records of the other files, and gives no number twice.
func TestDamageHidesNoMoreThanItDestroys(t *testing.T) {
	dir := t.TempDir()
	l := open(t, happenings.Config{Dir: dir, MaxRecords: 800}) // 20 records in a segment
	add(t, l, copiesOf(0, 90)...)
	l.Close()
	eachDamage(t, dir, func(t *testing.T, dir, file string) {
		var said strings.Builder
		l := open(t, happenings.Config{Dir: dir, MaxRecords: 800, Logger: logTo(&said)})
		before := read(t, l, happenings.Query{})
		least := 90
		if strings.HasSuffix(file, ".jsonl") {
			least = 70
		}
		if len(before) < least {
			t.Errorf("%d records are left of 90", len(before))
		}
		unseen := strings.Contains(t.Name(), "81.jsonl_emptied") // a new segment is empty, too
		if !unseen && !strings.Contains(said.String(), file) {
			t.Errorf("nobody says that %s is damaged:\n%s", file, said.String())
		}
		add(t, l, records(0, 1)...)
		after := read(t, l, happenings.Query{})
		if len(after) != len(before)+1 || after[len(after)-1].Seq <= before[len(before)-1].Seq {
			t.Errorf("%d records and then %d, the last one number %d after %d", len(before), len(after), after[len(after)-1].Seq, before[len(before)-1].Seq)
		}
		if got := l.Copied("sensor-1", agentLog); file != "happenings-00000000000000000081.jsonl" && got != 90 {
			t.Errorf("copied up to %d, want 90", got)
		}
	})
}

func TestFormsOfHappenings(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/form-1")); err != nil {
		t.Fatal(err)
	}
	l := open(t, happenings.Config{Dir: dir})
	want := []happenings.Record{
		{Happening: change(0)},
		{Happening: mgmt.Happening{
			Time: noon, Heard: noon.Add(1e9), Kind: mgmt.HappenedOperation, Operation: 7, Revision: 8, From: "running", To: "failed", Cause: "deploy: no", Who: "ann",
		}},
		copiesOf(4, 5)[0],
	}
	for i := range want {
		want[i].Seq = uint64(i + 1)
	}
	if diff := cmp.Diff(want, read(t, l, happenings.Query{})); diff != "" {
		t.Errorf("form 1 (-want +got):\n%s", diff)
	}
	if l.ID() != "00112233445566778899aabb" || l.Copied("sensor-1", agentLog) != 5 {
		t.Errorf("it is log %s, and copied up to %d", l.ID(), l.Copied("sensor-1", agentLog))
	}
	l.Close()
	for _, file := range []string{"happenings-00000000000000000001.jsonl", "identity.json"} {
		newer := t.TempDir()
		if err := os.CopyFS(newer, os.DirFS("testdata/form-1")); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(newer, file))
		if err != nil {
			t.Fatal(err)
		}
		text = reseal(bytes.Replace(text, []byte(`{"version":1`), []byte(`{"version":2`), 1))
		if err := os.WriteFile(filepath.Join(newer, file), text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = happenings.Open(happenings.Config{Dir: newer})
		if _, ok := errors.AsType[*form.NewerError](err); !ok {
			t.Errorf("a newer form of %s: %v", file, err)
		}
	}
}

func TestFullDiskIsAnErrorAndLosesNothing(t *testing.T) {
	roottest.Need(t, "mounts a disk")
	disk := t.TempDir()
	if err := syscall.Mount("zeekfleet-test", disk, "tmpfs", 0, "size=131072"); err != nil {
		t.Fatalf("mount a tmpfs: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, syscall.MNT_DETACH) })
	cfg := happenings.Config{Dir: filepath.Join(disk, "happenings"), MaxRecords: 4000}
	l := open(t, cfg)
	var err error
	for err == nil {
		have := l.Copied("sensor-1", agentLog)
		err = l.Append(copiesOf(have, have+30))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("append on a full disk: %v", err)
	}
	have := l.Copied("sensor-1", agentLog)
	if got := len(read(t, l, happenings.Query{Limit: 10_000})); uint64(got) != have || l.Newest() != have {
		t.Errorf("%d records can be read, the newest is %d, copied up to %d", got, l.Newest(), have)
	}
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT, "size=1048576"); err != nil {
		t.Fatalf("enlarge the tmpfs: %v", err)
	}
	add(t, l, copiesOf(0, have+30)...)
	l.Close()
	list := read(t, open(t, cfg), happenings.Query{Limit: 10_000})
	if uint64(len(list)) != have+30 || slices.ContainsFunc(list, func(r happenings.Record) bool { return r.Seq != r.LogSeq }) {
		t.Errorf("%d records, want %d, each the copy with its number", len(list), have+30)
	}
}
