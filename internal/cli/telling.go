package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// LogsRequest says which output of a node to print.
type LogsRequest struct {
	Node, Instance string
	Stderr, Follow bool
	Lines          int
}

// Logs prints what a node has printed. A terminal gets no characters that control it. With
// Follow it goes on until ctx ends, which is no failure.
func (f Fleet) Logs(ctx context.Context, req LogsRequest) int {
	status := f.ask(ctx, func(c *api.Client) error {
		text, err := c.Logs(ctx, req.Node, api.LogsQuery{Instance: req.Instance, Stderr: req.Stderr, Lines: req.Lines, Follow: req.Follow})
		if err != nil {
			return err
		}
		defer text.Close()
		out := io.Writer(f.Stdout)
		if f.output().Screen.Terminal {
			out = &harmless{to: f.Stdout}
		}
		_, err = io.Copy(out, text)
		return err
	})
	if req.Follow && ctx.Err() != nil { // the user has ended it
		return StatusDone
	}
	return status
}

// harmless writes to a terminal a text that comes from elsewhere, in pieces.
type harmless struct {
	to   io.Writer
	rest []byte // of the text so far: the beginning of a character, or of the end of a line
}

func (h *harmless) Write(p []byte) (int, error) {
	text := append(h.rest, p...)
	end := len(text) - unfinished(text)
	h.rest = bytes.Clone(text[end:])
	safe := bytes.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return []rune(show.Printable(string(r)))[0]
	}, bytes.ReplaceAll(text[:end], []byte("\r\n"), []byte("\n")))
	if _, err := h.to.Write(safe); err != nil {
		return 0, err
	}
	return len(p), nil
}

// unfinished returns how many bytes at the end of a text may become one character together
// with what follows.
func unfinished(text []byte) int {
	if bytes.HasSuffix(text, []byte("\r")) {
		return 1
	}
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if last := text[len(text)-n:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return n
			}
			break
		}
	}
	return 0
}

// Hosts lists the hosts of all instances.
func (f Fleet) Hosts(ctx context.Context) int {
	return f.ask(ctx, func(c *api.Client) error {
		hosts, err := c.Hosts(ctx, true)
		if err != nil {
			return err
		}
		return show.Print(f.output(), append([]api.Host{}, hosts...), func() show.Table { return hostsTable(hosts) })
	})
}

func hostsTable(hosts []api.Host) show.Table {
	table := show.Table{Empty: "there are no instances yet", Columns: []show.Column{
		{Head: "INSTANCE"}, {Head: "ZEEKFLEET"}, {Head: "ZEEK"}, {Head: "SYSTEM", Drop: 2, Least: 10}, {Head: "UP", Right: true, Drop: 3},
		{Head: "LOAD", Right: true, Drop: 1}, {Head: "MEMORY FREE", Right: true}, {Head: "DISKS FREE", Least: 16, Wraps: true}, {Head: "REMARK", Least: 12, Wraps: true, Optional: true},
	}}
	for _, h := range hosts {
		row := show.Row(h.Instance, cmp.Or(h.Version, "-"), cmp.Or(h.ZeekVersion, "-"), cmp.Or(h.Kernel, "-"), "-", "-", "-", "-", hostRemark(h))
		if !h.Heard.IsZero() {
			row[4].Text = cmp.Or(ago(h.Heard, h.Booted), "-")
			row[5].Text = fmt.Sprintf("%.1f of %d", h.Load[0], h.CPUs)
			row[6].Text = freeOf(h.Memory.Available, h.Memory.Total)
			row[7].Text = disksText(h.Disks)
		}
		if !h.Present {
			for i := range row {
				row[i].Tone = show.Faint
			}
			row[0].Tone = show.Bad
		}
		table.Rows = append(table.Rows, row)
	}
	return table
}

// hostRemark says what a person should know about a host.
func hostRemark(h api.Host) string {
	var remarks []string
	if h.Err != "" {
		remarks = append(remarks, h.Err)
		if !h.Heard.IsZero() {
			remarks = append(remarks, "as of "+inUTC(h.Heard, toTheSecond)+" UTC")
		}
	}
	const most = 2 * time.Second
	if off := h.Clock.Sub(h.Heard); h.Err == "" && !h.Heard.IsZero() && (off > most || off < -most) {
		text := "its clock is %s ahead"
		if off < 0 {
			text = "its clock is %s behind"
		}
		remarks = append(remarks, fmt.Sprintf(text, off.Abs().Round(time.Second)))
	}
	for _, d := range h.Disks {
		if d.Err != "" {
			remarks = append(remarks, fmt.Sprintf("disk of %s: %s", d.Path, d.Err))
		}
	}
	return strings.Join(remarks, "; ")
}

func disksText(disks []api.Disk) string {
	var sizes []string
	uses := map[string][]string{}
	for _, d := range disks {
		if d.Err != "" {
			continue
		}
		size := freeOf(d.Free, d.Total)
		if uses[size] == nil {
			sizes = append(sizes, size)
		}
		uses[size] = append(uses[size], d.Use)
	}
	if len(sizes) == 1 {
		return sizes[0] // all on one disk, as a rule
	}
	var list []string
	for _, size := range sizes {
		list = append(list, strings.Join(uses[size], "+")+" "+size)
	}
	return cmp.Or(strings.Join(list, ", "), "-")
}

// freeOf returns how much is free, for a person.
func freeOf(free, total uint64) string {
	if total == 0 {
		return "-"
	}
	return fmt.Sprintf("%s (%d%%)", gigabytes(free), free*100/total)
}

func gigabytes(n uint64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

// Crashes lists how nodes ended by themselves. An empty node stands for all nodes.
func (f Fleet) Crashes(ctx context.Context, node string) int {
	return f.ask(ctx, func(c *api.Client) error {
		found, err := c.Crashes(ctx, node)
		if err != nil {
			return err
		}
		if err := f.printPage(found, func() show.Page { return crashesPage(found) }); err != nil {
			return err
		}
		for _, m := range found.Missing {
			f.Log.Warning("%s", m.Why)
		}
		return nil
	})
}

func crashesPage(found api.Crashes) show.Page {
	table := show.Table{Empty: "no crash is recorded", Columns: []show.Column{
		{Head: "ID"}, {Head: "WHEN (UTC)"}, {Head: "NODE", Least: 12, Wraps: true}, {Head: "AFTER", Right: true, Drop: 1}, {Head: "END", Least: 10, Wraps: true}, {Head: "WHY", Least: 16, Wraps: true},
	}}
	for _, c := range found.Items {
		after := "-"
		if c.Seconds > 0 {
			after = time.Duration(c.Seconds * float64(time.Second)).Round(time.Second).String()
		}
		table.Rows = append(table.Rows, show.Row(cmp.Or(c.ID, "-"), inUTC(c.When, toTheSecond), at(c.Instance, c.Node), after, cmp.Or(c.End, "-"), c.Why))
	}
	page := show.Page{table}
	if found.More {
		page = append(page, show.Text{Text: "There are older ones: zeekfleet crashes NODE shows those of one node."})
	}
	return page
}

// ShowCrash prints what is most useful about a crash, or everything. As data, it is always
// everything. id may be the beginning of an ID.
func (f Fleet) ShowCrash(ctx context.Context, id string, full bool) int {
	return f.ask(ctx, func(c *api.Client) error {
		found, err := c.Crashes(ctx, "")
		if err != nil {
			return err
		}
		var matches []api.Crash
		for _, one := range found.Items {
			if one.ID != "" && strings.HasPrefix(one.ID, id) {
				matches = append(matches, one)
			}
		}
		switch {
		case len(matches) == 0:
			for _, m := range found.Missing {
				f.Log.Warning("%s", m.Why)
			}
			return fmt.Errorf("no crash has the ID %.40q: zeekfleet crashes lists them", id)
		case len(matches) > 1:
			return fmt.Errorf("%d crashes have IDs that begin with %.40q: name more of it", len(matches), id)
		}
		r, err := c.CrashRecord(ctx, matches[0].Instance, matches[0].ID)
		if err != nil {
			return err
		}
		return f.printPage(r, func() show.Page { return crashPage(r, full) })
	})
}

// blocks returns the texts that are not empty, each below its name.
func blocks(named ...string) (page show.Page) {
	for i := 0; i+1 < len(named); i += 2 {
		if strings.TrimSpace(named[i+1]) == "" {
			continue
		}
		page = append(page, show.Blank(), show.Text{Text: named[i] + ":"}, show.Block{Text: strings.TrimRight(named[i+1], "\n")})
	}
	return page
}

// indented returns a plan for a person. The cluster's layout, which may be large, is left
// out.
func indented(plan json.RawMessage) string {
	var parts struct {
		Node json.RawMessage `json:"node"`
	}
	if json.Unmarshal(plan, &parts) != nil || len(parts.Node) == 0 {
		return ""
	}
	var text bytes.Buffer
	if json.Indent(&text, parts.Node, "", "  ") != nil {
		return ""
	}
	return text.String()
}

// Diag prints a report about a node.
func (f Fleet) Diag(ctx context.Context, node, instance string) int {
	return f.ask(ctx, func(c *api.Client) error {
		d, err := c.Diag(ctx, node, instance)
		if err != nil {
			return err
		}
		if format := f.output().Format; format == show.AsJSON || format == show.AsYAML {
			return show.Print(f.output(), d, nil)
		}
		return f.printText(diagPage(d).Text(show.Screen{}))
	})
}

// diagPage is one text, the same on a terminal and in a file: it is to be passed on.
func diagPage(d api.NodeDiag) show.Page {
	facts := show.Facts{
		fact("node", at(d.Instance, d.Node)), fact("state", cmp.Or(d.State, "unknown to its agent")),
		fact("controller", "zeekfleet "+d.Controller), fact("agent", strings.TrimSpace("zeekfleet "+d.Host.Version+" "+d.Host.Build)),
		fact("zeek", strings.TrimSpace(cmp.Or(d.Host.ZeekVersion, "none")+" "+d.Host.ZeekPath)),
	}
	if d.Host.LimitsBy != "" {
		facts = append(facts, fact("limits by", d.Host.LimitsBy))
	}
	if d.PID != 0 {
		facts = append(facts, fact("process", fmt.Sprintf("PID %d, launch %d", d.PID, d.Launch)))
	}
	if program := strings.TrimSpace(d.Program + " " + d.Version); program != "" {
		facts = append(facts, fact("program", program))
	}
	if d.Remark != "" {
		facts = append(facts, fact("remark", d.Remark))
	}
	h := d.Host
	facts = append(facts,
		fact("system", fmt.Sprintf("%s, %s %s, %d processors", h.OS, h.Kernel, h.Arch, h.CPUs)),
		fact("load", fmt.Sprintf("%.2f %.2f %.2f", h.Load[0], h.Load[1], h.Load[2])),
		fact("memory", fmt.Sprintf("%s free of %s", freeOf(h.Memory.Available, h.Memory.Total), gigabytes(h.Memory.Total))))
	for _, disk := range h.Disks {
		facts = append(facts, fact("disk", fmt.Sprintf("%s %s: %s", disk.Use, disk.Path, cmp.Or(disk.Err, freeOf(disk.Free, disk.Total)+" free"))))
	}
	facts = append(facts, fact("clock", inUTC(h.Clock, toTheSecond)+" UTC"+map[bool]string{true: ", nothing keeps it right"}[h.Unsynced]))
	page := show.Page{facts, show.Blank(), show.Text{Text: "states, since the agent started:"}}
	for _, c := range d.History {
		page = append(page, show.Text{Text: fmt.Sprintf("  %s  %s -> %s  %s", inUTC(c.Time, toTheSecond), cmp.Or(c.From, "-"), c.To, c.Cause)})
	}
	page = append(page, blocks("plan", indented(d.Plan), "stderr", d.Stderr, "stdout", d.Stdout)...)
	if d.Crash != nil {
		page = append(page, show.Blank(), show.Text{Text: "the last crash:"})
		page = append(page, crashPage(*d.Crash, true)...)
	}
	removed := "nothing that looks like a secret was found"
	if len(d.Removed) > 0 {
		removed = "taken out: " + strings.Join(d.Removed, ", ")
	}
	return append(page, show.Blank(), show.Text{Text: "Secrets: " + removed + ". Look through this report before you pass it on."})
}
