package fakezeek_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func mkdir(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
		t.Fatal(err)
	}
}

// run starts a fakezeek that captures on lo, and waits until it does. Signals reach
// it from then on.
func run(t *testing.T, env ...string) *process {
	t.Helper()
	p := start(t, t.TempDir(), env, "-i", "lo", "-U", ".status", "local")
	p.await("listening on lo")
	return p
}

func TestSIGTERMEndsTheNode(t *testing.T) {
	p := run(t)
	p.signal(syscall.SIGTERM)
	if state, _ := p.wait(); state != "exit status 0" || p.status() != "TERMINATED [atexit]\n" {
		t.Errorf("got %s, %q", state, p.status())
	}
}

func TestSIGHUPDoesNotEndTheNode(t *testing.T) {
	p := run(t)
	p.signal(syscall.SIGHUP)
	p.signal(syscall.SIGINT)
	if state, _ := p.wait(); state != "exit status 0" {
		t.Errorf("got %s", state)
	}
}

func TestIgnoreTermNeedsSIGKILL(t *testing.T) {
	p := run(t, "FAKEZEEK_IGNORE_TERM=1")
	p.signal(syscall.SIGTERM)
	p.signal(syscall.SIGKILL)
	if state, _ := p.wait(); state != "signal: killed" {
		t.Errorf("got %s", state)
	}
}

func TestCrashes(t *testing.T) {
	for with, want := range map[string]string{
		"SIGABRT": "signal: aborted",
		"SIGKILL": "signal: killed",
		"SIGSEGV": "signal: segmentation fault",
		"exit 0":  "exit status 0",
		"exit 3":  "exit status 3",
	} {
		t.Run(with, func(t *testing.T) {
			p := start(t, t.TempDir(), []string{"FAKEZEEK_CRASH_AFTER=1ms", "FAKEZEEK_CRASH_WITH=" + with}, "-U", ".status", "local")
			state, _ := p.wait()
			if !strings.HasPrefix(state, want) || p.status() != "RUNNING [run_loop]\n" {
				t.Errorf("got %s, %q, want %s", state, p.status(), want)
			}
		})
	}
}

func TestFatalErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	tests := map[string]struct {
		env    []string
		args   []string
		stderr string
	}{
		"an interface that does not exist": {
			args:   []string{"-i", "nope0"},
			stderr: "fatal error: problem with interface nope0 (pcap_error: No such device exists (pcap_activate))\n",
		},
		"a metrics port that is taken": {
			args:   []string{`Telemetry::metrics_address="127.0.0.1"`, "Telemetry::metrics_port=" + port + "/tcp"},
			stderr: "Attempted to bind to 127.0.0.1:" + port + ".\n",
		},
		"FAKEZEEK_FATAL": {
			env:    []string{"FAKEZEEK_FATAL=out of luck"},
			stderr: "fatal error: out of luck\n",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := start(t, t.TempDir(), tt.env, append([]string{"-U", ".status"}, tt.args...)...)
			state, stderr := p.wait()
			if state != "exit status 1" || !strings.HasSuffix(stderr, tt.stderr) || p.status() != "TERMINATED [fatal_error]\n" {
				t.Errorf("got %s, %q, %q", state, stderr, p.status())
			}
		})
	}
}

func TestBadVariablesAreRefused(t *testing.T) {
	for _, env := range []string{
		"FAKEZEEK_VERSION=new", "FAKEZEEK_START=soon", "FAKEZEEK_CRASH_WITH=SIGNOPE", "FAKEZEEK_MEMORY=much",
	} {
		if state, stderr := start(t, t.TempDir(), []string{env}).wait(); state != "exit status 2" || stderr == "" {
			t.Errorf("%s: %s, %q", env, state, stderr)
		}
	}
}

func TestLogsAreRotatedIntoTheQueue(t *testing.T) {
	dir := t.TempDir()
	mkdir(t, dir, "queue")
	writeFile(t, dir, "options.zeek", `redef Log::default_rotation_postprocessor_cmd = "";
function rotation_path(ri: Log::RotationFmtInfo): Log::RotationPath
	{
	return Log::RotationPath($dir="queue", $file_basename=fmt("%s__%s__%s__log_suffix=logger__", path, opened, closed));
	}
`)
	p := start(t, dir, []string{"FAKEZEEK_LOGS=conn dns"}, "-i", "lo", "./options.zeek")
	p.await("listening on lo")
	p.signal(syscall.SIGTERM)
	p.wait()
	files, err := filepath.Glob(filepath.Join(dir, "queue", "*__20??-??-??-??-??-??__20??-??-??-??-??-??__log_suffix=logger__.log"))
	if err != nil || len(files) != 2 {
		t.Errorf("got %v, %v", files, err)
	}
}

func TestWithoutRotationFunctionTheArchiverOfZeekControlIsMissing(t *testing.T) {
	p := run(t, "FAKEZEEK_LOGS=conn")
	p.signal(syscall.SIGTERM)
	if _, stderr := p.wait(); !strings.Contains(stderr, "archive-log: not found") {
		t.Errorf("got %q", stderr)
	}
}
