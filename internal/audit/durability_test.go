package audit_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
)

// appendFor is the environment variable with the directory in which the test binary
// appends records until it is killed.
const appendFor = "ZEEKFLEET_TEST_AUDIT"

func TestMain(m *testing.M) {
	if dir := os.Getenv(appendFor); dir != "" {
		appendForEver(dir)
	}
	os.Exit(m.Run())
}

// appendForEver prints the number of each record that it has appended.
func appendForEver(dir string) {
	l, err := audit.Open(audit.Config{Dir: dir, MaxRecords: 2000, MaxAge: forever})
	if err != nil {
		panic(err)
	}
	for i := 0; ; i++ {
		if err := l.Append(change(i)); err != nil {
			panic(err)
		}
		fmt.Println(l.Newest())
	}
}

func TestAcknowledgedRecordsOutliveKill(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), appendFor+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		acknowledged := uint64(0)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if acknowledged, err = strconv.ParseUint(lines.Text(), 10, 64); err != nil {
				t.Fatalf("the program says %q", lines.Text())
			}
			if acknowledged%40 == 0 {
				cmd.Process.Kill() // what it has said before can still be read
			}
		}
		cmd.Wait()
		l := open(t, audit.Config{Dir: dir, MaxRecords: 2000})
		list := read(t, l, audit.Query{})
		for i, rec := range list {
			if rec.Seq != uint64(i+1) {
				t.Fatalf("round %d: record %d has number %d", round, i+1, rec.Seq)
			}
		}
		if uint64(len(list)) < acknowledged || acknowledged == 0 {
			t.Errorf("round %d: %d records of %d that were acknowledged", round, len(list), acknowledged)
		}
		l.Close()
	}
}

// segmentsOf returns the files of a log with records of changes, or of refusals.
func segmentsOf(t *testing.T, dir, kind string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, kind+"-*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// written returns the text of a log with this many changes in one segment.
func written(t *testing.T, changes int) []byte {
	t.Helper()
	dir := t.TempDir()
	l := open(t, audit.Config{Dir: dir})
	for i := range changes {
		add(t, l, change(i))
	}
	text, err := os.ReadFile(segmentsOf(t, dir, "changes")[0])
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// holding returns the configuration of a log that has this text in its only segment.
func holding(t *testing.T, text []byte, logger *slog.Logger) audit.Config {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "changes-00000000000000000001.jsonl"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return audit.Config{Dir: dir, Logger: logger}
}

// subjects returns the subjects of all records, which say which ones they are.
func subjects(t *testing.T, l *audit.Log) string {
	t.Helper()
	var list []string
	for _, rec := range read(t, l, audit.Query{}) {
		list = append(list, rec.Subject)
	}
	return strings.Join(list, " ")
}

func TestLastLineThatWasNotWrittenWholeIsCutOff(t *testing.T) {
	text := written(t, 3)
	twoLines := bytes.LastIndexByte(text[:len(text)-1], '\n') + 1
	for end := twoLines; end < len(text); end += 7 {
		torn := slices.Concat(text[:end], make([]byte, (end-twoLines)%3)) // some file systems leave zeros
		l := open(t, holding(t, torn, nil))
		add(t, l, change(9))
		if got := subjects(t, l); got != "0 1 9" {
			t.Fatalf("cut at %d of %d: records %q", end, len(text), got)
		}
		if got := l.Newest(); got != 3 {
			t.Errorf("cut at %d: the next record has number %d, want 3", end, got)
		}
		l.Close()
	}
}

func TestDamagedLineHidesNoOtherLine(t *testing.T) {
	text := written(t, 5)
	second := bytes.IndexByte(text, '\n') + 1
	third := second + bytes.IndexByte(text[second:], '\n') + 1
	for name, c := range map[string]struct {
		damage func([]byte) []byte
		want   string
	}{
		"a bit":            {func(b []byte) []byte { b[second+40] ^= 1; return b }, "0 2 3 4"},
		"a newline inside": {func(b []byte) []byte { b[second+40] = '\n'; return b }, "0 2 3 4"},
		"a lost newline":   {func(b []byte) []byte { b[third-1] = ' '; return b }, "0 3 4"},
		"zeros":            {func(b []byte) []byte { copy(b[second:third-1], make([]byte, third)); return b }, "0 2 3 4"},
		"a lost block":     {func(b []byte) []byte { return slices.Delete(b, second-20, third+20) }, "3 4"},
	} {
		t.Run(name, func(t *testing.T) {
			var said bytes.Buffer
			l := open(t, holding(t, c.damage(bytes.Clone(text)), slog.New(slog.NewTextHandler(&said, nil))))
			add(t, l, change(9))
			if got := subjects(t, l); got != c.want+" 9" {
				t.Errorf("records %q, want %q", got, c.want+" 9")
			}
			if n := strings.Count(said.String(), "is damaged"); n != 1 {
				t.Errorf("the damage is reported %d times:\n%s", n, said.String())
			}
		})
	}
}

func TestDamageWhileTheLogIsOpenIsReportedOnce(t *testing.T) {
	var said bytes.Buffer
	dir := t.TempDir()
	l := open(t, audit.Config{Dir: dir, Logger: slog.New(slog.NewTextHandler(&said, nil))})
	add(t, l, change(0), change(1))
	path := segmentsOf(t, dir, "changes")[0]
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[50] ^= 1
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := subjects(t, l); got != "1" {
			t.Errorf("records %q, want 1", got)
		}
	}
	if n := strings.Count(said.String(), "is damaged"); n != 1 {
		t.Errorf("the damage is reported %d times:\n%s", n, said.String())
	}
}

func TestFileOfAnotherKindInTheDirectoryIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "changes-00000000000000000007.jsonl")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"notes.txt", "changes-1.jsonl", "changes-x.jsonl"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := open(t, audit.Config{Dir: dir})
	add(t, l, change(0))
	if got := l.Newest(); got != 8 {
		t.Errorf("the record after number 7 has number %d", got)
	}
	if got := subjects(t, l); got != "0" {
		t.Errorf("records %q, want 0", got)
	}
}

func TestFormsOfTheAudit(t *testing.T) {
	text, err := os.ReadFile("testdata/form-1.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	list := read(t, open(t, holding(t, text, nil)), audit.Query{})
	want := change(0)
	want.Seq = 1
	refused := mgmt.AuditRecord{
		Seq: 2, Time: change(1).Time, Who: "guest", Role: mgmt.Viewer, Source: "[2001:db8::1]:5", Request: "deploy",
		Subject: "two", Outcome: mgmt.AuditRefused, Reason: "may not", Times: 3,
	}
	if !slices.Equal(list, []mgmt.AuditRecord{want, refused}) {
		t.Errorf("form 1 is read as %+v", list)
	}
	newer := bytes.Replace(text, []byte(`{"version":1`), []byte(`{"version":2`), 1)
	if _, err := audit.Open(holding(t, reseal(newer), nil)); err == nil {
		t.Error("a newer form is opened")
	} else if _, ok := errors.AsType[*form.NewerError](err); !ok {
		t.Errorf("a newer form: %v", err)
	}
}

func TestFullDiskIsAnErrorAndLosesNothing(t *testing.T) {
	roottest.Need(t, "mounts a disk")
	disk := t.TempDir()
	if err := syscall.Mount("zeekfleet-test", disk, "tmpfs", 0, "size=65536"); err != nil {
		t.Fatalf("mount a tmpfs: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, syscall.MNT_DETACH) })
	l := open(t, audit.Config{Dir: filepath.Join(disk, "audit")})
	var err error
	written := 0
	for ; err == nil; written++ {
		err = l.Append(change(written))
	}
	written--
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("append on a full disk: %v", err)
	}
	if err := l.Append(change(0)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("append again: %v", err)
	}
	if got := len(read(t, l, audit.Query{})); got != written || l.Newest() != uint64(written) {
		t.Errorf("%d records can be read, the newest is %d, want %d", got, l.Newest(), written)
	}
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT, "size=1048576"); err != nil {
		t.Fatalf("enlarge the tmpfs: %v", err)
	}
	add(t, l, change(1))
	l.Close()
	list := read(t, open(t, audit.Config{Dir: filepath.Join(disk, "audit")}), audit.Query{})
	for i, rec := range list {
		if rec.Seq != uint64(i+1) {
			t.Fatalf("record %d has number %d", i+1, rec.Seq)
		}
	}
	if len(list) != written+1 {
		t.Errorf("%d records, want %d", len(list), written+1)
	}
}
