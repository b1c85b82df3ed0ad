package procfs_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/procfs"
)

func TestThisProcessIsShown(t *testing.T) {
	pids, err := procfs.Root.PIDs()
	if err != nil || !slices.Contains(pids, os.Getpid()) || !slices.IsSorted(pids) {
		t.Errorf("got %v, %v, want %d among them, sorted", pids, err, os.Getpid())
	}
	s, err := procfs.Root.Stat(os.Getpid())
	if err != nil || s.Parent != os.Getppid() || s.Ticks == 0 || s.Dead() {
		t.Errorf("got %+v, %v, want the parent %d", s, err, os.Getppid())
	}
}

func TestStat(t *testing.T) {
	rest := strings.Repeat(" 0", 15)
	for name, tt := range map[string]struct {
		text string
		want procfs.Stat
		bad  string // in the error; empty: none
	}{
		"a program":                      {text: "7 (zeek) S 1 7 6" + rest + " 4711 0", want: procfs.Stat{Name: "zeek", State: 'S', Parent: 1, Session: 6, Ticks: 4711}},
		"a name that looks like the end": {text: "7 (a) S 9 (b)) R 1 7 6" + rest + " 5 0", want: procfs.Stat{Name: "a) S 9 (b)", State: 'R', Parent: 1, Session: 6, Ticks: 5}},
		"no name":                        {text: "7 () Z 1 7 6" + rest + " 5 0", want: procfs.Stat{State: 'Z', Parent: 1, Session: 6, Ticks: 5}},
		"nothing":                        {text: "", bad: "0 fields"},
		"cut":                            {text: "7 (zeek) S 1 7", bad: "3 fields"},
		"no number":                      {text: "7 (zeek) S x 7 6" + rest + " 5 0", bad: "parent"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "7"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "7", "stat"), []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := procfs.Dir(dir).Stat(7)
			switch {
			case tt.bad == "" && (err != nil || got != tt.want):
				t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
			case tt.bad != "" && (err == nil || !strings.Contains(err.Error(), tt.bad)):
				t.Errorf("got %v, want %s in it", err, tt.bad)
			}
		})
	}
}

func TestWhatAProcessUses(t *testing.T) {
	root := procfs.Dir(t.TempDir())
	dir := filepath.Join(string(root), "7")
	if err := os.MkdirAll(filepath.Join(dir, "fd"), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		filepath.Join(dir, "stat"):          "7 (zeek) S 1 7 6 0 -1 4194304 1 2 3 4 150 50 9 9 20 0 12 0 4711 99999 321 0",
		filepath.Join(dir, "fd", "0"):       "",
		filepath.Join(dir, "fd", "1"):       "",
		filepath.Join(string(root), "stat"): "cpu  10 20 30 400 50 6 7 8 9 9\ncpu0 1 1 1 1\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := root.Stat(7)
	if want := (procfs.Stat{Name: "zeek", State: 'S', Parent: 1, Session: 6, Ticks: 4711, Used: 200, Threads: 12, Pages: 321}); err != nil || s != want {
		t.Errorf("got %+v, %v", s, err)
	}
	p, err := root.Processors()
	if want := (procfs.Processors{Busy: 81, Total: 531}); err != nil || p != want {
		t.Errorf("processors: %+v, %v", p, err)
	}
	here, err := procfs.Root.Files(os.Getpid())
	if err != nil || here < 3 {
		t.Errorf("%d files are open, %v", here, err)
	}
	if _, err := root.Files(8); err == nil {
		t.Error("a process that is gone has files")
	}
	if err := os.WriteFile(filepath.Join(string(root), "stat"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := root.Processors(); err == nil {
		t.Error("nonsense is taken for processors")
	}
}

func TestHowAProcessWasStarted(t *testing.T) {
	args, err := procfs.Root.Args(os.Getpid())
	if err != nil || !slices.Equal(args, os.Args) {
		t.Errorf("arguments: %q, %v, want %q", args, err, os.Args)
	}
	allowed, err := procfs.Root.Allowed(os.Getpid())
	if err != nil || allowed == "" || strings.Trim(allowed, "0123456789,-") != "" {
		t.Errorf("processors: %q, %v", allowed, err)
	}
	root := procfs.Dir(t.TempDir())
	if err := os.Mkdir(filepath.Join(string(root), "7"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"environ": "A=1\x00B=\x00", "cmdline": "", "status": "Name:\tzeek\n"} {
		if err := os.WriteFile(filepath.Join(string(root), "7", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if env, err := root.Environ(7); err != nil || !slices.Equal(env, []string{"A=1", "B="}) {
		t.Errorf("environment: %q, %v", env, err)
	}
	if args, err := root.Args(7); err != nil || len(args) > 0 {
		t.Errorf("arguments of a process that has ended: %q, %v", args, err)
	}
	if _, err := root.Allowed(7); err == nil {
		t.Error("a process without processors")
	}
	if _, err := root.Environ(8); err == nil {
		t.Error("a process that is gone has an environment")
	}
}
