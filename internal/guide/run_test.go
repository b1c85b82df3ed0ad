package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/hosttest"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
)

// The hosts of the guide, and their addresses. Each has the network card eth1 beside, which sees
// no packets. Zeek is installed on those whose name begins with "sensor".
var addresses = map[string]string{
	"fleet": "192.0.2.10/24", "sensor-1": "192.0.2.11/24", "sensor-2": "192.0.2.12/24", "old": "192.0.2.20/24",
}

// reads are commands that change nothing. A reader repeats them until the fleet has come to
// where the page says it is.
var reads = regexp.MustCompile(`^(zeekfleet (status|nodes|hosts|operations|crashes|events|alerts|top|history|netstats|capstats|peers|df|health)\b|systemctl (status|is-active)|journalctl|curl)`)

// TestGuide does what the pages of docs/guide say, in the order of the guide: it writes their
// files and runs their commands. Each command must succeed and print what the page shows.
func TestGuide(t *testing.T) {
	roottest.Need(t, "makes hosts")
	guide, err := guidePages("../../docs")
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{t: t, hosts: map[string]*hosttest.Host{}, lan: hosttest.NewNetwork(t)}
	r.older, r.newer = buildPackages(t)
	for _, page := range guide {
		list, err := steps(page.text)
		if err != nil {
			t.Fatalf("docs/%s: %v", page.path, err)
		}
		for _, s := range list {
			began := time.Now()
			if err := r.do(s); err != nil {
				t.Fatalf("docs/%s:%d: %v", page.path, s.line, err)
			}
			t.Logf("docs/%s:%d: %s# %.60s: %v", page.path, s.line, s.host, s.text, time.Since(began).Round(time.Millisecond))
		}
	}
}

// A reader does what pages say.
type reader struct {
	t     *testing.T
	hosts map[string]*hosttest.Host
	lan   *hosttest.Network
	// older and newer are the directories of the package, and of a later version of it.
	older, newer string
	printed      strings.Builder
}

func (r *reader) host(name string) (*hosttest.Host, error) {
	if h := r.hosts[name]; h != nil {
		return h, nil
	}
	address, ok := addresses[name]
	if !ok {
		return nil, fmt.Errorf("there is no host %q", name)
	}
	h := hosttest.Boot(r.t, name)
	r.lan.Connect(h, address)
	r.lan.Plug(h, "eth1")
	for from, to := range map[string]string{r.older: "/root", r.newer: "/root/newer"} {
		files, err := filepath.Glob(filepath.Join(from, "*.deb"))
		if err != nil || len(files) != 1 {
			return nil, fmt.Errorf("packages in %s: %v, %v", from, files, err)
		}
		h.Copy(files[0], filepath.Join(to, filepath.Base(files[0])), 0o644)
	}
	if name == "old" {
		// zeekctl's own programs are not here. Its commands succeed, and do nothing.
		h.Write("/opt/zeek/bin/zeekctl", 0o755, []byte("#!/bin/sh\ncase $1 in cron | start | stop) ;; *) exit 1 ;; esac\n"))
		h.Run("ln -s /opt/zeek/bin/zeekctl /usr/local/bin/zeekctl")
	}
	if name != "fleet" {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		h.Copy(self, "/opt/zeek/bin/zeek", 0o755)
	}
	r.hosts[name] = h
	return h, nil
}

func (r *reader) do(s step) error {
	h, err := r.host(s.host)
	if err != nil {
		return err
	}
	if s.path != "" {
		h.Write(s.path, 0o644, []byte(s.text))
		return nil
	}
	line := complete(s.text, r.printed.String())
	line, refused := strings.CutPrefix(line, "! ")
	ctx, cancel := context.WithTimeout(r.t.Context(), patience.Limit)
	defer cancel()
	for {
		out, err := terminal(ctx, h, line)
		missing := s.missing(out)
		if (err != nil) == refused && missing == "" {
			r.printed.WriteString(out)
			return nil
		}
		if !reads.MatchString(line) || ctx.Err() != nil || misuse(err) {
			return fmt.Errorf("%s# %s\n%s\nerror: %v; missing: %q", s.host, line, out, err, missing)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// misuse reports whether a command line was wrong: no repetition helps.
func misuse(err error) bool {
	ended, ok := errors.AsType[*exec.ExitError](err)
	return ok && ended.ExitCode() == 2
}

// terminal runs a line on a terminal of the host, and returns what the terminal gets.
func terminal(ctx context.Context, h *hosttest.Host, line string) (string, error) {
	cmd := h.Command(ctx, "script", "--quiet", "--return", "--command", "stty columns 120 rows 50; export TERM=dumb SYSTEMD_PAGER= DEBIAN_FRONTEND=noninteractive; "+line, "/dev/null")
	cmd.Stdin = nil
	out, err := cmd.CombinedOutput()
	return escapes.ReplaceAllString(strings.ReplaceAll(string(out), "\r", "\n"), ""), err
}

var escapes = regexp.MustCompile(`\x1b\[[0-9;?]*[a-zA-Z]`)

// buildPackages returns the directory of the package that the guide installs, and of a newer
// one, which has the same program.
func buildPackages(t *testing.T) (older, newer string) {
	t.Helper()
	older, newer = t.TempDir(), t.TempDir()
	for dir, version := range map[string]string{older: "v1.0.0", newer: "v9.0.0"} {
		build := exec.Command("go", "run", "./packages", "-only", "zeekfleet", "-arch", runtime.GOARCH, "-version", version, "-out", dir)
		build.Dir = "../../tools"
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("make the packages: %v\n%s", err, out)
		}
	}
	return older, newer
}
