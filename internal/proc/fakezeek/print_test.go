package fakezeek_test

import (
	"os/exec"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/proc/fakezeek"
)

// The C library buffers stdout, unless the scripts make Zeek write it line by line.
func TestOutputIsBufferedUnlessScriptsSetLineBuffering(t *testing.T) {
	program, err := fakezeek.Install(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ script, end, want string }{
		"killed with buffered output":      {"", "SIGKILL", ""},
		"orderly end with buffered output": {"", "exit 0", "hello\n"},
		"killed, output line by line":      {"event zeek_init()\n\t{\n\tset_buf(open(\"-\"), F);\n\t}\n", "SIGKILL", "hello\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeFile(t, dir, "lines.zeek", tt.script)
			cmd := exec.CommandContext(t.Context(), program, "./lines.zeek")
			cmd.Dir = dir
			cmd.Env = []string{"GORACE=atexit_sleep_ms=0", "FAKEZEEK_PRINT=hello", "FAKEZEEK_CRASH_AFTER=1ms", "FAKEZEEK_CRASH_WITH=" + tt.end}
			got, _ := cmd.Output() // the error is the crash that the test asks for
			if string(got) != tt.want {
				t.Errorf("printed %q, want %q", got, tt.want)
			}
		})
	}
}

func TestUpstreamsNodeScriptNeedsASupervisorToLogBelowErrors(t *testing.T) {
	const script = "/usr/local/zeek/share/zeek/policy/frameworks/management/node"
	p := start(t, t.TempDir(), nil, "-U", ".status", script)
	if state, stderr := p.wait(); state != "exit status 1" || p.status() != "TERMINATED [fatal_error]\n" {
		t.Errorf("got %s, %q, %q", state, p.status(), stderr)
	}
	q := start(t, t.TempDir(), []string{"FAKEZEEK_CRASH_AFTER=1ms", "FAKEZEEK_CRASH_WITH=exit 0"}, script, "Management::Log::level=Management::Log::ERROR")
	if state, stderr := q.wait(); state != "exit status 0" {
		t.Errorf("got %s, %q", state, stderr)
	}
}
