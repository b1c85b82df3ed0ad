package bundle_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/durable/durabletest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// file is a File with a text.
func file(path, text string) bundle.File {
	return bundle.File{Path: path, Mode: bundle.Plain, Size: int64(len(text)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(text)), nil
	}}
}

func program(path, text string) bundle.File {
	f := file(path, text)
	f.Mode = bundle.Executable
	return f
}

func link(path, target string) bundle.File {
	return bundle.File{Path: path, Mode: bundle.Link, Target: target}
}

// site is a tree with everything that a tree can have.
func site() []bundle.File {
	return []bundle.File{
		file("local.zeek", "@load ./lib\n"),
		program("tools/run", "#!/bin/sh\n"),
		file("lib/__load__.zeek", strings.Repeat("# a script\n", 100)),
		file("lib/empty", ""),
		file("lib/"+strings.Repeat("d/", 20)+strings.Repeat("x", 90), "far"),
		link("main.zeek", "lib/./__load__.zeek"),
		link("lib/up", "../tools/"),
		link("all", "lib/up/run"),
	}
}

func pack(t testing.TB, files ...bundle.File) ([]byte, bundle.Contents) {
	t.Helper()
	var b bytes.Buffer
	contents, err := bundle.Config{}.Pack(&b, files)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), contents
}

func root(t testing.TB, dir string) *os.Root {
	t.Helper()
	r, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func TestATreeComesBackAsItWas(t *testing.T) {
	archive, packed := pack(t, site()...)
	if packed.Size != int64(len(archive)) {
		t.Errorf("the size is %d, the archive has %d bytes", packed.Size, len(archive))
	}
	read, err := bundle.Config{}.Read(bytes.NewReader(archive), nil)
	if diff := cmp.Diff(packed, read); diff != "" || err != nil {
		t.Errorf("read: %v\n%s", err, diff)
	}
	dir := t.TempDir()
	unpacked, err := bundle.Config{}.Unpack(bytes.NewReader(archive), packed.Hash, root(t, dir))
	if diff := cmp.Diff(packed, unpacked); diff != "" || err != nil {
		t.Errorf("unpacked: %v\n%s", err, diff)
	}
	files, err := bundle.Config{}.Dir(root(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	again, _ := pack(t, files...)
	if !bytes.Equal(again, archive) {
		t.Error("the unpacked directory has another archive")
	}
}

// The hash of a tree is in every revision that uses it. It never changes.
func TestTheHashOfATreeIsForEver(t *testing.T) {
	_, contents := pack(t, site()...)
	const want mgmt.BundleHash = "sha256:126660c65cfebf54ce4c9845bf9863a46c16465018cb43bbc79c9544e4330638"
	if contents.Hash != want {
		t.Errorf("got %s, want %s", contents.Hash, want)
	}
}

func TestTheOrderOfTheFilesDoesNotMatter(t *testing.T) {
	one, _ := pack(t, site()...)
	files := site()
	slices.Reverse(files)
	other, _ := pack(t, files...)
	if !bytes.Equal(one, other) {
		t.Error("another order gives another archive")
	}
}

// Whoever has nothing but an archive can look into it.
func TestTarReadsArchives(t *testing.T) {
	archive, _ := pack(t, site()...)
	dir := t.TempDir()
	tar := exec.Command("tar", "-x", "-C", dir)
	tar.Stdin = bytes.NewReader(archive)
	if out, err := tar.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v: %s", err, out)
	}
	files, err := bundle.Config{}.Dir(root(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	again, _ := pack(t, files...)
	if !bytes.Equal(again, archive) {
		t.Error("what tar has unpacked has another archive")
	}
}

func TestUnpackedFilesHaveTheirModesWhateverTheUmaskIs(t *testing.T) {
	archive, contents := pack(t, file("dir/plain", "a"), program("dir/program", "b"))
	dir := t.TempDir()
	mask := unix.Umask(0o077)
	_, err := bundle.Config{}.Unpack(bytes.NewReader(archive), contents.Hash, root(t, dir))
	unix.Umask(mask)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{"dir": os.ModeDir | 0o755, "dir/plain": 0o644, "dir/program": 0o755} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: got %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
}

func TestAnotherHashIsRefused(t *testing.T) {
	archive, _ := pack(t, file("a", "a"))
	_, other := pack(t, file("a", "b"))
	wantInvalid(t, func() error {
		_, err := bundle.Config{}.Verify(bytes.NewReader(archive), other.Hash, nil)
		return err
	}(), "has the hash")
}

func TestDiff(t *testing.T) {
	_, before := pack(t, file("changed", "a"), file("gone", "a"), file("same", "a"), link("same-link", "same"), link("link", "same"), file("mode", "x"), file("zz", ""))
	_, after := pack(t, file("changed", "b"), file("new", "a"), file("same", "a"), link("same-link", "same"), link("link", "new"), program("mode", "x"))
	want := bundle.Difference{Added: []string{"new"}, Removed: []string{"gone", "zz"}, Changed: []string{"changed", "link", "mode"}}
	if diff := cmp.Diff(want, bundle.Diff(before.Entries, after.Entries)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(bundle.Difference{}, bundle.Diff(after.Entries, after.Entries)); diff != "" {
		t.Error(diff)
	}
}

// wantInvalid fails the test unless err is an InvalidError that says want.
func wantInvalid(t *testing.T, err error, want string) {
	t.Helper()
	if _, ok := errors.AsType[*bundle.InvalidError](err); !ok || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want an InvalidError that says %q", err, want)
	}
}

// refused are trees that cannot be.
var refused = map[string]struct {
	files []bundle.File
	want  string
}{
	"no files":                       {nil, "no files"},
	"an empty path":                  {[]bundle.File{file("", "")}, "an empty path"},
	"an absolute path":               {[]bundle.File{file("/etc/passwd", "")}, "absolute"},
	"a path out of the tree":         {[]bundle.File{file("../x", "")}, `has the part ".."`},
	"a path out and in":              {[]bundle.File{file("a/../x", "")}, `has the part ".."`},
	"a dot":                          {[]bundle.File{file("./x", "")}, `has the part "."`},
	"an empty part":                  {[]bundle.File{file("a//x", "")}, `has the part ""`},
	"a slash at the end":             {[]bundle.File{file("a/", "")}, `has the part ""`},
	"a NUL":                          {[]bundle.File{file("a\x00b", "")}, "control character"},
	"another direction of text":      {[]bundle.File{file("a\u202egpj.zeek", "")}, `cannot be seen: "a\u202egpj.zeek"`},
	"a space without width":          {[]bundle.File{file("local\u200b.zeek", "")}, `cannot be seen: "local\u200b.zeek"`},
	"the end of a line":              {[]bundle.File{file("a\u2028b", "")}, "cannot be seen"},
	"a link with a hidden character": {[]bundle.File{file("b", ""), link("a", "b\ufeff")}, "cannot be seen"},
	"a newline":                      {[]bundle.File{file("a\nb", "")}, "control character"},
	"a backslash":                    {[]bundle.File{file(`a\b`, "")}, "backslash"},
	"no UTF-8":                       {[]bundle.File{file("a\xff", "")}, "UTF-8"},
	"a duplicate":                    {[]bundle.File{file("a", ""), file("a", "")}, "twice"},
	"a file that is a directory":     {[]bundle.File{file("a", ""), file("a-", ""), file("a/b", "")}, "a file and a directory"},
	"a link that is a directory":     {[]bundle.File{link("a", "b"), file("b/c", ""), file("a/b", "")}, "a file and a directory"},
	"capital letters":                {[]bundle.File{file("Local.zeek", ""), file("local.zeek", "")}, "capital letters only"},
	"capital letters of a directory": {[]bundle.File{file("A/x", ""), file("a/y", "")}, "capital letters only"},
	"capital letters beyond ASCII":   {[]bundle.File{file("ſ", ""), file("S", "")}, "capital letters only"},
	"a last part that is too long":   {[]bundle.File{file(strings.Repeat("x", 101), "")}, "a part that is too long"},
	"a directory that is too long":   {[]bundle.File{file(strings.Repeat("x", 156)+"/"+strings.Repeat("y", 90), "")}, "a part that is too long"},
	"an absolute link":               {[]bundle.File{link("a", "/etc")}, "absolute"},
	"an empty link":                  {[]bundle.File{link("a", "")}, "link to nothing"},
	"a link with a newline":          {[]bundle.File{link("a", "b\n")}, "control character"},
	"a link out":                     {[]bundle.File{link("a", "../x")}, "out of the bundle"},
	"a link out and in":              {[]bundle.File{link("a", "../x/b"), file("b", "")}, "out of the bundle"},
	"a link out of a directory":      {[]bundle.File{link("d/a", "../../x")}, "out of the bundle"},
	"a link out through a link": {
		[]bundle.File{link("x/y/up", "../../d"), file("d/f", ""), link("x/a", "y/up/../..")}, "out of the bundle",
	},
	"a link that dangles":           {[]bundle.File{link("a", "b")}, "not in the bundle"},
	"a link through what is not":    {[]bundle.File{link("a", "none/../b"), file("b", "")}, "not in the bundle"},
	"a link through a file":         {[]bundle.File{link("a", "b/../b"), file("b", "")}, "as a directory"},
	"a link to a file with a slash": {[]bundle.File{link("a", "b/"), file("b", "")}, "as a directory"},
	"a link to itself":              {[]bundle.File{link("a", "a")}, "leads to itself"},
	"links in a circle":             {[]bundle.File{link("a", "b"), link("b", "c"), link("c", "a")}, "leads to itself"},
}

func TestTreesThatAreRefused(t *testing.T) {
	for name, tt := range refused {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			_, err := bundle.Config{}.Pack(&b, tt.files)
			wantInvalid(t, err, tt.want)
			if b.Len() > 0 {
				t.Error("a part of an archive was written")
			}
		})
	}
}

// Each limit has a tree that just fits, and one that does not.
func TestLimitsOfATree(t *testing.T) {
	// The first link of a chain is checked first, or last.
	chain := func(n int, name func(i int) string) []bundle.File {
		files := []bundle.File{file("end", "")}
		target := "end"
		for i := range n {
			files = append(files, link(name(i), target))
			target = name(i)
		}
		return files
	}
	ahead := func(i int) string { return fmt.Sprintf("link-%02d", 99-i) }
	behind := func(i int) string { return fmt.Sprintf("link-%02d", i) }
	for name, tt := range map[string]struct {
		cfg       bundle.Config
		most, not []bundle.File
		want      string
	}{
		"files":                      {bundle.Config{Files: 2}, []bundle.File{file("a", ""), link("b", "a")}, []bundle.File{file("a", ""), file("b", ""), link("c", "a")}, "more than 2 files"},
		"dirs":                       {bundle.Config{Dirs: 2}, []bundle.File{file("a/b/c", ""), file("a/d", ""), file("x", "")}, []bundle.File{file("a/b/c", ""), file("a/d/e", "")}, "more than 2 directories"},
		"bytes":                      {bundle.Config{Bytes: 4 * 512}, []bundle.File{file("a", strings.Repeat("x", 512))}, []bundle.File{file("a", strings.Repeat("x", 513))}, "limit of 2048"},
		"path":                       {bundle.Config{Path: 3}, []bundle.File{file("a/b", "")}, []bundle.File{file("a/bc", "")}, "limit of 3"},
		"target":                     {bundle.Config{Target: 2}, []bundle.File{link("a", "bc"), file("bc", "")}, []bundle.File{link("a", "bcd"), file("bcd", "")}, "limit of 2"},
		"depth":                      {bundle.Config{Depth: 2}, []bundle.File{file("a/b", "")}, []bundle.File{file("a/b/c", "")}, "limit of 2"},
		"links, the first one ahead": {bundle.Config{}, chain(20, ahead), chain(21, ahead), "more than 20 links"},
		"links, the first one last":  {bundle.Config{}, chain(20, behind), chain(21, behind), "more than 20 links"},
		"default path": {
			bundle.Config{},
			[]bundle.File{file(strings.Repeat("d/", 77)[:154]+"x/"+strings.Repeat("y", 99), "")}, []bundle.File{file(strings.Repeat("x", 155)+"/"+strings.Repeat("y", 100), "")}, "limit of 255",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "default path" {
				tt.cfg.Depth = 100
			}
			var b, all bytes.Buffer
			if _, err := tt.cfg.Pack(&b, tt.most); err != nil {
				t.Errorf("at the limit: %v", err)
			}
			if _, err := tt.cfg.Read(&b, nil); err != nil {
				t.Errorf("at the limit, reading: %v", err)
			}
			_, err := tt.cfg.Pack(io.Discard, tt.not)
			wantInvalid(t, err, tt.want)
			if strings.HasPrefix(name, "links") || name == "default path" {
				return
			}
			if _, err := (bundle.Config{}).Pack(&all, tt.not); err != nil {
				t.Fatal(err)
			}
			_, err = tt.cfg.Read(&all, nil)
			wantInvalid(t, err, tt.want)
		})
	}
}

func TestAFileThatChangesWhileItIsPacked(t *testing.T) {
	for _, declared := range []int64{2, 4} {
		f := file("a", "abc")
		f.Size = declared
		if _, err := (bundle.Config{}).Pack(io.Discard, []bundle.File{f}); err == nil || !strings.Contains(err.Error(), "has changed") {
			t.Errorf("of %d bytes: got %v", declared, err)
		}
	}
}

// Each file is synced, or all of them at once if there are many. In both cases nothing is
// written after that.
func TestWhatIsUnpackedIsSynced(t *testing.T) {
	for _, n := range []int{499, 500} {
		files := make([]bundle.File, n)
		for i := range files {
			files[i] = file(fmt.Sprintf("dir-%d/%d", i%2, i), "text")
		}
		archive, contents := pack(t, files...)
		synced, written := map[string]bool{}, 0
		cfg := bundle.Config{Before: func(operation, path string) error {
			if operation != "sync" && operation != "syncfs" {
				written++
				if len(synced) > 0 {
					t.Errorf("%s %s after it was synced", operation, path)
				}
				return nil
			}
			synced[operation+" "+path] = true
			return nil
		}}
		if _, err := cfg.Unpack(bytes.NewReader(archive), contents.Hash, root(t, durabletest.Dir(t))); err != nil {
			t.Fatal(err)
		}
		if want := 2*n + 2; written != want { // each is created and written
			t.Errorf("of %d files: %d operations, want %d", n, written, want)
		}
		if n < 500 && (len(synced) != n+3 || !synced["sync dir-1/1"] || !synced["sync dir-0"] || !synced["sync ."]) {
			t.Errorf("of %d files %d were synced", n, len(synced))
		}
		if n >= 500 && (len(synced) != 1 || !synced["syncfs ."]) {
			t.Errorf("of %d files these were synced: %v", n, synced)
		}
	}
}
