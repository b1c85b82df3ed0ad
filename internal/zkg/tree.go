package zkg

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/lazy"
)

// Config says which packages become a tree.
type Config struct {
	// State is zkg's state directory, such as Host.State returns it.
	State string
	// ZeekVersion is that of this host's Zeek, such as 8.2.2 or 8.2.2-debug. It is noted for
	// plugins that do not say for which Zeek they were built. It may be empty.
	ZeekVersion string
	// Bundle bounds the tree.
	Bundle bundle.Config
}

// Tree is what zkg has loaded, ready to be packed.
type Tree struct {
	Files  []bundle.File
	Origin bundle.Origin
	// LeftOut are links that lead to nothing.
	LeftOut []string
}

// Read returns the tree of the packages that zkg has loaded. zkg links directories and files
// of packages to where it has built them. The tree has their content instead.
func Read(cfg Config) (Tree, error) {
	m, err := readManifest(cfg.State)
	if err != nil {
		return Tree{}, err
	}
	if len(m.Installed) == 0 {
		return Tree{}, fmt.Errorf("zkg has loaded no packages (%s)", filepath.Join(cfg.State, manifestName))
	}
	c := collector{most: cfg.Bundle.MaxFiles(), host: cfg.ZeekVersion}
	for _, dir := range []string{cfg.State, m.ScriptDir, m.PluginDir} {
		real, err := filepath.EvalSymlinks(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Tree{}, err
		}
		if err == nil {
			c.within = append(c.within, real)
		}
	}
	const head = "# The packages that zkg had loaded.\n"
	// Zeek takes "@load packages" for the file packages.zeek before it takes it for the
	// directory. So that file names the packages itself: "@load ./packages" would be the
	// file again.
	top, load := head, head
	for _, p := range m.Installed {
		scripts, err := c.scripts(m, p)
		if err != nil {
			return Tree{}, fmt.Errorf("package %s: %w", p.Package.Name, err)
		}
		if scripts {
			top += "@load ./packages/" + p.Package.Name + "\n"
			load += "@load ./" + p.Package.Name + "\n"
		}
		plugins, err := c.plugins(m, p)
		if err != nil {
			return Tree{}, fmt.Errorf("package %s: %w", p.Package.Name, err)
		}
		if !scripts && !plugins {
			return Tree{}, fmt.Errorf("package %s has neither scripts in %s nor a plugin in %s", p.Package.Name, m.ScriptDir, m.PluginDir)
		}
		c.origin.Packages = append(c.origin.Packages, bundle.Package{Name: p.Package.Name, Version: p.Status.Version})
	}
	c.text("packages/__load__.zeek", load)
	c.text("packages.zeek", top)
	c.text(bundle.OriginFile, string(c.origin.Encode()))
	slices.Sort(c.left)
	return Tree{c.files, c.origin, c.left}, nil
}

// collector collects the files of a tree.
type collector struct {
	most   int
	host   string   // Zeek's version here
	within []string // zkg's directories, without links in their paths
	files  []bundle.File
	left   []string
	origin bundle.Origin
	from   string // the package that origin's version comes from
}

// scripts adds the scripts of a package, if it has any.
func (c *collector) scripts(m manifest, p install) (bool, error) {
	name := p.Package.Name
	dir, ok, err := directory(filepath.Join(m.ScriptDir, name))
	if err != nil || !ok {
		return false, err
	}
	if err := c.dir(dir, "packages/"+name, nil, func(string) bool { return false }); err != nil {
		return false, err
	}
	links := append([]string{name}, p.aliases()...)
	slices.Sort(links)
	for _, link := range slices.Compact(links) {
		c.files = append(c.files, bundle.File{Path: link, Mode: bundle.Link, Target: "packages/" + name})
	}
	return true, nil
}

// pluginMagic is the file that makes a directory a plugin.
const pluginMagic = "__zeek_plugin__"

// plugins adds the plugins of a package, if it has any. A package without one may
// still have a directory.
func (c *collector) plugins(m manifest, p install) (bool, error) {
	at := "plugins/" + p.Package.Name
	dir, ok, err := directory(filepath.Join(m.PluginDir, p.Package.Name))
	if err != nil || !ok {
		return false, err
	}
	skip := func(string) bool { return false }
	if _, err := os.Lstat(filepath.Join(dir, "CMakeCache.txt")); err == nil {
		skip = isBuildFile
	}
	start, left := len(c.files), len(c.left)
	if err := c.dir(dir, at, nil, skip); err != nil {
		return false, err
	}
	added := c.files[start:]
	if !slices.ContainsFunc(added, func(f bundle.File) bool { return path.Base(f.Path) == pluginMagic }) {
		c.files, c.left = c.files[:start], c.left[:left]
		return false, nil
	}
	for _, f := range added {
		if path.Base(path.Dir(f.Path)) != "lib" || !strings.HasSuffix(f.Path, ".so") {
			continue
		}
		if err := c.library(f, p.Package.Name); err != nil {
			return false, err
		}
	}
	return true, nil
}

// isBuildFile says whether a file of a directory in which a plugin was built is of no use to
// Zeek. Such files have paths of this host in them.
func isBuildFile(name string) bool {
	switch name {
	case "CMakeFiles", "CMakeCache.txt", "Makefile", "compile_commands.json", "build.ninja":
		return true
	}
	return slices.Contains([]string{".cmake", ".o", ".tgz"}, path.Ext(name))
}

// directory returns the path of a directory without links in it, and whether it exists.
func directory(dir string) (string, bool, error) {
	real, err := filepath.EvalSymlinks(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	return real, err == nil, err
}

// dir adds a directory of the disk at a path of the tree. above are the directories that
// contain it, as a node sees them.
func (c *collector) dir(dir, at string, above []string, skip func(name string) bool) error {
	above = append(slices.Clip(above), dir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == ".git" || skip(e.Name()) {
			continue
		}
		real, name := filepath.Join(dir, e.Name()), at+"/"+e.Name()
		if e.Type() == fs.ModeSymlink {
			if real, err = c.follow(real, name, above); err != nil {
				return err
			}
			if real == "" {
				continue
			}
		}
		info, err := os.Lstat(real)
		if err != nil {
			return err
		}
		if info.IsDir() {
			err = c.dir(real, name, above, skip)
		} else {
			err = c.file(real, name, info)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// follow returns where a link leads. If it leads to nothing, the path is empty.
func (c *collector) follow(link, name string, above []string) (string, error) {
	real, err := filepath.EvalSymlinks(link)
	if errors.Is(err, fs.ErrNotExist) {
		c.left = append(c.left, name)
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if !slices.ContainsFunc(c.within, func(dir string) bool { return real == dir || strings.HasPrefix(real, dir+"/") }) {
		return "", fmt.Errorf("%s is a link to %s, which is not in zkg's directories (%s); copy it into the package", link, real, strings.Join(c.within, ", "))
	}
	if slices.Contains(above, real) {
		return "", fmt.Errorf("%s is a link to a directory that contains it, %s", link, real)
	}
	return real, nil
}

func (c *collector) file(real, name string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is neither a file nor a directory (%v)", real, info.Mode().Type())
	}
	if len(c.files) >= c.most {
		return fmt.Errorf("the packages have more than %d files", c.most)
	}
	f := bundle.File{Path: name, Mode: bundle.Plain, Size: info.Size(), Open: func() (io.ReadCloser, error) { return durable.OpenRegular(real) }}
	if info.Mode()&0o100 != 0 {
		f.Mode = bundle.Executable
	}
	c.files = append(c.files, f)
	return nil
}

func (c *collector) text(name, text string) {
	c.files = append(c.files, bundle.File{Path: name, Mode: bundle.Plain, Size: int64(len(text)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(text)), nil
	}})
}

// maxLibrary bounds the libraries of plugins that we look into, in bytes.
const maxLibrary = 512 << 20

// versionFunction is a function of Zeek that each plugin calls. A plugin thereby fits one
// version only (src/plugin/Plugin.h, ZEEK_PLUGIN_ZEEK_VERSION).
var versionFunction = lazy.Regexp(`\x00zeek_version_(\d+)_(\d+)_(\d+)(?:_(\w+))?_plugin_(\d+)(_debug)?\x00`)

// library notes for which Zeek the library of a plugin was built.
func (c *collector) library(f bundle.File, pkg string) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, maxLibrary))
	if err != nil {
		return err
	}
	found, err := builtFor(text)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	if found.ZeekVersion == "" {
		found.ZeekVersion, found.DebugBuild = strings.CutSuffix(c.host, "-debug")
	}
	if was := c.origin; c.from != "" && (was.ZeekVersion != found.ZeekVersion || was.PluginAPI != found.PluginAPI || was.DebugBuild != found.DebugBuild) {
		return fmt.Errorf("its plugin was built for %s, and that of package %s for %s; build both for the same Zeek, with zkg install --force", named(found), c.from, named(was))
	}
	found.Packages = c.origin.Packages
	c.origin, c.from = found, pkg
	return nil
}

// builtFor returns the Zeek that a library was built for. A library may not say it.
func builtFor(library []byte) (bundle.Origin, error) {
	i := bytes.Index(library, []byte("\x00zeek_version_"))
	if i < 0 {
		return bundle.Origin{}, nil
	}
	match := versionFunction().FindSubmatch(library[i:min(i+200, len(library))])
	if match == nil {
		return bundle.Origin{}, errors.New("this zeekfleet does not understand for which version of Zeek it was built")
	}
	version := fmt.Sprintf("%s.%s.%s", match[1], match[2], match[3])
	if len(match[4]) > 0 {
		version += "-" + strings.ReplaceAll(string(match[4]), "_", ".")
	}
	api, err := strconv.Atoi(string(match[5]))
	return bundle.Origin{ZeekVersion: version, PluginAPI: api, DebugBuild: len(match[6]) > 0}, err
}

func named(o bundle.Origin) string {
	text := "Zeek " + o.ZeekVersion
	if o.DebugBuild {
		text += "-debug"
	}
	return fmt.Sprintf("%s (plugin API %d)", text, o.PluginAPI)
}
