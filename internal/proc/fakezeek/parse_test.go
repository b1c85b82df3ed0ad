package fakezeek_test

import (
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

func TestParseHelpReadsTheUsage(t *testing.T) {
	p := start(t, t.TempDir(), []string{"FAKEZEEK_VERSION=7.0.1", "FAKEZEEK_PREFIX=/opt/zeek"}, "--help")
	state, text := p.wait()
	if state != "exit status 0" {
		t.Fatalf("zeek --help: %s, %s", state, text)
	}
	in, err := zeek.ParseHelp(p.cmd.Path, text)
	if err != nil {
		t.Fatal(err)
	}
	if in.Version.String() != "7.0.1" || in.ScriptDir != "/opt/zeek/share/zeek" || in.PluginPath != "/opt/zeek/lib/zeek/plugins" {
		t.Errorf("got %+v", in)
	}
}

func TestScriptsAreChecked(t *testing.T) {
	const layout = "redef Cluster::nodes = {\n\t[\"w\"] = [$node_type=Cluster::WORKER, $ip=127.0.0.1, $p=0/unknown],\n};\n"
	tests := map[string]struct {
		env    []string
		args   []string
		state  string
		stderr string
	}{
		"a script that Zeek ships is loaded": {
			args:  []string{"policy/frameworks/cluster/backend/broker", "local", "misc/loaded-scripts"},
			state: "exit status 0",
		},
		"the error names a missing script": {
			args:   []string{"does/not/exist"},
			state:  "exit status 1",
			stderr: "fatal error: can't find does/not/exist\n",
		},
		"a mistake is named with its file and line": {
			args:   []string{"./bad.zeek"},
			state:  "exit status 1",
			stderr: "error in ./bad.zeek, line 1: unknown identifier foo, at or near \"foo\"\n",
		},
		"an older Zeek lacks the backend's script": {
			env:    []string{"FAKEZEEK_VERSION=8.0.0"},
			args:   []string{"policy/frameworks/cluster/backend/broker"},
			state:  "exit status 1",
			stderr: "fatal error: can't find policy/frameworks/cluster/backend/broker\n",
		},
		"a path that leaves out Zeek's own scripts is fatal": {
			env:    []string{"ZEEKPATH=/nowhere"},
			state:  "exit status 1",
			stderr: "fatal error: can't find base/init-bare.zeek\n",
		},
		"a node needs a layout": {
			env:    []string{"CLUSTER_NODE=w"},
			state:  "exit status 1",
			stderr: "fatal error in /usr/local/zeek/share/zeek/base/frameworks/cluster/__load__.zeek, line 14: can't find cluster-layout\n",
		},
		"neither a missing interface nor a stranger to the layout is noticed": {
			env:   []string{"CLUSTER_NODE=stranger", "ZEEKPATH=" + scriptPath("generated")},
			args:  []string{"-i", "nope0"},
			state: "exit status 0",
		},
		"an option that does not exist is refused": {
			args:   []string{"--frobnicate"},
			state:  "exit status 1",
			stderr: "unrecognized option '--frobnicate'",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeFile(t, dir, "bad.zeek", "foo; # fakezeek error: unknown identifier foo, at or near \"foo\"\n")
			mkdir(t, dir, "generated")
			writeFile(t, dir, "generated/cluster-layout.zeek", layout)
			p := start(t, dir, tt.env, append([]string{"-a", "-U", ".status"}, tt.args...)...)
			state, stderr := p.wait()
			if state != tt.state || !strings.Contains(stderr, tt.stderr) || tt.stderr == "" && stderr != "" {
				t.Errorf("got %s, stderr %q\nwant %s, stderr %q", state, stderr, tt.state, tt.stderr)
			}
		})
	}
}
