package happenings_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 123456789, time.UTC)

// change is the happening number i, a second after the one before.
func change(i int) mgmt.Happening {
	return mgmt.Happening{
		Time: noon.Add(time.Duration(i) * time.Second), Kind: mgmt.HappenedNode, Instance: "sensor-1", Node: "worker-1",
		From: "RUNNING", To: "CRASHED", Cause: fmt.Sprint("killed by SIGKILL, ", i), PID: int64(i + 1),
	}
}

func records(from, to int) (list []happenings.Record) {
	for i := from; i < to; i++ {
		list = append(list, happenings.Record{Happening: change(i)})
	}
	return list
}

// forever is longer than anybody runs these tests. Their records have fixed times, which lie
// further back each day: without it the records would one day be too old to be kept.
const forever = time.Duration(1 << 62)

// open opens a log that keeps its records forever, unless cfg says for how long.
func open(t testing.TB, cfg happenings.Config) *happenings.Log {
	t.Helper()
	if cfg.MaxAge == 0 {
		cfg.MaxAge = forever
	}
	l, err := happenings.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func add(t testing.TB, l *happenings.Log, list ...happenings.Record) {
	t.Helper()
	if err := l.Append(list); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, l *happenings.Log, q happenings.Query) []happenings.Record {
	t.Helper()
	list, err := l.Read(q)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// seqs returns the numbers of records as text.
func seqs(list []happenings.Record) string {
	var texts []string
	for _, r := range list {
		texts = append(texts, fmt.Sprint(r.Seq))
	}
	return strings.Join(texts, " ")
}

func TestRecordsAreReadAsTheyWereWritten(t *testing.T) {
	dir := t.TempDir()
	l := open(t, happenings.Config{Dir: dir})
	want := []happenings.Record{
		{Happening: change(0)},
		{Happening: mgmt.Happening{
			Time: noon, Heard: noon.Add(time.Hour), Kind: mgmt.HappenedStep, Instance: "a\"\n\x00b", Node: "n", Operation: 7, Revision: 8,
			From: "waiting", To: "running", Cause: "because\n\"<&>\u2028", Who: "ann", PID: 1 << 40,
		}, Log: "0123456789abcdef01234567", LogSeq: 1},
		{Happening: mgmt.Happening{
			Time: noon, Kind: mgmt.HappenedAlert, Instance: "a", From: "firing", To: "resolved", Alert: "disk-full/a/spool", Severity: mgmt.AlertWarning,
		}},
	}
	add(t, l, slices.Clone(want)...)
	for i := range want {
		want[i].Seq = uint64(i + 1)
	}
	for _, again := range []bool{false, true} {
		if again {
			l.Close()
			l = open(t, happenings.Config{Dir: dir, Recent: 1}) // so that the file is read
		}
		if diff := cmp.Diff(want, read(t, l, happenings.Query{})); diff != "" {
			t.Errorf("read again %t (-want +got):\n%s", again, diff)
		}
	}
}

func TestLongTextsAreCut(t *testing.T) {
	l := open(t, happenings.Config{Dir: t.TempDir(), Recent: 1})
	h := change(0)
	h.Alert = strings.Repeat("\x01", 5000)
	h.Cause, h.Node, h.From = strings.Repeat("\x01", 5000), mgmt.NodeName(strings.Repeat("é", 5000)), strings.Repeat("x", 5000)
	add(t, l, happenings.Record{Happening: h})
	add(t, l, records(1, 2)...)
	got := read(t, l, happenings.Query{})
	if len(got) != 2 || len(got[0].Cause) != 1024 || len(got[0].Node) > 255 || len(got[0].From) != 64 {
		t.Errorf("got %d records, texts of %d, %d, %d bytes", len(got), len(got[0].Cause), len(got[0].Node), len(got[0].From))
	}
}

func TestQueries(t *testing.T) {
	dir := t.TempDir()
	l := open(t, happenings.Config{Dir: dir, MaxRecords: 400}) // ten records in a segment
	list := records(0, 95)
	for i := range list {
		if i%10 == 3 {
			list[i].Node = "worker-10"
		}
		if i%20 == 7 {
			list[i].Kind, list[i].Instance = mgmt.HappenedInstance, "sensor-2"
		}
	}
	for chunk := range slices.Chunk(list, 7) {
		add(t, l, chunk...)
	}
	for name, tt := range map[string]struct {
		q    happenings.Query
		want string
	}{
		"the first":           {happenings.Query{Limit: 3}, "1 2 3"},
		"the newest":          {happenings.Query{Limit: 3, Latest: true}, "93 94 95"},
		"after":               {happenings.Query{After: 92}, "93 94 95"},
		"after, limited":      {happenings.Query{After: 9, Limit: 2}, "10 11"},
		"after the newest":    {happenings.Query{After: 95}, ""},
		"since":               {happenings.Query{Since: noon.Add(92 * time.Second)}, "93 94 95"},
		"since, newest":       {happenings.Query{Since: noon.Add(9 * time.Second), Limit: 1, Latest: true}, "95"},
		"a node":              {happenings.Query{Node: "worker-10", Limit: 3}, "4 14 24"},
		"a node, newest":      {happenings.Query{Node: "worker-10", Limit: 2, Latest: true}, "84 94"},
		"a kind":              {happenings.Query{Kind: mgmt.HappenedInstance}, "8 28 48 68 88"},
		"an instance":         {happenings.Query{Instance: "sensor-2", After: 8}, "28 48 68 88"},
		"nobody":              {happenings.Query{Instance: "sensor"}, ""},
		"a node at its place": {happenings.Query{Node: "worker-10", Instance: "sensor-2"}, ""},
	} {
		if got := seqs(read(t, l, tt.q)); got != tt.want {
			t.Errorf("%s, from memory: %q, want %q", name, got, tt.want)
		}
	}
	l.Close()
	l = open(t, happenings.Config{Dir: dir, MaxRecords: 400, Recent: 2})
	for _, q := range []struct {
		q    happenings.Query
		want string
	}{
		{happenings.Query{Limit: 3}, "1 2 3"},
		{happenings.Query{Limit: 3, Latest: true}, "93 94 95"},
		{happenings.Query{Limit: 1, Latest: true}, "95"},
		{happenings.Query{After: 9, Limit: 2}, "10 11"},
		{happenings.Query{After: 94}, "95"},
		{happenings.Query{Node: "worker-10", Limit: 3}, "4 14 24"},
		{happenings.Query{Since: noon.Add(92 * time.Second)}, "93 94 95"},
		{happenings.Query{Node: "worker-10", Limit: 2, Latest: true}, "84 94"},
	} {
		if got := seqs(read(t, l, q.q)); got != q.want {
			t.Errorf("%+v from the files: %q, want %q", q.q, got, q.want)
		}
	}
}

func TestLimitsOfQueries(t *testing.T) {
	l := open(t, happenings.Config{Dir: t.TempDir()})
	add(t, l, records(0, 10_001)...)
	if n := len(read(t, l, happenings.Query{})); n != happenings.DefaultLimit {
		t.Errorf("%d records without a limit", n)
	}
	if n := len(read(t, l, happenings.Query{Limit: 20_000})); n != happenings.MaxLimit {
		t.Errorf("%d records with a limit of 20,000", n)
	}
	if n := len(read(t, l, happenings.Query{Limit: -1})); n != happenings.DefaultLimit {
		t.Errorf("%d records with a limit below zero", n)
	}
}

func TestOldestRecordsGoWhenThereAreTooMany(t *testing.T) {
	for name, cfg := range map[string]happenings.Config{
		"records": {MaxRecords: 400}, "age": {MaxAge: 400 * time.Second}, "bytes": {MaxBytes: 150 << 10},
	} {
		cfg.Dir, cfg.Recent = t.TempDir(), 1
		l := open(t, cfg)
		list := records(0, 1200)
		// A log that is opened drops what is old by the clock of the host. Whole seconds keep the
		// length of the lines.
		late := time.Since(noon).Truncate(time.Second)
		for i := range list {
			list[i].Time = list[i].Time.Add(late)
		}
		for chunk := range slices.Chunk(list, 50) {
			add(t, l, chunk...)
		}
		for range 2 {
			first, newest := read(t, l, happenings.Query{Limit: 1})[0], read(t, l, happenings.Query{Limit: 1, Latest: true})[0]
			if newest.Seq != 1200 || l.Newest() != 1200 || first.Seq < 500 || first.Seq > 900 {
				t.Errorf("%s: records %d to %d", name, first.Seq, newest.Seq)
			}
			l.Close()
			l = open(t, cfg)
		}
	}
}

func TestManyWritersAndReaders(t *testing.T) {
	l := open(t, happenings.Config{Dir: t.TempDir(), MaxRecords: 4000, Recent: 50})
	const writers, each = 4, 300
	var writing, reading sync.WaitGroup
	for range writers {
		writing.Go(func() {
			for i := range each {
				if err := l.Append(records(i, i+1)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 3 {
		reading.Go(func() {
			for next := uint64(1); next <= writers*each; {
				if err := l.Wait(t.Context(), next-1); err != nil {
					t.Error(err)
					return
				}
				list, err := l.Read(happenings.Query{After: next - 1})
				if err != nil {
					t.Error(err)
					return
				}
				for _, r := range list {
					if r.Seq != next {
						t.Errorf("record %d comes, want %d", r.Seq, next)
						return
					}
					next++
				}
			}
		})
	}
	writing.Wait()
	reading.Wait()
}

func TestWaitEnds(t *testing.T) {
	l := open(t, happenings.Config{Dir: t.TempDir()})
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if err := l.Wait(ctx, 0); !errors.Is(err, cause) {
		t.Errorf("a wait that was ended: %v", err)
	}
	l.Close()
	if err := l.Wait(t.Context(), 0); !errors.Is(err, happenings.ErrClosed) {
		t.Errorf("a wait at a closed log: %v", err)
	}
	if err := l.Append(records(0, 1)); !errors.Is(err, happenings.ErrClosed) {
		t.Errorf("an append to a closed log: %v", err)
	}
}

// logTo returns a logger that writes to a text.
func logTo(said *strings.Builder) *slog.Logger { return slog.New(slog.NewTextHandler(said, nil)) }
