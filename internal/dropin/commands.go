package dropin

import (
	"context"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

// command is one of zeek-client's commands.
type command struct {
	syntax
	help string
	run  func(ctx context.Context, c *cli.Commands, a *arguments) int
}

// program returns the syntax of everything before the command.
func program() *syntax {
	return &syntax{name: Program, options: []option{
		helpOption,
		{names: []string{"-c", "--configfile"}, argument: "FILE", help: "settings of this program"},
		{names: []string{"--controller"}, argument: "HOST:PORT", help: "where the controller is; either part may be missing"},
		{names: []string{"--set"}, argument: "SECTION.KEY=VAL", help: "changes one setting; repeatable; show-settings lists them"},
		{names: []string{"--quiet", "-q"}, help: "no messages on stderr, not even errors", excludes: "--verbose"},
		{names: []string{"--verbose", "-v"}, help: "more messages on stderr; repeatable, as in -vvv", excludes: "--quiet"},
		{names: []string{"--version"}, help: "print the version and exit"},
	}}
}

var clusterFile = positional{name: "FILE", help: "the cluster configuration; - is stdin"}

// commands lists the commands, in the order of the usage.
func commands() []*command {
	list := []*command{
		{syntax{name: "deploy"}, "deploy the staged cluster configuration",
			func(ctx context.Context, c *cli.Commands, _ *arguments) int { return c.Deploy(ctx) }},
		{syntax{name: "deploy-config", positionals: []positional{clusterFile}}, "upload a cluster configuration and deploy it",
			func(ctx context.Context, c *cli.Commands, a *arguments) int { return c.DeployConfig(ctx, a.words[0]) }},
		{syntax{name: "get-config", options: []option{
			{names: []string{"--filename", "-f"}, argument: "FILE", help: "write the configuration there, not to stdout"},
			{names: []string{"--as-json"}, help: "JSON instead of the form of cluster configurations"},
			{names: []string{"--deployed"}, help: "the deployed configuration", excludes: "--staged"},
			{names: []string{"--staged"}, help: "the staged configuration, which is the default", excludes: "--deployed"},
		}}, "show the staged or the deployed cluster configuration", getConfig},
		{syntax{name: "get-id-value", positionals: []positional{
			{name: "IDENTIFIER", help: "the name of a Zeek identifier"},
			{name: "NODES", help: "the nodes to ask; none means all", many: true},
		}}, "show the value of an identifier in the nodes",
			func(ctx context.Context, c *cli.Commands, a *arguments) int {
				return c.GetIDValue(ctx, a.words[0], a.words[1:])
			}},
		{syntax{name: "get-instances"}, "show the instances whose agents are connected",
			func(ctx context.Context, c *cli.Commands, _ *arguments) int { return c.GetInstances(ctx) }},
		{syntax{name: "get-nodes"}, "show the processes of each instance",
			func(ctx context.Context, c *cli.Commands, _ *arguments) int { return c.GetNodes(ctx) }},
		{syntax{name: "monitor"}, "print the controller's events as they come",
			func(ctx context.Context, c *cli.Commands, _ *arguments) int { return c.Monitor(ctx) }},
		{syntax{name: "restart", positionals: []positional{
			{name: "NODES", help: "the nodes to restart; none means all", many: true},
		}}, "restart nodes",
			func(ctx context.Context, c *cli.Commands, a *arguments) int { return c.Restart(ctx, a.words) }},
		{syntax{name: "stage-config", positionals: []positional{clusterFile}}, "upload a cluster configuration for a later deploy",
			func(ctx context.Context, c *cli.Commands, a *arguments) int { return c.StageConfig(ctx, a.words[0]) }},
		{syntax{name: "show-settings"}, "show the settings of this program",
			func(_ context.Context, c *cli.Commands, _ *arguments) int { return c.ShowSettings() }},
		{syntax{name: "test-timeout", options: []option{
			{names: []string{"--with-state"}, help: "make the controller keep the request until it expires"},
		}}, "send a request that is not answered in time", func(ctx context.Context, c *cli.Commands, a *arguments) int {
			return c.TestTimeout(ctx, a.has("--with-state"))
		}},
	}
	for _, c := range list {
		c.options = append([]option{helpOption}, c.options...)
		c.syntax.name = Program + " " + c.syntax.name
	}
	return list
}

func getConfig(ctx context.Context, c *cli.Commands, a *arguments) int {
	return c.GetConfig(ctx, cli.ConfigRequest{
		Deployed: a.has("--deployed"), AsJSON: a.has("--as-json"), Path: a.value("--filename"),
	})
}

// word is the command's name on the command line.
func (c *command) word() string { return strings.TrimPrefix(c.syntax.name, Program+" ") }

func commandNamed(word string) *command {
	for _, c := range commands() {
		if c.word() == word {
			return c
		}
	}
	return nil
}

func quotedNames() string {
	var names []string
	for _, c := range commands() {
		names = append(names, quoted(c.word()))
	}
	return strings.Join(names, ", ")
}
