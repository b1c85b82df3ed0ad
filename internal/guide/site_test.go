package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	anchors = regexp.MustCompile(` id="([^"]+)"`)
	targets = regexp.MustCompile(`(?:href|src)="([^"]*)"`)
)

// TestSite makes the site. Every link to a page or to a part of a page must lead there, and
// every link to a file of the repository must name one.
func TestSite(t *testing.T) {
	reference, site := t.TempDir(), t.TempDir()
	for _, name := range made {
		if err := os.WriteFile(filepath.Join(reference, filepath.Base(name)), []byte("# "+name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeSite("../../docs", reference, site); err != nil {
		t.Fatal(err)
	}
	pages := map[string]string{}
	err := filepath.WalkDir(site, func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".html" {
			var text []byte
			text, err = os.ReadFile(path)
			pages[path] = string(text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := len(made) + len(written) + 3; len(pages) < want {
		t.Errorf("there are %d pages, want %d", len(pages), want)
	}
	ids := map[string]bool{}
	for path, text := range pages {
		for _, m := range anchors.FindAllStringSubmatch(text, -1) {
			ids[path+"#"+m[1]] = true
		}
	}
	for path, text := range pages {
		for _, m := range targets.FindAllStringSubmatch(text, -1) {
			if why := wrongTarget(path, m[1], ids); why != "" {
				t.Errorf("%s: %s %s", strings.TrimPrefix(path, site+"/"), m[1], why)
			}
		}
	}
}

// wrongTarget returns why a link of a page leads nowhere, or nothing.
func wrongTarget(page, target string, ids map[string]bool) string {
	if file, ok := strings.CutPrefix(target, source); ok {
		file, _, _ = strings.Cut(file, "#")
		if _, err := os.Stat(filepath.Join("../..", file)); err != nil {
			return "is no file of the repository"
		}
		return ""
	}
	if strings.Contains(target, "://") {
		return ""
	}
	file, anchor, hasAnchor := strings.Cut(target, "#")
	path := page
	if file != "" {
		path = filepath.Join(filepath.Dir(page), file)
	}
	if _, err := os.Stat(path); err != nil {
		return "leads to no page"
	}
	if hasAnchor && !ids[path+"#"+anchor] {
		return "leads to no part of that page"
	}
	return ""
}

// Blocks of code that nobody runs, and prompts of unknown hosts, are found.
func TestSteps(t *testing.T) {
	const page = "# Title\n\n```ini fleet:/root/a.ini\n[instances]\n```\n\n- text\n\n  ```console\n  fleet# zeekfleet deploy \\\n    a.ini\n  Deployed revision 7 …\n  …\n  3 nodes\n  sensor-1# true\n  ```\n"
	got, err := steps(page)
	if err != nil || len(got) != 3 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if s := got[0]; s.host != "fleet" || s.path != "/root/a.ini" || s.text != "[instances]\n" || s.line != 3 {
		t.Errorf("the file is %+v", s)
	}
	if s := got[1]; s.text != "zeekfleet deploy \\\n  a.ini" || s.missing("x\nDeployed  revision 12 after 1 s\nfoo\n 4 nodes\n") != "" {
		t.Errorf("the command is %+v", s)
	}
	for out, missing := range map[string]string{"4 nodes\nDeployed revision 1 .\n": "3 nodes", "Deployed revision x\n3 nodes": "Deployed revision 7 …"} {
		if got := got[1].missing(out); got != missing {
			t.Errorf("of %q %q is missing, want %q", out, got, missing)
		}
	}
	if got := complete("login --token zf1-…", "--token zf1-abc now\n--token zf1-def\n"); got != "login --token zf1-def" {
		t.Errorf("completed to %q", got)
	}
	for page, want := range map[string]string{
		"```text\nfleet# zeekfleet status\n```\n": "line 2: a command that no test runs",
		"```\nx\n```\n":           "line 1: the block has no language",
		"```console\nx\n```\n":    "line 2: a console begins with a prompt",
		"```ini sensor\nx\n```\n": "is not HOST:PATH",
		"a\n```console\n":         "line 2: the block has no end",
	} {
		if _, err := steps(page); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", page, err, want)
		}
	}
}
