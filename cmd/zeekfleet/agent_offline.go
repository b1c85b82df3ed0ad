package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/joined"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// addStateDirFlags adds the flags that say where an agent keeps its files.
func addStateDirFlags(cmd *cobra.Command) {
	all := pflag.NewFlagSet("agent", pflag.ContinueOnError)
	app.Defaults().AddAgentFlags(all)
	for _, name := range []string{settings.ConfigFlag, "state-dir"} {
		cmd.Flags().AddFlag(all.Lookup(name))
	}
}

func newAgentCSRCommand(s streams) *cobra.Command {
	var controller, dir string
	cmd := &cobra.Command{
		Use:   "csr NAME",
		Short: "Write a signing request for an agent that cannot reach its controller",
		Long: "Make the keys of the agent NAME and of its nodes, and write a signing request\n" +
			"for both keys to NAME.csr. The file has no secret. Copy the file to the\n" +
			"controller. There an admin signs it with \"zeekfleet cert sign\". Give the answer\n" +
			"to \"zeekfleet agent install\" here.",
		Args: wantArgs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := identity.CheckName(args[0]); err != nil {
				return err
			}
			if controller == "" {
				return errors.New("please say with --controller at which host and port the agent connects to its controller")
			}
			at, err := api.HostPort(controller, mgmt.ControllerPort)
			if err != nil {
				return badFlag("controller", controller, err.Error())
			}
			stateDir, err := settings.AgentStateDir(daemonSources("agent", cmd.Flags()))
			if err != nil {
				return failed(err)
			}
			path := filepath.Join(dir, args[0]+".csr")
			if err := writeSigningRequest(joined.DirIn(stateDir), args[0], at, path); err != nil {
				return failed(err)
			}
			(&cli.Log{Out: s.err, Program: "zeekfleet"}).Notice(
				"wrote %s; copy it to the controller, and run there: zeekfleet cert sign %s --identity agent/%s", path, filepath.Base(path), args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&controller, "controller", "", "`HOST[:PORT]` at which the agent connects to its controller (default port 2150)")
	cmd.Flags().StringVar(&dir, "dir", ".", "`DIR` for the file")
	addStateDirFlags(cmd)
	return cmd
}

// writeSigningRequest makes keys and keeps them, and writes the request for them.
func writeSigningRequest(dir joined.Dir, name, controller, path string) error {
	keys, err := joined.NewPending(name, controller)
	if err != nil {
		return err
	}
	request, err := keys.Request()
	if err != nil {
		return err
	}
	if err := dir.SavePending(keys); err != nil {
		return err
	}
	return os.WriteFile(path, request.Encode(), 0o644)
}

func newAgentInstallCommand(s streams) *cobra.Command {
	var replace bool
	cmd := &cobra.Command{
		Use:   "install FILE",
		Short: "Install the certificates that answer a signing request",
		Long: "Install the certificates in FILE, which \"zeekfleet cert sign\" wrote on the\n" +
			"controller in answer to \"zeekfleet agent csr\" on this host. Then start the agent\n" +
			"(zeekfleet agent), or start it again.",
		Args: wantArgs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			stateDir, err := settings.AgentStateDir(daemonSources("agent", cmd.Flags()))
			if err != nil {
				return failed(err)
			}
			held, err := installSigned(joined.DirIn(stateDir), args[0], replace, time.Now())
			if err != nil {
				return failed(fmt.Errorf("install %s: %w", args[0], err))
			}
			(&cli.Log{Out: s.err, Program: "zeekfleet"}).Notice(
				"this agent is %s of cluster %s, and connects to the controller at %s; start it with: zeekfleet agent",
				held.Instance, held.Cluster, held.Controller)
			return nil
		},
	}
	cmd.Flags().BoolVar(&replace, "replace", false, "install although this agent has joined another cluster, or under another name")
	addStateDirFlags(cmd)
	return cmd
}

// installSigned makes the answer to a request the credentials of the agent.
func installSigned(dir joined.Dir, path string, replace bool, now time.Time) (*joined.Held, error) {
	text, err := settings.ReadFile(path)
	if err != nil {
		return nil, err
	}
	signed, err := joined.DecodeSigned(text)
	if err != nil {
		return nil, err
	}
	keys, err := dir.LoadPending()
	if errors.Is(err, joined.ErrNone) {
		return nil, errors.New("no request waits for an answer here: make one with \"zeekfleet agent csr\", or name the state directory in which it was made (--state-dir)")
	}
	if err != nil {
		return nil, err
	}
	credentials, err := keys.Complete(signed)
	if err != nil {
		return nil, err
	}
	credentials.Received = now
	held, err := credentials.Use()
	if err == nil {
		err = held.Valid(now)
	}
	if err != nil {
		return nil, err
	}
	switch old, err := dir.Load(); {
	case err != nil && !errors.Is(err, joined.ErrNone) && !replace:
		return nil, fmt.Errorf("%w; --replace installs the new ones", err)
	case err == nil && !replace && (old.Cluster != held.Cluster || old.Instance != held.Instance):
		return nil, fmt.Errorf("this agent has joined cluster %s as %q already: --replace makes it %q of cluster %s",
			old.Cluster, old.Instance, held.Instance, held.Cluster)
	}
	if err := dir.Save(credentials); err != nil {
		return nil, err
	}
	return held, dir.ForgetPending()
}
