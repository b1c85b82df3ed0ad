package bundle_test

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/durable/durabletest"
)

// foreign is an archive that somebody else's program has made.
func foreign(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		if h.Mode == 0 && h.Name != "" {
			h.Mode = 0o644
		}
		if h.ModTime.IsZero() && h.Name != "" {
			h.ModTime = time.Unix(0, 0)
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := w.Write(make([]byte, h.Size)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func reg(name string) tar.Header { return tar.Header{Typeflag: tar.TypeReg, Name: name} }

func symlink(name, target string) tar.Header {
	return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}
}

func typed(kind byte, name string) tar.Header { return tar.Header{Typeflag: kind, Name: name} }

// changed sets bytes of the first header of an archive, and its checksum.
func changed(archive []byte, at int, text string) []byte {
	b := bytes.Clone(archive)
	copy(b[at:], text)
	setSum(b[:512])
	return b
}

// setSum sets the checksum of a header.
func setSum(header []byte) {
	copy(header[148:], "        ")
	sum := 0
	for _, c := range header {
		sum += int(c)
	}
	copy(header[148:], fmt.Sprintf("%06o\x00 ", sum))
}

// withSums sets the checksums of all headers, as far as sizes lead to them. Otherwise a
// fuzzer would hardly get beyond the first one.
func withSums(archive []byte) []byte {
	b := bytes.Clone(archive)
	for at := 0; at+512 <= len(b) && !bytes.Equal(b[at:at+512], make([]byte, 512)); {
		setSum(b[at : at+512])
		size, err := strconv.ParseUint(strings.TrimRight(string(b[at+124:at+136]), "\x00"), 8, 32)
		if err != nil {
			break
		}
		at += 512 + int(size+511)/512*512
	}
	return b
}

// badArchive is an archive that must be refused.
type badArchive struct {
	archive []byte
	want    string // in the error
}

// hostile are archives whose files are not to be.
func hostile(t testing.TB) map[string]badArchive {
	one := foreign(t, reg("a"))
	long := strings.Repeat("x", 300)
	pax := reg("a")
	pax.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": "x"}
	gnu := reg(long)
	gnu.Format = tar.FormatGNU
	global := tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"path": "/etc/passwd"}}
	return map[string]badArchive{
		"nothing":                      {nil, "ends early"},
		"no files":                     {make([]byte, 1024), "no files"},
		"text":                         {bytes.Repeat([]byte("x"), 2048), "another format"},
		"an absolute path":             {foreign(t, reg("/etc/passwd")), "absolute"},
		"a path out":                   {foreign(t, reg("../x")), `part ".."`},
		"a path out through a prefix":  {changed(one, 345, ".."), `part ".."`},
		"a link out":                   {foreign(t, symlink("a", "../x")), "out of the bundle"},
		"a link to the root":           {foreign(t, symlink("a", "/")), "absolute"},
		"a file through a link":        {foreign(t, symlink("a", ".."), reg("a/x")), "a file and a directory"},
		"a file through a link within": {foreign(t, symlink("a", "b"), reg("a/x"), reg("b/y")), "a file and a directory"},
		"a link out through a link":    {foreign(t, symlink("d/a", ".."), symlink("d/b", "a/../x")), "out of the bundle"},
		"a file in place of a link":    {foreign(t, symlink("a", "../x"), reg("a")), "twice"},
		"a hard link":                  {foreign(t, reg("a"), tar.Header{Typeflag: tar.TypeLink, Name: "b", Linkname: "a"}), "neither a regular file"},
		"a character device":           {foreign(t, typed(tar.TypeChar, "a")), "neither a regular file"},
		"a block device":               {foreign(t, typed(tar.TypeBlock, "a")), "neither a regular file"},
		"a pipe":                       {foreign(t, typed(tar.TypeFifo, "a")), "neither a regular file"},
		"a directory":                  {foreign(t, typed(tar.TypeDir, "a/")), "neither a regular file"},
		"a directory as a file":        {changed(one, 0, "a/"), `part ""`},
		"an old type of file":          {changed(one, 156, "\x00"), "neither a regular file"},
		"a contiguous file":            {changed(one, 156, "7"), "neither a regular file"},
		"a sparse file":                {changed(one, 156, "S"), "neither a regular file"},
		"a pax header":                 {foreign(t, pax), "neither a regular file"},
		"a global pax header":          {foreign(t, global, reg("a")), "neither a regular file"},
		"a long name of GNU":           {foreign(t, gnu), "another format"},
		"GNU's magic":                  {changed(one, 257, "ustar  \x00"), "another format"},
		"duplicates":                   {foreign(t, reg("a"), reg("a")), "twice"},
		"another order":                {foreign(t, reg("b"), reg("a")), "out of order"},
		"capital letters":              {foreign(t, reg("A"), reg("a")), "capital letters"},
	}
}

// misspelled are archives that another program, or damage, has made of an acceptable tree.
func misspelled(t testing.TB) map[string]badArchive {
	one := foreign(t, reg("a"))
	dated := reg("a")
	dated.ModTime = time.Unix(1, 0)
	owned := reg("a")
	owned.Uid = 1
	named := reg("a")
	named.Uname = "root"
	setuid := reg("a")
	setuid.Mode = 0o4755
	full := tar.Header{Typeflag: tar.TypeReg, Name: "a", Size: 1}
	dirty := foreign(t, full)
	dirty[512+100] = 'x'
	base256 := string(binary.BigEndian.AppendUint64([]byte{0x80, 0, 0, 0}, 1<<40))
	return map[string]badArchive{
		"a time":                      {foreign(t, dated), "spelled in another way"},
		"an owner":                    {foreign(t, owned), "spelled in another way"},
		"a name of an owner":          {foreign(t, named), "spelled in another way"},
		"setuid":                      {foreign(t, setuid), "mode 4755"},
		"writable for all":            {changed(one, 100, "0000666\x00"), "mode 0666"},
		"a mode with blanks":          {changed(one, 100, " 000644\x00"), "mode is malformed"},
		"a size with blanks":          {changed(one, 124, "          0\x00"), "size is malformed"},
		"something after a name":      {changed(one, 2, "x"), "spelled in another way"},
		"something after the header":  {changed(one, 511, "x"), "spelled in another way"},
		"a target of a file":          {changed(one, 157, "x"), "spelled in another way"},
		"a short path with a prefix":  {changed(one, 345, "b"), "spelled in another way"},
		"a device number":             {changed(one, 329, "0000001\x00"), "spelled in another way"},
		"a wrong checksum":            {append(append(bytes.Clone(one[:148]), "000000"...), one[154:]...), "spelled in another way"},
		"a link with content":         {changed(foreign(t, symlink("a", "b"), reg("b")), 124, "00000000001\x00"), "no content"},
		"4 GiB":                       {changed(one, 124, "40000000000\x00"), "larger than the limit"},
		"all digits":                  {changed(one, 124, "77777777777\x00"), "larger than the limit"},
		"a binary size":               {changed(one, 124, base256), "size is malformed"},
		"a negative size":             {changed(one, 124, strings.Repeat("\xff", 12)), "size is malformed"},
		"a size that is not there":    {changed(one, 124, "00000002000\x00"), "ends early"},
		"a header that ends early":    {one[:511], "ends early"},
		"no end":                      {one[:512], "ends early"},
		"half an end":                 {one[:1024], "ends early"},
		"content that ends early":     {foreign(t, full)[:700], "ends early"},
		"something after the content": {dirty, "something follows its content"},
		"one block of zeros":          {append(bytes.Clone(one[:1024]), one...), "and then something else"},
		"a byte after the end":        {append(bytes.Clone(one), 0), "something follows the end"},
		"GNU tar's full record":       {append(bytes.Clone(one), make([]byte, 10240-len(one))...), "something follows the end"},
		"two archives":                {append(bytes.Clone(one), one...), "something follows the end"},
	}
}

func TestHostileArchivesAreRefused(t *testing.T) {
	if _, err := (bundle.Config{}).Read(bytes.NewReader(foreign(t, reg("a"))), nil); err != nil {
		t.Fatalf("the archive that the others are made from: %v", err)
	}
	all := hostile(t)
	maps.Copy(all, misspelled(t))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			_, err := bundle.Config{}.Read(bytes.NewReader(all[name].archive), nil)
			wantInvalid(t, err, all[name].want)
			unpackBesideCanaries(t, all[name].archive)
		})
	}
}

// header is the header of an empty file.
func emptyFile(t testing.TB, name string) []byte { return foreign(t, reg(name))[:512] }

// manyFiles is an archive that never ends.
type manyFiles struct {
	t    testing.TB
	n    int
	rest []byte
}

func (m *manyFiles) Read(b []byte) (int, error) {
	if len(m.rest) == 0 {
		m.rest = emptyFile(m.t, fmt.Sprintf("%09d", m.n))
		m.n++
	}
	n := copy(b, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

func TestAMillionFilesAreRefusedBeforeTheyAreRead(t *testing.T) {
	many := &manyFiles{t: t}
	_, err := bundle.Config{Files: 100}.Read(many, nil)
	wantInvalid(t, err, "more than 100 files")
	if many.n > 1000 {
		t.Errorf("%d files were read", many.n)
	}
}

// endless is a reader that fails if a reader trusts a size.
type endless struct{ n int64 }

func (e *endless) Read(b []byte) (int, error) {
	e.n += int64(len(b))
	return len(b), nil
}

func TestDeclaredSizesAreRefusedBeforeTheyAreRead(t *testing.T) {
	var rest endless
	_, err := bundle.Config{}.Read(io.MultiReader(bytes.NewReader(changed(foreign(t, reg("a"))[:512], 124, "40000000000\x00")), &rest), nil)
	wantInvalid(t, err, "larger than the limit")
	if rest.n > 1<<20 {
		t.Errorf("%d bytes were read", rest.n)
	}
}

// unpackBesideCanaries unpacks an archive, and fails the test if that writes anything
// outside of its directory, or if what is accepted is not what the archive says.
func unpackBesideCanaries(t *testing.T, archive []byte) {
	t.Helper()
	top := durabletest.Dir(t)
	for _, dir := range []string{"tree", "x"} {
		if err := os.Mkdir(filepath.Join(top, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a", "b", "x/a", "x/b", "passwd"} {
		if err := os.WriteFile(filepath.Join(top, name), []byte("canary"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := canaries(t, top)
	cfg := bundle.Config{Files: 100, Bytes: 1 << 20}
	contents, err := cfg.Read(bytes.NewReader(archive), nil)
	into := root(t, filepath.Join(top, "tree"))
	if err == nil {
		_, err = cfg.Unpack(bytes.NewReader(archive), contents.Hash, into)
		if err != nil {
			t.Errorf("Read accepts it, and Unpack says: %v", err)
		}
		checkTree(t, into, contents.Entries)
	} else if _, err = cfg.Unpack(bytes.NewReader(archive), contents.Hash, into); err == nil {
		t.Error("Unpack accepts what Read refuses")
	}
	if after := canaries(t, top); after != before {
		t.Errorf("outside of the directory, before:\n%safter:\n%s", before, after)
	}
}

// checkTree fails the test if a link leads out of an unpacked tree. The kernel follows it.
func checkTree(t *testing.T, into *os.Root, entries []bundle.Entry) {
	t.Helper()
	top, err := filepath.EvalSymlinks(into.Name())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		at, err := filepath.EvalSymlinks(filepath.Join(into.Name(), e.Path))
		if err != nil || (at != top && !strings.HasPrefix(at, top+"/")) {
			t.Errorf("%q leads to %q, %v", e.Path, at, err)
		}
	}
}

// canaries lists everything below top except what is in the directory tree.
func canaries(t *testing.T, top string) string {
	t.Helper()
	var list strings.Builder
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == "tree" {
			return filepath.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := ""
		if !d.IsDir() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text = string(b)
		}
		fmt.Fprintln(&list, strings.TrimPrefix(path, top), info.Mode(), text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list.String()
}

// FuzzArchive demands that what is accepted has one spelling, and that nothing is written
// outside of the directory.
func FuzzArchive(f *testing.F) {
	for _, row := range hostile(f) {
		f.Add(row.archive)
	}
	for _, row := range misspelled(f) {
		f.Add(row.archive)
	}
	archive, _ := pack(f, site()...)
	f.Add(archive)
	f.Fuzz(func(t *testing.T, archive []byte) {
		checkArchive(t, archive)
		checkArchive(t, withSums(archive))
	})
}

func checkArchive(t *testing.T, archive []byte) {
	unpackBesideCanaries(t, archive)
	var files []bundle.File
	contents, err := bundle.Config{}.Read(bytes.NewReader(archive), func(e bundle.Entry, r io.Reader) error {
		text, err := io.ReadAll(r)
		f := file(e.Path, string(text))
		f.Mode, f.Target = e.Mode, e.Target
		files = append(files, f)
		return err
	})
	if err != nil {
		return
	}
	again, packed := pack(t, files...)
	if !bytes.Equal(again, archive) || packed.Hash != contents.Hash {
		t.Error("the same tree has two archives")
	}
}

// FuzzTree demands that what Pack accepts is what Read accepts. The fuzzer fixes checksums
// and order less often than it finds paths and links.
func FuzzTree(f *testing.F) {
	f.Add("a\nb\nl>a")
	for _, row := range refused {
		var lines []string
		for _, file := range row.files {
			line := file.Path
			if file.Mode == bundle.Link {
				line += ">" + file.Target
			}
			lines = append(lines, line)
		}
		f.Add(strings.Join(lines, "\n"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		var files []bundle.File
		for line := range strings.SplitSeq(text, "\n") {
			if path, target, ok := strings.Cut(line, ">"); ok {
				files = append(files, link(path, target))
			} else {
				files = append(files, file(path, line))
			}
		}
		var b bytes.Buffer
		cfg := bundle.Config{Files: 50}
		contents, err := cfg.Pack(&b, files)
		if err != nil {
			return
		}
		if read, err := cfg.Read(bytes.NewReader(b.Bytes()), nil); err != nil || read.Hash != contents.Hash {
			t.Errorf("what was packed is refused: %v", err)
		}
		unpackBesideCanaries(t, b.Bytes())
	})
}
