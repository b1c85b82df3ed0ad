package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// bashWords are the functions that stand in for those of the package bash-completion.
//
//go:embed completion.bash
var bashWords string

// bashChanges are what we change in cobra's script for bash. Its functions for the words of
// the command line come from the package bash-completion, which many sensors do not have;
// and they take @workers for two words.
var bashChanges = []struct{ old, new string }{
	{"    if declare -F _init_completion >/dev/null 2>&1; then\n" +
		"        _init_completion -n =: || return\n" +
		"    else\n" +
		"        __zeekfleet_init_completion -n =: || return\n" +
		"    fi\n",
		"    __zeekfleet_words\n"},
	{"    _get_comp_words_by_ref \"$@\" cur prev words cword\n", "    __zeekfleet_words\n"},
	{`filteringCmd="_filedir $fullFilter"`, `filteringCmd="__zeekfleet_files $fullFilter"`},
	{"_filedir -d", "__zeekfleet_files -d"},
	{"    __zeekfleet_handle_special_char \"$cur\" =\n", "    __zeekfleet_handle_special_char \"$cur\" =\n    __zeekfleet_handle_at\n"},
	// A comma needs no backslash. With one, it would differ from what the user has typed.
	{`|| comp=$(printf "%q" "${compline%%$tab*}")` + "\n", `|| comp=$(printf "%q" "${compline%%$tab*}")` + "\n        comp=${comp//\\\\,/,}\n"},
	{`COMPREPLY[0]=$(printf "%q" "${COMPREPLY[0]%%$tab*}")` + "\n", `COMPREPLY[0]=$(printf "%q" "${COMPREPLY[0]%%$tab*}")` + "\n        COMPREPLY[0]=${COMPREPLY[0]//\\\\,/,}\n"},
	{"                    _filedir\n", "                    __zeekfleet_files\n"},
}

// writeBashCompletion writes the script that makes bash complete the command line.
func writeBashCompletion(root *cobra.Command, w io.Writer, descriptions bool) error {
	var b bytes.Buffer
	if err := root.GenBashCompletionV2(&b, descriptions); err != nil {
		return err
	}
	script := b.String()
	for _, change := range bashChanges {
		if !strings.Contains(script, change.old) {
			panic(fmt.Sprintf("zeekfleet: cobra's script for bash has no %q any more", change.old))
		}
		script = strings.ReplaceAll(script, change.old, change.new)
	}
	_, err := io.WriteString(w, script+"\n"+bashWords)
	return err
}

const bashHelp = "Generate the autocompletion script for bash. It needs no other package.\n\n" +
	"In every new shell of yours, if this line is in ~/.bashrc:\n\n" +
	"  source <(zeekfleet completion bash)\n\n" +
	"In every new shell of everybody, where the package bash-completion is installed:\n\n" +
	"  zeekfleet completion bash > /etc/bash_completion.d/zeekfleet"

// completeInBash makes the subcommand for bash write our script.
func completeInBash(completion *cobra.Command) {
	for _, cmd := range completion.Commands() {
		if cmd.Name() != "bash" {
			continue
		}
		cmd.Long = bashHelp
		cmd.RunE = func(cmd *cobra.Command, _ []string) error {
			bare, err := cmd.Flags().GetBool("no-descriptions")
			if err != nil {
				panic("zeekfleet: " + err.Error()) // cobra has removed the flag
			}
			return failed(writeBashCompletion(cmd.Root(), cmd.OutOrStdout(), !bare))
		}
	}
}
