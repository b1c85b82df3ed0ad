package mgmt

import (
	"encoding/hex"
	"fmt"
	"sort"
	"strings"
)

// BundleHash names the content of a bundle: "sha256:" and the 64 hex digits of the hash of
// its archive.
type BundleHash string

// bundleHashPrefix begins every BundleHash.
const bundleHashPrefix = "sha256:"

// NewBundleHash returns the name of the content with this SHA-256.
func NewBundleHash(sum [32]byte) BundleHash {
	return BundleHash(bundleHashPrefix + hex.EncodeToString(sum[:]))
}

// Check returns an error unless h has the form of a BundleHash.
func (h BundleHash) Check() error {
	digits, ok := strings.CutPrefix(string(h), bundleHashPrefix)
	if ok && len(digits) == 64 && !strings.ContainsFunc(digits, func(r rune) bool { return (r < '0' || '9' < r) && (r < 'a' || 'f' < r) }) {
		return nil
	}
	return fmt.Errorf("%.100q is not the hash of a bundle: it should be %s and 64 hex digits in lower case", string(h), bundleHashPrefix)
}

// Digits returns the hex digits of a hash that has the right form.
func (h BundleHash) Digits() string { return strings.TrimPrefix(string(h), bundleHashPrefix) }

// Short returns the beginning of h, for texts for people.
func (h BundleHash) Short() string { return string(h[:min(len(h), len(bundleHashPrefix)+12)]) }

// BundleKind says how nodes use a bundle.
type BundleKind string

// The kinds of bundles.
const (
	// ScriptBundle is in the nodes' ZEEKPATH. Other content restarts the nodes.
	ScriptBundle BundleKind = "scripts"
	// DataBundle has a path that stays the same. Other content restarts no node.
	DataBundle BundleKind = "data"
)

// Bundle is a directory tree that a node uses, under a name that is unique in a
// configuration.
type Bundle struct {
	Name string     `json:"name"`
	Kind BundleKind `json:"kind"`
	Hash BundleHash `json:"hash"`
}

// These constants bound bundles.
const (
	MaxBundleName = 60 // bytes
	MaxBundles    = 50 // of one node
)

// CheckBundleName returns an error unless name can be the name of a bundle. It becomes the
// name of a directory, on file systems that may not distinguish capital letters.
func CheckBundleName(name string) error {
	ok := name != "" && len(name) <= MaxBundleName && name[0] != '.' && name[0] != '-'
	for _, r := range name {
		ok = ok && (r == '_' || r == '-' || r == '.' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z')
	}
	if !ok {
		return fmt.Errorf("%.100q cannot be the name of a bundle: it may have up to %d of the characters a-z 0-9 _ - . and begins with a letter, a digit or _", name, MaxBundleName)
	}
	return nil
}

// check returns an error unless b can be a bundle.
func (b Bundle) check() error {
	if err := CheckBundleName(b.Name); err != nil {
		return err
	}
	if b.Kind != ScriptBundle && b.Kind != DataBundle {
		return fmt.Errorf("bundle %s has kind %.60q, not %s or %s", b.Name, string(b.Kind), ScriptBundle, DataBundle)
	}
	if err := b.Hash.Check(); err != nil {
		return fmt.Errorf("bundle %s: %w", b.Name, err)
	}
	return nil
}

// Bundles returns the bundles of all nodes of c, each once, sorted by name.
func (c Configuration) Bundles() []Bundle { return bundlesOf(c.Nodes) }

// BundlesOf returns the bundles of the nodes of one instance, each once, sorted by name.
func (c Configuration) BundlesOf(instance InstanceName) []Bundle {
	return bundlesOf(c.NodesOf(instance))
}

func bundlesOf(nodes []Node) []Bundle {
	var all []Bundle
	seen := map[Bundle]bool{}
	for _, n := range nodes {
		for _, b := range n.Bundles {
			if !seen[b] {
				seen[b] = true
				all = append(all, b)
			}
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name+" "+string(all[i].Hash) < all[j].Name+" "+string(all[j].Hash) })
	return all
}

// bundles refuses bundles that cannot be, and two bundles of one name: their content would
// have one path.
func (k *checker) bundles() {
	named := map[string]Bundle{}
	for _, n := range k.nodes {
		if len(n.Bundles) > MaxBundles {
			k.refuse("node '%s' has %d bundles, more than the limit of %d", printable(string(n.Name)), len(n.Bundles), MaxBundles)
			continue
		}
		seen := map[string]bool{}
		for _, b := range n.Bundles {
			if err := b.check(); err != nil {
				k.refuse("node '%s': %v", printable(string(n.Name)), err)
				continue
			}
			if seen[b.Name] {
				k.refuse("node '%s' has two bundles named %s", n.Name, b.Name)
			}
			seen[b.Name] = true
			if other, ok := named[b.Name]; ok && other != b {
				k.refuse("node '%s' has another bundle named %s than other nodes: all nodes of a configuration have the same", n.Name, b.Name)
			}
			named[b.Name] = b
		}
	}
}
