package fakezeek_test

import (
	"bufio"
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

func keysFrom(t *testing.T, seed string) *zeek.CurveKeys {
	t.Helper()
	keys, err := zeek.NewCurveKeys(bytes.NewReader(bytes.Repeat([]byte(seed), 16)))
	if err != nil {
		t.Fatal(err)
	}
	return &keys
}

// As a real Zeek 8.2.2: a manager drops a process without its keys and goes on, and
// that process ends.
func TestNodeWithoutTheKeysOfTheClusterCannotJoin(t *testing.T) {
	ours := keysFrom(t, "0123")
	halfway := *ours // the server's public key is no secret
	halfway.Client = keysFrom(t, "4567").Client
	for name, tt := range map[string]struct {
		version         string
		manager, worker *zeek.CurveKeys
		want            string // "" joins
	}{
		"the same keys":                {"8.2.2", ours, ours, ""},
		"no keys on either side":       {"8.2.2", nil, nil, ""},
		"before 8.2 there are no keys": {"8.1.0", ours, nil, ""},
		"no keys":                      {"8.2.2", ours, nil, "failed: event=0x2000"},
		"a cluster without keys":       {"8.2.2", nil, ours, "failed: event=0x2000"},
		"other keys":                   {"8.2.2", ours, keysFrom(t, "4567"), "failed: event=0x4000"},
		"another client's keys":        {"8.2.2", ours, &halfway, "failed: event=0x4000"},
	} {
		t.Run(name, func(t *testing.T) {
			joined := newJoined(t)
			var site zeek.ZeroMQSite
			manager := launch(t, tt.version, "manager", func(d *zeek.Deployment) {
				d.Backend, d.Site.ZeroMQ.Curve = zeek.ZeroMQ, tt.manager
				d.Site.Environ = append(d.Site.Environ, "FAKEZEEK_PEERS="+joined.path)
				site = d.Site.ZeroMQ
			})
			if got := joined.next(); got != "manager" {
				t.Fatalf("%s joined, not the manager", got)
			}
			logger := launch(t, tt.version, "logger", func(d *zeek.Deployment) {
				d.Backend, d.Site.ZeroMQ = zeek.ZeroMQ, site
				d.Site.ZeroMQ.Curve = tt.worker
				d.Site.AgentAddr = netip.MustParseAddrPort("127.0.0.1:1")
			})
			if tt.want == "" {
				if got := joined.next(); got != "logger" {
					t.Errorf("%s joined, not the logger", got)
				}
				return
			}
			logger.await(tt.want)
			if state, _ := logger.wait(); state != "exit status 1" {
				t.Errorf("the node that was refused: %s", state)
			}
			manager.signal(syscall.SIGTERM)
			if state, _ := manager.wait(); state != "exit status 0" {
				t.Errorf("the manager: %s", state)
			}
			if _, err := joined.WriteString("nobody\n"); err != nil {
				t.Fatal(err)
			}
			if got := joined.next(); got != "nobody" {
				t.Errorf("%s joined", got)
			}
		})
	}
}

// joined is a pipe for FAKEZEEK_PEERS.
type joined struct {
	*os.File
	t     *testing.T
	path  string
	lines *bufio.Reader
}

func newJoined(t *testing.T) joined {
	t.Helper()
	path := filepath.Join(t.TempDir(), "peers")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0) // also for writing, so that it never ends
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.SetReadDeadline(time.Now().Add(patience.Limit)); err != nil {
		t.Fatal(err)
	}
	return joined{f, t, path, bufio.NewReader(f)}
}

// next returns the name of the next node that joins.
func (j joined) next() string {
	j.t.Helper()
	line, err := j.lines.ReadString('\n')
	if err != nil {
		j.t.Fatal(err)
	}
	return strings.TrimSpace(line)
}
