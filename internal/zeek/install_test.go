package zeek_test

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

const help = `zeek version 8.2.2
usage: /opt/zeek/bin/zeek [options] [file ...]
    -v|--version                   | print version and exit
    $ZEEKPATH                      | file search path (.:/opt/zeek/share/zeek:/opt/zeek/share/zeek/policy:/opt/zeek/share/zeek/site:/opt/zeek/share/zeek/builtin-plugins)
    $ZEEK_PLUGIN_PATH              | plugin search path (/opt/zeek/lib/zeek/plugins)
    $ZEEK_PREFIXES                 | prefix list (.)
`

func TestParseHelp(t *testing.T) {
	got, err := zeek.ParseHelp("/opt/zeek/bin/zeek", help)
	if err != nil {
		t.Fatal(err)
	}
	want := zeek.Install{
		Path:      "/opt/zeek/bin/zeek",
		Version:   zeek.Version{Major: 8, Minor: 2, Patch: 2},
		Prefix:    "/opt/zeek",
		ScriptDir: "/opt/zeek/share/zeek",
		SearchPath: []string{
			"/opt/zeek/share/zeek", "/opt/zeek/share/zeek/policy", "/opt/zeek/share/zeek/site",
			"/opt/zeek/share/zeek/builtin-plugins",
		},
		PluginPath: "/opt/zeek/lib/zeek/plugins",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ParseHelp (-want +got):\n%s", diff)
	}
}

func TestParseHelpOfUncommonInstallations(t *testing.T) {
	for name, tc := range map[string]struct{ path, executable, dir, prefix string }{
		"in the root":         {"/share/zeek:/share/zeek/policy", "/bin/zeek", "/share/zeek", "/"},
		"with other scripts":  {"/usr/lib/zeek:/usr/lib/zeek/policy", "/usr/bin/zeek", "/usr/lib/zeek", "/usr"},
		"with parentheses":    {"/opt/z (1)/share/zeek:/opt/z (1)/share/zeek/policy", "/opt/z (1)/bin/zeek", "/opt/z (1)/share/zeek", "/opt/z (1)"},
		"with a site's first": {".:/site:/opt/zeek/share/zeek/:/opt/zeek/share/zeek/policy/", "/opt/zeek/bin/zeek", "/opt/zeek/share/zeek", "/opt/zeek"},
	} {
		t.Run(name, func(t *testing.T) {
			output := "warning: something\nzeek version 9.0.0\n  $ZEEKPATH  | file search path (" + tc.path + ")\n"
			got, err := zeek.ParseHelp(tc.executable, output)
			if err != nil {
				t.Fatal(err)
			}
			if got.ScriptDir != tc.dir || got.Prefix != tc.prefix {
				t.Errorf("got scripts in %q below %q, want %q below %q", got.ScriptDir, got.Prefix, tc.dir, tc.prefix)
			}
		})
	}
}

func TestParseHelpErrorSaysWhatIsMissing(t *testing.T) {
	for name, tc := range map[string]struct{ output, want string }{
		"nothing at all":        {"", `no line "zeek version`},
		"another program's":     {"zebra version 8.2.2\n", "is it Zeek?); it printed: zebra version 8.2.2"},
		"control characters":    {"\x1b[2Jno\n", "it printed: ?[2Jno"},
		"no search path":        {"zeek version 8.2.2\n", `no line "$ZEEKPATH`},
		"a search path of dots": {"zeek version 8.2.2\n$ZEEKPATH | file search path (.:..)\n", `together with its subdirectory "policy"`},
		"a line that is cut":    {"zeek version 8.2.2\n$ZEEKPATH | file search path (/a:/a/policy", `no line "$ZEEKPATH`},
		"too much before it":    {strings.Repeat("\n", zeek.MaxHelp) + help, `no line "zeek version`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := zeek.ParseHelp("/x/zeek", tc.output)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "/x/zeek --help") {
				t.Errorf("got %v, error %v; want an error with %q", got, err, tc.want)
			}
		})
	}
}

func TestCandidates(t *testing.T) {
	const searchPath = "/usr/local/bin::relative:/usr/bin:/usr/bin"
	for name, tc := range map[string]struct {
		given string
		want  []string
	}{
		"a path":    {"./build/zeek", []string{"./build/zeek"}},
		"a name":    {"zeek-nightly", []string{"/usr/local/bin/zeek-nightly", "/usr/bin/zeek-nightly"}},
		"no answer": {"", []string{"/usr/local/bin/zeek", "/usr/bin/zeek", "/opt/zeek/bin/zeek", "/usr/local/zeek/bin/zeek"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := zeek.Candidates(tc.given, searchPath)
			if len(got) < len(tc.want) || tc.given != "" && len(got) > len(tc.want) {
				t.Fatalf("Candidates(%q) = %q, want %q", tc.given, got, tc.want)
			}
			if diff := cmp.Diff(tc.want, got[:len(tc.want)]); diff != "" {
				t.Errorf("Candidates(%q) (-want +got):\n%s", tc.given, diff)
			}
		})
	}
}

func TestHelpEnvLacksZeeksVariables(t *testing.T) {
	got := zeek.HelpEnv([]string{"PATH=/bin", "ZEEKPATH=/x", "ZEEK_PLUGIN_PATH=/y", "CLUSTER_NODE=z", "HOME=/root"})
	if diff := cmp.Diff([]string{"PATH=/bin", "HOME=/root"}, got); diff != "" {
		t.Errorf("HelpEnv (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/x/zeek", "--help"}, zeek.HelpArgv("/x/zeek")); diff != "" {
		t.Errorf("HelpArgv (-want +got):\n%s", diff)
	}
}

func FuzzParseHelp(f *testing.F) {
	f.Add("/opt/zeek/bin/zeek", help)
	f.Add("zeek", "zeek version 5.0.0-rc1\n$ZEEKPATH | file search path (/a:/a/policy)\n")
	f.Add("", "zeek version 8.2.2\n$ZEEKPATH|file search path ()\n$ZEEK_PLUGIN_PATH|plugin search path (()")
	f.Fuzz(func(t *testing.T, executable, output string) {
		in, err := zeek.ParseHelp(executable, output)
		if err != nil {
			return
		}
		if !slices.Contains(in.SearchPath, in.ScriptDir) || !slices.Contains(in.SearchPath, path.Join(in.ScriptDir, "policy")) {
			t.Errorf("the script directory %q is not of the search path %q", in.ScriptDir, in.SearchPath)
		}
		if in.Prefix == "" || in.Version == (zeek.Version{}) && !strings.Contains(output, "0.0") {
			t.Errorf("something is empty in %+v", in)
		}
		for _, dir := range in.SearchPath {
			if !path.IsAbs(dir) {
				t.Errorf("%q of the search path is relative", dir)
			}
		}
	})
}
