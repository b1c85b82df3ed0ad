package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/backup"
	"github.com/zeekfleet/zeekfleet/internal/blob"
	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/durable/durabletest"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/quorum/quorumtest"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 5, time.UTC)

// size says how much there is in a controller's directory.
type size struct{ entries, records, bundles, bundleBytes int }

// newController makes the directory of a controller that does not run.
func newController(t testing.TB, n size) string {
	t.Helper()
	dir := filepath.Join(durabletest.Dir(t), "ctl")
	fill(t, filepath.Join(dir, "state.db"), n.entries)
	fill(t, filepath.Join(dir, "authority.db"), 3)
	write(t, filepath.Join(dir, "alerts.json"), `{"version":1,"silences":[]}`)
	write(t, filepath.Join(dir, "receivers", "pager.json"), `{"version":1,"log":"x","seq":7}`)
	write(t, filepath.Join(dir, "receivers", "mail.json"), `{"version":1,"log":"x","seq":9}`)
	a, err := audit.Open(audit.Config{Dir: filepath.Join(dir, "audit")})
	must(t, err)
	for i := range n.records {
		rec := mgmt.AuditRecord{Time: noon.Add(time.Duration(i) * time.Second), Who: "ann", Request: "deploy", Subject: fmt.Sprint(i), Outcome: mgmt.AuditDone}
		if i%7 == 3 {
			rec.Outcome = mgmt.AuditRefused
		}
		must(t, a.Append(rec))
	}
	must(t, a.Close())
	l, err := happenings.Open(happenings.Config{Dir: filepath.Join(dir, "happenings")})
	must(t, err)
	var list []happenings.Record
	for i := range 3 * n.records {
		list = append(list, happenings.Record{Log: "0123456789abcdef01234567", LogSeq: uint64(i + 1), Happening: mgmt.Happening{
			Time: noon.Add(time.Duration(i) * time.Second), Kind: mgmt.HappenedNode, Instance: "sensor-1", Node: "w", Cause: fmt.Sprint(i),
		}})
	}
	must(t, l.Append(list))
	must(t, l.Close())
	b, err := blob.Open(blob.Config{Dir: filepath.Join(dir, "blobs")})
	must(t, err)
	for i := range n.bundles {
		push(t, b, fmt.Sprint("bundle ", i), n.bundleBytes)
	}
	return dir
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, path, object string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, durable.Seal([]byte(object)), 0o600))
}

// fill makes a store with some entries, of which each tenth is large.
func fill(t testing.TB, path string, entries int) {
	t.Helper()
	s, err := boltstore.Open(t.Context(), path, boltstore.Config{})
	must(t, err)
	defer s.Close()
	rev := store.Revision(0)
	for i := range entries {
		value := fmt.Appendf(nil, `{"version":1,"number":%d}`, i)
		if i%10 == 9 {
			value = bytes.Repeat([]byte{byte(i), 0, '\n'}, 30_000)
		}
		rev, err = s.Save(t.Context(), []store.Change{{Key: fmt.Sprintf("key/%04d\x00/ü", i), Value: value}}, rev)
		must(t, err)
	}
	if _, err = s.Save(t.Context(), []store.Change{{Key: "empty", Value: []byte{}}}, rev); err != nil {
		t.Fatal(err)
	}
}

func push(t testing.TB, b *blob.Store, text string, bytesOf int) mgmt.BundleHash {
	t.Helper()
	content := text + strings.Repeat(".", max(bytesOf-len(text), 0))
	var packed bytes.Buffer
	of, err := bundle.Config{}.Pack(&packed, []bundle.File{{Path: "local.zeek", Mode: bundle.Plain, Size: int64(len(content)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(content)), nil
	}}})
	must(t, err)
	_, err = b.Begin(of.Hash, int64(packed.Len()), blob.Push{Name: "site", By: "ann", At: noon})
	must(t, err)
	_, err = b.Append(noon, of.Hash, 0, &packed)
	must(t, err)
	return of.Hash
}

// state is a state as a test compares it.
type state struct {
	Revisions map[string]store.Revision
	Entries   map[string]string // by part and key
	Lines     map[string]string // by feed
	Last      map[string]uint64
	Archives  map[string]string // about and content, by hash
	Missing   []string
}

// collect is a Sink that keeps all.
type collect struct {
	state
	part      string
	committed bool
}

func newCollect() *collect {
	return &collect{state: state{
		Revisions: map[string]store.Revision{}, Entries: map[string]string{}, Lines: map[string]string{}, Last: map[string]uint64{}, Archives: map[string]string{},
	}}
}

func (c *collect) Begin(context.Context, backup.Head) error { return nil }

func (c *collect) Put(_ context.Context, i backup.Item) error {
	switch i := i.(type) {
	case backup.Part:
		c.part = i.Name
		c.Revisions[i.Name] = i.Revision
	case backup.Entry:
		if c.part != backup.PartHappenings || i.Key != backup.KeyPositions { // what a log makes anew
			c.Entries[c.part+" "+i.Key] = string(i.Value)
		}
	case backup.Batch:
		c.Lines[i.Feed] += string(i.Lines)
		c.Last[i.Feed] = i.Last
	case backup.Archive:
		var content strings.Builder
		if err := i.Write(&content); err != nil {
			return err
		}
		c.Archives[i.Hash] = string(i.About) + content.String()
	case backup.Missing:
		c.Missing = append(c.Missing, string(i))
	}
	return nil
}

func (c *collect) Commit(context.Context) error {
	c.committed = true
	return nil
}

func (c *collect) Close() error { return nil }

// stateOf reads all of a source.
func stateOf(t testing.TB, from backup.Source) state {
	t.Helper()
	c := newCollect()
	if _, err := backup.Copy(t.Context(), from, c); err != nil {
		t.Fatal(err)
	}
	return c.state
}

func directory(dir string) backup.Source {
	return backup.NewDirectory(backup.Directory{Dir: dir, Controller: "ctl", Program: "v1"})
}

func copyTo(t testing.TB, from backup.Source, to backup.Sink) backup.Report {
	t.Helper()
	r, err := backup.Copy(t.Context(), from, to)
	must(t, err)
	return r
}

func same(t testing.TB, want, got state) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the states differ (-want +got):\n%.3000s", diff)
	}
}

var small = size{entries: 25, records: 40, bundles: 2, bundleBytes: 3000}

func TestADirectoryIsTheSameAfterABackup(t *testing.T) {
	dir := newController(t, small)
	want := stateOf(t, directory(dir))
	if len(want.Entries) != 25+1+3+1+3+1 || strings.Count(want.Lines["audit"], "\n") != 40 || strings.Count(want.Lines["happenings"], "\n") != 120 || len(want.Archives) != 2 {
		t.Fatalf("the state has %d entries, %d archives and the feeds %v", len(want.Entries), len(want.Archives), want.Last)
	}
	file := filepath.Join(t.TempDir(), "backup.tar")
	r, err := backup.WriteFile(t.Context(), file, directory(dir))
	must(t, err)
	if r.Entries != len(want.Entries)+1 || r.Records != 160 || r.Archives != 2 || r.Bytes < 90_000 || r.Controller != "ctl" {
		t.Errorf("the report says %+v", r)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	if _, err := backup.WriteFile(t.Context(), file, directory(dir)); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("a file is replaced: %v", err)
	}
	same(t, want, stateOf(t, readFile(t, file)))
	restored := filepath.Join(durabletest.Dir(t), "new", "ctl")
	must(t, os.Mkdir(filepath.Dir(restored), 0o700))
	copyTo(t, readFile(t, file), backup.NewDirectorySink(backup.DirectoryTarget{Dir: restored}))
	same(t, want, stateOf(t, directory(restored)))
	only(t, filepath.Dir(restored), "ctl")
	// The logs go on, and know how far agents were heard.
	l, err := happenings.Open(happenings.Config{Dir: filepath.Join(restored, "happenings")})
	must(t, err)
	defer l.Close()
	if got := l.Copied("sensor-1", "0123456789abcdef01234567"); got != 120 || l.Newest() != 120 {
		t.Errorf("the agent was heard up to %d, and the newest record is %d", got, l.Newest())
	}
}

func readFile(t testing.TB, path string) backup.Source {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return backup.Read(f)
}

// only checks which files a directory has.
func only(t testing.TB, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s has %v, want %v", dir, got, want)
	}
}

func TestADirectoryIsTheSameAfterAnEngine(t *testing.T) {
	dir := newController(t, small)
	want := stateOf(t, directory(dir))
	c := quorumtest.NewCluster("c1", "c2")
	scratch := t.TempDir()
	copyTo(t, directory(dir), backup.NewEngineSink(backup.Shared{Engine: c.Engine("c1"), Scratch: scratch, SaveEntries: 7, SaveBytes: 100_000, BatchBytes: 1000}))
	only(t, scratch)
	shared := stateOf(t, backup.NewEngine(backup.Shared{Engine: c.Engine("c2")}))
	shared.Revisions, want.Revisions = nil, nil
	same(t, want, shared)
	restored := filepath.Join(durabletest.Dir(t), "ctl")
	copyTo(t, backup.NewEngine(backup.Shared{Engine: c.Engine("c2")}), backup.NewDirectorySink(backup.DirectoryTarget{Dir: restored}))
	got := stateOf(t, directory(restored))
	got.Revisions = nil
	same(t, want, got)
}

// A restored engine has what the backup has, and nothing else.
func TestAnEngineBecomesWhatTheBackupHas(t *testing.T) {
	c := quorumtest.NewCluster("c1")
	e := c.Engine("c1")
	s, err := e.Begin(t.Context(), "c1", time.Hour)
	must(t, err)
	lead, err := e.Take(t.Context(), s, "c1", 0)
	must(t, err)
	fence := quorum.Fence{Token: lead.Token}
	_, err = e.Store(backup.PartController, fence).Save(t.Context(), []store.Change{{Key: "old", Value: []byte("x")}}, 0)
	must(t, err)
	dir := newController(t, small)
	want := stateOf(t, directory(dir))
	var file bytes.Buffer
	_, err = backup.Write(t.Context(), &file, termed{directory(dir), 41})
	must(t, err)
	copyTo(t, backup.Read(&file), backup.NewEngineSink(backup.Shared{Engine: e, Fence: fence, Scratch: t.TempDir(), AuditRecords: 10, HappeningsRecords: 50, BatchBytes: 1000}))
	got := stateOf(t, backup.NewEngine(backup.Shared{Engine: e}))
	if got.Revisions[backup.PartController] < 2 || c.Lead().Term != 42 {
		t.Errorf("the revision is %d, and the term %d", got.Revisions[backup.PartController], c.Lead().Term)
	}
	if n := strings.Count(got.Lines["audit"], "\n"); !strings.HasSuffix(want.Lines["audit"], got.Lines["audit"]) || n < 10 || got.Last["audit"] != 40 {
		t.Errorf("the audit has %d records up to %d", n, got.Last["audit"])
	}
	got.Revisions, want.Revisions, got.Lines, want.Lines = nil, nil, nil, nil
	same(t, want, got)
	// Another controller leads: nothing is written.
	must(t, e.Resign(t.Context(), fence, ""))
	_, err = e.Take(t.Context(), s, "c1", 0)
	must(t, err)
	if _, err := backup.Copy(t.Context(), directory(dir), backup.NewEngineSink(backup.Shared{Engine: e, Fence: fence})); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a controller that does not lead restores: %v", err)
	}
}

// termed is a source of a cluster.
type termed struct {
	backup.Source
	term uint64
}

func (s termed) Head(ctx context.Context) (backup.Head, error) {
	h, err := s.Source.Head(ctx)
	h.Term = s.term
	return h, err
}

func TestFilesInUseAreNotRead(t *testing.T) {
	dir := newController(t, small)
	want := stateOf(t, directory(dir))
	running, err := boltstore.Open(t.Context(), filepath.Join(dir, "state.db"), boltstore.Config{})
	must(t, err)
	defer running.Close()
	if _, err := backup.Copy(t.Context(), directory(dir), backup.Discard()); !errors.Is(err, boltstore.ErrInUse) || !strings.Contains(err.Error(), "a controller runs with the files in "+dir) {
		t.Errorf("got %v", err)
	}
	_, err = backup.Copy(t.Context(), directory(newController(t, small)), backup.NewDirectorySink(backup.DirectoryTarget{Dir: dir, Replace: true}))
	if !errors.Is(err, boltstore.ErrInUse) {
		t.Errorf("the files of a controller that runs are replaced: %v", err)
	}
	// The controller itself can.
	authority, err := boltstore.Open(t.Context(), filepath.Join(dir, "authority.db"), boltstore.Config{})
	must(t, err)
	defer authority.Close()
	same(t, want, stateOf(t, backup.NewDirectory(backup.Directory{Dir: dir, Stores: map[string]store.Store{
		backup.PartController: running, backup.PartAuthority: authority,
	}})))
}

func TestAnEmptyDirectoryIsNoBackup(t *testing.T) {
	var file bytes.Buffer
	if _, err := backup.Write(t.Context(), &file, directory(t.TempDir())); err == nil || !strings.Contains(err.Error(), "there is no state of a controller in it") {
		t.Errorf("got %v", err)
	}
	if _, err := backup.Copy(t.Context(), directory(filepath.Join(t.TempDir(), "none")), backup.Discard()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
	restored := filepath.Join(t.TempDir(), "ctl")
	if _, err := backup.Copy(t.Context(), backup.Read(&file), backup.NewDirectorySink(backup.DirectoryTarget{Dir: restored})); err == nil {
		t.Error("a backup that is not whole is restored")
	}
	only(t, filepath.Dir(restored))
}

// What is damaged is named, and the rest can be saved.
func TestDamageIsNamedAndTheRestIsSaved(t *testing.T) {
	flip := func(part int) func(text []byte) []byte {
		return func(text []byte) []byte { text[len(text)*part/8] ^= 0x20; return text }
	}
	for file, test := range map[string]struct {
		change func([]byte) []byte
		says   string
		lost   func(*state)
	}{
		"state.db":            {func(text []byte) []byte { return text[:len(text)/2] }, "state.db", func(s *state) { s.without("controller ") }},
		"authority.db":        {func([]byte) []byte { return nil }, "authority.db", func(s *state) { s.without("authority ") }},
		"alerts.json":         {flip(4), "alerts.json", func(s *state) { s.without("alerts ") }},
		"receivers/mail.json": {flip(4), "mail.json", func(s *state) { s.without("receivers mail") }},
		"audit/changes-00000000000000000001.jsonl":         {flip(4), "audit: 1 lines are damaged", func(s *state) { s.Lines["audit"] = "?" }},
		"happenings/happenings-00000000000000000001.jsonl": {flip(4), "happenings: 1 lines are damaged", func(s *state) { s.Lines["happenings"] = "?" }},
		"blobs": {flip(4), "is damaged", func(s *state) { s.Archives = nil }},
	} {
		t.Run(strings.ReplaceAll(file, "/", " "), func(t *testing.T) {
			dir := newController(t, small)
			want := stateOf(t, directory(dir))
			path := filepath.Join(dir, file)
			if file == "blobs" {
				path = firstBlob(t, dir)
			}
			text, err := os.ReadFile(path)
			must(t, err)
			must(t, os.WriteFile(path, test.change(text), 0o600))
			_, err = backup.Copy(t.Context(), directory(dir), newCollect())
			if _, ok := errors.AsType[*backup.DamageError](err); !ok || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %q", err, test.says)
			}
			var file bytes.Buffer
			r, err := backup.Write(t.Context(), &file, backup.NewDirectory(backup.Directory{Dir: dir, Salvage: true}))
			must(t, err)
			got := stateOf(t, backup.Read(&file))
			if len(r.Missing) != 1 || !strings.Contains(r.Missing[0], test.says) || !slices.Equal(got.Missing, r.Missing) {
				t.Errorf("missing are %q, want %q", got.Missing, test.says)
			}
			got.Missing = nil
			for _, s := range []*state{&want, &got} {
				test.lost(s)
				s.Revisions = nil
			}
			same(t, want, got)
		})
	}
}

// without removes entries.
func (s *state) without(prefix string) {
	for key := range s.Entries {
		if strings.HasPrefix(key, prefix) {
			delete(s.Entries, key)
		}
	}
}

// firstBlob returns the path of an archive.
func firstBlob(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "blobs", "sha256", "*", "*"))
	must(t, err)
	for _, path := range found {
		if !strings.Contains(filepath.Base(path), ".") {
			return path
		}
	}
	t.Fatal("there is no archive")
	return ""
}

// gather keeps the pieces for a Source. Of feeds it keeps what comes after record 9.
type gather struct {
	collect
	to *listed
}

func (g *gather) Begin(_ context.Context, h backup.Head) error {
	g.to.head = h
	return nil
}

func (g *gather) Put(_ context.Context, i backup.Item) error {
	switch i := i.(type) {
	case backup.Batch:
		lines := bytes.SplitAfter(i.Lines, []byte("\n"))
		if i.First <= 9 {
			lines = lines[10-i.First:]
			i.First = 10
		}
		i.Lines = bytes.Join(lines, nil)
		g.to.items = append(g.to.items, i)
		return nil
	case backup.Archive:
		var text strings.Builder
		if err := i.Write(&text); err != nil {
			return err
		}
		i.Write = content(text.String())
		g.to.items = append(g.to.items, i)
		return nil
	}
	g.to.items = append(g.to.items, i)
	return nil
}

// The state that each version has left is carried, as it is.
func TestStatesOfEarlierVersionsAreCarried(t *testing.T) {
	found, err := filepath.Glob("../../testdata/state-*/*/nodes/controller/state.db")
	must(t, err)
	if len(found) < 3 {
		t.Fatalf("only %d states", len(found))
	}
	for _, file := range found {
		t.Run(strings.ReplaceAll(strings.TrimPrefix(filepath.Dir(file), "../../testdata/"), "/", " "), func(t *testing.T) {
			dir := filepath.Join(durabletest.Dir(t), "ctl")
			must(t, os.CopyFS(dir, os.DirFS(filepath.Dir(file))))
			want := stateOf(t, directory(dir))
			var backedUp bytes.Buffer
			_, err := backup.Write(t.Context(), &backedUp, directory(dir))
			must(t, err)
			restored := filepath.Join(durabletest.Dir(t), "ctl")
			copyTo(t, backup.Read(&backedUp), backup.NewDirectorySink(backup.DirectoryTarget{Dir: restored}))
			same(t, want, stateOf(t, directory(restored)))
		})
	}
}
