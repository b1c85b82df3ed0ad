package machine_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/machine"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestThisHost(t *testing.T) {
	dir := t.TempDir()
	f := machine.Look([]machine.Dir{{Use: "state", Path: dir}, {Use: "archive", Path: filepath.Join(dir, "none")}})
	if f.Kernel == "" || f.OS == "" || f.Hostname == "" || f.CPUs < 1 || f.Booted.IsZero() || f.Booted.After(time.Now()) {
		t.Errorf("got %+v", f)
	}
	if f.Memory.Total < 1<<20 || f.Memory.Available > f.Memory.Total {
		t.Errorf("memory: %+v", f.Memory)
	}
	if len(f.Disks) != 2 || f.Disks[0].Total == 0 || f.Disks[0].Free > f.Disks[0].Total || f.Disks[0].Err != "" || f.Disks[1].Err == "" {
		t.Errorf("disks: %+v", f.Disks)
	}
}

func TestWhatTheKernelTells(t *testing.T) {
	if got, want := machine.ReadLoad("0.26 1.50 12.00 2/345 6789\n"), [3]float64{0.26, 1.5, 12}; got != want {
		t.Errorf("load: %v", got)
	}
	if got, want := machine.ReadBooted("cpu 1 2\nbtime 1764460800\nprocesses 9\n"), time.Date(2025, 11, 30, 0, 0, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("boot: %v", got)
	}
	got := machine.Meminfo("MemTotal:       16303220 kB\nMemFree: 1 kB\nMemAvailable:  8000000 kB\nSwapTotal: 10 kB\nSwapFree: 5 kB\n")
	if want := (mgmt.Memory{Total: 16303220 << 10, Available: 8000000 << 10, SwapTotal: 10 << 10, SwapFree: 5 << 10}); got != want {
		t.Errorf("memory: %+v", got)
	}
	if machine.ReadLoad("") != [3]float64{} || !machine.ReadBooted("btime x").IsZero() || machine.Meminfo("nonsense") != (mgmt.Memory{}) {
		t.Error("nonsense is taken for something")
	}
}

// A disk of 100 blocks, of which 30 are used, and 5 are for root alone.
func TestSpaceIsCountedAsDfDoes(t *testing.T) {
	total, free := machine.Space(unix.Statfs_t{Bsize: 4096, Blocks: 100, Bfree: 70, Bavail: 65})
	if used := total - free; used != 30*4096 || free != 65*4096 {
		t.Errorf("%d used, %d free", used, free)
	}
	if total, free = machine.Space(unix.Statfs_t{Bsize: 4096, Blocks: 100, Bfree: 5}); total != 95*4096 || free != 0 {
		t.Errorf("a full disk: %d in all, %d free", total, free)
	}
}

func TestNameOfTheSystem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "os-release")
	for text, want := range map[string]string{
		"NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n": "Debian GNU/Linux 13 (trixie)",
		"PRETTY_NAME='Alpine'\n":                                 "Alpine",
		"NAME=x\n":                                               "linux",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := machine.OSName(path+".none", path); got != want {
			t.Errorf("%q: got %q", text, got)
		}
	}
}

func TestAClockThatNothingKeepsRight(t *testing.T) {
	for name, c := range map[string]struct {
		state  int
		status int32
		err    error
		want   bool
	}{
		"kept":            {state: unix.TIME_OK, status: unix.STA_PLL},
		"not kept":        {state: unix.TIME_OK, status: unix.STA_UNSYNC, want: true},
		"in error":        {state: unix.TIME_ERROR, want: true},
		"nobody can tell": {state: unix.TIME_ERROR, status: unix.STA_UNSYNC, err: errors.New("not permitted")},
	} {
		got := machine.Unsynced(func(clock *unix.Timex) (int, error) {
			clock.Status = c.status
			return c.state, c.err
		})
		if got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	var sample mgmt.HostSample
	machine.Measure(&sample, nil)
	if facts := machine.Look(nil); sample.Unsynced != facts.Unsynced {
		t.Errorf("a sample says %v, the facts say %v", sample.Unsynced, facts.Unsynced)
	}
}
