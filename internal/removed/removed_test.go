package removed_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/removed"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
)

const day = 24 * time.Hour

var began = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// host is the directory of an agent's nodes. Its files are as old as began.
type host struct {
	t *testing.T
	removed.Config
	rescued []string
}

func newHost(t *testing.T) *host {
	h := &host{t: t}
	root := t.TempDir()
	h.Config = removed.Config{
		Nodes: filepath.Join(root, "nodes"), Trash: filepath.Join(root, "nodes", ".removed"), File: filepath.Join(root, "directories"),
		Keep: 7 * day, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	h.Rescue = func(_ context.Context, dir string, logs removed.Logs) error {
		h.rescued = append(h.rescued, fmt.Sprintf("%s %s %s", filepath.Base(dir), logs.Suffix, logs.Zone))
		return nil
	}
	return h
}

func (h *host) open() *removed.Directories {
	h.t.Helper()
	d, err := removed.Open(h.Config)
	if err != nil {
		h.t.Fatal(err)
	}
	return d
}

// directory makes a node's directory with a file that was written at that time.
func (h *host) directory(name, file string, written time.Time) {
	h.t.Helper()
	dir := filepath.Join(h.Nodes, name)
	path := filepath.Join(dir, file)
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(path, nil, 0o644), os.Chtimes(path, written, written)); err != nil {
		h.t.Fatal(err)
	}
}

// has returns the directories of nodes, and those that wait to be deleted.
func (h *host) has() string {
	var names []string
	for _, pattern := range []string{"*", ".removed/*/*"} {
		found, _ := filepath.Glob(filepath.Join(h.Nodes, pattern))
		for _, dir := range found {
			if name := filepath.Base(dir); name != ".removed" {
				names = append(names, strings.TrimSuffix(pattern, "*/*")+name)
			}
		}
	}
	return strings.ReplaceAll(strings.Join(names, " "), "*", "")
}

func (h *host) want(what, want string) {
	h.t.Helper()
	if got := h.has(); got != want {
		h.t.Errorf("%s: there is %q, want %q", what, got, want)
	}
}

func TestDirectoryOfARemovedNodeGoesAfterItsTime(t *testing.T) {
	h := newHost(t)
	d := h.open()
	for _, name := range []mgmt.NodeName{"gone", "here"} {
		h.directory(string(name), "stderr", began)
		d.Launched(began, name, removed.Logs{Suffix: string(name), Zone: "TZ=UTC"})
	}
	h.directory("foreign", "stderr", began) // of another agent

	here := []mgmt.NodeName{"here"}
	if d.Sweep(began.Add(day), []mgmt.NodeName{"here", "gone"}); d.Sweep(began.Add(8*day-time.Second), here) {
		t.Error("there is something to delete before its time")
	}
	h.want("a second before its time", "foreign gone here")
	if !d.Sweep(began.Add(8*day), here) {
		t.Error("there is nothing to delete")
	}
	h.want("moved", "foreign here .removed/gone")
	d.Empty(t.Context())
	h.want("deleted", "foreign here")
	if len(h.rescued) != 0 {
		t.Errorf("logs were rescued: %q", h.rescued)
	}
	d.Sweep(began.Add(1000*day), here)
	h.want("years later", "foreign here")
}

func TestLogsAreRescuedFirst(t *testing.T) {
	h := newHost(t)
	d := h.open()
	h.directory("gone", "conn.log", began)
	d.Launched(began, "gone", removed.Logs{Suffix: "gone-1", Zone: "TZ=UTC"})
	rescue := h.Rescue
	fails := true
	h.Rescue = func(ctx context.Context, dir string, logs removed.Logs) error {
		if fails {
			return errors.New("the disk is full")
		}
		return rescue(ctx, dir, logs)
	}
	d = h.open() // another life of the agent
	d.Sweep(began.Add(7*day), nil)
	d.Empty(t.Context())
	h.want("its logs could not be rescued", ".removed/gone")
	fails = false
	d.Empty(t.Context())
	h.want("rescued", "")
	if got := fmt.Sprint(h.rescued); got != "[gone gone-1 TZ=UTC]" {
		t.Errorf("rescued %s", got)
	}
}

func TestDirectoryWithLogsStaysIfTheAgentArchivesNone(t *testing.T) {
	h := newHost(t)
	h.Rescue = nil
	d := h.open()
	h.directory("gone", "conn.log.gz", began)
	h.directory("empty", "stdout", began)
	for _, name := range []mgmt.NodeName{"gone", "empty"} {
		d.Launched(began, name, removed.Logs{})
	}
	d.Sweep(began.Add(7*day), nil)
	d.Empty(t.Context())
	h.want("", ".removed/gone")
}

// Another agent on the host may have a node of this name now, or somebody works there.
func TestDirectoryInWhichSomebodyWritesStays(t *testing.T) {
	h := newHost(t)
	d := h.open()
	h.directory("gone", "stderr", began.Add(3*day))
	d.Launched(began, "gone", removed.Logs{})
	d.Sweep(began.Add(7*day), nil)
	d.Sweep(began.Add(70*day), nil)
	h.want("", "gone")
}

func TestNodeThatComesBackKeepsItsDirectory(t *testing.T) {
	h := newHost(t)
	d := h.open()
	h.directory("back", "stderr", began)
	d.Launched(began, "back", removed.Logs{})
	d.Launched(began.Add(6*day), "back", removed.Logs{})
	d.Sweep(began.Add(7*day), nil)
	h.want("", "back")
}

func TestLimits(t *testing.T) {
	h := newHost(t)
	h.MaxNodes, h.MaxMoves = 3, 2
	d := h.open()
	for i := range 4 {
		name := mgmt.NodeName(fmt.Sprintf("n%d", i))
		h.directory(string(name), "stderr", began)
		d.Launched(began, name, removed.Logs{})
	}
	for i, want := range []int{2, 1, 1} { // the fourth was one too many
		d.Sweep(began.Add(7*day), nil)
		d.Empty(t.Context())
		if got := len(strings.Fields(h.has())); got != want {
			t.Errorf("after sweep %d there are %d directories, want %d", i, got, want)
		}
	}
}

func TestOpenOfABadFile(t *testing.T) {
	for text, ok := range map[string]bool{"": true, "{": true, `{"version":1,"nodes":{"../x":{"seen":"2020-01-01T00:00:00Z"}}}`: true, `{"version":2}`: false} {
		h := newHost(t)
		if err := os.WriteFile(h.File, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := removed.Open(h.Config)
		if (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
		if err == nil && d.Sweep(began, nil) {
			t.Errorf("%q: there is something to delete", text)
		}
	}
}

// What this program has written must be read by every later one.
func TestFileIsReadInEachForm(t *testing.T) {
	h := newHost(t)
	if err := os.WriteFile(h.File, []byte(`{"version":1,"nodes":{"gone":{"seen":"2026-11-30T12:00:00Z","log_suffix":"gone-1","zone":"TZ=UTC"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	h.directory("gone", "conn.log", began)
	d := h.open()
	d.Sweep(began.Add(7*day), nil)
	d.Empty(t.Context())
	if got := fmt.Sprint(h.rescued); got != "[gone gone-1 TZ=UTC]" {
		t.Errorf("rescued %s", got)
	}
}

// Another user of the host may have made the place where directories are deleted: a link there
// leads to the files of somebody else.
func TestNothingIsDeletedWhereAnotherUserRules(t *testing.T) {
	roottest.Need(t, "gives a link away")
	for name, plant := range map[string]func(h *host, elsewhere string) error{
		"a link": func(h *host, elsewhere string) error {
			return errors.Join(os.Symlink(elsewhere, h.Trash), os.Lchown(h.Trash, 54321, 54321))
		},
		"a directory": func(h *host, elsewhere string) error {
			return errors.Join(os.Mkdir(h.Trash, 0o700), os.Symlink(elsewhere, filepath.Join(h.Trash, "1")), os.Chown(h.Trash, 54321, 54321))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			d := h.open()
			h.directory("gone", "stderr", began)
			d.Launched(began, "gone", removed.Logs{})
			elsewhere := filepath.Join(t.TempDir(), "elsewhere")
			for _, dir := range []string{"precious", "1/precious"} {
				if err := os.MkdirAll(filepath.Join(elsewhere, dir), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := plant(h, elsewhere); err != nil {
				t.Fatal(err)
			}
			d.Sweep(began.Add(8*day), nil)
			d.Empty(t.Context())
			for _, dir := range []string{filepath.Join(elsewhere, "precious"), filepath.Join(elsewhere, "1/precious"), filepath.Join(h.Nodes, "gone")} {
				if _, err := os.Stat(dir); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
