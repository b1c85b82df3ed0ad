package fakezeek

import (
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// checkBundles checks where bundles are in the search paths of scripts and plugins, and
// that each has the content that its directory's name says. Zeek itself does not: it would
// not find a script, or find another one.
func (z *zeek) checkBundles() error {
	dirs := z.scriptPath()
	var plugins []string
	for i, dir := range dirs {
		if !isBundle(dir) {
			continue
		}
		if next := dirs[i+1:]; len(next) == 0 || next[0] != z.scriptDir()+"/site" && !isBundle(next[0]) {
			return fatalf("ZEEKPATH has the bundle %s, and the scripts of the site do not follow", dir)
		}
		if err := checkContent(dir); err != nil {
			return err
		}
		if info, err := os.Stat(filepath.Join(dir, "plugins")); err == nil && info.IsDir() {
			plugins = append(plugins, filepath.Join(dir, "plugins"))
		}
	}
	found := filepath.SplitList(z.env("ZEEK_PLUGIN_PATH"))
	if len(found) < len(plugins) || !slices.Equal(found[:len(plugins)], plugins) {
		return fatalf("ZEEK_PLUGIN_PATH is %q, and the plugins of bundles are in %q", found, plugins)
	}
	for _, dir := range found[len(plugins):] {
		if isBundle(filepath.Dir(dir)) {
			return fatalf("ZEEK_PLUGIN_PATH has the bundle %s, which is not in ZEEKPATH", dir)
		}
	}
	return nil
}

// isBundle tells whether a directory is one in which an agent keeps a bundle: its name is
// the hash of its content.
func isBundle(dir string) bool {
	return filepath.Base(filepath.Dir(dir)) == "bundles" && hashOf(dir).Check() == nil
}

func hashOf(dir string) mgmt.BundleHash { return mgmt.BundleHash("sha256:" + filepath.Base(dir)) }

func checkContent(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fatalf("ZEEKPATH has the bundle %s, which is not there: %v", dir, err)
	}
	defer root.Close()
	var cfg bundle.Config
	files, err := cfg.Dir(root)
	if err != nil {
		return fatalf("the bundle %s cannot be read: %v", dir, err)
	}
	contents, err := cfg.Pack(io.Discard, files)
	if err != nil {
		return fatalf("the bundle %s cannot be read: %v", dir, err)
	}
	if contents.Hash != hashOf(dir) {
		return fatalf("the bundle %s has the content of %s", dir, contents.Hash)
	}
	return nil
}
