package cli

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/diag"
)

// The bounds of a bundle for diagnosis.
const (
	maxDiagBytes  = 64 << 20 // of all files before compression
	maxDiagNodes  = 300
	maxDiagEvents = 5000
)

// Bundle writes a file with all that is known of the hosts and of their nodes, without
// secrets. What cannot be asked is named in the file.
func (f HostTools) Bundle(ctx context.Context, file, version string) int {
	return f.ask(ctx, func(c *api.Client) error {
		names, err := f.chosen(ctx, c)
		if err != nil {
			return err
		}
		b := &diagBundle{ctx: ctx, client: c, files: map[string][]byte{}, version: version}
		b.collect(names)
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := b.write(file); err != nil {
			return fmt.Errorf("write %s: %w", file, err)
		}
		for _, text := range b.missing {
			f.Log.Warning("%s", text)
		}
		f.Log.Notice("%s has %s of %s. Look through it before you pass it on", file, counted(len(b.files), "file"), counted(len(names), "instance"))
		return nil
	})
}

// diagBundle collects the files of a bundle.
type diagBundle struct {
	ctx     context.Context
	client  *api.Client
	version string

	mu      sync.Mutex
	files   map[string][]byte
	size    int
	missing []string
	secrets diag.Secrets
}

// lacks notes what the bundle does not have.
func (b *diagBundle) lacks(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.missing = append(b.missing, fmt.Sprintf(format, args...))
}

// add adds a value as JSON, or notes why it is missing.
func (b *diagBundle) add(name string, value any, err error) {
	var text []byte
	if err == nil {
		text, err = json.MarshalIndent(value, "", "  ")
	}
	if err != nil {
		b.lacks("%s is missing: %v", name, err)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	text = []byte(b.secrets.Text(string(text)) + "\n")
	if b.size+len(text) > maxDiagBytes {
		b.missing = append(b.missing, fmt.Sprintf("%s is left out: the whole would have more than %d MiB", name, maxDiagBytes>>20))
		return
	}
	b.size += len(text)
	b.files[name] = text
}

func (b *diagBundle) collect(instances []string) {
	of := func(name string) bool { return slices.Contains(instances, name) }
	status, err := b.client.Status(b.ctx)
	b.add("status.json", status, err)
	known, err := b.client.Instances(b.ctx)
	b.add("instances.json", slices.DeleteFunc(known, func(in api.Instance) bool { return !of(in.Name) }), err)
	nodes, err := b.client.Nodes(b.ctx)
	nodes = slices.DeleteFunc(nodes, func(n api.Node) bool { return !of(n.Instance) })
	b.add("nodes.json", nodes, err)
	hosts, err := b.client.Hosts(b.ctx, true)
	b.add("hosts.json", slices.DeleteFunc(hosts, func(h api.Host) bool { return !of(h.Instance) }), err)
	crashes, err := b.client.Crashes(b.ctx, "")
	for _, m := range crashes.Missing {
		b.lacks("the crashes of instance %s are missing: %s", m.Instance, m.Why)
	}
	b.add("crashes.json", slices.DeleteFunc(crashes.Items, func(c api.Crash) bool { return !of(c.Instance) }), err)
	events, err := b.client.Events(b.ctx, api.EventQuery{Limit: maxDiagEvents})
	b.add("events.json", events, err)
	eachOf(instances, b.host)
	// Agents and controllers are in the list, too, and have no reports.
	nodes = slices.DeleteFunc(nodes, func(n api.Node) bool { return n.Role == "AGENT" || n.Role == "CONTROLLER" })
	if len(nodes) > maxDiagNodes {
		b.lacks("the reports of %d nodes are left out: name fewer instances", len(nodes)-maxDiagNodes)
		nodes = nodes[:maxDiagNodes]
	}
	where := map[string]string{}
	var names []string
	for _, n := range nodes {
		where[n.Name] = n.Instance
		names = append(names, n.Name)
	}
	eachOf(names, func(name string) {
		d, err := b.client.Diag(b.ctx, name, where[name])
		b.add("nodes/"+where[name]+"/"+name+".json", d, err)
	})
}

// host adds what an agent says of its host as a machine.
func (b *diagBundle) host(name string) {
	hardware, err := b.client.Hardware(b.ctx, name)
	b.add("hosts/"+name+"/hardware.json", hardware, err)
	settings, err := b.client.HostSettings(b.ctx, name)
	b.add("hosts/"+name+"/settings.json", settings, err)
}

// readme says what the bundle has.
func (b *diagBundle) readme(at time.Time) string {
	var t strings.Builder
	fmt.Fprintf(&t, "Report of zeekfleet %s, made %s at controller %s.\n\n", b.version, at.UTC().Format(time.RFC3339), b.client.Address())
	t.WriteString("What looks like a secret was taken out. Look through the files before you pass them on.\n\n" +
		"status.json, instances.json, nodes.json, hosts.json, crashes.json, events.json: what the controller knows\n" +
		"hosts/INSTANCE/hardware.json, settings.json: processors, network cards, settings of kernel and cards\n" +
		"nodes/INSTANCE/NODE.json: states, plan, last output and last crash of a node\n\n")
	if len(b.missing) == 0 {
		t.WriteString("Nothing is missing.\n")
	}
	sort.Strings(b.missing)
	for _, text := range b.missing {
		fmt.Fprintf(&t, "MISSING: %s\n", text)
	}
	return t.String()
}

// write writes the file, which must not be there.
func (b *diagBundle) write(name string) error {
	at := time.Now()
	b.files["README.txt"] = []byte(b.readme(at))
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return errors.New("the file is there already: name another one")
	}
	if err != nil {
		return err
	}
	err = errors.Join(b.pack(f, at), f.Close())
	if err != nil {
		os.Remove(name)
	}
	return err
}

func (b *diagBundle) pack(to io.Writer, at time.Time) error {
	zip := gzip.NewWriter(to)
	out := tar.NewWriter(zip)
	var names []string
	for name := range b.files {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		h := &tar.Header{Name: "zeekfleet-diag/" + name, Mode: 0o600, Size: int64(len(b.files[name])), ModTime: at, Typeflag: tar.TypeReg}
		if err := out.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(out, bytes.NewReader(b.files[name])); err != nil {
			return err
		}
	}
	return errors.Join(out.Close(), zip.Close())
}
