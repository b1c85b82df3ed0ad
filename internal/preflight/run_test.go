package preflight

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/proc/fakezeek"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// held returns a port on which this process listens until the test ends.
func held(t *testing.T) uint16 {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return netip.MustParseAddrPort(ln.Addr().String()).Port()
}

// checked returns a check of scripts by a fakezeek.
func checked(t *testing.T, node mgmt.NodeName, env []string, scripts ...string) Check {
	t.Helper()
	program, err := fakezeek.Install(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return Check{
		Node: node, Argv: append([]string{program, "-a", "-U", ".status"}, scripts...), Env: env,
		Scripts: scripts,
	}
}

func TestHealthyHostHasNoFindings(t *testing.T) {
	c := checked(t, "worker", nil)
	c.WorkDir = filepath.Join(t.TempDir(), "nodes", "worker")
	c.CPUs = []int{0}
	c.Ports = []Port{{Addr: loopback, Number: 0, Use: "metrics"}}
	scratch := t.TempDir()
	if found := findings(t.Context(), Config{ScratchDir: scratch, MinFree: 1}, []Check{c, {Node: "capturing", Interface: "af_packet::lo"}}); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	if _, err := os.Stat(filepath.Dir(c.WorkDir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the node's directory was made: %v", err)
	}
	if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
		t.Errorf("left in the scratch directory: %v, %v", left, err)
	}
}

func TestEveryProblemIsFound(t *testing.T) {
	port := held(t)
	bad := checked(t, "b", nil, "does/not/exist")
	bad.CPUs = []int{0, 4711}
	bad.Ports = []Port{{Addr: loopback, Number: port, Use: "metrics"}}
	also := Check{Node: "a", Scripts: []string{"./x"}, WorkDir: "/dev/null/x", Interface: "nope0"}
	found := findings(t.Context(), Config{}, []Check{bad, also})
	var got []string
	for _, f := range found {
		got = append(got, f.String())
	}
	want := []string{
		"node a: can't find ./x",
		"node a: directory /dev/null/x cannot be made: /dev/null is not a directory",
		"node a: interface nope0 does not exist; there are ",
		"node b: CPU affinity: this host has no CPU 4711; it has ",
		"node b: can't find does/not/exist",
		fmt.Sprintf("node b: metrics port 127.0.0.1:%d is in use by ", port),
	}
	if len(got) != len(want) {
		t.Fatalf("got %s", strings.Join(got, "\n    "))
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got %q, want %q …", got[i], want[i])
		}
	}
	if said := found[4].Outputs.Stderr; said != "fatal error: can't find does/not/exist" {
		t.Errorf("Zeek's message is %q", said)
	}
}

func TestPortsOfOurOwnNodesAreFree(t *testing.T) {
	c := Check{Node: "n", Ports: []Port{{Addr: loopback, Number: held(t), Use: "metrics"}}}
	if found := findings(t.Context(), Config{Ours: func() []int { return []int{os.Getpid()} }}, []Check{c}); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}

func TestScriptThatZeekLoadsIsNotMissing(t *testing.T) {
	c := checked(t, "n", nil, "local")
	if found := findings(t.Context(), Config{}, []Check{c}); len(found) > 0 {
		t.Errorf("findings about a script that Zeek finds: %v", found)
	}
}

func TestErrorInAScriptIsQuoted(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.zeek")
	if err := os.WriteFile(bad, []byte("foo; # fakezeek error: unknown identifier foo, at or near \"foo\""), 0o644); err != nil {
		t.Fatal(err)
	}
	said := "error in " + bad + `, line 1: unknown identifier foo, at or near "foo"`
	want := []mgmt.Finding{{
		Node: "n", Problem: "its scripts do not load: " + said, Outputs: mgmt.NodeOutputs{Stderr: said},
	}}
	if diff := cmp.Diff(want, findings(t.Context(), Config{}, []Check{checked(t, "n", nil, bad)})); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// A Zeek that falls at the end of a check says nothing about the scripts, and is asked again,
// once. One that has named an error is not.
func TestCheckThatAFaultEndsIsRepeatedOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		script  string
		runs    int
		problem string
	}{
		"once":           {`[ -e again ] && exit 0; kill -SEGV $$`, 2, ""},
		"each time":      {`kill -SEGV $$`, 2, "its scripts do not load: signal: segmentation fault"},
		"with an error":  {`echo 'error in x.zeek, line 1: bad' >&2; kill -ABRT $$`, 1, "its scripts do not load: error in x.zeek, line 1: bad"},
		"killed by root": {`kill -KILL $$`, 1, "its scripts do not load: signal: killed"},
		"exited":         {`exit 3`, 1, "its scripts do not load: exit status 3"},
	} {
		t.Run(name, func(t *testing.T) {
			marks := filepath.Join(t.TempDir(), "marks")
			script := "ulimit -c 0; echo x >>" + marks + "; [ $(wc -l <" + marks + ") = 2 ] && touch again; " + tt.script
			found := findings(t.Context(), Config{}, []Check{{Node: "n", Argv: []string{"/bin/sh", "-c", script}}})
			text, _ := os.ReadFile(marks) // a check that did not run has left no file
			if runs := strings.Count(string(text), "x"); runs != tt.runs {
				t.Errorf("%d runs, want %d", runs, tt.runs)
			}
			problem := ""
			if len(found) > 0 {
				problem = found[0].Problem
			}
			if problem != tt.problem {
				t.Errorf("problem %q, want %q", problem, tt.problem)
			}
		})
	}
}

func TestHangingScriptCheckIsUnfinished(t *testing.T) {
	c := checked(t, "n", []string{"FAKEZEEK_PARSE=1h"})
	got := Run(t.Context(), Config{Timeout: 10 * time.Millisecond}, []Check{c})
	if diff := cmp.Diff(Report{Unfinished: []mgmt.NodeName{"n"}}, got); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

func TestScriptCheckIsUnfinishedWhenTheContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the agent stops"))
	got := Run(ctx, Config{}, []Check{checked(t, "n", nil), {Node: "m", Scripts: []string{"./x"}, WorkDir: t.TempDir()}})
	want := Report{Findings: []mgmt.Finding{{Node: "m", Problem: "can't find ./x"}}, Unfinished: []mgmt.NodeName{"n"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

func TestOutputIsBounded(t *testing.T) {
	for _, limit := range []int{27, 28} {
		found := findings(t.Context(), Config{OutputBytes: limit}, []Check{checked(t, "n", nil, "x/y")})
		want := "fatal error: can't find x/y"[max(0, 28-limit):] // the output ends in a newline
		if len(found) != 1 || found[0].Outputs.Stderr != want {
			t.Errorf("at %d bytes: found %q, want %q", limit, found, want)
		}
	}
}

func TestMissingProgramIsAFinding(t *testing.T) {
	found := findings(t.Context(), Config{}, []Check{{Node: "n", Argv: []string{"/does/not/exist"}}})
	if len(found) != 1 || !strings.Contains(found[0].Problem, "/does/not/exist: no such file or directory") {
		t.Errorf("found %v", found)
	}
}

func TestPortClashes(t *testing.T) {
	port := func(use string) []Port { return []Port{{Addr: loopback, Number: 1, Use: use}} }
	found := portClashes([]Check{{Node: "a", Ports: port("metrics")}, {Node: "b", Ports: port("Broker")}})
	want := []mgmt.Finding{{Node: "b", Problem: "Broker port 127.0.0.1:1 is also the metrics port of node a"}}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestMissingScripts(t *testing.T) {
	dir := t.TempDir()
	for _, file := range []string{"a.zeek", "b/__load__.zeek", "c"} {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := Check{
		Node: "n", Env: []string{"ZEEKPATH=/nowhere:" + dir}, WorkDir: filepath.Join(dir, "b"),
		Scripts: []string{"a", "a.zeek", "b", "c", dir + "/a", "./__load__", "d", "./a", dir + "/d", "../a"},
	}
	want := []mgmt.Finding{{Node: "n", Problem: "can't find d, ./a, " + dir + "/d"}}
	if diff := cmp.Diff(want, findings(t.Context(), Config{}, []Check{c})); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// A node of ours may start after the deployment has asked for its preflight.
func TestPortOfANodeThatHasStartedMeanwhileIsFree(t *testing.T) {
	var ours []int
	cfg := Config{Ours: func() []int { return ours }}
	c := Check{Node: "n", Ports: []Port{{Addr: loopback, Number: held(t), Use: "metrics"}}}
	if found := findings(t.Context(), cfg, []Check{c}); len(found) != 1 {
		t.Errorf("found %v of a port that another program holds, want one finding", found)
	}
	ours = []int{os.Getpid()}
	if found := findings(t.Context(), cfg, []Check{c}); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}

// A node without keys cannot tell a process that is connected with it from a node.
// A node that crashes is no node of the agent any more when Ours is asked, but held its
// port when the port was tried.
func TestPortOfANodeThatEndsMeanwhileIsFree(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	check := Check{Node: "n", Ports: []Port{{Addr: loopback, Number: netip.MustParseAddrPort(ln.Addr().String()).Port(), Use: "metrics"}}}
	cfg := Config{PortGrace: patience.Limit, Ours: func() []int { asked++; ln.Close(); return nil }}
	if found := findings(t.Context(), cfg, []Check{check}); len(found) > 0 || asked == 0 {
		t.Errorf("found %v, with %d questions who is ours", found, asked)
	}
}

func TestPortGraceBoundsTheLooksAtAPort(t *testing.T) {
	check := Check{Node: "n", Ports: []Port{{Addr: loopback, Number: held(t)}}}
	looks := func(grace time.Duration) (asked int) {
		cfg := Config{PortGrace: grace, Ours: func() []int { asked++; return nil }}
		if found := findings(t.Context(), cfg, []Check{check}); len(found) != 1 {
			t.Errorf("with a grace of %v: found %v, want one finding", grace, found)
		}
		return asked
	}
	if once := looks(-1); once != 1 {
		t.Errorf("without a grace the port was looked at %d times", once)
	}
	for grace := 50 * time.Millisecond; looks(grace) < 2; grace *= 2 { // one look may take long
		if grace > patience.Limit/4 {
			t.Fatalf("with a grace of %v the port was looked at once", grace)
		}
	}
}

func TestForeignProcessThatIsConnectedWithAPortIsNamed(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	conn, err := net.Dial("tcp4", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	ln.Close() // the port can be bound, so the connection is the only problem
	at := netip.MustParseAddrPort(ln.Addr().String())
	port := Port{Addr: at.Addr(), Number: at.Port(), Use: "zeromq proxy", OursAlone: true}
	of := func(p Port, ours ...int) (problems []string) {
		for _, f := range findings(t.Context(), Config{Ours: func() []int { return ours }}, []Check{{Node: "manager", Ports: []Port{p}}}) {
			problems = append(problems, f.Problem)
		}
		return problems
	}
	got := of(port)
	who := fmt.Sprintf("%v has a connection with %s (pid %d) of user ", port, processName(t), os.Getpid())
	if len(got) != 1 || !strings.HasPrefix(got[0], who) || !strings.Contains(got[0], "which is no node of this agent") {
		t.Errorf("got %q, want %s…", got, who)
	}
	if got := of(port, os.Getpid()); len(got) > 0 {
		t.Errorf("a process of ours: got %q", got)
	}
	port.OursAlone = false
	if got := of(port); len(got) > 0 {
		t.Errorf("a port for everybody: got %q", got)
	}
}

func processName(t *testing.T) string {
	t.Helper()
	name, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(name))
}
