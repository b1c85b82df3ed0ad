package proc_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/proc"
)

func TestRecordedReturnsLivingProcessesAndChangesNothing(t *testing.T) {
	f := newFleet(t, t.TempDir(), proc.Config{})
	dir := filepath.Join(f.dir, "records")
	f.start(f.spec("worker-1", "sleeper"))
	pid := next[proc.Started](f).PID
	for name, text := range map[string]string{"broken.1.json": "{", "half.1.json.new": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := f.records()
	living, err := proc.Recorded(dir)
	if err != nil || len(living) != 1 || living[0].Name != "worker-1" || living[0].PID != pid {
		t.Fatalf("got %+v, %v, want worker-1 with PID %d", living, err, pid)
	}
	if after := f.records(); len(after) != len(before) {
		t.Errorf("records were %v, are %v", before, after)
	}
	if err := f.Stop("worker-1", living[0].Launch, time.Hour); err != nil {
		t.Fatal(err)
	}
	next[proc.Exited](f)
	if living, err := proc.Recorded(dir); err != nil || len(living) != 0 {
		t.Errorf("after its end: got %+v, %v", living, err)
	}
}

func TestRecordedOfAMissingDirectory(t *testing.T) {
	if living, err := proc.Recorded(filepath.Join(t.TempDir(), "none")); err != nil || len(living) > 0 {
		t.Errorf("got %v, %v", living, err)
	}
}
