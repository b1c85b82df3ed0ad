package clusterfile

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/ini"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// bundlePrefix begins the name of a section that describes a bundle.
const bundlePrefix = "bundle "

// bundleKeys are all keys that a bundle's section may have, sorted.
var bundleKeys = []string{"hash", "kind", "load", "nodes", "path"}

// isBundle reports whether s describes a bundle. zeek-client takes such a section for a node
// if it says a role.
func (p *clusterParser) isBundle(s *ini.Section) bool {
	return strings.HasPrefix(s.Name, bundlePrefix) &&
		!(p.AsZeekClient && (p.file.Lookup(s, "role") != nil || p.file.Lookup(s, "type") != nil || p.file.Lookup(s, "command") != nil))
}

// bundleReader reads the section of a bundle. It keeps the first error.
type bundleReader struct {
	*clusterParser
	section *ini.Section
	err     error
}

func (r *bundleReader) fail(key, format string, args ...any) {
	line := r.section.Line
	if e := r.section.ByKey[key]; e != nil {
		line = e.Line
	}
	r.err = cmp.Or(r.err, r.file.ErrorAt(line, "[%s]: "+format, append([]any{ini.Clip(r.section.Name)}, args...)...))
}

// text returns the value of a key of the section itself, or nothing.
func (r *bundleReader) text(key string) string {
	e := r.section.ByKey[key]
	if e == nil {
		return ""
	}
	value, err := r.value(r.section, e)
	switch {
	case err != nil:
		r.err = cmp.Or(r.err, err)
		return ""
	case value == nil || *value == "":
		r.fail(key, "%s has no value", ini.Quote(key))
		return ""
	case strings.Contains(*value, "\n") && key != "nodes" && key != "load":
		r.fail(key, "%s has more than one line", ini.Quote(key))
	case ini.TrailingComment(e) != "":
		r.fail(key, "%s would be part of the value: a comment needs a line of its own", ini.Quote(ini.TrailingComment(e)))
	}
	return *value
}

func (r *bundleReader) words(key string) []string {
	words, err := ini.SplitWords(r.text(key))
	if err != nil {
		r.fail(key, "%s: %v", key, err)
	}
	return words
}

// bundles gives the nodes their bundles, in the order of the file.
func (p *clusterParser) bundles() error {
	named := p.byNodeName()
	for _, s := range p.file.Sections {
		if !p.isBundle(s) {
			continue
		}
		r := bundleReader{clusterParser: p, section: s}
		r.refuseUnknown()
		name := strings.TrimSpace(strings.TrimPrefix(s.Name, bundlePrefix))
		if err := mgmt.CheckBundleName(name); err != nil {
			r.fail("", "%v", err)
		}
		b := mgmt.Bundle{Name: name, Kind: r.kind()}
		nodes, load := r.nodes(b.Kind), r.load(b.Kind)
		if r.err == nil {
			b.Hash = r.hash(name)
		}
		if r.err != nil {
			return r.err
		}
		for _, node := range nodes {
			n := named[node]
			n.Bundles = append(n.Bundles, b)
			if len(load) > 0 {
				n.Scripts = append(slices.Clip(n.Scripts), load...)
				slices.Sort(n.Scripts)
				n.Scripts = slices.Compact(n.Scripts)
			}
			if err := p.count(s.Line, name, len(name)+len(b.Hash)+len(strings.Join(load, " "))); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *bundleReader) refuseUnknown() {
	for _, e := range r.section.Entries {
		if !slices.Contains(bundleKeys, e.Key) && !e.Referred {
			r.fail(e.Key, "unknown key %s%s", ini.Quote(e.Key),
				cmp.Or(ini.DidYouMean(mgmt.Nearest(e.Key, bundleKeys)), "; there are "+strings.Join(bundleKeys, ", ")))
		}
	}
}

func (r *bundleReader) kind() mgmt.BundleKind {
	text := r.text("kind")
	kind := cmp.Or(mgmt.BundleKind(text), mgmt.ScriptBundle)
	if kind != mgmt.ScriptBundle && kind != mgmt.DataBundle {
		r.fail("kind", "kind %s is neither %s nor %s", ini.Quote(text), mgmt.ScriptBundle, mgmt.DataBundle)
	}
	return kind
}

// nodes returns the nodes that have the bundle. Without a list these are all nodes; a program
// in place of Zeek needs no scripts.
func (r *bundleReader) nodes(kind mgmt.BundleKind) []mgmt.NodeName {
	if r.section.ByKey["nodes"] == nil {
		names := r.zeekNodes()
		if kind == mgmt.DataBundle {
			names = nil
			for _, n := range r.config.Nodes {
				names = append(names, n.Name)
			}
		}
		if len(names) == 0 {
			r.warn(r.section.Line, "[%s] has no effect: there are no nodes", ini.Clip(r.section.Name))
		}
		return names
	}
	names, err := r.selected(r.words("nodes"))
	if err != nil {
		r.fail("nodes", "%v", err)
	}
	return names
}

// load returns the scripts that the nodes of the bundle load.
func (r *bundleReader) load(kind mgmt.BundleKind) []string {
	if kind == mgmt.DataBundle && r.section.ByKey["load"] != nil {
		r.fail("load", "nodes load nothing from a bundle of %s: remove \"load\", or the kind", kind)
	}
	return r.words("load")
}

// hash returns the hash of the bundle: the one that the section has, or that of the directory
// that it names.
func (r *bundleReader) hash(name string) mgmt.BundleHash {
	hash, path := mgmt.BundleHash(r.text("hash")), r.text("path")
	switch {
	case r.err != nil:
	case (hash == "") == (path == ""):
		r.fail("path", "say where its content is: path = DIRECTORY, or hash = sha256:… of content that the controller has; one of them")
	case hash != "":
		if err := hash.Check(); err != nil {
			r.fail("hash", "%v", err)
		}
	case r.Pack == nil:
		r.fail("path", "the directory %s cannot be read here: push it (zeekfleet bundle push %s %s), and say the hash in place of the path", ini.Quote(path), name, ini.Word(path))
	default:
		if !filepath.IsAbs(path) {
			path = filepath.Join(r.Dir, path)
		}
		packed, err := r.Pack(name, path)
		if err != nil {
			r.fail("path", "%v", err)
		}
		return packed
	}
	return hash
}
