package main

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// outputFlags are the flags of every command that prints a result. zeek-client has no such
// flags.
type outputFlags struct {
	format formatFlag
	color  coloringFlag
}

func (f *outputFlags) add(fs *pflag.FlagSet) {
	if asZeekClient() {
		return
	}
	fs.VarP(&f.format, "output", "o", "`FORMAT` of results: table, json or yaml (default: table on a terminal, else json)")
	fs.Var(&f.color, "color", "`WHEN` results have colour: auto, always or never (default auto; NO_COLOR)")
}

// addJSON adds the flag --json, which older commands have. It means --output json.
func (f *outputFlags) addJSON(fs *pflag.FlagSet) {
	fs.Bool("json", false, "print JSON: --output json")
}

// settings returns how cmd prints results on standard output.
func (f *outputFlags) settings(cmd *cobra.Command, s streams) (show.Settings, error) {
	out := show.Settings{Out: s.out, Format: show.Format(f.format), Screen: show.ScreenOf(s.out, os.LookupEnv, show.Coloring(f.color))}
	if asJSON, err := cmd.Flags().GetBool("json"); err == nil && asJSON {
		out.Format = show.AsJSON
		return out, exclusive(cmd, "json", "output")
	}
	return out, nil
}

// completeOutput makes a shell offer the values of the output flags.
func completeOutput(cmd *cobra.Command) {
	if asZeekClient() {
		return
	}
	completeFlag(cmd, "output", show.Formats)
	completeFlag(cmd, "color", show.Colorings)
}

// formatFlag is the value of --output.
type formatFlag show.Format

// String implements pflag.Value.
func (f *formatFlag) String() string { return string(*f) }

// Type implements pflag.Value.
func (f *formatFlag) Type() string { return "FORMAT" }

// Set implements pflag.Value.
func (f *formatFlag) Set(text string) error {
	format, err := show.ParseFormat(text)
	*f = formatFlag(format)
	return err
}

// coloringFlag is the value of --color.
type coloringFlag show.Coloring

// String implements pflag.Value.
func (f *coloringFlag) String() string { return string(*f) }

// Type implements pflag.Value.
func (f *coloringFlag) Type() string { return "WHEN" }

// Set implements pflag.Value.
func (f *coloringFlag) Set(text string) error {
	when, err := show.ParseColoring(text)
	*f = coloringFlag(when)
	return err
}
