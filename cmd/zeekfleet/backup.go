package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

func newBackupCommand(s streams) *cobra.Command {
	var offline, salvage bool
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write all that a controller keeps into one file",
		Long: "Write what the controller of this host keeps into FILE: configurations and their\n" +
			"history, the authority with its keys, users and tokens, alerts, the audit, the log of\n" +
			"events and the contents of bundles. The controller goes on. Only root and the\n" +
			"controller's own user get a backup: whoever has the file can command the cluster.\n\n" +
			"With --offline the controller must not run, and the command reads its files. With\n" +
			"--salvage it leaves out what is damaged, and says what that is.",
		Args: wantArgs(1, 1),
	}
	online := fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, args []string) int {
		return cli.Controlling{Fleet: f}.Backup(ctx, args[0])
	})
	ask := online.RunE
	online.RunE = func(cmd *cobra.Command, args []string) error {
		if !offline && !salvage {
			return ask(cmd, args)
		}
		if !offline {
			return errors.New("--salvage is for the files of a controller that does not run: it needs --offline")
		}
		set, _, err := settings.ResolveController(controllerSources(nil))
		if err != nil {
			return failed(err)
		}
		r, err := app.BackupFiles(cmd.Context(), set, args[0], programVersion(), salvage)
		if err != nil {
			return failed(err)
		}
		for _, missing := range r.Missing {
			fmt.Fprintln(s.err, "zeekfleet: left out: "+missing)
		}
		_, err = fmt.Fprintf(s.out, "%s has the state of controller %s (entries: %d, records: %d, bundles: %d)\n", args[0], r.Controller, r.Entries, r.Records, r.Archives)
		return failed(err)
	}
	online.Flags().BoolVar(&offline, "offline", false, "read the files of a controller that does not run (ZEEK_CONTROLLER_NAME, ZEEK_MANAGEMENT_STATE_DIR and the like name it)")
	online.Flags().BoolVar(&salvage, "salvage", false, "with --offline: leave out what is damaged")
	return online
}

func newRestoreCommand(s streams) *cobra.Command {
	var replace bool
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make the state of a controller that of a backup",
		Long: "Make the files of this host's controller those of a backup, which \"zeekfleet backup\"\n" +
			"has written. The controller must not run. With --replace it may have a state, which\n" +
			"is kept beside its directory. The first start with --cluster takes the state into the\n" +
			"store that several controllers share; the others then join anew.",
		Args: wantArgs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			set, _, err := settings.ResolveController(controllerSources(cmd.Flags()))
			if err != nil {
				return failed(err)
			}
			r, err := app.Restore(cmd.Context(), set, args[0], replace, newLogger(s.err, set.LogLevel))
			if err != nil {
				return failed(err)
			}
			_, err = fmt.Fprintf(s.out, "controller %s has the state of %s, of controller %s at %s (entries: %d, records: %d, bundles: %d); now start it\n",
				set.Name, args[0], r.Controller, r.Made.Format("2006-01-02 15:04:05 -0700"), r.Entries, r.Records, r.Archives)
			return failed(err)
		},
	}
	app.Defaults().AddControllerFlags(cmd.Flags())
	cmd.Flags().BoolVar(&replace, "replace", false, "replace the state that the controller has; it is kept beside")
	return cmd
}
