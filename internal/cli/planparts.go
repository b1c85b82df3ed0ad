package cli

import (
	"fmt"
	"strings"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/clusterfile"
)

// shownFiles is how many files of a bundle a plan names.
const shownFiles = 10

// bundlesPart shows the bundles whose content a plan changes, with the files that differ.
func bundlesPart(list []api.PlannedBundle) show.Page {
	if len(list) == 0 {
		return nil
	}
	page := show.Page{show.Text{Text: "Bundles", Tone: show.Strong}}
	for _, b := range list {
		tone := show.Warning
		if b.Was == "" {
			tone = show.Good
		}
		page = append(page, show.Text{Text: bundleText(b), Tone: tone, Indent: 2})
		if b.Was == "" || b.Hash == "" {
			continue // all of its files are new, or gone
		}
		var files []string
		for _, part := range []struct {
			mark  string
			paths []string
		}{{"~ ", b.Changed}, {"+ ", b.Added}, {"- ", b.Removed}} {
			for _, path := range part.paths {
				files = append(files, part.mark+path)
			}
		}
		for _, line := range files[:min(len(files), shownFiles)] {
			page = append(page, show.Text{Text: line, Indent: 4})
		}
		if more := b.Files - min(len(files), shownFiles); more > 0 {
			page = append(page, show.Text{Text: fmt.Sprintf("… and %s more", counted(more, "file")), Tone: show.Faint, Indent: 4})
		}
	}
	return append(page, show.Blank())
}

// bundleText says what becomes of a bundle.
func bundleText(b api.PlannedBundle) string {
	text := fmt.Sprintf("%s (%s): ", b.Name, b.Kind)
	switch {
	case b.Hash == "":
		return text + "no node uses it any more"
	case b.Was == "":
		text += "new"
	case b.Files > 0:
		text += counted(b.Files, "file") + differ(b.Files)
	default:
		text += "other content"
	}
	text += fmt.Sprintf(", for %s", counted(len(b.Nodes), "node"))
	if len(b.Missing) > 0 {
		text += "; not there yet: " + few(b.Missing)
	}
	return text
}

func differ(n int) string {
	if n == 1 {
		return " differs"
	}
	return " differ"
}

// optionWords say what a plan does with an option.
var optionWords = map[string]string{
	api.OptionSet: "set on", api.OptionChanged: "another value on", api.OptionUnset: "back to the value of the scripts on",
}

// optionsPart shows the options that a plan changes, without values: they may be secret.
func optionsPart(list []api.PlannedOption) show.Page {
	if len(list) == 0 {
		return nil
	}
	page := show.Page{show.Text{Text: "Options, set without a restart", Tone: show.Strong}}
	for _, o := range list {
		name := o.Name
		if name == localNets {
			name += " (local networks)"
		}
		page = append(page, show.Text{Text: strings.TrimSpace(name + ": " + optionWords[o.How] + " " + few(o.Nodes)), Indent: 2})
	}
	return append(page, show.Blank())
}

const localNets = clusterfile.LocalNets
