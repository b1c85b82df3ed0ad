package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/migration"
	"github.com/zeekfleet/zeekfleet/internal/procfs"
)

// importFlags are the flags of the command import.
type importFlags struct {
	from, output, settings, base string
	instances                    []string
	json, check                  bool
}

func newImportCommand(s streams) *cobra.Command {
	var flags importFlags
	cmd := &cobra.Command{
		Use:   "import PATH...",
		Short: "Make a cluster file of the files of zeekctl, zeek.conf or the Management framework",
		Long: "Make a cluster file of the files of another manager: of zeekctl (node.cfg, and\n" +
			"zeekctl.cfg and networks.cfg beside it), of Zeek's systemd generator (zeek.conf, or\n" +
			"a directory with HOST.zeek.conf), or of the Management framework. A PATH is a file,\n" +
			"a directory that has such files, or the directory of an installation. Above each\n" +
			"line of the cluster file stands the line that it comes from. Standard error says\n" +
			"what has no equivalent, and what to do. Nothing is started or stopped.\n\n" +
			"With --check it compares what was imported with what runs on this host, and says\n" +
			"how to hand over, with the commands, and how long capture is off. The status is 1\n" +
			"if something else runs here than what was imported.\n\n" +
			"Examples:\n" +
			"  zeekfleet import /opt/zeek --output cluster.ini --settings settings\n" +
			"  zeekfleet import /opt/zeek --check\n" +
			"  zeekfleet import /opt/zeek/etc/zeek/cluster --instance sensor-a=sensor-1",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("please name the files to import, such as /opt/zeek/etc")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return flags.run(s, args) },
	}
	fs := cmd.Flags()
	fs.StringVar(&flags.from, "from", "", "`SOURCE` of the files: zeekctl, zeek.conf or management (default: what they look like)")
	fs.StringVar(&flags.output, "output", "", "`FILE` to write the cluster file to, in place of standard output")
	fs.StringVar(&flags.settings, "settings", "", "`DIR` to write the settings of agents and the controller to (default: they stand as comments behind the cluster file)")
	fs.StringVar(&flags.base, "base", "", "`DIR` of the installation of Zeek (default: the one above etc)")
	fs.StringArrayVar(&flags.instances, "instance", nil, "`HOST=NAME` of the instance that takes the place of a host; repeatable")
	fs.BoolVar(&flags.check, "check", false, "compare with what runs on this host, and say how to hand over")
	fs.BoolVar(&flags.json, "json", false, "print all results as JSON on standard output")
	completeFlag(cmd, "from", func() []string { return []string{"zeekctl", "zeek.conf", "management"} })
	return cmd
}

// options returns how files are imported.
func (f *importFlags) options() (migration.Options, error) {
	hostname, _ := os.Hostname() // migration accepts an empty name
	o := migration.Options{Hostname: hostname, Base: f.base, Instances: map[string]mgmt.InstanceName{}}
	for _, text := range f.instances {
		host, name, ok := strings.Cut(text, "=")
		if !ok || host == "" || name == "" {
			return o, fmt.Errorf("--instance %q is not HOST=NAME", text)
		}
		o.Instances[host] = mgmt.InstanceName(name)
	}
	return o, nil
}

func (f *importFlags) run(s streams, paths []string) error {
	o, err := f.options()
	if err != nil {
		return err
	}
	var from migration.Source
	if f.from != "" {
		if from, err = migration.ParseSource(f.from); err != nil {
			return fmt.Errorf("--from: %w", err)
		}
	}
	files, err := migration.Read(paths, from)
	if err != nil {
		return failed(err)
	}
	r, err := files.Import(o)
	if err != nil {
		return failed(err)
	}
	if f.check {
		return f.runCheck(s, paths, o, r)
	}
	if f.json {
		return failed(f.printJSON(s, r))
	}
	return failed(f.print(s, r))
}

// print writes the cluster file, the settings and the findings.
func (f *importFlags) print(s streams, r *migration.Result) error {
	text := r.Cluster
	if f.settings == "" {
		text += r.SettingsComment()
	}
	if err := f.writeFiles(r, text); err != nil {
		return err
	}
	if f.output == "" {
		fmt.Fprint(s.out, text)
	}
	for _, finding := range r.Findings {
		fmt.Fprintf(s.err, "zeekfleet: %v\n", finding)
	}
	return nil
}

// writeFiles writes the files that flags name. It replaces none, and writes none if one is
// there already.
func (f *importFlags) writeFiles(r *migration.Result, cluster string) error {
	files := map[string]string{}
	if f.output != "" {
		files[f.output] = cluster
	}
	if f.settings != "" {
		for _, file := range r.Settings {
			files[filepath.Join(f.settings, file.Name)] = file.Text
		}
	}
	return writeNewFiles(files)
}

// runCheck compares what was imported with what runs here.
func (f *importFlags) runCheck(s streams, paths []string, o migration.Options, r *migration.Result) error {
	if err := f.writeFiles(r, r.Cluster); err != nil {
		return failed(err)
	}
	words := append([]string(nil), paths...)
	for _, text := range f.instances {
		words = append(words, "--instance", text)
	}
	h, err := r.Handover(migration.HandoverOptions{
		This:  migration.This{Hostname: o.Hostname, Addresses: localAddresses(), Proc: procfs.Root},
		Paths: words, Cluster: f.output, Settings: f.settings,
	})
	if err != nil {
		return failed(err)
	}
	if f.json {
		err = encodeJSON(s, h)
	} else {
		h.Print(s.out)
	}
	switch {
	case err != nil:
		return failed(err)
	case h.Differs():
		return finished(cli.StatusFailed)
	}
	return nil
}

// localAddresses returns the addresses of this host.
func localAddresses() []netip.Addr {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil // no address of node.cfg counts as this host
	}
	var addrs []netip.Addr
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			addrs = append(addrs, p.Addr().Unmap().WithZone(""))
		}
	}
	return addrs
}

func encodeJSON(s streams, value any) error {
	e := json.NewEncoder(s.out)
	e.SetIndent("", "  ")
	return e.Encode(value)
}

func (f *importFlags) printJSON(s streams, r *migration.Result) error {
	if err := f.writeFiles(r, r.Cluster); err != nil {
		return err
	}
	return encodeJSON(s, r)
}

// writeNewFiles writes files that are not there yet, with their directories: all of them, or
// none. Nobody else may read them: an environment can have secrets.
func writeNewFiles(files map[string]string) error {
	for path := range files {
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("%s is there already: move it away, or name another file", path)
		}
	}
	var written []string
	for path, text := range files {
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = writeNewFile(path, text)
		}
		if err != nil {
			for _, path := range written {
				err = errors.Join(err, os.Remove(path))
			}
			return err
		}
		written = append(written, path)
	}
	return nil
}

func writeNewFile(path, text string) error {
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = out.WriteString(text)
	return errors.Join(err, out.Close())
}
