package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/clusterfile"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/resources"
)

// History lists what is deployed and what was deployed before, newest first.
func (f Fleet) History(ctx context.Context, limit int) int {
	return f.ask(ctx, func(c *api.Client) error {
		list, err := c.Revisions(ctx, api.RevisionQuery{Limit: limit})
		if err != nil {
			return err
		}
		return show.Print(f.output(), append([]api.Revision{}, list...), func() show.Table { return historyTable(list) })
	})
}

func historyTable(list []api.Revision) show.Table {
	table := show.Table{Empty: "nothing was deployed yet", Columns: []show.Column{
		{Head: "REV", Right: true}, {Head: "DEPLOYED (UTC)"}, {Head: "BY", Least: 12}, {Head: "NODES", Right: true, Drop: 2},
		{Head: "INSTANCES", Right: true, Drop: 3}, {Head: "WHAT", Least: 14, Wraps: true, Drop: 1}, {Head: "NOTE", Least: 12, Wraps: true, Optional: true},
	}}
	for _, r := range list {
		row := show.Row(strconv.FormatUint(r.Revision, 10), inUTC(r.When, toTheSecond), r.Who,
			strconv.Itoa(r.Nodes), strconv.Itoa(r.Instances), madeBy(r.Kind, r.Of), r.Note)
		if r.State == api.Deployed {
			row[0].Tone = show.Good
			row[5].Text = strings.TrimPrefix(row[5].Text+", deployed now", ", ")
		}
		if !r.Kept {
			row[5].Text = strings.TrimPrefix(row[5].Text+", content not kept", ", ")
			for i := range row {
				row[i].Tone = show.Faint
			}
		}
		table.Rows = append(table.Rows, row)
	}
	return table
}

// madeBy says what has made a revision.
func madeBy(kind string, of uint64) string {
	if of > 0 {
		return fmt.Sprintf("%s to %d", kind, of)
	}
	return kind
}

// Show prints a revision as a cluster file, with what is known of it in comments. Data has
// the form of the API.
func (f Fleet) Show(ctx context.Context, revision uint64) int {
	return f.ask(ctx, func(c *api.Client) error {
		found, err := c.Revision(ctx, revision)
		if err != nil {
			return err
		}
		if format := f.output().Format; format == show.AsJSON || format == show.AsYAML {
			return show.Print(f.output(), found, nil)
		}
		text, err := f.asFile(found)
		if err != nil {
			return err
		}
		return f.printText(revisionHead(found) + "\n" + text)
	})
}

// asFile returns a configuration as a cluster file. It warns of what has no place there.
func (f Fleet) asFile(c api.Configuration) (string, error) {
	config, err := resources.Configuration(c.Cluster)
	if err != nil {
		return "", err
	}
	for i := range config.Instances {
		if in := &config.Instances[i]; in.ListenPort == nil {
			in.Host = mgmt.UnknownHost // the controller has noted it: no file can have it
		}
	}
	for _, text := range clusterfile.Lacks(config, "--output json") {
		f.Log.Warning("%s", text)
	}
	return clusterfile.Text(config), nil
}

func revisionHead(c api.Configuration) string {
	head := fmt.Sprintf("# revision %d, deployed by %s at %s\n", c.Revision, Printable(c.Who), c.When.UTC().Format(timeForm))
	if c.State == api.Deployed {
		head = strings.TrimSuffix(head, "\n") + ", deployed now\n"
	}
	if text := madeBy(c.Kind, c.Of); text != "" {
		head += "# " + text
		if c.From > 0 {
			head += fmt.Sprintf(", after revision %d", c.From)
		}
		head += "\n"
	}
	if c.Note != "" {
		head += "# " + Printable(c.Note) + "\n"
	}
	return head
}

// Difference is how two revisions differ.
type Difference struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
	// Diff is in the form of diff -u, and empty if there is no difference.
	Diff string `json:"diff"`
}

// Diff prints how a revision differs from another one, or from the deployed one if to is
// zero, as a difference of cluster files.
func (f Fleet) Diff(ctx context.Context, from, to uint64) int {
	return f.ask(ctx, func(c *api.Client) error {
		old, err := c.Revision(ctx, from)
		if err != nil {
			return err
		}
		other, err := f.otherRevision(ctx, c, to)
		if err != nil {
			return err
		}
		before, err := f.asFile(old)
		if err != nil {
			return err
		}
		after, err := f.asFile(other)
		if err != nil {
			return err
		}
		d := Difference{From: old.Revision, To: other.Revision, Diff: unified(old.Revision, before, other.Revision, after)}
		out := f.output()
		if out.Format == show.AsJSON || out.Format == show.AsYAML {
			return show.Print(out, d, nil)
		}
		if d.Diff == "" {
			f.Log.Notice("revisions %d and %d have the same configuration", d.From, d.To)
			return nil
		}
		return f.printText(coloured(out.Screen, d.Diff))
	})
}

func (f Fleet) otherRevision(ctx context.Context, c *api.Client, revision uint64) (api.Configuration, error) {
	if revision == 0 {
		return c.Configuration(ctx, api.Deployed)
	}
	return c.Revision(ctx, revision)
}

// unified returns the difference of two cluster files in the form of diff -u. Each part
// names the section in which it begins.
func unified(from uint64, before string, to uint64, after string) string {
	text := string(diff.Diff(fmt.Sprintf("revision %d", from), []byte(before), fmt.Sprintf("revision %d", to), []byte(after)))
	if text == "" {
		return ""
	}
	_, text, _ = strings.Cut(text, "\n") // the command line of diff
	sections := sectionsOf(before)
	var b strings.Builder
	for line := range strings.Lines(text) {
		var at int
		if n, err := fmt.Sscanf(line, "@@ -%d", &at); err == nil && n == 1 && at > 0 && at <= len(sections) {
			line = strings.TrimRight(line, "\n") + " " + sections[at-1] + "\n"
		}
		b.WriteString(line)
	}
	return b.String()
}

// sectionsOf returns for each line of a cluster file the header of its section.
func sectionsOf(text string) []string {
	var list []string
	section := ""
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "[") {
			section = strings.TrimSpace(line)
		}
		list = append(list, section)
	}
	return list
}

// coloured returns a difference with the colours that such texts have on a terminal. Nothing
// in it can control the terminal.
func coloured(s show.Screen, text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		tone := show.Plain
		switch {
		case strings.HasPrefix(line, "+++"), strings.HasPrefix(line, "---"):
			tone = show.Strong
		case strings.HasPrefix(line, "+"):
			tone = show.Good
		case strings.HasPrefix(line, "-"):
			tone = show.Bad
		case strings.HasPrefix(line, "@@"):
			tone = show.Faint
		}
		b.WriteString(s.In(tone, Printable(line)) + "\n")
	}
	return b.String()
}
