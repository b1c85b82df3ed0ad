package bundle_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/bundle"
)

// write makes files below dir. A name with a slash at its end is a directory, and one with
// -> is a link.
func write(t testing.TB, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		name, target, isLink := strings.Cut(name, "->")
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		switch {
		case err != nil:
		case isLink:
			err = os.Symlink(target, path)
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o755)
		default:
			err = os.WriteFile(path, []byte("text of "+name), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func ignore(t testing.TB, dir, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, bundle.IgnoreFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func paths(t testing.TB, dir string) []string {
	t.Helper()
	files, err := bundle.Config{}.Dir(root(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range files {
		all = append(all, f.Path)
	}
	return all
}

func TestWhatIsLeftOut(t *testing.T) {
	names := []string{
		".git/config", "sub/.git", ".gitignore", "a.bak", "a.zeek", "deep/er/a.bak", "deep/er/a.zeek", "doc/a.md", "doc/b/c/a.md",
		"empty/", "keep.bak", "notes", "sub/notes", "tests/a.zeek", "sub/tests", "x1", "x10", "#", "l->a.zeek",
	}
	all := []string{
		"#", ".gitignore", "a.bak", "a.zeek", "deep/er/a.bak", "deep/er/a.zeek", "doc/a.md", "doc/b/c/a.md",
		"keep.bak", "l", "notes", "sub/notes", "sub/tests", "tests/a.zeek", "x1", "x10",
	}
	for name, tt := range map[string]struct {
		text string
		out  []string
	}{
		"nothing":                           {"", nil},
		"comments and blanks":               {"# a.bak\n\n   \n", nil},
		"a name anywhere":                   {"notes\n", []string{"notes", "sub/notes"}},
		"a name at the top":                 {"/notes", []string{"notes"}},
		"a path":                            {"sub/notes  \r\n", []string{"sub/notes"}},
		"a path is at the top":              {"er/a.bak", nil},
		"a star":                            {"*.bak", []string{"a.bak", "keep.bak", "deep/er/a.bak"}},
		"a star stays within a part":        {"deep/*.bak", nil},
		"a question mark":                   {"x?", []string{"x1"}},
		"a class":                           {"x[0-9]?", []string{"x10"}},
		"directories only":                  {"tests/", []string{"tests/a.zeek"}},
		"files and directories":             {"tests", []string{"tests/a.zeek", "sub/tests"}},
		"two stars ahead":                   {"**/a.bak", []string{"a.bak", "deep/er/a.bak"}},
		"two stars within":                  {"doc/**/a.md", []string{"doc/a.md", "doc/b/c/a.md"}},
		"two stars behind":                  {"deep/**", []string{"deep/er/a.bak", "deep/er/a.zeek"}},
		"two stars alone":                   {"**", all},
		"the last one decides":              {"*.bak\n!keep.bak", []string{"a.bak", "deep/er/a.bak"}},
		"the last one decides again":        {"!keep.bak\n*.bak", []string{"a.bak", "keep.bak", "deep/er/a.bak"}},
		"nothing of a directory comes back": {"deep\n!deep/er/a.zeek", []string{"deep/er/a.bak", "deep/er/a.zeek"}},
		"a directory with an exception":     {"deep/er/*\n!deep/er/a.zeek", []string{"deep/er/a.bak"}},
		"an escaped #":                      {`\#`, []string{"#"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, names...)
			ignore(t, dir, tt.text)
			out := map[string]bool{}
			for _, path := range tt.out {
				out[path] = true
			}
			var want []string
			for _, path := range all {
				if !out[path] {
					want = append(want, path)
				}
			}
			if diff := cmp.Diff(want, paths(t, dir)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPatternsThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"a\n[b":                     `line 2: "[b": it is no pattern`,
		"a//b":                      "a part of the pattern is empty",
		"/":                         "a part of the pattern is empty",
		"a/**/**/b":                 "** follows **",
		strings.Repeat("a\n", 1001): "more than 1000 patterns",
		strings.Repeat("a", 65537):  "more than 65536 bytes",
	} {
		dir := t.TempDir()
		ignore(t, dir, text)
		_, err := bundle.Config{}.Dir(root(t, dir))
		wantInvalid(t, err, want)
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg  bundle.Config
		make func(dir string) error
		want string
	}{
		"a pipe": {bundle.Config{}, func(dir string) error { return unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600) }, `"pipe": it is neither a file`},
		"a socket": {bundle.Config{}, func(dir string) error {
			ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unix"})
			if err == nil {
				ln.SetUnlinkOnClose(false)
				err = ln.Close()
			}
			return err
		}, `"s": it is neither a file`},
		"files": {bundle.Config{Files: 1}, func(dir string) error { write(t, dir, "a", "b"); return nil }, "more than 1 files"},
		"dirs":  {bundle.Config{Dirs: 1}, func(dir string) error { write(t, dir, "a/", "b/"); return nil }, "more than 1 directories"},
		"depth": {bundle.Config{Depth: 2}, func(dir string) error { write(t, dir, "a/b/c/"); return nil }, "more than 2 directories deep"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := tt.make(dir); err != nil {
				t.Fatal(err)
			}
			_, err := tt.cfg.Dir(root(t, dir))
			wantInvalid(t, err, tt.want)
		})
	}
}

// A directory that is just within the limits is listed.
func TestDirectoriesAtTheLimits(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a/b")
	if files, err := (bundle.Config{Files: 1, Dirs: 1, Depth: 2}).Dir(root(t, dir)); err != nil || len(files) != 1 {
		t.Errorf("got %v, %v", files, err)
	}
}

// Between listing and packing somebody may put something else at a path.
func TestAPipeInPlaceOfAFileDoesNotBlock(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a")
	files, err := bundle.Config{}.Dir(root(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "a")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := files[0].Open(); err == nil || !strings.Contains(err.Error(), "has changed") {
		t.Errorf("got %v", err)
	}
}

func TestOrigin(t *testing.T) {
	dir := t.TempDir()
	if o, err := bundle.ReadOrigin(dir); err != nil || o.ZeekVersion != "" {
		t.Errorf("without a file: %+v, %v", o, err)
	}
	want := bundle.Origin{ZeekVersion: "8.2.2", PluginAPI: 7, DebugBuild: true, Packages: []bundle.Package{{"zeek/foo", "v1"}, {"bar", ""}}}
	if err := os.WriteFile(filepath.Join(dir, bundle.OriginFile), want.Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := bundle.ReadOrigin(dir)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	// The file of each form that was ever released is read for ever.
	form1, err := os.ReadFile("testdata/form1.zeekfleet-bundle.json")
	if err != nil {
		t.Fatal(err)
	}
	got, err = bundle.ParseOrigin(form1)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("form 1: %v\n%s", err, diff)
	}
	for _, text := range []string{"", "{}", `{"version":2}`, `{"version":1,"other":1}`, "null"} {
		if _, err := bundle.ParseOrigin([]byte(text)); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}

func TestPluginsFitOneZeekOnly(t *testing.T) {
	plugins := bundle.Origin{ZeekVersion: "8.2.2", PluginAPI: 7}
	debug := bundle.Origin{ZeekVersion: "8.3.0-dev.12", DebugBuild: true}
	for _, tt := range []struct {
		origin  bundle.Origin
		version string
		want    string
	}{
		{bundle.Origin{}, "8.2.2", ""},
		{plugins, "8.2.2", ""},
		{plugins, "8.2.1", "its plugins were built for Zeek 8.2.2, and this host has Zeek 8.2.1; make the bundle with that version, or install Zeek 8.2.2 here"},
		{plugins, "8.2.2-debug", "were built for Zeek 8.2.2, and this host has Zeek 8.2.2-debug;"},
		{debug, "8.3.0-dev.12-debug", ""},
		{debug, "8.3.0-dev.12", "were built for Zeek 8.3.0-dev.12-debug, and"},
	} {
		err := tt.origin.CheckZeek(tt.version)
		if (err == nil) != (tt.want == "") || (err != nil && !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%+v in %s: got %v, want %q", tt.origin, tt.version, err, tt.want)
		}
	}
}
