package preflight

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// site is a fakezeek that counts its checks, and a directory of scripts for it.
type site struct {
	t               *testing.T
	check           Check
	scripts, counts string
	memory          string
}

func newSite(t *testing.T) *site {
	s := &site{t: t, scripts: t.TempDir(), counts: filepath.Join(t.TempDir(), "counts"), memory: filepath.Join(t.TempDir(), "checked")}
	s.check = checked(t, "", []string{"FAKEZEEK_CHECKS=" + s.counts, "ZEEKPATH=" + s.scripts + ":/usr/local/zeek/share/zeek"}, "site")
	s.check.Group, s.check.Reads = "worker", []string{s.check.Argv[0], s.scripts, "/does/not/exist"}
	s.write("site.zeek", "")
	return s
}

func (s *site) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.scripts, name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// run makes the checks as a restarted agent does. It returns the findings and how many
// checks of scripts were made.
func (s *site) run(checks ...Check) ([]mgmt.Finding, int) {
	s.t.Helper()
	before := s.checks()
	memory := OpenMemory(s.memory, slog.New(slog.DiscardHandler))
	found := findings(s.t.Context(), Config{Memory: memory}, checks)
	return found, s.checks() - before
}

func (s *site) checks() int {
	text, _ := os.ReadFile(s.counts) // the file does not exist before the first check
	return strings.Count(string(text), "\n")
}

func (s *site) node(name mgmt.NodeName) Check {
	c := s.check
	c.Node = name
	return c
}

func TestGroupIsCheckedOnceWithAFindingForEachNode(t *testing.T) {
	s := newSite(t)
	s.write("site.zeek", "# fakezeek error: bad")
	other := s.node("logger")
	other.Group = "logger"
	found, checks := s.run(s.node("worker-1"), other, s.node("worker-2"))
	if checks != 2 {
		t.Errorf("%d checks, want 2", checks)
	}
	said := "error in " + filepath.Join(s.scripts, "site.zeek") + ", line 1: bad"
	problem := "its scripts do not load: " + said
	want := []mgmt.Finding{
		{Node: "logger", Problem: problem, Outputs: mgmt.NodeOutputs{Stderr: said}},
		{Node: "worker-1", Problem: problem + " (checked once for 2 nodes: worker-1, worker-2)", Outputs: mgmt.NodeOutputs{Stderr: said}},
		{Node: "worker-2", Problem: problem + " (checked once for 2 nodes: worker-1, worker-2)"},
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestPassedCheckIsRepeatedOnlyAfterAChange(t *testing.T) {
	later := time.Now().Add(time.Hour)
	for name, tt := range map[string]struct {
		change func(*site)
		again  bool
	}{
		"nothing":                 {func(*site) {}, false},
		"the content of a script": {func(s *site) { s.write("site.zeek", "# new") }, true},
		"a further script":        {func(s *site) { s.write("other.zeek", "") }, true},
		"a script that replaces it": {func(s *site) {
			s.write("new", "")
			os.Rename(filepath.Join(s.scripts, "new"), filepath.Join(s.scripts, "site.zeek"))
		}, true},
		"the time of Zeek itself": {func(s *site) { os.Chtimes(s.check.Argv[0], later, later) }, true},
		"a script behind a link": {func(s *site) {
			dir := s.t.TempDir()
			os.Symlink(dir, filepath.Join(s.scripts, "packages"))
			s.run(s.node("w"))
			os.WriteFile(filepath.Join(dir, "x.zeek"), nil, 0o644)
		}, true},
		"the group":                {func(s *site) { s.check.Group = "another" }, true},
		"a memory that is damaged": {func(s *site) { os.WriteFile(s.memory, []byte("\x00"), 0o600) }, true},
		"a memory of another version": {func(s *site) {
			text, _ := os.ReadFile(s.memory)
			os.WriteFile(s.memory, []byte(strings.Replace(string(text), `"version":1`, `"version":2`, 1)), 0o600)
		}, true},
		"a memory that is a directory": {func(s *site) { os.Remove(s.memory); os.Mkdir(s.memory, 0o700) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			if _, checks := s.run(s.node("w")); checks != 1 {
				t.Fatalf("%d checks at first", checks)
			}
			tt.change(s)
			found, checks := s.run(s.node("w"), s.node("v"))
			if again := checks > 0; again != tt.again || len(found) > 0 {
				t.Errorf("%d checks, found %v", checks, found)
			}
		})
	}
}

func TestFailedCheckIsNotRemembered(t *testing.T) {
	s := newSite(t)
	s.write("site.zeek", "# fakezeek error: bad")
	for range 2 {
		if found, checks := s.run(s.node("w")); len(found) != 1 || checks != 1 {
			t.Errorf("%d checks, found %v", checks, found)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	m := OpenMemory(filepath.Join(t.TempDir(), "checked"), slog.New(slog.DiscardHandler))
	m.pass("needed")
	for i := range maxRemembered + 10 {
		m.pass(strings.Repeat("x", i))
		m.passed("needed")
	}
	if len(m.keys) != maxRemembered || !slices.Contains(m.keys, "needed") {
		t.Errorf("%d checks are remembered, \"needed\" among them: %v", len(m.keys), slices.Contains(m.keys, "needed"))
	}
}

// Every later version of zeekfleet must read this file.
func TestMemoryOfForm1IsRead(t *testing.T) {
	m := OpenMemory("../../testdata/state-d751308/zeek/nodes/sensor-1/checked", slog.New(slog.DiscardHandler))
	if len(m.keys) != 5 || !m.passed("ebbdb9c5d09d9fe5072814a28466644b") {
		t.Errorf("remembered: %v", m.keys)
	}
}

func TestMemoryOfANewerFormStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checked")
	newer := `{"version":2,"passed":[{"key":"a"}]}`
	if err := os.WriteFile(path, []byte(newer), 0o600); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	m := OpenMemory(path, slog.New(slog.NewTextHandler(&log, nil)))
	m.pass("b")
	m.Save()
	if text, err := os.ReadFile(path); string(text) != newer || err != nil {
		t.Errorf("the file became %s, %v", text, err)
	}
	if !m.passed("b") || !strings.Contains(log.String(), path+" was written by a newer zeekfleet") {
		t.Errorf("passed: %v; log: %s", m.passed("b"), log.String())
	}
}

func TestChecksOfScriptsHaveLowPriority(t *testing.T) {
	c := Check{Node: "n", Env: os.Environ(), Argv: []string{"/bin/sh", "-c", "until [ $(nice) -ge 5 ]; do :; done"}}
	if found := findings(t.Context(), Config{}, []Check{c}); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}
