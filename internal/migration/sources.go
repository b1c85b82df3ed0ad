package migration

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"github.com/zeekfleet/zeekfleet/internal/lazy"
	"github.com/zeekfleet/zeekfleet/internal/zeekconf"
	"github.com/zeekfleet/zeekfleet/internal/zeekctl"
)

// maxFile bounds a file, in bytes: one more byte than any source takes.
const maxFile = zeekctl.MaxFile + 1

// maxFiles bounds the files of one cluster.
const maxFiles = 1000

// Files are the files of a cluster, read.
type Files struct {
	From    Source
	Zeekctl zeekctl.Files
	Confs   []zeekctl.File
	INI     zeekctl.File
}

// Read reads the files of another manager at paths: files, or a directory that has them. from
// says what they are; empty is found out.
func Read(paths []string, from Source) (*Files, error) {
	f := &Files{From: from}
	for _, path := range paths {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("import %s: it does not exist: name files such as node.cfg, or the directory of an installation, such as /opt/zeek", path)
		}
		if err != nil {
			return nil, fmt.Errorf("import: %w", err)
		}
		if info.IsDir() {
			err = f.addDirectory(path)
		} else {
			err = f.addFile(path)
		}
		if err != nil {
			return nil, err
		}
	}
	if f.From == Zeekctl && f.Zeekctl.Node.Name != "" {
		return f, f.addSiblings()
	}
	return f, nil
}

// Import imports the files.
func (f *Files) Import(o Options) (*Result, error) {
	switch f.From {
	case Zeekctl:
		// Settings and bundles name directories of the installation, from wherever they are used.
		if o.Base == "" {
			file, err := filepath.Abs(f.Zeekctl.Node.Name)
			if err != nil {
				return nil, err
			}
			o.Base, o.foundBase = baseOf(file)
		}
		var err error
		if o.Base, err = filepath.Abs(o.Base); err != nil {
			return nil, err
		}
		return FromZeekctl(f.Zeekctl, o)
	case ZeekConf:
		return FromZeekConf(f.Confs, o)
	}
	return FromManagement(f.INI, o)
}

func readFile(path string) (zeekctl.File, error) {
	in, err := openNow(path)
	if err != nil {
		return zeekctl.File{}, err
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxFile))
	if err != nil {
		return zeekctl.File{}, fmt.Errorf("read %s: %w", path, err)
	}
	return zeekctl.File{Name: path, Text: text}, nil
}

// openNow opens a file for reading. A named pipe without a writer is empty: waiting for one would
// take for ever.
func openNow(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// addDirectory adds the files of a directory: of zeekctl, or HOST.zeek.conf, or zeek.conf. It
// also looks where these are below the directory of an installation.
func (f *Files) addDirectory(dir string) error {
	for _, d := range []string{dir, filepath.Join(dir, "etc")} {
		if f.takes(Zeekctl) && exists(filepath.Join(d, "node.cfg")) {
			return f.addFile(filepath.Join(d, "node.cfg"))
		}
	}
	if f.takes(ZeekConf) {
		for _, d := range []string{dir, filepath.Join(dir, "cluster"), filepath.Join(dir, "etc", "zeek"), filepath.Join(dir, "etc", "zeek", "cluster")} {
			found, err := hostFiles(d)
			if err != nil {
				return err
			}
			if len(found) == 0 && exists(filepath.Join(d, "zeek.conf")) && !hasHostFiles(filepath.Join(d, "cluster")) {
				found = []string{filepath.Join(d, "zeek.conf")}
			}
			for _, path := range found {
				if err := f.addFile(path); err != nil {
					return err
				}
			}
			if len(found) > 0 {
				return nil
			}
		}
	}
	return fmt.Errorf("%s has no node.cfg, no zeek.conf and no HOST.zeek.conf: name the directory that has them, or the files", dir)
}

func (f *Files) takes(s Source) bool { return f.From == "" || f.From == s }

// hostFiles returns the files HOST.zeek.conf of a directory, sorted.
func hostFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		if zeekconf.HostOf(e.Name()) != "" {
			list = append(list, filepath.Join(dir, e.Name()))
		}
	}
	if len(list) > maxFiles {
		return nil, fmt.Errorf("%s has more than %d files of hosts", dir, maxFiles)
	}
	sort.Strings(list)
	return list, nil
}

func hasHostFiles(dir string) bool {
	list, err := hostFiles(dir)
	return err == nil && len(list) > 0
}

// addFile adds one file. Its name says what it is, or else its content does.
func (f *Files) addFile(path string) error {
	file, err := readFile(path)
	if err != nil {
		return err
	}
	from := f.From
	base := filepath.Base(path)
	switch {
	case base == "node.cfg", base == "zeekctl.cfg", base == "networks.cfg":
		from = Zeekctl
	case base == "zeek.conf", zeekconf.HostOf(base) != "":
		from = ZeekConf
	case from == "":
		from = guess(file.Text)
	}
	switch {
	case from == "":
		return fmt.Errorf("%s is no file of zeekctl, no zeek.conf and no cluster file that is known: say what it is with --from", path)
	case f.From != "" && from != f.From:
		return fmt.Errorf("%s is a file of %s, and not of %s", path, from, f.From)
	}
	f.From = from
	switch {
	case from == ZeekConf:
		f.Confs = append(f.Confs, file)
	case from == Management && f.INI.Name != "":
		return fmt.Errorf("%s and %s are two cluster files: import one", f.INI.Name, path)
	case from == Management:
		f.INI = file
	case base == "zeekctl.cfg":
		f.Zeekctl.Options = file
	case base == "networks.cfg":
		f.Zeekctl.Networks = file
	case f.Zeekctl.Node.Name != "":
		return fmt.Errorf("%s and %s are two files of nodes: import one", f.Zeekctl.Node.Name, path)
	default:
		f.Zeekctl.Node = file
	}
	return nil
}

// addSiblings adds zeekctl.cfg and networks.cfg from the directory of node.cfg.
func (f *Files) addSiblings() error {
	dir := filepath.Dir(f.Zeekctl.Node.Name)
	for name, to := range map[string]*zeekctl.File{"zeekctl.cfg": &f.Zeekctl.Options, "networks.cfg": &f.Zeekctl.Networks} {
		path := filepath.Join(dir, name)
		if to.Name != "" || !exists(path) {
			continue
		}
		file, err := readFile(path)
		if err != nil {
			return err
		}
		*to = file
	}
	return nil
}

var (
	zeekctlKey    = lazy.Regexp(`(?mi)^\s*(type|lb_procs|host)\s*[=:]`)
	managementKey = lazy.Regexp(`(?mi)^\s*(role|instance)\s*[=:]|^\[instances\]`)
	confKey       = lazy.Regexp(`(?m)^(\[zeek\]|\[interface .*\]|interface\s*=.*|workers\s*=.*|manager\s*=.*)$`)
	sectionHead   = lazy.Regexp(`(?m)^\[`)
)

// guess returns what a file of another name is, by its keys.
func guess(text []byte) Source {
	switch {
	case managementKey().Match(text):
		return Management
	case zeekctlKey().Match(text) && sectionHead().Match(text):
		return Zeekctl
	case confKey().Match(text):
		return ZeekConf
	}
	return ""
}

// ParseSource reads the name of a source.
func ParseSource(text string) (Source, error) {
	for _, s := range Sources {
		if string(s) == strings.ToLower(text) {
			return s, nil
		}
	}
	return "", fmt.Errorf("%q is none of zeekctl, zeek.conf, management", text)
}
