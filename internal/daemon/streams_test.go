package daemon_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
)

var (
	anOperator = mgmt.Principal{Name: "olga", Role: mgmt.Operator}
	aViewer    = mgmt.Principal{Name: "vic", Role: mgmt.Viewer}
)

// keep writes a file of a node, as if the node had run before.
func (c *testCluster) keep(instance mgmt.InstanceName, node, name, text string) string {
	c.t.Helper()
	dir := filepath.Join(c.dir, string(instance), "nodes", node)
	path := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(path, []byte(text), 0o640)); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// ask reads a stream to its end.
func (c *testCluster) ask(who mgmt.Principal, instance mgmt.InstanceName, kind mgmt.StreamKind, parameters any) (string, error) {
	c.t.Helper()
	s, err := c.controller.Stream(patience.Context(c.t), who, instance, kind, parameters)
	if err != nil {
		return "", err
	}
	defer s.Close()
	text, err := io.ReadAll(s)
	return string(text), err
}

func wantStreamError(t *testing.T, err error, code mgmt.StreamCode, text string) {
	t.Helper()
	got, ok := errors.AsType[*mgmt.StreamError](err)
	if !ok || got.Code != code || !strings.Contains(got.Text, text) {
		t.Errorf("got %v, want %s: %s", err, code, text)
	}
}

func TestOutputOfANodeComesThroughItsAgent(t *testing.T) {
	c := startCluster(t)
	c.startAgent("sensor-1")
	long := strings.Repeat("0123456789abcde\n", 20_000)
	c.keep("sensor-1", "worker-1", "stdout", long)
	c.keep("sensor-1", "worker-1", "stderr", "one\ntwo\nthree\n")
	got, err := c.ask(anOperator, "sensor-1", mgmt.StreamLogs, mgmt.LogsQuery{Node: "worker-1", Lines: 50_000})
	if err != nil || got != long {
		t.Errorf("stdout: %d bytes, %v", len(got), err)
	}
	got, err = c.ask(anOperator, "sensor-1", mgmt.StreamLogs, mgmt.LogsQuery{Node: "worker-1", Stderr: true, Lines: 2})
	if err != nil || got != "two\nthree\n" {
		t.Errorf("stderr: %q, %v", got, err)
	}
}

func TestOutputOfANodeIsFollowed(t *testing.T) {
	c := startCluster(t)
	c.startAgent("sensor-1")
	path := c.keep("sensor-1", "worker-1", "stdout", "before\n")
	ctx, cancel := context.WithCancelCause(patience.Context(t))
	s, err := c.controller.Stream(ctx, anOperator, "sensor-1", mgmt.StreamLogs, mgmt.LogsQuery{Node: "worker-1", Lines: 1, Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	read := func(want string) {
		t.Helper()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(s, got); err != nil || string(got) != want {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
	read("before\n")
	for _, line := range []string{"one\n", "two\n"} {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteString(line)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		read(line)
	}
	enough := errors.New("enough")
	cancel(enough)
	if _, err := s.Read(make([]byte, 1)); err != enough {
		t.Errorf("after the end: %v", err)
	}
}

// What a stream names is compared with what the agent has. It is no path.
func TestStreamsNameNothingThatIsNotANodes(t *testing.T) {
	c := startCluster(t)
	c.startAgent("sensor-1")
	c.keep("sensor-1", "worker-1", "stdout", "")
	c.keep("sensor-1", "an-agent", "stdout", "secret\n")
	c.keep("sensor-1", "an-agent", "state.db", "")
	if err := os.WriteFile(filepath.Join(c.dir, "sensor-1", "stdout"), []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(c.dir, "sensor-1", "nodes", "linked")
	if err := os.Symlink(filepath.Join(c.dir, "sensor-1", "nodes", "worker-1"), link); err != nil {
		t.Fatal(err)
	}
	for _, node := range []mgmt.NodeName{"", ".", "..", "../../sensor-1", "worker-1/.", "/etc", "an-agent", "linked", "worker-9", "worker-1\x00"} {
		for kind, parameters := range map[mgmt.StreamKind]any{
			mgmt.StreamLogs: mgmt.LogsQuery{Node: node, Lines: 9},
			mgmt.StreamDiag: mgmt.DiagQuery{Node: node},
		} {
			got, err := c.ask(anOperator, "sensor-1", kind, parameters)
			wantStreamError(t, err, mgmt.StreamNotFound, "instance sensor-1 has no node")
			if got != "" {
				t.Errorf("%s of %q: %q", kind, node, got)
			}
		}
	}
	_, err := c.ask(anOperator, "sensor-1", mgmt.StreamCrash, mgmt.CrashQuery{ID: "../x"})
	wantStreamError(t, err, mgmt.StreamNotFound, `has no crash record "../x"`)
	_, err = c.ask(anOperator, "sensor-1", mgmt.StreamLogs, map[string]string{"node": "worker-1", "path": "/etc/passwd"})
	wantStreamError(t, err, mgmt.StreamInvalid, `unknown field "path"`)
	_, err = c.ask(anOperator, "sensor-1", mgmt.StreamLogs, mgmt.LogsQuery{Node: "worker-1", Lines: mgmt.MaxLogLines + 1})
	wantStreamError(t, err, mgmt.StreamInvalid, "100001 lines are not between 0 and 100000")
}

func TestStreamsAreForThoseWhoMayHaveThem(t *testing.T) {
	c := startCluster(t)
	c.startAgent("sensor-1")
	c.keep("sensor-1", "worker-1", "stdout", "secret\n")
	for _, kind := range []mgmt.StreamKind{mgmt.StreamLogs, mgmt.StreamCrash, mgmt.StreamDiag} {
		_, err := c.ask(aViewer, "sensor-1", kind, mgmt.DiagQuery{Node: "worker-1"})
		wantStreamError(t, err, mgmt.StreamForbidden, `user "vic" (viewer) may not make the request "read`)
	}
	if _, err := c.ask(aViewer, "sensor-1", mgmt.StreamCrashes, nil); err != nil {
		t.Error(err)
	}
	_, err := c.controller.Hosts(t.Context(), mgmt.Principal{Name: "nobody"}, true)
	wantStreamError(t, err, mgmt.StreamForbidden, "ask an admin for the role viewer")
}

func TestStreamsOfAgentsThatAreNotThere(t *testing.T) {
	c := startCluster(t)
	_, err := c.ask(anOperator, "sensor-9", mgmt.StreamHost, nil)
	wantStreamError(t, err, mgmt.StreamNotFound, `there is no instance "sensor-9"`)
	if _, err := c.ask(anOperator, "sensor-9", "wishes", nil); err == nil {
		t.Error("a kind that does not exist was taken")
	}
}

func TestFactsOfHostsAreKnown(t *testing.T) {
	c := startCluster(t)
	c.startAgent("sensor-1")
	hosts, err := c.controller.Hosts(patience.Context(t), aViewer, true)
	if err != nil || len(hosts) != 1 {
		t.Fatalf("got %+v, %v", hosts, err)
	}
	h := hosts[0]
	if h.Instance != "sensor-1" || !h.Present || h.Err != "" || h.Heard.IsZero() || h.Facts == nil {
		t.Fatalf("got %+v", h)
	}
	if f := h.Facts; f.Version != "test" || f.Kernel == "" || f.Memory.Total == 0 || len(f.Disks) != 1 || f.Disks[0].Total == 0 {
		t.Errorf("got %+v", f)
	}
}

// Secrets are planted wherever a report looks.
func TestReportAboutANodeHasNoSecrets(t *testing.T) {
	t.Setenv("SITE_PASSWORD", "environs-of-the-agent")
	c := startCluster(t)
	c.startAgent("sensor-1")
	c.keep("sensor-1", "worker-1", "stdout", "connecting with environs-of-the-agent\napi_key=planted-in-stdout\nas usual\n")
	c.keep("sensor-1", "worker-1", "stderr", "-----BEGIN PRIVATE KEY-----\nplanted-in-stderr\n-----END PRIVATE KEY-----\n")
	text, err := c.ask(anOperator, "sensor-1", mgmt.StreamDiag, mgmt.DiagQuery{Node: "worker-1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"environs-of-the-agent", "planted"} {
		if strings.Contains(text, secret) {
			t.Errorf("%s is in %s", secret, text)
		}
	}
	var d mgmt.NodeDiag
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(d.Stdout, "as usual") || len(d.Removed) != 3 || d.Host.Version != "test" || d.Instance != "sensor-1" {
		t.Errorf("got %+v", d)
	}
}
