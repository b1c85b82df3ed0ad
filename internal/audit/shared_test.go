package audit_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/durable/durabletest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// sharedFeed is what the controllers of a cluster share, in memory.
type sharedFeed struct {
	batches []sharedBatch
	// fails says that nothing is shared, and loses that what was shared is not acknowledged.
	fails, loses bool
}

type sharedBatch struct {
	first, last uint64
	lines       []byte
}

var errShare = errors.New("no majority")

func (f *sharedFeed) share(first, last uint64, lines []byte) error {
	if n := len(f.batches); f.fails || n > 0 && first <= f.batches[n-1].last {
		return errShare
	}
	f.batches = append(f.batches, sharedBatch{first, last, slices.Clone(lines)})
	if f.loses {
		return errShare
	}
	return nil
}

// catchUp takes all that a log does not have.
func (f *sharedFeed) catchUp(l *audit.Log) error {
	for _, b := range f.batches {
		if b.last <= l.Newest() {
			continue
		}
		if err := l.Take(b.first, b.last, b.lines); err != nil {
			return err
		}
	}
	return nil
}

// linesOf returns all lines of the log in a directory, those of refusals after those of changes.
func linesOf(t testing.TB, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text[:bytes.LastIndexByte(text, '\n')+1]...)
	}
	return string(all)
}

// TestLogsOfAllControllersAreEqual lets three controllers lead in turn, crash, and lose what
// they write, by chance. At the end all logs are equal, and no record that was acknowledged is
// missing or there twice.
func TestLogsOfAllControllersAreEqual(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		base := durabletest.Dir(t)
		feed := &sharedFeed{}
		dirs := []string{filepath.Join(base, "a"), filepath.Join(base, "b"), filepath.Join(base, "c")}
		logs := make([]*audit.Log, len(dirs))
		start := func(i int) {
			// A segment has one record, so that a directory that is not there makes a write fail.
			l, err := audit.Open(audit.Config{Dir: dirs[i], MaxRecords: 79, MaxAge: 1 << 62, Share: feed.share, File: filepath.Join(base, "file"+filepath.Base(dirs[i]))})
			if err != nil {
				rt.Fatal(err)
			}
			logs[i] = l
		}
		for i := range dirs {
			start(i)
		}
		leads, acknowledged, tried := 0, []string{}, 0
		add := func() {
			rec := change(tried)
			if tried%5 == 4 {
				rec.Outcome = mgmt.AuditRefused
			}
			if tried++; logs[leads].Append(rec) == nil {
				acknowledged = append(acknowledged, rec.Subject)
			}
		}
		member := rapid.IntRange(0, len(logs)-1)
		for range rapid.IntRange(1, 30).Draw(rt, "events") {
			switch rapid.IntRange(0, 8).Draw(rt, "event") {
			case 0, 1, 2:
				add()
			case 3:
				feed.fails = !feed.fails
			case 4:
				feed.loses = !feed.loses
			case 5: // a disk that cannot be written
				i := member.Draw(rt, "disk")
				if err := os.Rename(dirs[i], dirs[i]+".away"); err != nil {
					rt.Fatal(err)
				}
				add()
				feed.catchUp(logs[i])
				if err := os.Rename(dirs[i]+".away", dirs[i]); err != nil {
					rt.Fatal(err)
				}
			case 6: // a crash: nothing is closed
				i := member.Draw(rt, "crash")
				start(i)
				if i == leads { // it leads only when it has everything
					if err := feed.catchUp(logs[i]); err != nil {
						rt.Fatal(err)
					}
				}
			case 7:
				leads = member.Draw(rt, "leads")
				if err := feed.catchUp(logs[leads]); err != nil {
					rt.Fatal(err)
				}
			case 8:
				if err := feed.catchUp(logs[member.Draw(rt, "follows")]); err != nil {
					rt.Fatal(err)
				}
			}
		}
		for _, l := range logs {
			if err := feed.catchUp(l); err != nil {
				rt.Fatal(err)
			}
		}
		for i := range dirs {
			if got, want := linesOf(t, dirs[i]), linesOf(t, dirs[0]); got != want {
				rt.Errorf("log %d has\n%s\nwant\n%s", i, got, want)
			}
		}
		var subjects []string
		for i, rec := range read(t, logs[1], audit.Query{}) {
			if rec.Seq != uint64(i+1) {
				rt.Errorf("record %d has number %d", i+1, rec.Seq)
			}
			subjects = append(subjects, rec.Subject)
		}
		for _, one := range acknowledged {
			if n := times(subjects, one); n != 1 {
				rt.Errorf("record %s is there %d times", one, n)
			}
		}
		for _, l := range logs {
			l.Close()
		}
	})
}

func times(list []string, one string) (n int) {
	for _, other := range list {
		if other == one {
			n++
		}
	}
	return n
}

func TestLogThatCannotShareWritesNothing(t *testing.T) {
	feed := &sharedFeed{fails: true}
	dir := t.TempDir()
	l := open(t, audit.Config{Dir: dir, Share: feed.share})
	if err := l.Append(change(1)); !errors.Is(err, errShare) || !strings.Contains(err.Error(), "share the audit log") {
		t.Errorf("got %v", err)
	}
	if got := linesOf(t, dir); got != "" || l.Newest() != 0 {
		t.Errorf("it has written %s", got)
	}
}

func TestTakingSaysWhatIsMissingOnce(t *testing.T) {
	feed, said := &sharedFeed{}, &strings.Builder{}
	leads := open(t, audit.Config{Dir: t.TempDir(), Share: feed.share})
	for i := range 20 {
		rec := change(i)
		if i%2 == 1 {
			rec.Outcome = mgmt.AuditRefused
		}
		if err := leads.Append(rec); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	l := open(t, audit.Config{Dir: t.TempDir(), File: file, Logger: slog.New(slog.NewTextHandler(said, nil))})
	feed.batches = feed.batches[10:]
	for range 2 {
		if err := feed.catchUp(l); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Count(said.String(), "are missing here"); got != 1 || !strings.Contains(said.String(), "from=1 to=10") {
		t.Errorf("it says %s", said)
	}
	if list := read(t, l, audit.Query{}); len(list) != 10 || list[0].Seq != 11 || list[9].Seq != 20 {
		t.Errorf("it has %+v", list)
	}
	if text, err := os.ReadFile(file); err != nil || bytes.Count(text, []byte("\n")) != 10 {
		t.Errorf("the file has %s, %v", text, err)
	}
	// Parts of batches that it has are left out, and damaged lines as well.
	if err := leads.Append(change(20)); err != nil {
		t.Fatal(err)
	}
	if err := l.Take(20, 22, slices.Concat(feed.batches[9].lines, []byte("rubbish\n"), feed.batches[10].lines)); err != nil {
		t.Fatal(err)
	}
	if list := read(t, l, audit.Query{}); len(list) != 11 || l.Newest() != 22 || !strings.Contains(said.String(), "is damaged: lines are left out") {
		t.Errorf("it has %d records up to %d, and says %s", len(list), l.Newest(), said)
	}
	if err := l.Take(23, 23, []byte(`{"version":2,"seq":23}`+"\n")); err == nil {
		t.Error("a record in a newer form is taken")
	}
	l.Close()
	if err := l.Take(23, 23, nil); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("a closed log: %v", err)
	}
}
