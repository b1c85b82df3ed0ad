package proc_test

import (
	"os"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
)

// Root may lack CAP_SYS_RESOURCE, as in most containers. Then a process of another user keeps the
// limits that it has, and nobody complains.
func TestAProcessOfAnotherUserHasItsLimitsAlready(t *testing.T) {
	roottest.Need(t, "starts processes of another user")
	f := newFleet(t, t.TempDir(), proc.Config{})
	for i, bytes := range []uint64{0, 1 << 30} {
		spec := f.spec("worker-1", "")
		spec.Argv, spec.User, spec.Launch = []string{"sleep", "1000"}, nobody, uint64(i+1)
		spec.Limits = proc.Limits{MemoryBytes: bytes}
		if err := os.MkdirAll(spec.Dir, 0o755); err != nil {
			t.Fatal(err)
		}
		f.start(spec)
		next[proc.Started](f)
		if err := f.Limit("worker-1", spec.Launch, proc.Limits{MemoryBytes: bytes}); err != nil {
			t.Fatal(err)
		}
		if ev := next[proc.Limited](f); ev.Err != nil {
			t.Errorf("%d bytes: %v", bytes, ev.Err)
		}
		if err := f.Limit("worker-1", spec.Launch, proc.Limits{MemoryBytes: 2 << 30}); err != nil {
			t.Fatal(err)
		}
		if ev := next[proc.Limited](f); ev.Err != nil && !strings.Contains(ev.Err.Error(), "CAP_SYS_RESOURCE") {
			t.Errorf("another limit: got %v", ev.Err)
		}
		if err := f.Stop("worker-1", spec.Launch, 0); err != nil {
			t.Fatal(err)
		}
		next[proc.Exited](f)
	}
}
