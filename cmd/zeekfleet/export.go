package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/migration"
)

// fromController is the argument that stands for the deployed configuration.
const fromController = "deployed"

// exportFlags are the flags of the commands below export.
type exportFlags struct {
	dir   string
	hosts []string
}

func newExportCommand(s streams) *cobra.Command {
	type export = func(mgmt.Configuration, map[mgmt.InstanceName]string) (*migration.Export, error)
	of := func(name, files string, do export) *cobra.Command {
		var flags exportFlags
		cmd := &cobra.Command{
			Use:   name + " [FILE | deployed]",
			Short: "Write " + files,
			Long: "Write " + files + ", of a cluster file or of the deployed\n" +
				"configuration (the default). Standard error says what has no place there. Nothing\n" +
				"is started or stopped, and no file is replaced.",
			Args: wantArgs(0, 1),
		}
		cmd.Flags().StringVar(&flags.dir, "dir", "", "`DIR` to write the files to, in place of standard output")
		cmd.Flags().StringArrayVar(&flags.hosts, "host", nil, "`INSTANCE=HOST` where an instance is, if its address is not known; repeatable")
		return clientCommand(s, cmd, func(ctx context.Context, c *cli.Commands, args []string) int {
			hosts, err := flags.parseHosts()
			if err != nil {
				c.Log.Error("%v", err)
				return cli.StatusMisuse
			}
			use := func(config mgmt.Configuration) int {
				out, err := do(config, hosts)
				if err == nil {
					err = flags.print(s, c, out)
				}
				if err != nil {
					c.Log.Error("%v", err)
					return cli.StatusFailed
				}
				return cli.StatusDone
			}
			if len(args) == 0 || args[0] == fromController {
				return cli.Configurations{Commands: c}.Deployed(ctx, use)
			}
			config, err := migration.ReadCluster(args[0], s.in, c.Hostname)
			if err != nil {
				c.Log.Error("%v", err)
				return cli.StatusFailed
			}
			return use(config)
		})
	}
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the files with which another manager runs a cluster",
		Long: "Write the files with which another manager runs a cluster: the way back from\n" +
			"\"zeekfleet import\".",
	}
	return groupCommand(s, cmd,
		of("zeekctl", "node.cfg, zeekctl.cfg and networks.cfg for zeekctl", migration.ExportZeekctl),
		of("zeek.conf", "zeek.conf of Zeek 9.0, or HOST.zeek.conf for several hosts", migration.ExportZeekConf))
}

func (f *exportFlags) parseHosts() (map[mgmt.InstanceName]string, error) {
	hosts := map[mgmt.InstanceName]string{}
	for _, text := range f.hosts {
		name, host, ok := strings.Cut(text, "=")
		if !ok || name == "" || host == "" || strings.ContainsAny(host, " \t\n") {
			return nil, fmt.Errorf("--host %q is not INSTANCE=HOST", text)
		}
		hosts[mgmt.InstanceName(name)] = host
	}
	return hosts, nil
}

// print writes the files, or prints them.
func (f *exportFlags) print(s streams, c *cli.Commands, out *migration.Export) error {
	switch {
	case c.Output.Format == show.AsJSON:
		return encodeJSON(s, out)
	case c.Output.Format == show.AsYAML:
		return errors.New("an export is printed as it is, or as JSON (--output json)")
	case f.dir != "":
		files := map[string]string{}
		for _, file := range out.Files {
			files[filepath.Join(f.dir, file.Name)] = file.Text
		}
		if err := writeNewFiles(files); err != nil {
			return err
		}
	default:
		for _, file := range out.Files {
			fmt.Fprintf(s.out, "# ---- %s ----\n%s", file.Name, file.Text)
		}
	}
	for _, finding := range out.Findings {
		c.Log.Warning("%v", finding)
	}
	return nil
}
