package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/preflight"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// BundleDir returns the directory of a bundle's content. It never changes.
func BundleDir(stateDir string, hash mgmt.BundleHash) string {
	return filepath.Join(stateDir, "bundles", hash.Digits())
}

// DataDir returns the directory of bundles with data: each has its content in DataPath.
func DataDir(stateDir string) string { return filepath.Join(stateDir, "data") }

// DataPath returns where nodes find a bundle with data. The path stays the same when they
// are given other content.
func DataPath(stateDir, bundle string) string {
	return filepath.Join(DataDir(stateDir), bundle, "current")
}

// nodeBundles are the bundles of a node on this host.
type nodeBundles struct {
	scripts []zeek.BundleDir // in the order of the node
	data    string           // DataDir, "" if the node has no bundles
}

// findBundles returns the bundles of a node. An error names one that is not on this host.
func findBundles(stateDir string, n mgmt.Node) (nodeBundles, error) {
	var found nodeBundles
	for _, b := range n.Bundles {
		found.data = DataDir(stateDir)
		dir := BundleDir(stateDir, b.Hash)
		if err := isBundle(b, dir); err != nil {
			return nodeBundles{}, err
		}
		if b.Kind == mgmt.DataBundle {
			continue
		}
		info, err := os.Stat(filepath.Join(dir, zeek.BundlePlugins))
		found.scripts = append(found.scripts, zeek.BundleDir{Name: b.Name, Dir: dir, HasPlugins: err == nil && info.IsDir()})
	}
	return found, nil
}

// bundlesInPlace returns the bundles of a node that is to be launched: those with data must
// be where the node finds them.
func bundlesInPlace(stateDir string, n mgmt.Node) (nodeBundles, error) {
	found, err := findBundles(stateDir, n)
	for _, b := range n.Bundles {
		if err == nil && b.Kind == mgmt.DataBundle {
			err = isBundle(b, DataPath(stateDir, b.Name))
		}
	}
	if err != nil {
		return nodeBundles{}, fmt.Errorf("node %s: %w", n.Name, err)
	}
	return found, nil
}

func isBundle(b mgmt.Bundle, dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("bundle %s (%s) is not on this host: there is no directory %s; deploy again to fetch it", b.Name, b.Hash.Short(), dir)
	case err != nil:
		return fmt.Errorf("bundle %s: %w", b.Name, err)
	case !info.IsDir():
		return fmt.Errorf("bundle %s: %s is not a directory; remove it and deploy again", b.Name, dir)
	}
	return nil
}

// path puts the bundles with scripts before a search path of scripts.
func (b nodeBundles) path(before string) string {
	var dirs []string
	for _, s := range b.scripts {
		dirs = append(dirs, s.Dir)
	}
	if before != "" {
		dirs = append(dirs, before)
	}
	return strings.Join(dirs, string(filepath.ListSeparator))
}

// named returns the bundles for the messages of a preflight.
func (b nodeBundles) named() []preflight.Bundle {
	var list []preflight.Bundle
	for _, s := range b.scripts {
		list = append(list, preflight.Bundle{Name: s.Name, Dir: s.Dir})
	}
	return list
}

// checkPlugins returns an error if a bundle has plugins that were compiled for another
// Zeek than this one. Zeek loads only plugins for exactly its own version.
func (b nodeBundles) checkPlugins(version zeek.Version) error {
	for _, s := range b.scripts {
		if !s.HasPlugins {
			continue
		}
		built, err := pluginsFor(s.Dir)
		if err != nil {
			return fmt.Errorf("bundle %s: %w", s.Name, err)
		}
		if built == (zeek.Version{}) || built == version {
			continue
		}
		return fmt.Errorf("bundle %s has plugins for Zeek %s, and this host has Zeek %s: make the bundle anew with that Zeek, or install Zeek %s here", s.Name, built, version, built)
	}
	return nil
}

// pluginsFor returns the version of Zeek for which the plugins of a bundle were compiled,
// and the zero Version if the bundle does not say it.
func pluginsFor(dir string) (zeek.Version, error) {
	origin, err := bundle.ReadOrigin(dir)
	if err != nil || origin.ZeekVersion == "" {
		return zeek.Version{}, err
	}
	version, err := zeek.ParseVersion(origin.ZeekVersion)
	if err != nil {
		return zeek.Version{}, fmt.Errorf("read %s of the bundle: %w", bundle.OriginFile, err)
	}
	return version, nil
}
