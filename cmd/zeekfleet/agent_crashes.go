package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/crash"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

func newAgentCrashesCommand(s streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "crashes [NODE]",
		Short: "Show the crashes of this host's nodes",
		Long: "Show the crashes of this host's nodes, newest first. With NODE show the crashes\n" +
			"of that node in full: its last output, its plan, and the backtrace of its core\n" +
			"file. The records are in the directory of this host's agent. The agent need not\n" +
			"run. \"zeekfleet crashes\" shows those of all hosts.",
		Args: wantArgs(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			set, _, err := settings.ResolveAgent(agentSources(cmd.Flags()))
			if err != nil {
				return failed(err)
			}
			store, err := crash.New(crash.Config{Dir: crash.Dir(set.Directory)})
			if err != nil {
				return failed(err)
			}
			view := crashView{out: s.out, err: s.err, asJSON: asJSON, dir: crash.Dir(set.Directory)}
			if len(args) == 0 {
				records, err := store.All()
				return failed(view.table(records, err))
			}
			node := mgmt.NodeName(args[0])
			records, err := store.List(node)
			if len(records) == 0 && err == nil {
				view.others, err = store.All()
			}
			return failed(view.inFull(node, records, err))
		},
	}
	app.Defaults().AddAgentFlags(cmd.Flags())
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		switch f.Name {
		case settings.ConfigFlag, "name", "state-dir", "directory":
		default:
			f.Hidden = true // accepted, because the agent accepts it, but without effect here
		}
	})
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the records as JSON")
	return cmd
}

// crashView prints crash records. A record that cannot be read fails the command,
// but only after the other records are printed.
type crashView struct {
	out, err io.Writer
	asJSON   bool
	dir      string
	// others are the records of all nodes. They are read only if the node that was
	// asked for has none.
	others []crash.Record
}

func (v crashView) table(records []crash.Record, unread error) error {
	switch {
	case v.asJSON:
		return errors.Join(v.json(records), unread)
	case len(records) == 0:
		v.none("no crashes", unread)
		return unread
	}
	w := tabwriter.NewWriter(v.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tWHEN\tUPTIME\tEND\tOUTPUT")
	for _, r := range records {
		fmt.Fprintf(w, "%s\t%s\t%v\t%s\t%s\n", cli.Printable(string(r.Node)), when(r), uptime(r),
			cli.Printable(r.Exit.Text), cli.Printable(tellingLine(r)))
	}
	return errors.Join(w.Flush(), unread)
}

func (v crashView) inFull(node mgmt.NodeName, records []crash.Record, unread error) error {
	switch {
	case v.asJSON:
		return errors.Join(v.json(records), unread)
	case len(records) == 0:
		v.none(fmt.Sprintf("no crash of node %q", node), unread)
		v.nearest(node)
		return unread
	}
	var text strings.Builder
	for i, r := range records {
		if i > 0 {
			text.WriteString("\n")
		}
		writeCrash(&text, r)
	}
	_, err := io.WriteString(v.out, text.String())
	return errors.Join(err, unread)
}

// none prints that there are no records. It prints nothing if some records could
// not be read.
func (v crashView) none(what string, unread error) {
	if unread == nil {
		fmt.Fprintf(v.err, "zeekfleet: %s recorded in %s\n", what, v.dir)
	}
}

// nearest suggests the node with crashes whose name is nearest.
func (v crashView) nearest(node mgmt.NodeName) {
	var names []mgmt.NodeName
	for _, r := range v.others {
		names = append(names, r.Node)
	}
	if near := mgmt.Nearest(node, names); near != "" {
		fmt.Fprintf(v.err, "zeekfleet: did you mean %q?\n", near)
	}
}

func (v crashView) json(records []crash.Record) error {
	if records == nil {
		records = []crash.Record{}
	}
	enc := json.NewEncoder(v.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(records)
}

// writeCrash writes r in full, for a person to read.
func writeCrash(w *strings.Builder, r crash.Record) {
	fmt.Fprintf(w, "%s  %s\n", when(r), cli.Printable(string(r.Node)))
	line := func(label, text string) {
		if text != "" {
			fmt.Fprintf(w, "  %-12s%s\n", label, cli.Printable(text))
		}
	}
	line("end", r.Exit.Text)
	line("uptime", uptime(r).String())
	line("process", fmt.Sprintf("PID %d, launch %d", r.PID, r.Launch))
	line("program", strings.TrimSpace(r.Program+" "+r.Version))
	line("directory", r.Dir)
	line("plan hash", string(r.Fingerprint))
	line("core", r.Core)
	line("note", r.Note)
	if r.Pending {
		line("note", "the core file has not been looked at yet")
	}
	block := func(label, text string) {
		if text == "" {
			return
		}
		fmt.Fprintf(w, "  %s:\n", label)
		for l := range strings.Lines(text) {
			fmt.Fprintf(w, "    %s\n", cli.Printable(strings.TrimRight(l, "\r\n")))
		}
	}
	block("stderr", r.Stderr)
	block("stdout", r.Stdout)
	block("backtrace", r.Backtrace)
	if r.Plan != nil {
		// The rest of the plan is the whole cluster, which may be large. --json shows
		// it.
		plan, err := json.MarshalIndent(r.Plan.Node, "", "  ")
		if err == nil {
			block("plan", string(plan))
		}
	}
}

// when returns the time with its zone, because readers compare it with logs and
// with times of other hosts.
func when(r crash.Record) string { return r.When.Local().Format("2006-01-02 15:04:05 -0700") }

// uptime returns how long the process ran, rounded to seconds from 10 s on.
func uptime(r crash.Record) time.Duration {
	if r.Uptime < 10*time.Second {
		return r.Uptime.Round(time.Millisecond)
	}
	return r.Uptime.Round(time.Second)
}

// tellingLine returns the line of the kept output that explains best why the
// process ended.
func tellingLine(r crash.Record) string {
	return mgmt.NodeOutputs{Stdout: r.Stdout, Stderr: r.Stderr}.TellingLine()
}
