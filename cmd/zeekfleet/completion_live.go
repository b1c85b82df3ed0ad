package main

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

// completionTime bounds how long a person who presses the key for completion waits for the
// controller. If the answer takes longer, nothing is offered. Tests set it before main
// begins, because their machine may be busy.
var completionTime = 300 * time.Millisecond

// wordsAlone makes a shell offer words in our order, and no files.
const wordsAlone = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder

// offer says what a shell offers at some place of a command line.
type offer struct {
	// words asks the controller. It is nil if fixed has all words.
	words func(cli.Words, context.Context) []cli.Word
	fixed []string
	// from and to are the positions of the arguments. If to is negative, there is no end.
	from, to int
	// list says that the place has a list of words with commas.
	list bool
}

// argumentWords returns what is offered for the arguments of commands.
func argumentWords() map[string]offer {
	selectors := offer{words: cli.Words.Selectors, to: -1}
	node := offer{words: cli.Words.Nodes, to: 1}
	return map[string]offer{
		"start": selectors, "stop": selectors, "restart": selectors, "pause": selectors, "resume": selectors, "nodes": selectors,
		"top": selectors, "netstats": selectors, "capstats": selectors, "peers": selectors, "df": selectors,
		"preflight": {words: cli.Words.Instances, to: -1},
		"logs":      node, "diag": node, "scripts": node, "crashes": node,
		"crashes show": {words: cli.Words.Crashes, to: 1},
		"show":         {words: cli.Words.Revisions, to: 1},
		"diff":         {words: cli.Words.Revisions, to: 2},
		"rollback":     {words: cli.Words.PastRevisions, to: 1},
		"operation":    {words: cli.Words.Operations, to: 1},

		"controller remove": {words: cli.Words.Controllers, to: 1},
		"controller lead":   {words: cli.Words.Controllers, to: 1},

		"get-id-value": {words: cli.Words.Nodes, from: 1, to: -1},
		"dispatch":     {fixed: zeekActions, to: 1},

		"bundle show": {words: cli.Words.Bundles, to: 1},
		"bundle pull": {words: cli.Words.Bundles, to: 1},
		"bundle diff": {words: cli.Words.Bundles, to: 2},
		"bundle push": {words: cli.Words.Bundles, to: 1},

		"option set":   {words: cli.Words.Options, to: 1},
		"option unset": {words: cli.Words.Options, to: -1},
		"option get":   {words: cli.Words.Options, to: 1},

		"alerts ack":       {words: cli.Words.Alerts, to: 1},
		"alerts unsilence": {words: cli.Words.Silences, to: 1},
		"alerts test":      {words: cli.Words.Receivers, to: 1},
	}
}

// flagWords returns what is offered for the values of the flags of client commands.
func flagWords() map[string]offer {
	return map[string]offer{
		"node":     {words: cli.Words.Nodes},
		"instance": {words: cli.Words.Instances},
		"nodes":    {words: cli.Words.Selectors, list: true},
		"resume":   {words: cli.Words.Resumable},
		"revision": {words: cli.Words.PastRevisions},
		"kind":     {fixed: eventKinds},
		"rule":     {fixed: alertRules()},
	}
}

// zeekActions are the actions that Zeek's nodes know, without those that a site adds.
var zeekActions = []string{"get_id_value", "get_loaded_scripts", "get_stats", "get_version", "set_option"}

// complete is a cobra.CompletionFunc for arguments.
func (o offer) complete(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) < o.from || o.to >= 0 && len(args) >= o.to {
		return nil, wordsAlone
	}
	return o.matching(cmd, args, typed), wordsAlone
}

// matching returns the words that begin with what is typed, without those that are there
// already.
func (o offer) matching(cmd *cobra.Command, there []string, typed string) (found []cobra.Completion) {
	for _, word := range o.find(cmd) {
		if strings.HasPrefix(word.Text, typed) && !slices.Contains(there, word.Text) {
			found = append(found, cobra.CompletionWithDesc(word.Text, word.About))
		}
	}
	return found
}

// find returns all words.
func (o offer) find(cmd *cobra.Command) (words []cli.Word) {
	for _, text := range o.fixed {
		words = append(words, cli.Word{Text: text})
	}
	if o.words == nil {
		return words
	}
	c, err := typedFlags(cmd.Flags()).commands(streams{out: io.Discard, err: io.Discard})
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	return o.words(cli.NewWords(c), ctx)
}

// typedFlags returns the flags of a client command that say which controller is asked, as
// they are on the command line so far.
func typedFlags(fs *pflag.FlagSet) *clientFlags {
	f := &clientFlags{quiet: true}
	for name, to := range map[string]*string{
		"configfile": &f.configFile, "controller": &f.controller, "context": &f.context,
		"api-token-file": &f.apiToken, "fingerprint": &f.fingerprint,
	} {
		*to, _ = fs.GetString(name) // every client command has these flags
	}
	f.set, _ = fs.GetStringArray("set")
	return f
}

// completeLive makes a shell offer words for the value of a flag.
func completeLive(cmd *cobra.Command, flag string, o offer) {
	err := cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if !o.list {
			return o.matching(cmd, nil, typed), wordsAlone
		}
		done := typed[:strings.LastIndex(typed, ",")+1]
		found := o.matching(cmd, strings.Split(done, ","), typed[len(done):])
		for i := range found {
			found[i] = done + found[i]
		}
		return found, wordsAlone | cobra.ShellCompDirectiveNoSpace
	})
	if err != nil {
		panic("zeekfleet: " + err.Error()) // there is no such flag
	}
}

// isClient reports whether a command has the flags of client commands.
func isClient(cmd *cobra.Command) bool { return cmd.Flags().Lookup("api-token-file") != nil }
