package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zkg"
)

// Bundles has the commands about the content of bundles.
type Bundles struct{ Fleet }

// Pushed is what Push prints as data.
type Pushed struct {
	Name  string `json:"name"`
	Hash  string `json:"hash"`
	Size  int64  `json:"size"`
	Files int    `json:"files"`
	// Sent is false if the controller had the content already.
	Sent bool `json:"sent"`
}

// Push packs a directory and pushes it.
func (f Bundles) Push(ctx context.Context, name, dir string) int {
	p, err := packDirectory(name, dir)
	if err != nil {
		f.Log.Error("%v", err)
		return StatusFailed
	}
	defer p.close()
	return f.pushed(ctx, p)
}

// FromZKG packs the packages that zkg has loaded on this host, and pushes them.
func (f Bundles) FromZKG(ctx context.Context, name string, cfg zkg.Config) int {
	cfg.Bundle = packing
	tree, err := zkg.Read(cfg)
	if err != nil {
		f.Log.Error("%v", err)
		return StatusFailed
	}
	for _, path := range tree.LeftOut {
		f.Log.Warning("left out: %s is a link to nothing", path)
	}
	p := packedBundle{name: name, close: func() error { return nil }, files: func() ([]bundle.File, error) { return tree.Files, nil }}
	if err := p.pack(); err != nil {
		f.Log.Error("%v", err)
		return StatusFailed
	}
	var packages []string
	for _, one := range tree.Origin.Packages {
		packages = append(packages, strings.TrimSpace(one.Name+" "+one.Version))
	}
	f.Log.Notice("packed %s: %s", counted(len(packages), "package"), strings.Join(packages, ", "))
	if v := tree.Origin.ZeekVersion; v != "" {
		f.Log.Notice("the plugins are for Zeek %s: hosts with another Zeek refuse them", v)
	}
	return f.pushed(ctx, p)
}

func (f Bundles) pushed(ctx context.Context, p packedBundle) int {
	return f.ask(ctx, func(c *api.Client) error {
		sent, err := f.push(ctx, c, p)
		if err != nil {
			return err
		}
		result := Pushed{p.name, string(p.contents.Hash), p.contents.Size, len(p.contents.Entries), sent}
		return f.printPage(result, func() show.Page {
			what := "pushed"
			if !sent {
				what = "the controller has it already"
			}
			return show.Page{show.Text{Text: fmt.Sprintf("%s (%s, %s): %s", p.name, counted(result.Files, "file"), bytesText(uint64(result.Size)), what)}, show.Block{Text: result.Hash}}
		})
	})
}

// List lists the bundles that the controller has.
func (f Bundles) List(ctx context.Context) int {
	return f.ask(ctx, func(c *api.Client) error {
		list, err := c.ListBundles(ctx)
		if err != nil {
			return err
		}
		return show.Print(f.output(), append([]api.Bundle{}, list...), func() show.Table { return bundlesTable(list) })
	})
}

func bundlesTable(list []api.Bundle) show.Table {
	table := show.Table{Empty: "the controller has no bundles", Columns: []show.Column{
		{Head: "NAME", Least: 8, Wraps: true}, {Head: "HASH"}, {Head: "FILES", Right: true, Drop: 3}, {Head: "SIZE", Right: true, Drop: 2},
		{Head: "PUSHED (UTC)", Drop: 1}, {Head: "BY", Least: 6, Drop: 4}, {Head: "REVISIONS", Least: 9, Wraps: true},
	}}
	for _, b := range list {
		var names []string
		for _, p := range b.Pushes {
			names = append(names, p.Name)
		}
		latest := newest(b)
		table.Rows = append(table.Rows, show.Row(cmp.Or(strings.Join(names, ", "), "-"), shortHash(b.Hash), strconv.Itoa(b.Files), bytesText(uint64(b.Size)),
			inUTC(latest.Time, toTheSecond), cmp.Or(latest.Who, "-"), revisionsText(b)))
	}
	return table
}

func newest(b api.Bundle) api.BundlePush {
	if len(b.Pushes) == 0 {
		return api.BundlePush{}
	}
	return b.Pushes[0]
}

func shortHash(hash string) string { return mgmt.BundleHash(hash).Short() }

func revisionsText(b api.Bundle) string {
	if len(b.Revisions) == 0 {
		return "-"
	}
	var texts []string
	for _, r := range b.Revisions {
		texts = append(texts, strconv.FormatUint(r, 10))
	}
	return few(texts)
}

// find returns the bundle that a user means: by the name under which it was pushed last, or
// by its hash, of which the first digits are enough.
func find(ctx context.Context, c *api.Client, which string) (api.Bundle, error) {
	list, err := c.ListBundles(ctx)
	if err != nil {
		return api.Bundle{}, err
	}
	digits, isHash := strings.CutPrefix(which, "sha256:")
	var found []api.Bundle
	var latest time.Time
	for _, b := range list {
		if isHash && digits != "" && strings.HasPrefix(b.Hash, which) {
			found = append(found, b)
			continue
		}
		for _, p := range b.Pushes {
			if p.Name == which && (len(found) == 0 || p.Time.After(latest)) {
				found, latest = []api.Bundle{b}, p.Time
			}
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return api.Bundle{}, fmt.Errorf("%s begins the hashes of %s: write more of it", which, counted(len(found), "bundle"))
	}
	var names []string
	for _, b := range list {
		for _, p := range b.Pushes {
			names = append(names, p.Name)
		}
	}
	meant := ""
	if near := mgmt.Nearest(which, names); near != "" {
		meant = fmt.Sprintf(" (did you mean '%s'?)", near)
	}
	return api.Bundle{}, fmt.Errorf("the controller has no bundle %q%s: zeekfleet bundle list names them", which, meant)
}

// Show shows a bundle with its files.
func (f Bundles) Show(ctx context.Context, which string) int {
	return f.ask(ctx, func(c *api.Client) error {
		b, err := find(ctx, c, which)
		if err != nil {
			return err
		}
		content, err := c.Bundle(ctx, b.Hash)
		if err != nil {
			return err
		}
		return f.printPage(content, func() show.Page { return bundlePage(content) })
	})
}

func bundlePage(b api.BundleContent) show.Page {
	facts := show.Facts{fact("hash", b.Hash), fact("size", bytesText(uint64(b.Size))), fact("revisions", revisionsText(b.Bundle))}
	for _, p := range b.Pushes {
		facts = append(facts, fact("pushed", fmt.Sprintf("as %s by %s at %s UTC", p.Name, p.Who, inUTC(p.Time, toTheSecond))))
	}
	table := show.Table{Columns: []show.Column{{Head: "MODE"}, {Head: "SIZE", Right: true}, {Head: "FILE", Least: 20, Wraps: true}}}
	for _, file := range b.List {
		path := file.Path
		if file.Target != "" {
			path += " -> " + file.Target
		}
		table.Rows = append(table.Rows, show.Row(file.Mode, strconv.FormatInt(file.Size, 10), path))
	}
	return show.Page{facts, show.Blank(), table}
}

// BundleDifference is what Diff prints as data.
type BundleDifference struct {
	From string `json:"from"`
	To   string `json:"to"`
	bundle.Difference
}

// Diff says in which files two bundles differ. Each is one that the controller has, or a
// directory of this host, whose name has a slash.
func (f Bundles) Diff(ctx context.Context, from, to string) int {
	return f.ask(ctx, func(c *api.Client) error {
		before, was, err := entriesOf(ctx, c, from)
		if err != nil {
			return err
		}
		after, now, err := entriesOf(ctx, c, to)
		if err != nil {
			return err
		}
		d := BundleDifference{was, now, bundle.Diff(before, after)}
		if out := f.output(); out.Format == show.AsJSON || out.Format == show.AsYAML {
			return show.Print(out, d, nil)
		}
		if was == now {
			f.Log.Notice("they are the same: %s", was)
			return nil
		}
		var text strings.Builder
		for _, part := range []struct {
			mark  string
			paths []string
		}{{"-", d.Removed}, {"+", d.Added}, {"~", d.Changed}} {
			for _, path := range part.paths {
				text.WriteString(part.mark + " " + path + "\n")
			}
		}
		return f.printText(coloured(f.output().Screen, text.String()))
	})
}

// entriesOf returns the files of a bundle or of a directory, and its hash.
func entriesOf(ctx context.Context, c *api.Client, which string) ([]bundle.Entry, string, error) {
	if strings.ContainsRune(which, '/') || which == "." || which == ".." {
		p, err := packDirectory("directory", which)
		if err != nil {
			return nil, "", err
		}
		return p.contents.Entries, string(p.contents.Hash), p.close()
	}
	b, err := find(ctx, c, which)
	if err != nil {
		return nil, "", err
	}
	content, err := c.Bundle(ctx, b.Hash)
	if err != nil {
		return nil, "", err
	}
	var list []bundle.Entry
	for _, e := range content.List {
		list = append(list, bundle.Entry{Path: e.Path, Mode: bundle.Mode(e.Mode), Size: e.Size, SHA256: e.SHA256, Target: e.Target})
	}
	return list, b.Hash, nil
}

// Pull writes the files of a bundle into a directory, which must be empty or not there.
func (f Bundles) Pull(ctx context.Context, which, dir string) int {
	return f.ask(ctx, func(c *api.Client) error {
		b, err := find(ctx, c, which)
		if err != nil {
			return err
		}
		if err := emptyDirectory(dir); err != nil {
			return err
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			return err
		}
		defer root.Close()
		archive, err := c.PullBundle(ctx, b.Hash, 0)
		if err != nil {
			return err
		}
		defer archive.Close()
		contents, err := packing.Unpack(archive, mgmt.BundleHash(b.Hash), root)
		if err != nil {
			return fmt.Errorf("unpack into %s, where a part of the files may be: %w", dir, err)
		}
		f.Log.Notice("wrote %s of %s into %s", counted(len(contents.Entries), "file"), shortHash(b.Hash), dir)
		return nil
	})
}

// emptyDirectory makes a directory, or checks that it is empty.
func emptyDirectory(dir string) error {
	err := os.Mkdir(dir, 0o755)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if names, err := d.Readdirnames(1); len(names) > 0 {
		return fmt.Errorf("%s is not empty: name a directory that is, or one that is not there", dir)
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// Prune removes the bundles that no revision uses.
func (f Bundles) Prune(ctx context.Context, in api.PruneRequest) int {
	return f.ask(ctx, func(c *api.Client) error {
		pruned, err := c.PruneBundles(ctx, in)
		if err != nil {
			return err
		}
		return f.printPage(pruned, func() show.Page {
			if len(pruned.Removed) == 0 {
				return show.Page{show.Text{Text: "nothing was removed: revisions use all bundles, or they were pushed lately"}}
			}
			return show.Page{bundlesTable(pruned.Removed), show.Blank(), show.Text{Text: "removed " + bytesText(uint64(pruned.Bytes)), Tone: show.Strong}}
		})
	})
}

// Bundles returns the names under which bundles were pushed.
func (w Words) Bundles(ctx context.Context) []Word {
	return w.ask(ctx, func(client *api.Client) (words []Word, err error) {
		list, err := client.ListBundles(ctx)
		seen := map[string]bool{}
		for _, b := range list {
			for _, p := range b.Pushes {
				if !seen[p.Name] {
					seen[p.Name] = true
					words = append(words, Word{p.Name, dated(p.Time, p.Who)})
				}
			}
		}
		return words, err
	})
}
