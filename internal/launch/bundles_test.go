package launch_test

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/launch/launchtest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/runoption"
)

// A host has the bundles of one node.
type host struct {
	*launches
	node              mgmt.Node
	site, more, intel mgmt.Bundle
}

// putBundle puts a bundle where an agent unpacks it.
func putBundle(t *testing.T, stateDir, name string, kind mgmt.BundleKind, files map[string]string) mgmt.Bundle {
	t.Helper()
	fresh := t.TempDir()
	for name, text := range files {
		path := filepath.Join(fresh, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(fresh)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	listed, err := bundle.Config{}.Dir(root)
	if err != nil {
		t.Fatal(err)
	}
	contents, err := bundle.Config{}.Pack(io.Discard, listed)
	if err != nil {
		t.Fatal(err)
	}
	b := mgmt.Bundle{Name: name, Kind: kind, Hash: contents.Hash}
	if err := os.MkdirAll(filepath.Join(stateDir, "bundles"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, launch.BundleDir(stateDir, b.Hash)); err != nil {
		t.Fatal(err)
	}
	return b
}

const mainScript = "module Tst;\noption limit: count = 3;\n@load other\n"

// newHost has a bundle with the scripts of the node, one with a plugin, and one with data.
func newHost(t *testing.T) *host {
	h := &host{launches: newLaunches(t)}
	h.site = putBundle(t, h.dir, "site", mgmt.ScriptBundle, map[string]string{"main.zeek": mainScript})
	h.putMore(nil)
	h.intel = putBundle(t, h.dir, "intel", mgmt.DataBundle, map[string]string{"list.dat": ""})
	if err := os.MkdirAll(filepath.Dir(launch.DataPath(h.dir, "intel")), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../bundles/"+h.intel.Hash.Digits(), launch.DataPath(h.dir, "intel")); err != nil {
		t.Fatal(err)
	}
	h.node.Scripts, h.node.Bundles = []string{"main"}, []mgmt.Bundle{h.site, h.more, h.intel}
	return h
}

// putMore gives the bundle with a plugin other content.
func (h *host) putMore(changed map[string]string) {
	files := map[string]string{"other.zeek": "", "plugins/x/__zeek_plugin__": "X::Y"}
	maps.Copy(files, changed)
	h.more = putBundle(h.t, h.dir, "more", mgmt.ScriptBundle, files)
	h.node.Bundles = []mgmt.Bundle{h.site, h.more, h.intel}
}

func variable(env []string, name string) string {
	i := slices.IndexFunc(env, func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
	if i < 0 {
		return ""
	}
	return env[i][len(name)+1:]
}

func TestZeekIsLaunchedWithItsBundles(t *testing.T) {
	l := newHost(t)
	p, err := l.Launch(launchtest.WorkerPlan(l.node), 7)
	if err != nil {
		t.Fatal(err)
	}
	site, more := launch.BundleDir(l.dir, l.site.Hash), launch.BundleDir(l.dir, l.more.Hash)
	if path := variable(p.Spec.Env, "ZEEKPATH"); !strings.Contains(path, "/policy:"+site+":"+more+":/") {
		t.Errorf("ZEEKPATH is %s", path)
	}
	if path := variable(p.Spec.Env, "ZEEK_PLUGIN_PATH"); !strings.HasPrefix(path, more+"/plugins") || strings.Contains(path, site) {
		t.Errorf("ZEEK_PLUGIN_PATH is %s", path)
	}
	if dir := variable(p.Spec.Env, "ZEEKFLEET_DATA"); dir != launch.DataDir(l.dir) {
		t.Errorf("ZEEKFLEET_DATA is %s", dir)
	}
	recalled, err := l.Recall("worker", 7)
	if diff := gocmp.Diff(l.node.Bundles, recalled.Bundles); diff != "" || err != nil {
		t.Errorf("recalled bundles, %v (-want +got):\n%s", err, diff)
	}
}

func TestLaunchNeedsEveryBundle(t *testing.T) {
	for name, missing := range map[string]func(h *host) (b mgmt.Bundle, path string){
		"with scripts": func(h *host) (mgmt.Bundle, string) { return h.more, launch.BundleDir(h.dir, h.more.Hash) },
		"with data":    func(h *host) (mgmt.Bundle, string) { return h.intel, launch.DataPath(h.dir, "intel") },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			b, path := missing(h)
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			want := fmt.Sprintf("node worker: bundle %s (%s) is not on this host: there is no directory %s; deploy again to fetch it", b.Name, b.Hash.Short(), path)
			for kind, launcher := range map[string]launch.Launcher{"Zeek": h, "embedded": launch.Embedded{StateDir: h.dir}} {
				if _, err := launcher.Launch(launchtest.WorkerPlan(h.node), 7); err == nil || err.Error() != want {
					t.Errorf("%s: got  %v\nwant %s", kind, err, want)
				}
			}
			if made, _ := filepath.Glob(filepath.Join(h.dir, "nodes", "*")); len(made) > 0 {
				t.Errorf("made %q", made)
			}
		})
	}
}

// problems returns the problems that a preflight of the node finds.
func problems(t *testing.T, l launch.Launcher, node mgmt.Node) []string {
	var list []string
	report := launch.Preflight{Launcher: l}.Run(t.Context(), []mgmt.Plan{launchtest.WorkerPlan(node)}, nil)
	for _, f := range report.Findings {
		list = append(list, f.Problem)
	}
	return list
}

func TestPreflightChecksBundlesAndOptions(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(h *host)
		want   []string
	}{
		"all is well": {func(*host) {}, nil},
		"an error in a file": {func(h *host) {
			h.putMore(map[string]string{"other.zeek": "\nfoo; # fakezeek error: unknown identifier foo\n"})
		}, []string{"its scripts do not load: error in bundle more: other.zeek, line 2: unknown identifier foo"}},
		"plugins for this Zeek": {func(h *host) {
			h.putMore(map[string]string{bundle.OriginFile: `{"version":1,"zeek_version":"8.2.2","plugin_api":7}`})
		}, nil},
		"plugins for another Zeek": {func(h *host) {
			h.putMore(map[string]string{bundle.OriginFile: `{"version":1,"zeek_version":"8.0.1","plugin_api":7}`})
		}, []string{"bundle more has plugins for Zeek 8.0.1, and this host has Zeek 8.2.2: make the bundle anew with that Zeek, or install Zeek 8.0.1 here"}},
		"scripts for another Zeek": {func(h *host) {
			h.site = putBundle(t, h.dir, "site", mgmt.ScriptBundle, map[string]string{
				"main.zeek": mainScript, bundle.OriginFile: `{"version":1,"zeek_version":"8.0.1","plugin_api":7}`,
			})
			h.node.Bundles[0] = h.site
		}, nil},
		"a damaged description": {func(h *host) {
			h.putMore(map[string]string{bundle.OriginFile: `{"version":1,"zeek_version":"8"}`})
		}, []string{`bundle more: read .zeekfleet-bundle.json of the bundle: "8" is not a version of Zeek`}},
		"no bundle": {func(h *host) { os.RemoveAll(launch.BundleDir(h.dir, h.intel.Hash)) }, []string{
			"bundle intel (SHORT) is not on this host: there is no directory DIR/bundles/DIGITS; deploy again to fetch it",
		}},
		"data that is not in place yet": {func(h *host) { os.RemoveAll(launch.DataDir(h.dir)) }, nil},
		"options": {func(h *host) {
			h.node.RunOptions = []mgmt.Option{{Name: "Site::local_nets", Value: "10.0.0.0/8"}, {Name: "Tst::limit", Value: "5"}}
		}, nil},
		"wrong options": {func(h *host) {
			h.node.RunOptions = []mgmt.Option{{Name: "Tst::limit", Value: "x"}, {Name: "Tst::limt", Value: "5"}}
		}, []string{"an option cannot be set: Tst::limit: x is not of type count; unknown id Tst::limt (did you mean Tst::limit?)"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			tt.change(h)
			known := strings.NewReplacer("DIR", h.dir, "SHORT", h.intel.Hash.Short(), "DIGITS", h.intel.Hash.Digits())
			for i, want := range tt.want {
				tt.want[i] = known.Replace(want)
			}
			if diff := gocmp.Diff(tt.want, problems(t, h, h.node)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEmbeddedNodeIsLaunchedWithItsBundlesAndOptions(t *testing.T) {
	l := newHost(t)
	node := l.node
	node.RunOptions = []mgmt.Option{{Name: "Site::local_nets", Value: "10.0.0.0/8"}}
	e := launch.Embedded{Program: "zeekfleet", StateDir: l.dir, Environ: []string{"ZEEKPATH=/own"}}
	if found := problems(t, e, node); len(found) > 0 {
		t.Errorf("found %q", found)
	}
	p, err := e.Launch(launchtest.WorkerPlan(node), 7)
	if err != nil {
		t.Fatal(err)
	}
	want := launch.BundleDir(l.dir, l.site.Hash) + ":" + launch.BundleDir(l.dir, l.more.Hash) + ":/own"
	if got := variable(p.Spec.Env, "ZEEKPATH"); got != want {
		t.Errorf("ZEEKPATH is %s, want %s", got, want)
	}
	at := slices.Index(p.Spec.Argv, "--options")
	if at < 0 {
		t.Fatalf("argv is %q", p.Spec.Argv)
	}
	start, err := runoption.ReadStart(p.Spec.Argv[at+1])
	if diff := gocmp.Diff(runoption.Start{Options: node.RunOptions, Bundles: node.Bundles}, start); diff != "" || err != nil {
		t.Errorf("it starts with, %v (-want +got):\n%s", err, diff)
	}
	if facts, err := e.Recall("worker", 7); err != nil || !slices.Equal(facts.Bundles, node.Bundles) {
		t.Errorf("recalled %v, %v", facts.Bundles, err)
	}
	// The next launch has neither.
	p, err = e.Launch(launchtest.WorkerPlan(mgmt.Node{}), 8)
	if err != nil || slices.Contains(p.Spec.Argv, "--options") {
		t.Errorf("argv is %q, %v", p.Spec.Argv, err)
	}
	if facts, err := e.Recall("worker", 8); err != nil || len(facts.Bundles) > 0 {
		t.Errorf("recalled %v, %v", facts.Bundles, err)
	}
}

func TestPreflightOfAnEmbeddedNodeChecksItsOptions(t *testing.T) {
	e := launch.Embedded{StateDir: t.TempDir()}
	got := problems(t, e, mgmt.Node{RunOptions: []mgmt.Option{{Name: "Notice::mail_dest", Value: "a@b"}}})
	want := []string{"an option cannot be set: Notice::mail_dest is a constant: put it into a bundle, it takes a restart"}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}
