package ui

import (
	"fmt"
	"strconv"
	"strings"

	g "maragu.dev/gomponents"

	"github.com/zeekfleet/zeekfleet/client/api"
	h "github.com/zeekfleet/zeekfleet/internal/web/ui/html"
)

// BundlesPage lists the bundles that the controller has.
func BundlesPage(list []api.Bundle) Content {
	return Content{Title: "Bundles", Body: g.Group{Head("Bundles"), Panel("What the controller has", bundlesTable(list),
		h.P(h.Class("quiet"), h.Text("zeekfleet bundle push NAME DIRECTORY adds one. zeekfleet bundle prune removes what no revision uses.")))}}
}

func bundlesTable(list []api.Bundle) g.Node {
	if len(list) == 0 {
		return none("There are no bundles.")
	}
	return tableOf("Bundles", []string{"Name", "Content", "Files", "Size", "Pushed", "By", "Revisions"}, h.TBody(g.Map(list, func(b api.Bundle) g.Node {
		var names []string
		var latest api.BundlePush
		for i, p := range b.Pushes {
			if names = append(names, p.Name); i == 0 {
				latest = p
			}
		}
		return h.Tr(h.Th(h.Scope("row"), h.Text(strings.Join(names, ", "))), cell(h.A(h.Href(BundlePath(b.Hash)), h.Text(shortHash(b.Hash)))), num(strconv.Itoa(b.Files)),
			num(bytesText(uint64(b.Size))), cell(Moment(latest.Time)), cell(h.Text(latest.Who)), words(revisionLinks(b.Revisions)))
	})))
}

// shortHash is the beginning of a hash.
func shortHash(hash string) string { return hash[:min(len(hash), len("sha256:")+12)] }

func revisionLinks(list []uint64) g.Node {
	var links g.Group
	for _, r := range list {
		links = append(links, revisionLink(r), h.Text(" "))
	}
	return links
}

// BundlePage shows a bundle with its files.
func BundlePage(b api.BundleContent) Content {
	title := "Bundle " + shortHash(b.Hash)
	facts := []Fact{{"Hash", h.Code(h.Text(b.Hash))}, {"Size", h.Text(bytesText(uint64(b.Size)))}, {"Revisions", revisionLinks(b.Revisions)}}
	for _, p := range b.Pushes {
		facts = append(facts, Fact{"Pushed", g.Group{h.Text("as " + p.Name + " by " + p.Who + " at "), Moment(p.Time)}})
	}
	files := b.List[:min(len(b.List), shownBundleFiles)]
	return Content{Title: title, Body: g.Group{Head(title), Panel("Content", Facts(facts...)), Panel(fmt.Sprintf("%d files", len(b.List)),
		tableOf("Files", []string{"File", "Mode", "Size"}, h.TBody(g.Map(files, func(f api.BundleFile) g.Node {
			name := f.Path
			if f.Target != "" {
				name += " -> " + f.Target
			}
			return h.Tr(h.Th(h.Scope("row"), h.Text(name)), cell(h.Text(f.Mode)), num(bytesText(uint64(f.Size))))
		}))),
		g.If(len(files) < len(b.List), h.P(h.Text(fmt.Sprintf("and %d more: zeekfleet bundle show %s has all of them", len(b.List)-len(files), shortHash(b.Hash)))))),
	}}
}

// shownBundleFiles bounds the files that a page shows.
const shownBundleFiles = 1000
