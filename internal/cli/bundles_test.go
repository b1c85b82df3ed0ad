package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
)

// siteDir makes a directory that can be pushed. Its hash is always the same.
func siteDir(t *testing.T) string {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "main.zeek"), []byte("event zeek_init() { }\n"), 0o600))
	return dir
}

func bundlePages() map[string]fleetPage {
	digits := func(c string) string { return "sha256:" + strings.Repeat(c, 64) }
	push := func(name, who string, ago time.Duration) api.BundlePush {
		return api.BundlePush{Name: name, Who: who, Time: noon.Add(-ago)}
	}
	list := []api.Bundle{
		{Hash: digits("a"), Size: 20_480, Files: 3, Pushes: []api.BundlePush{push("site", "ann", time.Minute), push("site-test", "bob", time.Hour)}, Revisions: []uint64{12, 11}, InUse: true},
		{Hash: digits("b"), Size: 52_428_800, Files: 1200, Pushes: []api.BundlePush{push("intel", "ci", time.Hour)}, Revisions: []uint64{}},
		{Hash: digits("c"), Size: 1024, Files: 1, Pushes: []api.BundlePush{push("site", "ann", 24*time.Hour)}, Revisions: []uint64{9, 8, 7, 6, 5, 4}, InUse: true},
		{Hash: digits("d"), Size: 1024, Files: 1, Pushes: []api.BundlePush{}, Revisions: []uint64{}},
	}
	content := func(b api.Bundle, files ...api.BundleFile) api.BundleContent {
		return api.BundleContent{Bundle: b, List: files}
	}
	answers := map[string]any{
		"GET /api/v1/bundles": api.Page[api.Bundle]{Items: list},
		"GET /api/v1/bundles/" + digits("a"): content(list[0],
			api.BundleFile{Path: "__load__.zeek", Mode: "0644", Size: 21, SHA256: strings.Repeat("1", 64)},
			api.BundleFile{Path: "latest", Mode: "0777", Target: "main.zeek"}, api.BundleFile{Path: "main.zeek", Mode: "0644", Size: 812, SHA256: strings.Repeat("2", 64)}),
		"GET /api/v1/bundles/" + digits("c"): content(list[2],
			api.BundleFile{Path: "__load__.zeek", Mode: "0644", Size: 21, SHA256: strings.Repeat("3", 64)}, api.BundleFile{Path: "old.zeek", Mode: "0644"}),
		"POST /api/v1/bundles/uploads": api.Upload{Complete: true, Offset: 2560},
		"POST /api/v1/bundles/prune":   api.Pruned{Removed: list[1:2], Bytes: 52_428_800},
	}
	with := func(answers map[string]any, run func(*testing.T, cli.Bundles) int) fleetPage {
		return fleetPage{answers, func(t *testing.T, f cli.Fleet) int { return run(t, cli.Bundles{Fleet: f}) }}
	}
	show := func(which string) fleetPage {
		return with(answers, func(t *testing.T, f cli.Bundles) int { return f.Show(t.Context(), which) })
	}
	diff := func(a, b string) fleetPage {
		return with(answers, func(t *testing.T, f cli.Bundles) int { return f.Diff(t.Context(), a, b) })
	}
	pushSite := func(t *testing.T, f cli.Bundles) int { return f.Push(t.Context(), "site", siteDir(t)) }
	none := map[string]any{"GET /api/v1/bundles": api.Page[api.Bundle]{Items: []api.Bundle{}}, "POST /api/v1/bundles/prune": api.Pruned{Removed: []api.Bundle{}}}
	full := map[string]any{"POST /api/v1/bundles/uploads": &api.Problem{Title: "Insufficient Storage", Status: 507, Detail: "the controller has 20 bytes of bundles, and may have 20: the bundle with 2560 does not fit; prune the bundles that no revision needs"}}
	fresh := map[string]any{
		"POST /api/v1/bundles/uploads": api.Upload{},
		"PATCH /api/v1/bundles/uploads/sha256:7fbc3cb05d6a0e3c0750ff07571a6ec84190a5237b5dc5828b822f7775351d4b": api.Upload{Complete: true, Offset: 2560},
	}
	return map[string]fleetPage{
		"bundle-list":       with(answers, func(t *testing.T, f cli.Bundles) int { return f.List(t.Context()) }),
		"bundle-list-none":  with(none, func(t *testing.T, f cli.Bundles) int { return f.List(t.Context()) }),
		"bundle-show":       show("site"),
		"bundle-show-hash":  show("sha256:c"),
		"bundle-show-two":   with(map[string]any{"GET /api/v1/bundles": api.Page[api.Bundle]{Items: append([]api.Bundle{{Hash: "sha256:aa" + strings.Repeat("0", 62)}}, list...)}}, func(t *testing.T, f cli.Bundles) int { return f.Show(t.Context(), "sha256:aa") }),
		"bundle-show-wrong": show("sit"),
		"bundle-diff":       diff("sha256:c", "site"),
		"bundle-diff-same":  diff("site", "sha256:aaaa"),
		"bundle-push":       with(answers, pushSite),
		"bundle-push-new":   with(fresh, pushSite),
		"bundle-push-full":  with(full, pushSite),
		"bundle-prune":      with(answers, func(t *testing.T, f cli.Bundles) int { return f.Prune(t.Context(), api.PruneRequest{}) }),
		"bundle-prune-none": with(none, func(t *testing.T, f cli.Bundles) int {
			return f.Prune(t.Context(), api.PruneRequest{Seconds: new(int64(3600))})
		}),
	}
}

func TestPushOfWhatIsNoDirectory(t *testing.T) {
	a, _, stderr := admin(t, "127.0.0.1:1")
	f := cli.Bundles{Fleet: cli.Fleet{Commands: a.Commands}}
	missing := filepath.Join(t.TempDir(), "missing")
	if f.Push(t.Context(), "site", missing) != cli.StatusFailed || !strings.Contains(stderr.String(), "open "+missing+": no such file or directory") {
		t.Errorf("got %s", stderr)
	}
	dir := siteDir(t)
	must(t, os.Symlink("../out", filepath.Join(dir, "link")))
	stderr.Reset()
	if f.Push(t.Context(), "site", dir) != cli.StatusFailed || !strings.Contains(stderr.String(), `pack `+dir+`: "link": it is a link that leads out of the bundle`) {
		t.Errorf("got %s", stderr)
	}
}
