package ui_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	g "maragu.dev/gomponents"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/web/ui"
)

func TestVendoredFilesAreAsReleased(t *testing.T) {
	ours := map[string]bool{"app.css": true, "app.js": true, "theme.js": true, "icon.svg": true}
	for _, v := range ui.VendoredFiles() {
		ours[v.File], ours[v.Licence] = true, true
		text, err := os.ReadFile(filepath.Join("files", v.File))
		if err != nil {
			t.Error(err)
			continue
		}
		if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != v.SHA256 {
			t.Errorf("%s is not as %s %s has it: its SHA-256 is %x", v.File, v.Package, v.Version, sum)
		}
		licence, err := os.ReadFile(filepath.Join("files", v.Licence))
		if words := map[string]string{"MIT": "MIT License", "0BSD": "Zero-Clause BSD"}[v.Terms]; err != nil || words == "" || !strings.Contains(string(licence), words) {
			t.Errorf("%s: the licence %s is not %s: %v", v.File, v.Licence, v.Terms, err)
		}
	}
	err := filepath.WalkDir("files", func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && !ours[e.Name()] {
			t.Errorf("%s is neither ours nor in the table of vendored files", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// write returns a page.
func write(t *testing.T, f ui.Frame, c ui.Content) string {
	t.Helper()
	var text strings.Builder
	if err := ui.Write(&text, f, c); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

var loaded = regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`)

func TestPagesLoadAssetsThatAreThere(t *testing.T) {
	text := write(t, ui.Frame{}, ui.Content{Title: "x", Body: g.Text("y"), Charts: true})
	found := loaded.FindAllStringSubmatch(text, -1)
	if len(found) != 8 {
		t.Errorf("a page with charts loads %d assets", len(found))
	}
	for _, m := range found {
		if a, ok := ui.AssetAt(m[1]); !ok || len(a.Body) == 0 || a.Type == "" {
			t.Errorf("%s is not there", m[1])
		}
	}
	for _, at := range []string{"/assets/000000000000/app.css", "/assets/app.css", "/assets/", "app.css"} {
		if _, ok := ui.AssetAt(at); ok {
			t.Errorf("%s is there", at)
		}
	}
}

// What the content security policy forbids is in no page.
func TestPagesHaveNothingInline(t *testing.T) {
	text := write(t, ui.Frame{Controller: "c", User: "u", Role: "admin", CanLogOut: true, Sections: []ui.Section{{Name: "Fleet", Path: "/fleet"}}}, ui.LoginPage(ui.Login{}))
	for _, bad := range []string{" style=", "<style", " onclick=", "javascript:", "<script>", "hx-on"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page has %q: %s", bad, text)
		}
	}
}

const hostile = `"><script>alert(1)</script>'&<img src=x onerror=alert(1)>`

// hostileIn reports whether a page has markup of the hostile text.
func hostileIn(page string) bool {
	return strings.Contains(page, "<script>alert") || strings.Contains(page, "<img src=x") || strings.Contains(page, `""><`)
}

func TestTextsOfTheFrameAreEscaped(t *testing.T) {
	frame := ui.Frame{Controller: hostile, Version: hostile, User: hostile, Role: hostile, Sections: []ui.Section{{Name: hostile, Path: "/x"}}}
	for name, c := range map[string]ui.Content{
		"login": ui.LoginPage(ui.Login{Wrong: hostile, Next: "/" + hostile, User: hostile}),
		"error": ui.ErrorPage(404, hostile),
		"done":  ui.DonePage(hostile, "/"),
		"ask":   ui.Ask(ui.Question{Title: hostile, Do: hostile, Action: "/x", Back: "/y", Body: g.Group{g.Text(hostile)}}),
	} {
		if text := write(t, frame, c); hostileIn(text) {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// The page of a plan names the bundles that change, with their files, and the nodes that get
// other options.
func TestPlanHasBundlesAndOptions(t *testing.T) {
	p := ui.Plan{What: "this", Plan: api.Plan{
		Nodes: []api.PlannedNode{{Instance: "a", Node: "w1", Role: "WORKER", Action: api.ActionOptions, Because: []string{"option A::b is new"}}},
		Bundles: []api.PlannedBundle{
			{Name: "fresh", Kind: "scripts", Hash: "sha256:1", Nodes: []string{"w1", "w2"}, Missing: []string{"sensor-9"}},
			{Name: "gone", Kind: "data", Was: "sha256:2"},
			{Name: "site", Kind: "scripts", Hash: "sha256:3", Was: "sha256:4", Files: 5, Changed: []string{"<b>.zeek"}, Added: []string{"new.zeek"}, Removed: []string{"old.zeek"}},
			{Name: "unknown", Kind: "scripts", Hash: "sha256:3", Was: "sha256:4"},
		},
	}}
	text := write(t, ui.Frame{}, ui.PlanPage(p))
	for _, want := range []string{
		"Nodes: 1 get other options.", "Set options, without a restart", "option A::b is new", "not there yet: sensor-9", "no node uses it any more",
		"5 files differ", "~ &lt;b&gt;.zeek\n+ new.zeek\n- old.zeek\nand 2 more", "other content",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}
