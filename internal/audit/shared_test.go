package audit_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/durable/durabletest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/quorum/quorumtest"
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

// crew is three controllers with logs of which one leads.
type crew struct {
	*rapid.T
	base         string
	feed         *sharedFeed
	dirs         []string
	logs         []*audit.Log
	leads, tried int
	acknowledged []string // the subjects of records
}

func newCrew(t *testing.T, rt *rapid.T) *crew {
	c := &crew{T: rt, feed: &sharedFeed{}, base: durabletest.Dir(t), logs: make([]*audit.Log, 3)}
	for i, name := range []string{"a", "b", "c"} {
		c.dirs = append(c.dirs, filepath.Join(c.base, name))
		c.start(i)
	}
	return c
}

// start opens a log anew. A segment has one record, so that a directory that is not there makes
// a write fail.
func (c *crew) start(i int) {
	l, err := audit.Open(audit.Config{
		Dir: c.dirs[i], MaxRecords: 79, MaxAge: forever, Share: c.feed.share, File: filepath.Join(c.base, "file-"+filepath.Base(c.dirs[i])),
	})
	if err != nil {
		c.Fatal(err)
	}
	c.logs[i] = l
}

func (c *crew) member(what string) int { return rapid.IntRange(0, len(c.logs)-1).Draw(c.T, what) }

// add makes the controller that leads record something.
func (c *crew) add() {
	rec := change(c.tried)
	if c.tried%5 == 4 {
		rec.Outcome = mgmt.AuditRefused
	}
	if c.tried++; c.logs[c.leads].Append(rec) == nil {
		c.acknowledged = append(c.acknowledged, rec.Subject)
	}
}

func (c *crew) catchUp(i int) {
	if err := c.feed.catchUp(c.logs[i]); err != nil {
		c.Fatal(err)
	}
}

// withoutDisk does something while a controller cannot write a new file.
func (c *crew) withoutDisk(i int, do func()) {
	away := c.dirs[i] + ".away"
	if err := os.Rename(c.dirs[i], away); err != nil {
		c.Fatal(err)
	}
	do()
	if err := os.Rename(away, c.dirs[i]); err != nil {
		c.Fatal(err)
	}
}

// event lets one thing happen.
func (c *crew) event() {
	switch rapid.IntRange(0, 8).Draw(c.T, "event") {
	case 0, 1, 2:
		c.add()
	case 3:
		c.feed.fails = !c.feed.fails
	case 4:
		c.feed.loses = !c.feed.loses
	case 5:
		i := c.member("disk")
		c.withoutDisk(i, func() {
			c.add()
			c.feed.catchUp(c.logs[i])
		})
	case 6: // a crash: nothing is closed
		i := c.member("crash")
		c.start(i)
		if i == c.leads { // it leads only when it has everything
			c.catchUp(i)
		}
	case 7:
		c.leads = c.member("leads")
		c.catchUp(c.leads)
	case 8:
		c.catchUp(c.member("follows"))
	}
}

// TestLogsOfAllControllersAreEqual lets three controllers lead in turn, crash, and lose what
// they write, by chance. At the end all logs are equal, and no record that was acknowledged is
// missing or there twice.
func TestLogsOfAllControllersAreEqual(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newCrew(t, rt)
		for range rapid.IntRange(1, 30).Draw(rt, "events") {
			c.event()
		}
		for i := range c.logs {
			c.catchUp(i)
			if got, want := linesOf(t, c.dirs[i]), linesOf(t, c.dirs[0]); got != want {
				rt.Errorf("log %d has\n%s\nwant\n%s", i, got, want)
			}
		}
		var subjects []string
		for i, rec := range read(t, c.logs[1], audit.Query{}) {
			if rec.Seq != uint64(i+1) {
				rt.Errorf("record %d has number %d", i+1, rec.Seq)
			}
			subjects = append(subjects, rec.Subject)
		}
		for _, one := range c.acknowledged {
			if n := times(subjects, one); n != 1 {
				rt.Errorf("record %s is there %d times", one, n)
			}
		}
		for _, l := range c.logs {
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
	if err := l.Take(23, 23, durable.Seal([]byte(`{"version":2,"seq":23}`))); err == nil {
		t.Error("a record in a newer form is taken")
	}
	l.Close()
	if err := l.Take(23, 23, nil); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("a closed log: %v", err)
	}
}

// While a controller leads, its own copier takes what it has just shared, at the same time.
func TestAppendingAndTakingAtOnce(t *testing.T) {
	e := quorumtest.NewCluster("c1").Engine("c1")
	feed := e.Feed("audit")
	dirs := []string{t.TempDir(), t.TempDir()}
	leads := open(t, audit.Config{Dir: dirs[0], Share: func(first, last uint64, lines []byte) error {
		return feed.Append(t.Context(), quorum.Fence{}, quorum.Batch{First: first, Last: last, Lines: lines})
	}})
	follows := open(t, audit.Config{Dir: dirs[1]})
	ctx, cancel := context.WithCancel(t.Context())
	var running, writing sync.WaitGroup
	for _, l := range []*audit.Log{leads, follows} {
		running.Go(func() {
			feed.Follow(ctx, 0, func(b quorum.Batch) error { return l.Take(b.First, b.Last, b.Lines) })
		})
	}
	for range 3 {
		writing.Go(func() {
			for i := range 50 {
				rec := change(i)
				if i%3 == 0 {
					rec.Outcome = mgmt.AuditRefused
				}
				if err := leads.Append(rec); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writing.Wait()
	if err := follows.Wait(t.Context(), leads.Newest()-1); err != nil {
		t.Fatal(err)
	}
	cancel()
	running.Wait()
	if a, b := linesOf(t, dirs[0]), linesOf(t, dirs[1]); a != b || strings.Count(a, "\n") != 150 {
		t.Errorf("the logs differ: %d and %d bytes", len(a), len(b))
	}
}
