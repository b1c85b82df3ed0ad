package dropin_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/zeekfleet/zeekfleet/internal/dropin"
	"github.com/zeekfleet/zeekfleet/internal/golden"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/replay"
)

var (
	update = flag.Bool("update", false, "rewrite our output in golden files, where it differs from zeek-client's")
	// zeek-client needs Python. So it runs only to write its output into the golden files.
	reference = flag.String("reference", "", "`PATH` of a zeek-client: rewrite its output in golden files")
)

// play is a command line, and the controller that it meets.
type play struct {
	args  []string
	env   map[string]string
	stdin string
	files map[string]string // in the working directory
	// exchanges are the controller's part. Nil means that there is no controller.
	exchanges []replay.Exchange
	ack       string
	sends     []string // behind the ack
	// secured makes the controller speak TLS. The working directory then has its
	// certificate, ca.pem, and those of internal/cli/testdata/keys.
	secured bool
	// lasts is the time after which zeek-client is interrupted. Zero means never. Our
	// program is interrupted as soon as it has printed as many lines. If there are none,
	// it is interrupted when it has made its request.
	lasts time.Duration
	// differs is why our output differs from zeek-client's: the title of the row in
	// docs/zeek-client-differences.md. Empty means that it must not differ.
	differs string
}

// output is what a command leaves behind.
type output struct {
	Stdout, Stderr string
	Status         int
	Files          map[string]string // that it has written
	Requests       string            // that it has sent
}

// check plays p with our program. It compares the output with zeek-client's, which the
// golden file has.
func (p play) check(t *testing.T, name string) {
	t.Helper()
	path := filepath.Join("testdata", "played", name+".txt")
	archive := &txtar.Archive{}
	if text, err := os.ReadFile(path); err == nil {
		archive = txtar.Parse(text)
	}
	if *reference != "" {
		archive.Files = nil
		putOutput(archive, "zeek-client", p.run(t, runReference))
		writeArchive(t, path, archive)
	}
	theirs, ok := getOutput(archive, "zeek-client")
	if !ok {
		t.Fatalf("%s has no output of zeek-client: run the test with -reference", path)
	}
	ours := p.run(t, func(ctx context.Context, _ *testing.T, h hostOf) output { return runOurs(ctx, h, theirs) })
	if p.differs == "" {
		if diff := cmp.Diff(theirs, ours); diff != "" {
			t.Errorf("output differs from zeek-client's (-zeek-client +ours):\n%s", diff)
		}
		return
	}
	if cmp.Equal(theirs, ours) {
		t.Errorf("output is zeek-client's, but it should differ: %s", p.differs)
	}
	if *update || *reference != "" {
		putOutput(archive, "ours", ours)
		writeArchive(t, path, archive)
		return
	}
	want, _ := getOutput(archive, "ours")
	if diff := cmp.Diff(want, ours); diff != "" {
		t.Errorf("%s (-want +got), -update rewrites it:\n%s", path, diff)
	}
}

func writeArchive(t *testing.T, path string, a *txtar.Archive) {
	t.Helper()
	golden.Check(t, path, string(txtar.Format(a)), true)
}

// putOutput puts the sections of an output into a, in place of earlier ones.
func putOutput(a *txtar.Archive, whose string, o output) {
	var kept []txtar.File
	for _, f := range a.Files {
		if !strings.HasPrefix(f.Name, whose+" ") {
			kept = append(kept, f)
		}
	}
	a.Files = append(kept,
		txtar.File{Name: whose + " stdout", Data: []byte(o.Stdout)},
		txtar.File{Name: whose + " stderr", Data: []byte(o.Stderr)},
		txtar.File{Name: whose + " status", Data: fmt.Appendln(nil, o.Status)},
	)
	if o.Requests != "" {
		a.Files = append(a.Files, txtar.File{Name: whose + " requests", Data: []byte(o.Requests)})
	}
	for name, text := range o.Files {
		a.Files = append(a.Files, txtar.File{Name: whose + " wrote " + name, Data: []byte(text)})
	}
}

func getOutput(a *txtar.Archive, whose string) (o output, ok bool) {
	o.Files = map[string]string{}
	for _, f := range a.Files {
		section, mine := strings.CutPrefix(f.Name, whose+" ")
		if !mine {
			continue
		}
		switch section {
		case "stdout":
			o.Stdout, ok = string(f.Data), true
		case "stderr":
			o.Stderr = string(f.Data)
		case "status":
			fmt.Sscan(string(f.Data), &o.Status)
		case "requests":
			o.Requests = string(f.Data)
		default:
			o.Files[strings.TrimPrefix(section, "wrote ")] = string(f.Data)
		}
	}
	return o, ok
}

// hostOf is what a program gets from p.
type hostOf struct {
	dir   string
	args  []string
	env   map[string]string
	stdin string
	lasts time.Duration
	end   func() // interrupts the program; nil if it ends by itself
}

// run plays p with a program, in a directory of its own.
func (p play) run(t *testing.T, program func(context.Context, *testing.T, hostOf) output) output {
	t.Helper()
	h := hostOf{dir: t.TempDir(), args: p.args, env: p.env, stdin: p.stdin, lasts: p.lasts}
	controller := &replay.Controller{Ack: p.ack, Sends: p.sends, Exchanges: slices.Clone(p.exchanges)}
	where := "127.0.0.1:1"
	own := maps.Clone(p.files)
	if own == nil {
		own = map[string]string{}
	}
	if p.secured {
		own["ca.pem"] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: controller.StartTLS(t)}))
		where = controller.Address
		for _, name := range []string{"cert.pem", "plain.pem", "pkcs8.pem", "legacy.pem"} {
			key, err := os.ReadFile(filepath.Join("..", "cli", "testdata", "keys", name))
			if err != nil {
				t.Fatal(err)
			}
			own[name] = string(key)
		}
	} else if p.exchanges != nil || p.sends != nil || p.ack != "" {
		where = controller.Start(t).Address
	}
	for name, text := range own {
		if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.args = append(attempts(controller), h.args...)
	places := strings.NewReplacer("ADDRESS", where, "DIR", h.dir)
	for i, arg := range h.args {
		h.args[i] = places.Replace(arg)
	}
	h.env = maps.Clone(p.env)
	for name, value := range h.env {
		h.env[name] = places.Replace(value)
	}
	ctx := patience.Context(t)
	if p.lasts > 0 {
		ctx, h.end = context.WithCancel(ctx)
		defer h.end()
		for i := range controller.Exchanges { // none of them is answered
			controller.Exchanges[i].Answer = func(mgmt.Request) []string { h.end(); return nil }
		}
	}
	o := program(ctx, t, h)
	for _, request := range controller.Requests() {
		o.Requests += request + "\n"
	}
	o.Files = map[string]string{}
	entries, err := os.ReadDir(h.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(h.dir, e.Name()))
		if err == nil && own[e.Name()] != string(text) {
			o.Files[e.Name()] = string(text)
		}
	}
	plain := func(text string) string {
		text = strings.ReplaceAll(text, where, "ADDRESS")
		text = strings.ReplaceAll(text, h.dir, "DIR")
		for _, id := range controller.ConfigIDs() {
			text = strings.ReplaceAll(text, id, "CONFIGURATION-ID")
		}
		return uuids.ReplaceAllString(clock.ReplaceAllString(text, "DATE TIME"), "AN-ID")
	}
	o.Stdout, o.Stderr = plain(o.Stdout), plain(o.Stderr)
	return o
}

// attempts returns the settings for connecting.
func attempts(controller *replay.Controller) []string {
	delay := "0.05"
	if controller.Address != "" {
		delay = "60" // it bounds each attempt, too, and a slow host needs its time to connect
	}
	return []string{"--set", "client.peering_attempts=2", "--set", "client.peering_retry_delay_secs=" + delay}
}

// runOurs runs our program. If it does not end by itself, it is interrupted when it has printed
// as many lines as zeek-client.
func runOurs(ctx context.Context, h hostOf, theirs output) output {
	stdout := &until{word: "\n", lines: strings.Count(theirs.Stdout, "\n"), then: h.end}
	stderr := &until{word: "\n", lines: strings.Count(theirs.Stderr, "\n"), then: h.end}
	status := dropin.Run(ctx, absolute(h), dropin.Host{
		Stdin: strings.NewReader(h.stdin), Stdout: stdout, Stderr: stderr, Hostname: "host-1",
		ReadFile:  func(path string) ([]byte, error) { return os.ReadFile(under(h.dir, path)) },
		LookupEnv: func(name string) (string, bool) { v, ok := h.env[name]; return v, ok },
		AppName:   "test",
	})
	return output{Stdout: stdout.text.String(), Stderr: stderr.text.String(), Status: status}
}

// absolute returns the arguments with the files of h.dir under their whole names: our
// program runs in this process, whose working directory is another one.
func absolute(h hostOf) []string {
	args := append([]string(nil), h.args...)
	for i, arg := range args {
		if strings.HasSuffix(arg, ".cfg") && !strings.Contains(arg, "=") {
			args[i] = under(h.dir, arg)
		}
	}
	return args
}

func under(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

var (
	uuids   = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	clock   = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`)
	objects = regexp.MustCompile(` at 0x[0-9a-f]+`)
)

// lastOfTraceback replaces each traceback by the text of its exception.
func lastOfTraceback(text string) string {
	var b strings.Builder
	inside := false
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "Traceback (most recent call last):"):
			inside = true
		case inside && strings.HasPrefix(line, " "):
		case inside:
			b.WriteString("TRACEBACK: " + line)
			inside = false
		default:
			b.WriteString(line)
		}
	}
	return b.String()
}

// runReference runs a real zeek-client. Of a traceback it keeps the last line.
func runReference(ctx context.Context, t *testing.T, h hostOf) output {
	t.Helper()
	cmd := exec.Command(*reference, absolute(h)...)
	cmd.Dir = h.dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8"}
	for name, value := range h.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(h.stdin), &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer context.AfterFunc(ctx, func() { cmd.Process.Signal(os.Interrupt) })()
	if h.end != nil {
		defer time.AfterFunc(h.lasts, h.end).Stop()
	}
	err := cmd.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	prefix := filepath.Dir(filepath.Dir(*reference))
	out, said := objects.ReplaceAllString(stdout.String(), ""), objects.ReplaceAllString(lastOfTraceback(stderr.String()), "")
	out, said = strings.ReplaceAll(out, prefix, "PREFIX"), strings.ReplaceAll(said, prefix, "PREFIX")
	return output{Stdout: out, Stderr: said, Status: cmd.ProcessState.ExitCode()}
}
