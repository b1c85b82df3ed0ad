package etcdstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/porttest"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store/etcdstore"
)

// dirEnv makes the test binary a process with a member in a directory: what etcd ends a
// process for leaves goroutines that hang. limitEnv bounds its files after the start.
const dirEnv, limitEnv = "ETCDSTORE_TEST_DIR", "ETCDSTORE_TEST_LIMIT"

// failureMain opens a member and saves until it has failed. It prints the error.
func failureMain(dir string) int {
	signal.Ignore(syscall.SIGXFSZ) // so that writes fail instead
	ports, err := porttest.Reserve()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer ports.Close()
	e, err := etcdstore.Open(context.Background(), alone(dir, fmt.Sprintf("127.0.0.1:%d", ports.Next())))
	if err != nil {
		fmt.Println("Open:", err)
		return 0
	}
	<-e.Ready()
	if os.Getenv(limitEnv) != "" {
		limit := syscall.Rlimit{Cur: 64 << 10, Max: 64 << 10}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	saved := make(chan error, 1)
	go func() { saved <- saveForEver(ctx, e) }()
	var reading sync.WaitGroup
	for range 8 {
		reading.Go(func() {
			for ctx.Err() == nil {
				if _, _, err := e.Store("part", quorum.Fence{}).Load(ctx, ""); err != nil {
					return
				}
				_, _ = e.Live(ctx)
			}
		})
	}
	select {
	case err := <-e.Failed():
		fmt.Println("Failed:", err)
	case <-time.After(patience):
		fmt.Println("nothing has failed")
	}
	cancel()
	if err := <-saved; err == nil {
		fmt.Println("a save after the failure: no error")
	}
	reading.Wait() // or the process of the controller would never end
	if err := e.Close(); err == nil {
		fmt.Println("Close after the failure: no error")
	}
	return 0
}

// saveForEver saves until a save fails.
func saveForEver(ctx context.Context, e *etcdstore.Engine) error {
	_, rev, err := e.Store("part", quorum.Fence{}).Load(ctx, "")
	for err == nil {
		rev, err = e.Store("part", quorum.Fence{}).Save(ctx, put("key", strings.Repeat("x", 10<<10)), rev)
	}
	return err
}

// alone are the settings of a member without others.
func alone(dir, address string) etcdstore.Config {
	return etcdstore.Config{
		Name: "alone", Prefix: "zeekfleet/test/", Dir: dir, Listen: "http://" + address, Advertise: "http://" + address, NoSync: true,
	}
}

// failure runs a member in a process of its own, and returns what it prints.
func failure(t *testing.T, dir string, env ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(append(os.Environ(), dirEnv+"="+dir), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the process of the member: %v\n%s", err, out)
	}
	return string(out)
}

// filledDir returns a directory with data.
func filledDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "etcd")
	e, err := etcdstore.Open(t.Context(), alone(dir, address(t)))
	done(t, "Open", err)
	for i := range 50 {
		_, err := e.Store(fmt.Sprint("part", i), quorum.Fence{}).Save(t.Context(), put("key", strings.Repeat("x", 1000)), 0)
		done(t, "Save", err)
	}
	done(t, "Close", e.Close())
	return dir
}

func TestFullDiskEndsTheMemberWithAnError(t *testing.T) {
	t.Parallel()
	got := failure(t, filledDir(t), limitEnv+"=1")
	if !strings.HasPrefix(got, "Failed: etcd: the disk of ") || !strings.Contains(got, "free some space") || strings.Count(got, "\n") != 1 {
		t.Errorf("got %q", got)
	}
}

func TestDamagedDirectoryIsNamed(t *testing.T) {
	t.Parallel()
	for name, pattern := range map[string]string{"log": "member/wal/*.wal", "database": "member/snap/db"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filledDir(t)
			files, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil || len(files) == 0 {
				t.Fatalf("files: %v, %v", files, err)
			}
			content, err := os.ReadFile(files[0])
			done(t, "ReadFile", err)
			copy(content[20:], bytes.Repeat([]byte{0xfe}, 30000))
			done(t, "WriteFile", os.WriteFile(files[0], content, 0o600))
			got := failure(t, dir)
			if !strings.HasPrefix(got, "Open: etcd: the data in "+dir+" is damaged") || !strings.Contains(got, "join again") || strings.Count(got, "\n") != 1 {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestDirectoryOfAnotherIsRefused(t *testing.T) {
	t.Parallel()
	dir := filledDir(t)
	if os.Getuid() == 0 {
		// root may write everything: a file in the place of the directory stands for it.
		dir = filepath.Join(dir, "member", "snap", "db")
	} else {
		done(t, "Chmod", os.Chmod(dir, 0))
		t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	}
	got := failure(t, dir)
	if !strings.HasPrefix(got, "Open: etcd: ") || !strings.Contains(got, dir) {
		t.Errorf("got %q", got)
	}
}

// A process that is stopped in the middle of a start leaves nothing.
func TestOpenEndsWithItsContext(t *testing.T) {
	because := errors.New("shutting down")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(because)
	cfg := alone(filepath.Join(t.TempDir(), "etcd"), address(t))
	if e, err := etcdstore.Open(ctx, cfg); !errors.Is(err, because) {
		t.Errorf("Open: got %v, want %v", err, because)
		if err == nil {
			_ = e.Kill()
		}
	}
}
