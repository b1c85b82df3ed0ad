package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zkg"
)

func newBundleCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bundle",
		Short: "Push, list, show, compare, pull and prune the files of bundles",
		Long: "A bundle is a directory that nodes use: scripts, plugins, or data. A cluster file\n" +
			"names it in a section [bundle NAME]. \"zeekfleet deploy\" pushes what the controller\n" +
			"lacks, and hosts fetch what they lack, before anything is stopped.",
		Args: noSuchSubcommand,
	}
	cmd.AddCommand(newBundlePushCommand(s), newBundleFromZKGCommand(s), newBundleListCommand(s), newBundleShowCommand(s),
		newBundleDiffCommand(s), newBundlePullCommand(s), newBundlePruneCommand(s))
	return cmd
}

const whichBundle = "A BUNDLE is the name under which it was pushed last, or its hash; the first digits of\n" +
	"the hash are enough."

// wantBundleName wants arguments of which the first is the name of a bundle.
func wantBundleName(count int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := wantArgs(count, count)(cmd, args); err != nil {
			return err
		}
		return mgmt.CheckBundleName(args[0])
	}
}

func newBundlePushCommand(s streams) *cobra.Command {
	return fleetCommand(s, &cobra.Command{
		Use:   "push NAME DIR",
		Short: "Push a directory as a bundle",
		Long: "Push a directory as a bundle, and print its hash, for \"hash =\" in a cluster file.\n" +
			".git is left out, and what .zeekfleetignore in the directory names. A push that was\n" +
			"interrupted goes on where it ended.",
		Args: wantBundleName(2),
	}, func(ctx context.Context, f cli.Fleet, args []string) int {
		return cli.Bundles{Fleet: f}.Push(ctx, args[0], args[1])
	})
}

func newBundleFromZKGCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "from-zkg NAME",
		Short: "Push the packages that zkg has loaded on this host as a bundle",
		Long: "Push the packages that zkg has loaded on this host as a bundle: scripts and plugins.\n" +
			"Nodes load all of them with \"load = packages\" in the section of the bundle. Plugins\n" +
			"are built for one version of Zeek: hosts with another one refuse them.",
		Args: wantBundleName(1),
	}
	state := cmd.Flags().String("state", "", "zkg's state `DIR` (default: the one that zkg uses)")
	return clientCommand(s, cmd, func(ctx context.Context, c *cli.Commands, args []string) int {
		cfg := zkg.Config{State: *state, ZeekVersion: zeekConfig(ctx, "--version")}
		if cfg.State == "" {
			home, _ := os.UserHomeDir() // without one, zkg has no state there
			var err error
			if cfg.State, err = (zkg.Host{Env: os.Getenv, Home: home, Prefix: zeekConfig(ctx, "--prefix")}).State(); err != nil {
				c.Log.Error("%v", err)
				return cli.StatusFailed
			}
		}
		return cli.Bundles{Fleet: newFleet(s, c)}.FromZKG(ctx, args[0], cfg)
	})
}

// zeekConfig asks Zeek's own program about the Zeek of this host. It returns nothing if there
// is none.
func zeekConfig(ctx context.Context, flag string) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	text, err := exec.CommandContext(ctx, "zeek-config", flag).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func newBundleListCommand(s streams) *cobra.Command {
	return fleetCommand(s, &cobra.Command{
		Use: "list", Short: "List the bundles that the controller has", Args: wantArgs(0, 0),
	}, func(ctx context.Context, f cli.Fleet, _ []string) int { return cli.Bundles{Fleet: f}.List(ctx) })
}

func newBundleShowCommand(s streams) *cobra.Command {
	return fleetCommand(s, &cobra.Command{
		Use: "show BUNDLE", Short: "Show a bundle with its files", Long: "Show a bundle with its files.\n\n" + whichBundle, Args: wantArgs(1, 1),
	}, func(ctx context.Context, f cli.Fleet, args []string) int {
		return cli.Bundles{Fleet: f}.Show(ctx, args[0])
	})
}

func newBundleDiffCommand(s streams) *cobra.Command {
	return fleetCommand(s, &cobra.Command{
		Use: "diff BUNDLE|DIR BUNDLE|DIR", Short: "Say in which files two bundles differ",
		Long: "Say in which files two bundles differ. In place of a bundle there may be a directory\n" +
			"of this host, with a slash in its name, such as ./site.\n\n" + whichBundle,
		Args: wantArgs(2, 2),
	}, func(ctx context.Context, f cli.Fleet, args []string) int {
		return cli.Bundles{Fleet: f}.Diff(ctx, args[0], args[1])
	})
}

func newBundlePullCommand(s streams) *cobra.Command {
	return fleetCommand(s, &cobra.Command{
		Use: "pull BUNDLE DIR", Short: "Write the files of a bundle into a directory",
		Long: "Write the files of a bundle into a directory, which is empty or not there yet.\n\n" + whichBundle, Args: wantArgs(2, 2),
	}, func(ctx context.Context, f cli.Fleet, args []string) int {
		return cli.Bundles{Fleet: f}.Pull(ctx, args[0], args[1])
	})
}

func newBundlePruneCommand(s streams) *cobra.Command {
	var keep ttl
	cmd := &cobra.Command{
		Use: "prune", Short: "Remove the bundles that no revision uses",
		Long: "Remove the bundles that no revision uses: neither the deployed one, nor the staged\n" +
			"one, nor one that can be rolled back to. What was pushed lately stays.",
	}
	cmd.Flags().Var(&keep, "keep", "keep what was pushed within this time, such as 2h or 7d (default 1h)")
	all := cmd.Flags().Bool("all", false, "remove also what was pushed lately")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if *all && keep != 0 {
			return errors.New("say either --keep or --all")
		}
		return wantArgs(0, 0)(cmd, args)
	}
	return fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, _ []string) int {
		var in api.PruneRequest
		if *all || keep != 0 {
			in.Seconds = new(int64(time.Duration(keep) / time.Second))
		}
		return cli.Bundles{Fleet: f}.Prune(ctx, in)
	})
}
