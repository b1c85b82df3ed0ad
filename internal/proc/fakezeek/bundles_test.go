package fakezeek_test

import (
	"strings"
	"testing"
)

// These are the hashes of a bundle with the file main.zeek, which is empty, and of one with
// the file plugins/x, which is empty.
const (
	scripts = "76b4d3a72f9dbb58992011e4b7f4ce18081967863681f7e278a7cdf0874703a8"
	plugins = "e66b505b6df66ff4efac1307aceac92ef18633c8121c695080c34f5305747545"
	other   = "0000000000000000000000000000000000000000000000000000000000000000"
)

func TestBundlesAreChecked(t *testing.T) {
	const s = "/usr/local/zeek/share/zeek"
	for name, tt := range map[string]struct{ path, plugins, stderr string }{
		"as the launcher makes them": {s + ":DIR/bundles/A:DIR/bundles/B:" + s + "/site", "DIR/bundles/B/plugins:/opt/plugins", ""},
		"a bundle that is not there": {s + ":DIR/bundles/" + strings.Repeat("1", 64) + ":" + s + "/site", "", "which is not there"},
		"other content":              {s + ":DIR/bundles/C:" + s + "/site", "", "the bundle DIR/bundles/C has the content of sha256:A\n"},
		"after the site's scripts":   {s + ":" + s + "/site:DIR/bundles/A", "", "ZEEKPATH has the bundle DIR/bundles/A, and the scripts of the site do not follow\n"},
		"without its plugins":        {s + ":DIR/bundles/B:" + s + "/site", "/opt/plugins", "and the plugins of bundles are in [\"DIR/bundles/B/plugins\"]\n"},
		"plugins of no bundle":       {s + ":DIR/bundles/A:" + s + "/site", "DIR/bundles/B/plugins", "ZEEK_PLUGIN_PATH has the bundle DIR/bundles/B/plugins, which is not in ZEEKPATH\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, name := range []string{"bundles", "bundles/" + scripts, "bundles/" + plugins, "bundles/" + plugins + "/plugins", "bundles/" + other} {
				mkdir(t, dir, name)
			}
			for _, name := range []string{scripts + "/main.zeek", plugins + "/plugins/x", other + "/main.zeek"} {
				writeFile(t, dir, "bundles/"+name, "")
			}
			in := strings.NewReplacer("DIR", dir, "/A", "/"+scripts, ":A", ":"+scripts, "/B", "/"+plugins, "/C", "/"+other).Replace
			p := start(t, dir, []string{"ZEEKPATH=" + in(tt.path), "ZEEK_PLUGIN_PATH=" + in(tt.plugins)}, "-a")
			state, stderr := p.wait()
			if (state == "exit status 0") != (tt.stderr == "") || !strings.Contains(stderr, in(tt.stderr)) {
				t.Errorf("got %s, stderr %q, want %q", state, stderr, in(tt.stderr))
			}
		})
	}
}
