package crash_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/crash"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func open(t *testing.T, cfg crash.Config) *crash.Store {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = crash.Dir(t.TempDir())
	}
	// The debugger has the lowest priority, so other tests delay it.
	if cfg.BacktraceTimeout == 0 {
		cfg.BacktraceTimeout = 10 * time.Minute
	}
	s, err := crash.New(cfg)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return s
}

func add(t *testing.T, s *crash.Store, records ...crash.Record) {
	t.Helper()
	for _, r := range records {
		if err := s.Add(t.Context(), r); err != nil {
			t.Fatalf("Add: %v", err)
		}
	}
}

// launches returns the launches of a node's records, newest first.
func launches(t *testing.T, s *crash.Store, node mgmt.NodeName) []uint64 {
	t.Helper()
	records, err := s.List(node)
	if err != nil {
		t.Errorf("List: %v", err)
	}
	var all []uint64
	for _, r := range records {
		all = append(all, r.Launch)
	}
	return all
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 123456789, time.UTC)

// nth returns the n-th crash of a node, a minute after the one before.
func nth(node mgmt.NodeName, n int) crash.Record {
	return crash.Record{
		Node: node, Launch: uint64(n), PID: 1000 + n,
		When: noon.Add(time.Duration(n) * time.Minute), Uptime: 30 * time.Second,
		Exit: crash.Exit{Text: "exit code 1", Known: true, Code: 1},
	}
}

func worker() *mgmt.Plan {
	return &mgmt.Plan{
		Node: mgmt.Node{Name: "worker-1", Instance: "host-1", Role: mgmt.Worker, Interface: new("eth0"),
			Scripts: []string{"local"}, Env: map[string]string{"TOKEN": "secret"}},
		Cluster: map[mgmt.NodeName]mgmt.ClusterEndpoint{
			"manager": {Role: mgmt.Manager, Host: netip.MustParseAddr("10.0.0.1"), Port: mgmt.TCPPort(2200)},
		},
	}
}

func TestRecordIsReadAsItWasAdded(t *testing.T) {
	dir := crash.Dir(t.TempDir())
	want := nth("worker-1", 7)
	want.Stdout, want.Stderr = "listening on eth0\n", "fatal error: it is over\n<&>\x00"
	want.Plan, want.Fingerprint = worker(), worker().Fingerprint()
	want.Program, want.Version, want.Dir = "/opt/zeek/bin/zeek", "8.2.2", "/state/nodes/worker-1"
	add(t, open(t, crash.Config{Dir: dir}), want)

	s := open(t, crash.Config{Dir: dir})
	got, ok := latest(s, "worker-1")
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); !ok || diff != "" {
		t.Errorf("latest (-want +got), %v:\n%s", ok, diff)
	}
	if !got.Plan.Is(want.Fingerprint) {
		t.Error("the plan that was read is not the plan that was added")
	}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAddSetsWhenAndShortensOutput(t *testing.T) {
	s := open(t, crash.Config{})
	before := time.Now()
	add(t, s, crash.Record{
		Node:   "worker-1",
		Stdout: strings.Repeat("x", 70<<10),
		Stderr: strings.Repeat("a line\n", 10<<10),
		Core:   "/made/up", Backtrace: "made up", Note: "made up",
		Exit: crash.Exit{Text: "exit code 0", Known: true},
	})
	got, _ := latest(s, "worker-1")
	if got.When.Before(before) || got.When.After(time.Now()) {
		t.Errorf("when %v", got.When)
	}
	if len(got.Stdout) != 64<<10 || len(got.Stderr) > 64<<10 || !strings.HasPrefix(got.Stderr, "a line\n") {
		t.Errorf("%d and %d bytes of output, stderr from %.10q", len(got.Stdout), len(got.Stderr), got.Stderr)
	}
	if got.Core+got.Backtrace+got.Note != "" || got.Pending {
		t.Errorf("made up: %+v", got)
	}
}

func TestHugePlanIsDropped(t *testing.T) {
	s := open(t, crash.Config{})
	r := nth("worker-1", 1)
	r.Plan = worker()
	r.Plan.Node.Env = map[string]string{"HUGE": strings.Repeat("x", 256<<10)}
	r.Fingerprint = "fingerprint"
	add(t, s, r)
	if got, ok := latest(s, "worker-1"); !ok || got.Plan != nil || got.Fingerprint != "fingerprint" {
		t.Errorf("latest: %v, plan %v, fingerprint %q", ok, got.Plan, got.Fingerprint)
	}
}

func TestRecordsAreBoundedPerNode(t *testing.T) {
	s := open(t, crash.Config{PerNode: 3})
	for n := range 5 {
		add(t, s, nth("worker-1", n))
	}
	add(t, s, nth("worker-2", 0))
	if diff := cmp.Diff([]uint64{4, 3, 2}, launches(t, s, "worker-1")); diff != "" {
		t.Errorf("worker-1 (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]uint64{0}, launches(t, s, "worker-2")); diff != "" {
		t.Errorf("worker-2 (-want +got):\n%s", diff)
	}
}

func TestTenRecordsPerNodeByDefault(t *testing.T) {
	s := open(t, crash.Config{})
	for n := range 12 {
		add(t, s, nth("worker-1", n))
	}
	if got := launches(t, s, "worker-1"); len(got) != 10 || got[0] != 11 {
		t.Errorf("records %v", got)
	}
}

func TestRecordsAreBoundedInNodes(t *testing.T) {
	s := open(t, crash.Config{Nodes: 2})
	add(t, s, nth("worker-1", 1), nth("worker-1", 9), nth("worker-2", 2), nth("worker-3", 3))
	for node, want := range map[mgmt.NodeName][]uint64{"worker-1": {9, 1}, "worker-2": nil, "worker-3": {3}} {
		if diff := cmp.Diff(want, launches(t, s, node)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", node, diff)
		}
	}
	// The added record stays, even if its time is older than that of the others.
	add(t, s, nth("worker-4", 0))
	if got := launches(t, s, "worker-4"); len(got) != 1 {
		t.Errorf("worker-4: %v", got)
	}
}

func TestRecordsAreBoundedInBytes(t *testing.T) {
	s := open(t, crash.Config{Bytes: 40_000})
	sized := func(node mgmt.NodeName, n int) crash.Record {
		r := nth(node, n)
		r.Stdout = strings.Repeat("x", 9000)
		return r
	}
	add(t, s, sized("worker-1", 1), sized("worker-2", 2), sized("worker-2", 3), sized("worker-2", 4), sized("worker-2", 5))
	// The newest record of each node is removed last.
	for node, want := range map[mgmt.NodeName][]uint64{"worker-1": {1}, "worker-2": {5, 4, 3}} {
		if diff := cmp.Diff(want, launches(t, s, node)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", node, diff)
		}
	}
	large := nth("worker-3", 0)
	large.Stdout, large.Stderr = strings.Repeat("x", 60_000), ""
	add(t, s, large)
	all, err := s.All()
	if err != nil || len(all) != 1 || all[0].Node != "worker-3" {
		t.Errorf("All: %d records, %v, want the one just added", len(all), err)
	}
}

func TestAllReturnsNewestFirst(t *testing.T) {
	s := open(t, crash.Config{})
	if all, err := s.All(); len(all) != 0 || err != nil {
		t.Errorf("All before the first: %v, %v", all, err)
	}
	add(t, s, nth("worker-2", 2), nth("worker-1", 1), nth("worker-1", 3))
	all, err := s.All()
	var got []string
	for _, r := range all {
		got = append(got, fmt.Sprint(r.Node, " ", r.Launch))
	}
	if diff := cmp.Diff([]string{"worker-1 3", "worker-2 2", "worker-1 1"}, got); err != nil || diff != "" {
		t.Errorf("All (-want +got), %v:\n%s", err, diff)
	}
}

func TestUnreadableRecordsAreSkippedAndReported(t *testing.T) {
	dir := crash.Dir(t.TempDir())
	s := open(t, crash.Config{Dir: dir})
	add(t, s, nth("worker-1", 1), nth("worker-1", 2), nth("worker-2", 1))
	files, err := filepath.Glob(filepath.Join(dir, "worker-1", "*.json"))
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	slices.Sort(files)
	for path, text := range map[string]string{
		files[1]: `{"node": "worker-1"`,
		filepath.Join(dir, "worker-1", "20990101T000000.000000000Z-1.json"): `{"node": "worker-2", "launch": 1}`,
		filepath.Join(dir, "worker-1", "README"):                            "not ours",
		filepath.Join(dir, "README"):                                        "not ours",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	records, err := s.List("worker-1")
	if len(records) != 1 || records[0].Launch != 1 {
		t.Errorf("List: %+v", records)
	}
	if err == nil || !strings.Contains(err.Error(), files[1]) || !strings.Contains(err.Error(), `it is the record of node "worker-2"`) {
		t.Errorf("List: %v, want the files that are skipped", err)
	}
	if r, ok := latest(s, "worker-1"); !ok || r.Launch != 1 {
		t.Errorf("latest: %+v, %v", r, ok)
	}
	if all, err := s.All(); len(all) != 2 || err == nil {
		t.Errorf("All: %d records, %v", len(all), err)
	}
}

func TestAddRemovesUnfinishedFiles(t *testing.T) {
	dir := crash.Dir(t.TempDir())
	s := open(t, crash.Config{Dir: dir})
	add(t, s, nth("worker-1", 1))
	half := filepath.Join(dir, "worker-1", "20260101T000000.000000000Z-1.json.new")
	if err := os.WriteFile(half, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := launches(t, s, "worker-1"); len(got) != 1 {
		t.Errorf("records %v", got)
	}
	add(t, s, nth("worker-2", 1))
	if _, err := os.Stat(half); !os.IsNotExist(err) {
		t.Errorf("the unfinished file: %v", err)
	}
}

func TestNodeNamesDoNotLeadOutOfTheDirectory(t *testing.T) {
	agent := t.TempDir()
	s := open(t, crash.Config{Dir: crash.Dir(agent)})
	for _, node := range []mgmt.NodeName{"..", ".", "../../etc", "a/b", "ä b", "%2E", ".hidden"} {
		add(t, s, nth(node, 1))
		if r, ok := latest(s, node); !ok || r.Node != node {
			t.Errorf("node %q: %v, %v", node, r.Node, ok)
		}
	}
	if all, err := s.All(); len(all) != 7 || err != nil {
		t.Errorf("All: %d records, %v", len(all), err)
	}
	if there, _ := os.ReadDir(agent); len(there) != 1 {
		t.Errorf("beside the records: %v", there)
	}
}

func TestBadRecordsAndConfigurationsAreRefused(t *testing.T) {
	s := open(t, crash.Config{})
	if err := s.Add(t.Context(), crash.Record{}); err == nil {
		t.Error("a record without a node was added")
	}
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(t, crash.Config{Dir: blocked}).Add(t.Context(), nth("worker-1", 1)); err == nil || !strings.Contains(err.Error(), "worker-1") {
		t.Errorf("Add where there can be no directory: %v", err)
	}
	for name, cfg := range map[string]crash.Config{
		"no directory": {}, "negative records": {Dir: "d", PerNode: -1}, "negative nodes": {Dir: "d", Nodes: -1},
		"negative bytes": {Dir: "d", Bytes: -1}, "negative timeout": {Dir: "d", BacktraceTimeout: -1},
	} {
		if _, err := crash.New(cfg); err == nil {
			t.Errorf("New accepted a configuration with %s", name)
		}
	}
}

func FuzzRecords(f *testing.F) {
	f.Add([]byte(`{"node":"worker-1","launch":1,"when":"2026-11-23T12:00:00Z"}`))
	f.Add([]byte(`{"plan":{"Node":{},"Cluster":null},"exit":{"signal":11}}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		path := filepath.Join(dir, "worker-1", "20261123T120000.000000000Z-1.json")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		records, err := open(t, crash.Config{Dir: dir}).List("worker-1")
		if (len(records) == 1) == (err != nil) {
			t.Errorf("List: %d records, %v", len(records), err)
		}
	})
}

// The test puts links and pipes into the directory of the records. Another user could
// do that if the directory were not private.
func TestLinksAndPipesAmongRecordsAreNotOpened(t *testing.T) {
	dir, elsewhere := crash.Dir(t.TempDir()), t.TempDir()
	victim := filepath.Join(elsewhere, "victim")
	s := open(t, crash.Config{Dir: dir})
	add(t, s, nth("worker-1", 1))
	second := nth("worker-1", 2)
	fresh := filepath.Join(dir, "worker-1", second.When.UTC().Format("20060102T150405.000000000Z")+"-2.json.new")
	const later = "20990101T000000.000000000Z"
	if err := errors.Join(
		os.WriteFile(victim, []byte(`{"node":"worker-1","launch":8,"when":"2099-01-01T00:00:00Z"}`), 0o600),
		unix.Mkfifo(filepath.Join(dir, "worker-1", later+"-7.json"), 0o600),
		os.Symlink(victim, filepath.Join(dir, "worker-1", later+"-8.json")),
		os.Symlink(victim, fresh),
		os.Symlink(filepath.Join(dir, "worker-1"), filepath.Join(dir, "worker-2")),
		unix.Mkfifo(filepath.Join(dir, "worker-3"), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	add(t, s, second)
	if text, err := os.ReadFile(victim); err != nil || !strings.HasPrefix(string(text), `{"node":"worker-1","launch":8`) {
		t.Errorf("the file of another user has %q, %v", text, err)
	}
	records, err := s.List("worker-1")
	if len(records) != 2 || err == nil || strings.Count(err.Error(), "not a regular file") != 2 {
		t.Errorf("List: %d records, %v; want 2, and an error for each irregular file", len(records), err)
	}
	if r, ok := latest(s, "worker-1"); !ok || r.Launch != 2 {
		t.Errorf("latest: launch %d, %t", r.Launch, ok)
	}
	if all, err := s.All(); len(all) != 2 || err == nil {
		t.Errorf("All: %d records, %v", len(all), err)
	}
	for _, node := range []mgmt.NodeName{"worker-2", "worker-3"} {
		if records, err := s.List(node); len(records) > 0 || err == nil {
			t.Errorf("List of %s: %d records, %v; it is no directory", node, len(records), err)
		}
		if _, ok := latest(s, node); ok {
			t.Errorf("latest of %s", node)
		}
		if err := s.Add(t.Context(), nth(node, 1)); err == nil {
			t.Errorf("a record of %s was written where no directory is", node)
		}
	}
}

// latest returns the newest readable record of a node.
func latest(s *crash.Store, node mgmt.NodeName) (crash.Record, bool) {
	records, _ := s.List(node) // unreadable records are left out
	if len(records) == 0 {
		return crash.Record{}, false
	}
	return records[0], true
}
