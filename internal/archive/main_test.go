package archive_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/archive"
)

// roleEnv is the variable that makes the test binary run one of the roles below
// instead of the tests.
const roleEnv = "ARCHIVE_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		roles := map[string]func(args []string) error{
			"mortal": mortal, "cramped": cramped, "command": command, "failing": failing, "endless": endless,
		}
		if err := roles[role](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// place is a queue and an archive.
type place struct{ queue, logs string }

func newPlace(t *testing.T) place {
	dir := t.TempDir()
	return place{filepath.Join(dir, "spool", "log-queue"), filepath.Join(dir, "logs")}
}

// open returns an Archiver of the place. It is closed when the test ends.
func (p place) open(t *testing.T, cfg archive.Config) *archive.Archiver {
	t.Helper()
	cfg.Queue, cfg.Logs = p.queue, p.logs
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	a, err := archive.New(cfg)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// write writes files. Their names are relative to dir.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// contents returns the content of the files below dir, by their names relative to
// dir. It decompresses files with the extension .gz and leaves out the queue's lock.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(path, ".lock") {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.HasSuffix(path, ".gz") {
			text = gunzip(t, text)
		}
		name, relErr := filepath.Rel(dir, path)
		files[name] = string(text)
		if err == nil {
			err = relErr
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func gunzip(t *testing.T, text []byte) []byte {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("gunzip: %v", err)
	}
	plain, err := io.ReadAll(zip)
	if err != nil {
		t.Fatalf("gunzip: %v", err)
	}
	return plain
}

func gzipped(text string) string {
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	io.WriteString(zip, text)
	zip.Close()
	return b.String()
}

func wantFiles(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, contents(t, dir)); diff != "" {
		t.Errorf("files in %s (-want +got):\n%s", filepath.Base(dir), diff)
	}
}

var none = map[string]string{}

// sweep makes one sweep and fails the test on an error.
func sweep(t *testing.T, a *archive.Archiver) archive.Report {
	t.Helper()
	r, err := a.Sweep(t.Context())
	if err != nil {
		t.Fatalf("Sweep: %v", err)
	}
	return r
}

// mortal is a role: it archives, and kills itself before change number args[2] of
// the disk.
func mortal(args []string) error {
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	a, err := archive.New(archive.Config{Queue: args[0], Logs: args[1], Parallel: 1})
	if err != nil {
		return err
	}
	a.Before(func(string, string) error {
		if n--; n == 0 {
			unix.Kill(os.Getpid(), unix.SIGKILL)
			time.Sleep(time.Hour)
		}
		return nil
	})
	return sweepToStdout(a)
}

// cramped is a role: it archives while its files cannot grow beyond args[2] bytes.
func cramped(args []string) error {
	limit, err := strconv.ParseUint(args[2], 10, 64)
	if err != nil {
		return err
	}
	a, err := archive.New(archive.Config{Queue: args[0], Logs: args[1], Level: new(1)})
	if err != nil {
		return err
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
		return err
	}
	return sweepToStdout(a)
}
