package launch_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/launch/launchtest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/runoption"
)

var (
	siteBundle  = mgmt.Bundle{Name: "site", Kind: mgmt.ScriptBundle, Hash: mgmt.NewBundleHash([32]byte{1})}
	moreBundle  = mgmt.Bundle{Name: "more", Kind: mgmt.ScriptBundle, Hash: mgmt.NewBundleHash([32]byte{2})}
	intelBundle = mgmt.Bundle{Name: "intel", Kind: mgmt.DataBundle, Hash: mgmt.NewBundleHash([32]byte{3})}
)

// putBundle writes a file of a bundle as an agent unpacks it.
func putBundle(t *testing.T, stateDir string, b mgmt.Bundle, name, text string) {
	t.Helper()
	path := filepath.Join(launch.BundleDir(stateDir, b.Hash), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if b.Kind != mgmt.DataBundle {
		return
	}
	current := launch.DataPath(stateDir, b.Name)
	if err := os.MkdirAll(filepath.Dir(current), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../bundles/"+b.Hash.Digits(), current); err != nil {
		t.Fatal(err)
	}
}

// withBundles returns a launcher of Zeek on whose host are three bundles, and the node that
// has them.
func withBundles(t *testing.T) (*launches, mgmt.Node) {
	l := newLaunches(t)
	putBundle(t, l.dir, siteBundle, "main.zeek", "module Tst;\noption limit: count = 3;\n@load other\n")
	putBundle(t, l.dir, moreBundle, "other.zeek", "")
	putBundle(t, l.dir, moreBundle, "plugins/x/__zeek_plugin__", "X::Y")
	putBundle(t, l.dir, intelBundle, "list.dat", "")
	return l, mgmt.Node{Scripts: []string{"main"}, Bundles: []mgmt.Bundle{siteBundle, moreBundle, intelBundle}}
}

func variable(env []string, name string) string {
	i := slices.IndexFunc(env, func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
	if i < 0 {
		return ""
	}
	return env[i][len(name)+1:]
}

func TestZeekIsLaunchedWithItsBundles(t *testing.T) {
	l, node := withBundles(t)
	p, err := l.Launch(launchtest.WorkerPlan(node), 7)
	if err != nil {
		t.Fatal(err)
	}
	site, more := launch.BundleDir(l.dir, siteBundle.Hash), launch.BundleDir(l.dir, moreBundle.Hash)
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
	if diff := gocmp.Diff(node.Bundles, recalled.Bundles); diff != "" || err != nil {
		t.Errorf("recalled bundles, %v (-want +got):\n%s", err, diff)
	}
}

func TestLaunchNeedsEveryBundle(t *testing.T) {
	for name, tt := range map[string]struct {
		remove func(dir string) string
		want   string
	}{
		"with scripts": {func(dir string) string { return launch.BundleDir(dir, moreBundle.Hash) }, "bundle more (sha256:020000000000) is not on this host: there is no directory DIR/bundles/0200"},
		"with data":    {func(dir string) string { return launch.DataPath(dir, "intel") }, "bundle intel (sha256:030000000000) is not on this host: there is no directory DIR/data/intel/current"},
	} {
		t.Run(name, func(t *testing.T) {
			l, node := withBundles(t)
			if err := os.RemoveAll(tt.remove(l.dir)); err != nil {
				t.Fatal(err)
			}
			for kind, launcher := range map[string]launch.Launcher{"Zeek": l, "embedded": launch.Embedded{StateDir: l.dir}} {
				_, err := launcher.Launch(launchtest.WorkerPlan(node), 7)
				if want := "node worker: " + strings.ReplaceAll(tt.want, "DIR", l.dir); err == nil || !strings.HasPrefix(err.Error(), want) {
					t.Errorf("%s: got  %v\nwant %s", kind, err, want)
				}
			}
			if made, _ := filepath.Glob(filepath.Join(l.dir, "nodes", "*")); len(made) > 0 {
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
		change func(dir string, n *mgmt.Node)
		want   []string
	}{
		"all is well": {func(string, *mgmt.Node) {}, nil},
		"an error in a file": {func(dir string, _ *mgmt.Node) {
			putBundle(t, dir, moreBundle, "other.zeek", "\nfoo; # fakezeek error: unknown identifier foo\n")
		}, []string{"its scripts do not load: error in bundle more: other.zeek, line 2: unknown identifier foo"}},
		"plugins for this Zeek": {func(dir string, _ *mgmt.Node) {
			putBundle(t, dir, moreBundle, ".zeekfleet-bundle.json", `{"zeek_version":"8.2.2","plugin_api":"7","packages":[]}`)
		}, nil},
		"plugins for another Zeek": {func(dir string, _ *mgmt.Node) {
			putBundle(t, dir, moreBundle, ".zeekfleet-bundle.json", `{"zeek_version":"8.0.1"}`)
		}, []string{"bundle more has plugins for Zeek 8.0.1, and this host has Zeek 8.2.2: make the bundle anew with that Zeek, or install Zeek 8.0.1 here"}},
		"scripts for another Zeek": {func(dir string, _ *mgmt.Node) {
			putBundle(t, dir, siteBundle, ".zeekfleet-bundle.json", `{"zeek_version":"8.0.1"}`)
		}, nil},
		"a damaged description": {func(dir string, _ *mgmt.Node) {
			putBundle(t, dir, moreBundle, ".zeekfleet-bundle.json", `{"zeek_version":"8"}`)
		}, []string{`bundle more: .zeekfleet-bundle.json: "8" is not a version of Zeek`}},
		"no bundle": {func(dir string, _ *mgmt.Node) { os.RemoveAll(launch.BundleDir(dir, intelBundle.Hash)) }, []string{
			"bundle intel (sha256:030000000000) is not on this host: there is no directory DIR/bundles/" + intelBundle.Hash.Digits() + "; deploy again to fetch it",
		}},
		"data that is not in place yet": {func(dir string, _ *mgmt.Node) { os.RemoveAll(launch.DataDir(dir)) }, nil},
		"options": {func(_ string, n *mgmt.Node) {
			n.RunOptions = []mgmt.Option{{Name: "Site::local_nets", Value: "10.0.0.0/8"}, {Name: "Tst::limit", Value: "5"}}
		}, nil},
		"wrong options": {func(_ string, n *mgmt.Node) {
			n.RunOptions = []mgmt.Option{{Name: "Tst::limit", Value: "x"}, {Name: "Tst::limt", Value: "5"}}
		}, []string{"an option cannot be set: Tst::limit: x is not of type count; unknown id Tst::limt (did you mean Tst::limit?)"}},
	} {
		t.Run(name, func(t *testing.T) {
			l, node := withBundles(t)
			tt.change(l.dir, &node)
			for i, want := range tt.want {
				tt.want[i] = strings.ReplaceAll(want, "DIR", l.dir)
			}
			if diff := gocmp.Diff(tt.want, problems(t, l, node)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEmbeddedNodeIsLaunchedWithItsBundlesAndOptions(t *testing.T) {
	l, node := withBundles(t)
	node.RunOptions = []mgmt.Option{{Name: "Site::local_nets", Value: "10.0.0.0/8"}}
	e := launch.Embedded{Program: "zeekfleet", StateDir: l.dir, Environ: []string{"ZEEKPATH=/own"}}
	if found := problems(t, e, node); len(found) > 0 {
		t.Errorf("found %q", found)
	}
	p, err := e.Launch(launchtest.WorkerPlan(node), 7)
	if err != nil {
		t.Fatal(err)
	}
	want := launch.BundleDir(l.dir, siteBundle.Hash) + ":" + launch.BundleDir(l.dir, moreBundle.Hash) + ":/own"
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
