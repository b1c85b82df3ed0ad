package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stderr))
}

// run makes a release, and returns the exit status.
func run(ctx context.Context, args []string, stderr io.Writer) int {
	var r release
	var arches, when string
	fs := flag.NewFlagSet("packages", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&r.root, "root", "", "`DIR` of the sources (default: the one above the working directory)")
	fs.StringVar(&r.out, "out", "dist", "`DIR` for the files, below the directory of the sources")
	fs.StringVar(&r.only, "only", "", "`NAME` of the only package that is made, without images (default: everything)")
	fs.StringVar(&arches, "arch", "amd64,arm64", "architectures, with commas between them")
	fs.StringVar(&r.described, "version", "", "`TEXT` of git describe (default: ask git)")
	fs.StringVar(&when, "time", os.Getenv("SOURCE_DATE_EPOCH"), "`SECONDS` since 1970, for all times (default: SOURCE_DATE_EPOCH, or the time of the commit)")
	if err := fs.Parse(args); err != nil || fs.NArg() > 0 {
		return 2
	}
	r.arches, r.log = strings.Split(arches, ","), stderr
	err := r.settle(ctx, when)
	if err == nil {
		err = r.make(ctx)
	}
	if err != nil {
		fmt.Fprintf(stderr, "packages: %v\n", err)
		return 1
	}
	return 0
}

// release is what one run makes.
type release struct {
	root, out string
	arches    []string
	only      string    // the only package that is made; empty: everything
	described string    // what git says of the commit
	version   string    // for packages
	commit    string    // the hash
	at        time.Time // of the commit
	work      string    // a directory for files on their way, which is removed
	log       io.Writer
	made      []string // names of files in out
}

// settle finds what the command line has not said.
func (r *release) settle(ctx context.Context, when string) (err error) {
	if r.root == "" {
		if r.root, err = filepath.Abs(".."); err != nil {
			return err
		}
	}
	if !filepath.IsAbs(r.out) {
		r.out = filepath.Join(r.root, r.out)
	}
	if r.commit, err = r.git(ctx, "rev-parse", "HEAD"); err != nil {
		return err
	}
	committed, err := r.git(ctx, "show", "-s", "--format=%ct", "HEAD")
	if err != nil {
		return err
	}
	if when == "" {
		when = committed
	}
	if r.at, err = parseTime(when); err != nil {
		return err
	}
	if r.described == "" {
		if r.described, err = r.git(ctx, "describe", "--tags", "--always", "--dirty"); err != nil {
			return err
		}
	}
	at, err := parseTime(committed)
	if err != nil {
		return err
	}
	r.version, err = packageVersion(r.described, at)
	return err
}

func (r *release) git(ctx context.Context, args ...string) (string, error) {
	out, err := r.output(ctx, append([]string{"git", "-c", "safe.directory=*"}, args...), nil)
	return strings.TrimSpace(out), err
}

// make makes all files. After an error the directory has no SHA256SUMS.
func (r *release) make(ctx context.Context) (err error) {
	if r.work, err = os.MkdirTemp("", "zeekfleet-packages-"); err != nil {
		return err
	}
	defer os.RemoveAll(r.work)
	if err := r.clear(); err != nil {
		return err
	}
	if err := r.documents(ctx); err != nil {
		return err
	}
	for _, arch := range r.arches {
		for _, v := range variants {
			if r.only != "" && r.only != v.name {
				continue
			}
			b, err := r.build(ctx, v, arch)
			if err != nil {
				return err
			}
			if err := errors.Join(r.packageFiles(b), r.bill(b)); err != nil {
				return err
			}
			if v.image && r.only == "" {
				if err := r.image(b); err != nil {
					return err
				}
			}
		}
	}
	return r.sums()
}

// clear makes the directory for the files, without those of an earlier run.
func (r *release) clear() error {
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	for _, pattern := range []string{"zeekfleet*.deb", "zeekfleet*.rpm", "zeekfleet*.oci.tar", "zeekfleet*.cdx.json", "SHA256SUMS"} {
		old, err := filepath.Glob(filepath.Join(r.out, pattern))
		if err != nil {
			return err
		}
		for _, path := range old {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// write puts a file into the directory.
func (r *release) write(name string, content []byte) error {
	if err := os.WriteFile(filepath.Join(r.out, name), content, 0o644); err != nil {
		return err
	}
	r.made = append(r.made, name)
	fmt.Fprintf(r.log, "%9d  %s\n", len(content), name)
	return nil
}
