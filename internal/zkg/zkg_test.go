package zkg_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/zkg"
)

// write makes files below dir. A text that begins with -> makes a link.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if target, ok := strings.CutPrefix(text, "->"); ok && err == nil {
			err = os.Symlink(target, path)
		} else if err == nil {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// manifest is a file as zkg 3.2 writes it.
func manifest(scripts, plugins string, packages ...string) string {
	return fmt.Sprintf(`{"bin_dir": "/x/bin", "installed_packages": [%s], "manifest_version": 1, "plugin_dir": %q, "script_dir": %q}`,
		strings.Join(packages, ",\n"), plugins+"/packages", scripts+"/packages")
}

func installed(name, aliases string, loaded bool) string {
	return fmt.Sprintf(`{
    "package_dict": {"canonical": true, "directory": "seth", "git_url": "https://example.org/%[1]s", "metadata": {"aliases": %[2]q, "script_dir": "scripts"}, "name": %[1]q, "source": "zeek"},
    "status_dict": {"current_hash": "0123", "current_version": "v1.2", "is_loaded": %[3]v, "is_outdated": false, "is_pinned": false, "tracking_method": "version"}
  }`, name, aliases, loaded)
}

func library(function string) string { return "\x7fELF\x00some\x00" + function + "\x00more\x00" }

// state is zkg's state directory with three packages, as zkg lays them out. One of them is
// not loaded.
func state(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"manifest.json": manifest(dir+"/script_dir", dir+"/plugin_dir",
			installed("plugged", "", true), installed("hassh", "ssh-hash, hassh", true), installed("unloaded", "", false)),
		"script_dir/hassh":                                             "->packages/hassh",
		"script_dir/packages/packages.zeek":                            "@load ./hassh\n",
		"script_dir/packages/__load__.zeek":                            "->packages.zeek",
		"script_dir/packages/hassh/__load__.zeek":                      "@load ./main\n",
		"script_dir/packages/hassh/main.zeek":                          "module HASSH;\n",
		"script_dir/packages/hassh/.git/config":                        "",
		"script_dir/packages/hassh/gone":                               "->/nowhere/at/all",
		"script_dir/packages/unloaded/__load__.zeek":                   "",
		"clones/package/plugged/scripts/__load__.zeek":                 "# of the plugin\n",
		"clones/package/plugged/scripts/sub/x.zeek":                    "",
		"plugin_dir/packages/plugged/__zeek_plugin__":                  "Test::Plugged\n",
		"plugin_dir/packages/plugged/scripts":                          "->" + dir + "/clones/package/plugged/scripts",
		"plugin_dir/packages/plugged/lib/Test-Plugged.linux-x86_64.so": library("zeek_version_8_2_2_plugin_7"),
		"plugin_dir/packages/plugged/lib/link.so":                      "->Test-Plugged.linux-x86_64.so",
		"plugin_dir/packages/plugged/CMakeCache.txt":                   "/home",
		"plugin_dir/packages/plugged/CMakeFiles/x/a.o":                 "",
		"plugin_dir/packages/plugged/src/a.o":                          "",
		"plugin_dir/packages/plugged/Test_Plugged.tgz":                 "",
		"plugin_dir/packages/hassh/README":                             "a directory without a plugin",
		"plugin_dir/packages/unloaded/__zeek_plugin__.disabled":        "",
	})
	if err := os.Chmod(dir+"/plugin_dir/packages/plugged/lib/Test-Plugged.linux-x86_64.so", 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// contents returns the files of a tree with their texts, after they were packed and read.
func contents(t testing.TB, tree zkg.Tree) map[string]string {
	t.Helper()
	var b bytes.Buffer
	if _, err := (bundle.Config{}).Pack(&b, tree.Files); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	_, err := bundle.Config{}.Read(&b, func(e bundle.Entry, r io.Reader) error {
		text, err := io.ReadAll(r)
		got[e.Path] = string(text)
		if e.Mode == bundle.Link {
			got[e.Path] = "->" + e.Target
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTheTreeOfTheLoadedPackages(t *testing.T) {
	dir := state(t)
	tree, err := zkg.Read(zkg.Config{State: dir})
	if err != nil {
		t.Fatal(err)
	}
	lib := library("zeek_version_8_2_2_plugin_7")
	want := map[string]string{
		"packages.zeek":                                    "# The packages that zkg had loaded.\n@load ./packages/hassh\n",
		"packages/__load__.zeek":                           "# The packages that zkg had loaded.\n@load ./hassh\n",
		"packages/hassh/__load__.zeek":                     "@load ./main\n",
		"packages/hassh/main.zeek":                         "module HASSH;\n",
		"hassh":                                            "->packages/hassh",
		"ssh-hash":                                         "->packages/hassh",
		"plugins/plugged/__zeek_plugin__":                  "Test::Plugged\n",
		"plugins/plugged/scripts/__load__.zeek":            "# of the plugin\n",
		"plugins/plugged/scripts/sub/x.zeek":               "",
		"plugins/plugged/lib/link.so":                      lib,
		"plugins/plugged/lib/Test-Plugged.linux-x86_64.so": lib,
		".zeekfleet-bundle.json":                           `{"version":1,"zeek_version":"8.2.2","plugin_api":7,"packages":[{"name":"hassh","version":"v1.2"},{"name":"plugged","version":"v1.2"}]}` + "\n",
	}
	if diff := cmp.Diff(want, contents(t, tree)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"packages/hassh/gone"}, tree.LeftOut); diff != "" {
		t.Error(diff)
	}
	again, err := zkg.Read(zkg.Config{State: dir, ZeekVersion: "1.2.3"})
	if diff := cmp.Diff(contents(t, tree), contents(t, again)); diff != "" || err != nil {
		t.Errorf("another time: %v\n%s", err, diff)
	}
}

func TestWhichZeekPluginsNeed(t *testing.T) {
	type origin = bundle.Origin
	const other = "plugin_dir/packages/hassh/"
	for name, tt := range map[string]struct {
		first, second string
		want          origin
		err           string
	}{
		"the same":             {library("zeek_version_8_2_2_plugin_7"), library("zeek_version_8_2_2_plugin_7"), origin{ZeekVersion: "8.2.2", PluginAPI: 7}, ""},
		"a debug build":        {library("zeek_version_8_2_2_plugin_7_debug"), library("zeek_version_8_2_2_plugin_7_debug"), origin{ZeekVersion: "8.2.2", PluginAPI: 7, DebugBuild: true}, ""},
		"a development branch": {library("zeek_version_9_0_0_dev_123_plugin_8"), library("zeek_version_9_0_0_dev_123_plugin_8"), origin{ZeekVersion: "9.0.0-dev.123", PluginAPI: 8}, ""},
		"none says it":         {"\x7fELF", "\x7fELF", origin{ZeekVersion: "8.0.0", DebugBuild: true}, ""},
		"two versions": {
			library("zeek_version_8_2_1_plugin_7"), library("zeek_version_8_2_2_plugin_7"), origin{},
			"package plugged: its plugin was built for Zeek 8.2.2 (plugin API 7), and that of package hassh for Zeek 8.2.1 (plugin API 7); build both",
		},
		"debugging code in one": {library("zeek_version_8_2_2_plugin_7_debug"), library("zeek_version_8_2_2_plugin_7"), origin{}, "for Zeek 8.2.2-debug (plugin API 7); build both"},
		"one that is not known": {library("zeek_version_next"), library(""), origin{}, "plugins/hassh/lib/x.so: this zeekfleet does not understand"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := state(t)
			write(t, dir, map[string]string{
				other + "__zeek_plugin__": "A::B", other + "lib/x.so": tt.first, "plugin_dir/packages/plugged/lib/Test-Plugged.linux-x86_64.so": tt.second,
			})
			tree, err := zkg.Read(zkg.Config{State: dir, ZeekVersion: "8.0.0-debug"})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want %q", err, tt.err)
				}
				return
			}
			tree.Origin.Packages = nil
			if diff := cmp.Diff(tt.want, tree.Origin); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestStatesThatAreRefused(t *testing.T) {
	outside := t.TempDir()
	write(t, outside, map[string]string{"secret": "text"})
	for name, tt := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a link out":       {map[string]string{"script_dir/packages/hassh/x": "->" + outside + "/secret"}, "which is not in zkg's directories"},
		"a link to a link": {map[string]string{"script_dir/packages/hassh/x": "->y", "script_dir/packages/hassh/y": "->" + outside}, "which is not in zkg's directories"},
		"a circle":         {map[string]string{"script_dir/packages/hassh/sub/x": "->.."}, "is a link to a directory that contains it"},
		"a newer manifest": {map[string]string{"manifest.json": `{"manifest_version": 2}`}, "a newer zkg has written it"},
		"no JSON":          {map[string]string{"manifest.json": `{`}, "manifest.json: unexpected end of JSON input"},
		"a path as a name": {map[string]string{"manifest.json": manifest("/s", "/p", installed("../x", "", true))}, `a package has the name "../x"`},
		"nothing loaded":   {map[string]string{"manifest.json": manifest("/s", "/p", installed("x", "", false))}, "zkg has loaded no packages"},
		"nothing of it":    {map[string]string{"manifest.json": manifest("/nowhere/s", "/nowhere/p", installed("x", "", true))}, "package x has neither scripts in /nowhere/s/packages nor a plugin in /nowhere/p/packages"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := state(t)
			write(t, dir, tt.files)
			if _, err := zkg.Read(zkg.Config{State: dir}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := zkg.Read(zkg.Config{State: outside}); err == nil || !strings.Contains(err.Error(), "is no state directory of zkg: it has no manifest.json") {
		t.Errorf("got %v", err)
	}
	if _, err := zkg.Read(zkg.Config{State: state(t), Bundle: bundle.Config{Files: 3}}); err == nil || !strings.Contains(err.Error(), "more than 3 files") {
		t.Errorf("got %v", err)
	}
}

func TestWhereZkgHasItsState(t *testing.T) {
	top := t.TempDir()
	write(t, top, map[string]string{
		"configured/manifest.json": "", "home/.zkg/manifest.json": "", "env/manifest.json": "", "zeek/var/lib/zkg/manifest.json": "",
		"zeek/etc/zkg/config": "", "of-home": "[sources]\nzeek = https://example.org\n[paths]\nstate_dir = ~/.zkg\n",
		"of-variable": "[paths]\nstate_dir = $TOP/configured\n", "confdir/config": "[paths]\nstate_dir = " + top + "/configured\n",
		"unset": "[paths]\nstate_dir =\n", "nowhere": "[paths]\nstate_dir = /nowhere\n",
		"empty/x": "",
	})
	for name, tt := range map[string]struct {
		env    map[string]string
		home   string
		prefix string
		want   string
	}{
		"the home directory":           {nil, "home", "", "home/.zkg"},
		"Zeek's directory":             {nil, "home", "zeek", "zeek/var/lib/zkg"},
		"a Zeek without zkg":           {nil, "home", "empty", "home/.zkg"},
		"the environment":              {map[string]string{"ZEEK_ZKG_STATE_DIR": top + "/env"}, "home", "zeek", "env"},
		"a configuration file":         {map[string]string{"ZKG_CONFIG_FILE": top + "/of-variable", "TOP": top}, "home", "zeek", "configured"},
		"a file that names the home":   {map[string]string{"ZKG_CONFIG_FILE": top + "/of-home"}, "home", "zeek", "home/.zkg"},
		"a file that names nothing":    {map[string]string{"ZKG_CONFIG_FILE": top + "/unset"}, "home", "", "home/.zkg"},
		"a directory of configuration": {map[string]string{"ZEEK_ZKG_CONFIG_DIR": top + "/confdir"}, "home", "", "configured"},
	} {
		t.Run(name, func(t *testing.T) {
			host := zkg.Host{Env: func(name string) string { return tt.env[name] }, Home: filepath.Join(top, tt.home)}
			if tt.prefix != "" {
				host.Prefix = filepath.Join(top, tt.prefix)
			}
			if got, err := host.State(); err != nil || got != filepath.Join(top, tt.want) {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
	for name, tt := range map[string]struct{ variable, value, want string }{
		"nothing": {"", "", top + "/empty/.zkg"},
		// zkg does not look elsewhere then.
		"a file":        {"ZKG_CONFIG_FILE", top + "/nowhere", "/nowhere"},
		"the directory": {"ZEEK_ZKG_STATE_DIR", top + "/empty", top + "/empty"},
	} {
		host := zkg.Host{Env: func(name string) string { return map[string]string{tt.variable: tt.value}[name] }, Home: top + "/home"}
		if name == "nothing" {
			host.Home = top + "/empty"
		}
		want := "zkg has no state here: there is no manifest.json in " + tt.want + "; name zkg's state directory with --state"
		if _, err := host.State(); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}
