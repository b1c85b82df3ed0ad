package happenings_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/durable/durabletest"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/quorum/quorumtest"
)

// sharedFeed is what the controllers of a cluster share, in memory.
type sharedFeed struct {
	mu      sync.Mutex
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
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.batches); f.fails || n > 0 && first <= f.batches[n-1].last {
		return errShare
	}
	f.batches = append(f.batches, sharedBatch{first, last, slices.Clone(lines)})
	if f.loses {
		return errShare
	}
	return nil
}

// after returns the batches that have records after a number.
func (f *sharedFeed) after(number uint64) []sharedBatch {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.batches), func(b sharedBatch) bool { return b.last <= number })
}

// catchUp takes all that a log does not have.
func (f *sharedFeed) catchUp(l *happenings.Log) error {
	for _, b := range f.after(l.Newest()) {
		if err := l.Take(b.first, b.last, b.lines); err != nil {
			return err
		}
	}
	return nil
}

// keptText is a Keep in memory.
type keptText struct {
	mu    sync.Mutex
	text  []byte
	saves int
	err   error
}

func (k *keptText) Load() ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return nil, k.err
	}
	if k.text == nil {
		return nil, fs.ErrNotExist
	}
	return slices.Clone(k.text), nil
}

func (k *keptText) Save(text []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return k.err
	}
	k.text = slices.Clone(text)
	k.saves++
	return nil
}

// linesOf returns all lines of the log in a directory.
func linesOf(t testing.TB, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "happenings-*.jsonl"))
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

func openShared(t testing.TB, f *sharedFeed, dir string, identity *keptText) *happenings.Log {
	t.Helper()
	// A segment has one record, so that a directory that is not there makes a write fail.
	l, err := happenings.Open(happenings.Config{Dir: dir, MaxRecords: 79, MaxAge: forever, Share: f.share, ShareBytes: 700, Identity: identity, Logger: logTo(new(strings.Builder))})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// crew is three controllers with logs of which one leads.
type crew struct {
	*rapid.T
	feed     *sharedFeed
	identity *keptText
	dirs     []string
	logs     []*happenings.Log
	leads    int
	// next is the number of the newest record of the agent, and told that of the newest one
	// that was acknowledged.
	next, told uint64
}

func newCrew(t *testing.T, rt *rapid.T) *crew {
	c := &crew{T: rt, feed: &sharedFeed{}, identity: &keptText{}}
	base := durabletest.Dir(t)
	for _, name := range []string{"a", "b", "c"} {
		dir := filepath.Join(base, name)
		c.dirs = append(c.dirs, dir)
		c.logs = append(c.logs, openShared(t, c.feed, dir, c.identity))
	}
	return c
}

func (c *crew) member(what string) int { return rapid.IntRange(0, len(c.logs)-1).Draw(c.T, what) }

// tell makes the agent tell what the controller that leads does not know, and some more.
func (c *crew) tell(more int) {
	after := c.logs[c.leads].Copied("sensor-1", agentLog)
	c.next = max(c.next, after) + uint64(more)
	if err := c.logs[c.leads].Append(copiesOf(after, c.next)); err == nil {
		c.told = c.next
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
func (c *crew) event(t *testing.T) {
	switch rapid.IntRange(0, 8).Draw(c.T, "event") {
	case 0, 1, 2:
		c.tell(rapid.IntRange(0, 2).Draw(c.T, "news"))
	case 3:
		c.feed.fails = !c.feed.fails
	case 4:
		c.feed.loses = !c.feed.loses
	case 5:
		i := c.member("disk")
		c.withoutDisk(i, func() {
			c.tell(1)
			c.feed.catchUp(c.logs[i])
		})
	case 6: // a crash: nothing is closed
		i := c.member("crash")
		c.logs[i] = openShared(t, c.feed, c.dirs[i], c.identity)
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
// they write, by chance. At the end all logs are equal, no record that was acknowledged is
// missing, and none is there twice.
func TestLogsOfAllControllersAreEqual(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newCrew(t, rt)
		for range rapid.IntRange(1, 30).Draw(rt, "events") {
			c.event(t)
		}
		for i, l := range c.logs {
			c.catchUp(i)
			if err := l.ReloadIdentity(); err != nil {
				rt.Fatal(err)
			}
			if got := l.Copied("sensor-1", agentLog); got < c.told || l.ID() != c.logs[0].ID() {
				rt.Errorf("the agent has told up to %d, and the log knows %d", c.told, got)
			}
			if got, want := linesOf(t, c.dirs[i]), linesOf(t, c.dirs[0]); got != want {
				rt.Errorf("log %d has\n%s\nwant\n%s", i, got, want)
			}
		}
		list := read(t, c.logs[1], happenings.Query{Limit: 10_000})
		for i, r := range list {
			if r.Seq != uint64(i+1) || r.LogSeq != uint64(i+1) || r.Kind != mgmt.HappenedNode {
				rt.Errorf("record %d is %+v", i+1, r)
			}
		}
		if uint64(len(list)) < c.told {
			rt.Errorf("the agent has told %d, and there are %d", c.told, len(list))
		}
		for _, l := range c.logs {
			l.Close()
		}
	})
}

func TestLogThatCannotShareWritesNothing(t *testing.T) {
	feed := &sharedFeed{fails: true}
	dir := t.TempDir()
	l := openShared(t, feed, dir, &keptText{})
	defer l.Close()
	if err := l.Append(records(0, 3)); !errors.Is(err, errShare) {
		t.Errorf("got %v", err)
	}
	if got := linesOf(t, dir); got != "" || l.Newest() != 0 {
		t.Errorf("it has written %s", got)
	}
	feed.fails = false
	add(t, l, records(0, 30)...)
	if got := len(feed.batches); got < 5 || feed.batches[0].first != 1 || feed.batches[got-1].last != 30 {
		t.Errorf("it has shared %d batches", got)
	}
	var all []byte
	for _, b := range feed.batches {
		if len(b.lines) > 700 {
			t.Errorf("a batch has %d bytes", len(b.lines))
		}
		all = append(all, b.lines...)
	}
	if string(all) != linesOf(t, dir) {
		t.Error("it has shared something else than it has written")
	}
}

func TestTakingSaysWhatIsMissingOnce(t *testing.T) {
	feed, said := &sharedFeed{}, &strings.Builder{}
	leads := openShared(t, feed, t.TempDir(), &keptText{})
	defer leads.Close()
	for i := range 20 {
		add(t, leads, records(i, i+1)...)
	}
	positions := &keptText{}
	l := open(t, happenings.Config{Dir: t.TempDir(), Identity: &keptText{}, Positions: positions, Logger: logTo(said)})
	feed.batches = feed.batches[10:]
	for range 2 {
		if err := feed.catchUp(l); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Count(said.String(), "are missing here"); got != 1 || !strings.Contains(said.String(), "from=1 to=10") {
		t.Errorf("it says %s", said)
	}
	if got := seqs(read(t, l, happenings.Query{})); got != "11 12 13 14 15 16 17 18 19 20" {
		t.Errorf("it has %s", got)
	}
	// Parts of batches that it has are left out, and damaged lines as well.
	add(t, leads, records(20, 23)...)
	lines := slices.Concat(feed.batches[9].lines, []byte("rubbish\n"), feed.batches[10].lines)
	if err := l.Take(20, 24, lines); err != nil {
		t.Fatal(err)
	}
	if got := seqs(read(t, l, happenings.Query{After: 17})); l.Newest() != 24 || got != "18 19 20 21 22" && got != "18 19 20 21 22 23" {
		t.Errorf("it has %s, up to %d", got, l.Newest())
	}
	if !strings.Contains(said.String(), "is damaged: lines are left out") {
		t.Errorf("it says %s", said)
	}
}

// How far agents were heard is shared from time to time. So a controller that was away for
// longer than records are shared does not hear them again.
func TestPositionsOfAgentsOutliveWhatIsShared(t *testing.T) {
	feed, positions := &sharedFeed{}, &keptText{}
	leads := open(t, happenings.Config{Dir: t.TempDir(), Share: feed.share, Positions: positions, PositionsEvery: 10})
	for i := range uint64(35) {
		add(t, leads, copiesOf(i, i+1)...)
	}
	if positions.saves != 3 {
		t.Errorf("saved %d times", positions.saves)
	}
	feed.batches = feed.batches[25:]
	feed.batches[0] = sharedBatch{26, 26, []byte("damaged\n")}
	feed.batches = feed.batches[:1] // nobody has told anything since
	l := open(t, happenings.Config{Dir: t.TempDir(), Positions: positions})
	if err := feed.catchUp(l); err != nil {
		t.Fatal(err)
	}
	if got := l.Copied("sensor-1", agentLog); got != 30 {
		t.Errorf("the log knows what the agent has told up to %d", got)
	}
	positions.text = []byte("{}")
	l = open(t, happenings.Config{Dir: t.TempDir(), Positions: positions})
	if err := feed.catchUp(l); err != nil {
		t.Fatal(err)
	}
}

func TestIdentityIsThatOfTheCluster(t *testing.T) {
	shared := &keptText{}
	follows := open(t, happenings.Config{Dir: t.TempDir(), Identity: shared})
	leads := open(t, happenings.Config{Dir: t.TempDir(), Identity: shared})
	if follows.ID() == "" || shared.saves > 0 {
		t.Errorf("a controller that may not lead gives the identity %q", follows.ID())
	}
	for _, l := range []*happenings.Log{leads, follows} {
		if err := l.ReloadIdentity(); err != nil || l.ID() != leads.ID() || shared.saves != 1 {
			t.Errorf("the identities are %s and %s, %v", l.ID(), leads.ID(), err)
		}
	}
	if l := open(t, happenings.Config{Dir: t.TempDir(), Identity: shared}); l.ID() != leads.ID() {
		t.Errorf("the identities are %s and %s", l.ID(), leads.ID())
	}
	// A store that does not answer must not make anybody give the log another identity.
	shared.err = errShare
	asks := open(t, happenings.Config{Dir: t.TempDir(), Identity: shared})
	if err := asks.ReloadIdentity(); !errors.Is(err, errShare) || shared.saves != 1 {
		t.Errorf("got %v, and %d saves", err, shared.saves)
	}
	shared.err, shared.text = nil, []byte("rubbish")
	if err := leads.ReloadIdentity(); err != nil || shared.saves != 2 {
		t.Errorf("a damaged identity: %v", err)
	}
	shared.text = durable.Seal([]byte(`{"version":9}`))
	if err := leads.ReloadIdentity(); err == nil {
		t.Error("an identity of a newer form is taken")
	}
}

// The agent goes on where the controllers are, whichever of them leads.
func TestAgentTellsTheNextLeaderWhatIsNewAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed, identity := &sharedFeed{}, &keptText{}
		agent := open(t, happenings.Config{Dir: t.TempDir()})
		dirs := []string{t.TempDir(), t.TempDir()}
		logs := []*happenings.Log{openShared(t, feed, dirs[0], identity), openShared(t, feed, dirs[1], identity)}
		for round := range 10 {
			leads := logs[round%2]
			if err := feed.catchUp(leads); err != nil {
				t.Fatal(err)
			}
			p := &pair{t: t, agent: agent, ours: leads, teller: happenings.NewTeller(agent, logTo(&strings.Builder{}))}
			p.hearing = happenings.NewRecorder(happenings.RecorderConfig{Log: leads, Hears: true})
			stopHearing := runs(t, p.hearing, p.ask)
			stopTelling := runsTeller(t, p)
			p.connect()
			add(t, agent, records(3*round, 3*round+2)...)
			feed.set(round%3 == 1, round%3 == 2)
			time.Sleep(time.Minute)
			add(t, agent, records(3*round+2, 3*round+3)...)
			time.Sleep(time.Minute)
			p.disconnect()
			stopHearing()
			stopTelling()
			feed.set(false, false)
		}
		for _, l := range logs {
			if err := feed.catchUp(l); err != nil {
				t.Fatal(err)
			}
			p := &pair{t: t, ours: l}
			want := numbers(0, 30)
			if got := p.heard(); got != want {
				t.Errorf("the log has %s\nwant %s", got, want)
			}
			l.Close()
		}
		if a, b := linesOf(t, dirs[0]), linesOf(t, dirs[1]); a != b {
			t.Errorf("the logs differ:\n%s\n%s", a, b)
		}
	})
}

// runsTeller runs the teller of a pair until the function that it returns is called.
func runsTeller(t *testing.T, p *pair) (stop func()) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(t.Context()))
	enough := errors.New("enough")
	var running sync.WaitGroup
	running.Go(func() { p.teller.Run(ctx, p.tell) })
	stop = sync.OnceFunc(func() { cancel(enough); running.Wait() })
	t.Cleanup(stop)
	return stop
}

func (f *sharedFeed) set(fails, loses bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails, f.loses = fails, loses
}

// While a controller leads, its own copier takes what it has just shared, at the same time.
func TestAppendingAndTakingAtOnce(t *testing.T) {
	e := quorumtest.NewCluster("c1").Engine("c1")
	feed := e.Feed("happenings")
	dirs := []string{t.TempDir(), t.TempDir()}
	share := func(first, last uint64, lines []byte) error {
		return feed.Append(t.Context(), quorum.Fence{}, quorum.Batch{First: first, Last: last, Lines: lines})
	}
	leads, follows := open(t, happenings.Config{Dir: dirs[0], Share: share, ShareBytes: 2000}), open(t, happenings.Config{Dir: dirs[1]})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, l := range []*happenings.Log{leads, follows} {
		running.Go(func() {
			feed.Follow(ctx, 0, func(b quorum.Batch) error { return l.Take(b.First, b.Last, b.Lines) })
		})
	}
	const each = 100
	var writing sync.WaitGroup
	for writer := range 3 {
		writing.Go(func() {
			for i := range each {
				if err := leads.Append(records(1000*writer+i, 1000*writer+i+1+i%3)); err != nil {
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
	if a, b := linesOf(t, dirs[0]), linesOf(t, dirs[1]); a != b || strings.Count(a, "\n") != int(leads.Newest()) {
		t.Errorf("the logs differ: %d and %d bytes", len(a), len(b))
	}
}
