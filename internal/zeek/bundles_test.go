package zeek_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// bundled has two bundles with scripts, one of them with plugins, and bundles with data.
func bundled(t *testing.T) zeek.Deployment {
	d := deployment(t, "8.2.2", oneHost(), "worker-1")
	d.Bundles = []zeek.BundleDir{{Name: "site", Dir: "/state/bundles/aa"}, {Name: "zkg", Dir: "/state/bundles/bb", HasPlugins: true}}
	d.DataDir = "/state/data"
	return d
}

func value(env []string, name string) string {
	for _, kv := range env {
		if text, ok := strings.CutPrefix(kv, name+"="); ok {
			return text
		}
	}
	return ""
}

func TestScriptsOfBundlesComeBeforeThoseOfTheSite(t *testing.T) {
	const s = "/opt/zeek/share/zeek"
	want := "/state/gen/0:" + s + ":" + s + "/policy:/state/bundles/aa:/state/bundles/bb:" + s + "/site:" + s + "/builtin-plugins"
	env := command(t, bundled(t)).Env
	if got := value(env, "ZEEKPATH"); got != want {
		t.Errorf("ZEEKPATH\ngot  %s\nwant %s", got, want)
	}
	if got := value(env, "ZEEKFLEET_DATA"); got != "/state/data" {
		t.Errorf("ZEEKFLEET_DATA is %q", got)
	}
}

func TestPluginsOfBundlesComeBeforeAllOthers(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*zeek.Deployment)
		want   string
	}{
		"of the installation": {func(d *zeek.Deployment) { d.Install.PluginPath = "/opt/zeek/plugins" }, "/state/bundles/bb/plugins:/opt/zeek/plugins"},
		"of the site": {func(d *zeek.Deployment) {
			d.Install.PluginPath, d.Site.PluginPath = "/opt/zeek/plugins", "/site/plugins"
		}, "/state/bundles/bb/plugins:/site/plugins"},
		"of the node": {func(d *zeek.Deployment) {
			d.Site.PluginPath, d.Plan.Node.Env = "/site/plugins", map[string]string{"ZEEK_PLUGIN_PATH": "/node/plugins"}
		}, "/state/bundles/bb/plugins:/node/plugins"},
		"nowhere":              {func(d *zeek.Deployment) { d.Install.PluginPath = "" }, "/state/bundles/bb/plugins"},
		"no bundle has any":    {func(d *zeek.Deployment) { d.Bundles = d.Bundles[:1] }, ""},
		"no bundle and a site": {func(d *zeek.Deployment) { d.Bundles, d.Site.PluginPath = nil, "/site/plugins" }, "/site/plugins"},
	} {
		t.Run(name, func(t *testing.T) {
			d := bundled(t)
			d.Site.Environ = nil
			tt.change(&d)
			if got := value(command(t, d).Env, "ZEEK_PLUGIN_PATH"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNodeReadsItsOptionsLast(t *testing.T) {
	d := deployment(t, "8.2.2", oneHost(), "worker-1")
	before := generate(t, d)
	d.Plan.Node.RunOptions = []mgmt.Option{{Name: "Site::local_nets", Value: "10.0.0.0/8"}, {Name: "Tst::quoted", Value: `a"b\é`}}
	g := generate(t, d)
	want := "# Options that node \"worker-1\" has from its start, made by zeekfleet.\n" +
		"@load ./zeekfleet-runoption\n\nmodule Fleet::Node;\n\nredef start_options += {\n" +
		"\t[\"Site::local_nets\"] = \"10.0.0.0/8\",\n\t[\"Tst::quoted\"] = \"a\\\"b\\\\\\xc3\\xa9\",\n};\n\n" +
		"# A check of the scripts checks these options, too.\n" +
		"@if ( getenv(\"ZEEKCTL_CHECK_CONFIG\") == \"1\" && ! check_start_options() )\n@endif\n"
	if diff := cmp.Diff(want, content(t, g, "zeekfleet-start-options.zeek")); diff != "" {
		t.Errorf("script (-want +got):\n%s", diff)
	}
	if file := g.Files[slices.IndexFunc(g.Files, func(f zeek.File) bool { return f.Name == "zeekfleet-start-options.zeek" })]; file.Mode != 0o600 {
		t.Errorf("its mode is %o: values can be secrets", file.Mode)
	}
	argv := command(t, d).Argv
	if got := argv[len(argv)-3:]; !slices.Equal(got, []string{"site/extra", "zeekfleet-start-options", "Notice::mail_dest=soc"}) {
		t.Errorf("argv ends in %q", got)
	}
	if diff := cmp.Diff(before.Files, g.Files[:len(before.Files)]); diff != "" {
		t.Errorf("other files (-before +after):\n%s", diff)
	}
}

// Upstream's node script has no dispatch that sets options. A node has them from its start.
func TestNodeWithUpstreamsScriptHasItsOptionsFromItsStart(t *testing.T) {
	d := deployment(t, "8.2.2", oneHost(), "worker-1")
	d.NodeScript = zeek.UpstreamNodeScript
	if files := generate(t, d).Files; len(files) != 2 {
		t.Errorf("without options it has %d files", len(files))
	}
	d.Plan.Node.RunOptions = []mgmt.Option{{Name: "Tst::a", Value: "1"}}
	var names []string
	for _, f := range generate(t, d).Files[2:] {
		names = append(names, f.Name)
	}
	want := []string{
		"zeekfleet-start-options.zeek", "zeekfleet-runoption.zeek", "zeekfleet-option.zeek", "zeekfleet-value.zeek", "zeekfleet-list.zeek",
		"zeekfleet-api.zeek",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestWrongOptionsAreNotRendered(t *testing.T) {
	d := deployment(t, "8.2.2", oneHost(), "worker-1")
	d.Plan.Node.RunOptions = []mgmt.Option{{Name: "Tst::a", Value: "1\n2"}}
	if _, err := d.Generate(); err == nil || !strings.Contains(err.Error(), "the value of option Tst::a") {
		t.Errorf("got %v", err)
	}
}

// Nodes with other bundles or options load other scripts: a check holds only for equal ones.
func TestBundlesAndOptionsDecideTheCheckGroup(t *testing.T) {
	group := func(change func(*zeek.Deployment)) string {
		d := bundled(t)
		change(&d)
		g, err := d.CheckGroup()
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	same := group(func(*zeek.Deployment) {})
	if again := group(func(d *zeek.Deployment) { d.Plan.Node.Interface = new("eth7") }); again != same {
		t.Error("another interface is another group")
	}
	for name, change := range map[string]func(*zeek.Deployment){
		"a bundle": func(d *zeek.Deployment) { d.Bundles[0].Dir = "/state/bundles/cc" },
		"an order": func(d *zeek.Deployment) { slices.Reverse(d.Bundles) },
		"an option": func(d *zeek.Deployment) {
			d.Plan.Node.RunOptions = []mgmt.Option{{Name: "Tst::a", Value: "1"}}
		},
	} {
		if group(change) == same {
			t.Errorf("%s changes nothing", name)
		}
	}
}
