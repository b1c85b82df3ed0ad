package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// variant is a form of the program, with the package that has it.
type variant struct {
	name  string // of the package
	tags  string
	most  int64 // its program has at most so many bytes
	image bool  // containers have it, too
}

// variants are the forms of the program. That of sensors has nothing that a controller alone
// needs, and that is large.
var variants = []variant{
	{name: "zeekfleet", most: 44_000_000, image: true},
	{name: "zeekfleet-agent", tags: "noetcd", most: 25_000_000},
}

// built is a program that was built.
type built struct {
	variant
	arch string
	path string
}

// build builds the program. All that could differ between machines is set here.
func (r *release) build(ctx context.Context, v variant, arch string) (built, error) {
	b := built{v, arch, filepath.Join(r.work, v.name+"-"+arch)}
	argv := []string{
		"go", "build", "-trimpath", "-buildvcs=false", "-tags=" + v.tags,
		"-ldflags=-s -w -X main.version=" + r.described, "-o", b.path, "./cmd/zeekfleet",
	}
	_, err := r.output(ctx, argv, []string{
		"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch, "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=", "GOWORK=off",
	})
	if err != nil {
		return b, err
	}
	info, err := os.Stat(b.path)
	if err == nil && info.Size() > v.most {
		err = fmt.Errorf("the program of package %s for %s has %d bytes, more than %d", v.name, arch, info.Size(), v.most)
	}
	return b, err
}

// documents makes the man pages, and what shells know of the program.
func (r *release) documents(ctx context.Context) error {
	own := []string{"CGO_ENABLED=0", "GOFLAGS="}
	man := filepath.Join(r.work, "man")
	if _, err := r.output(ctx, []string{"go", "test", "-trimpath", "-buildvcs=false", "-count=1", "-run=^TestManPages$", "./cmd/zeekfleet", "-args", "-man", man}, own); err != nil {
		return err
	}
	pages, err := filepath.Glob(filepath.Join(man, "*.1"))
	if err != nil || len(pages) == 0 {
		return fmt.Errorf("man pages: none were made in %s", man)
	}
	for _, page := range pages {
		if err := r.compress(page); err != nil {
			return err
		}
	}
	changes, err := os.ReadFile(filepath.Join(r.root, "CHANGELOG.md"))
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(r.work, "changelog.gz"), gzipped(changes)); err != nil {
		return err
	}
	if err := r.scripts(); err != nil {
		return err
	}
	program := filepath.Join(r.work, "zeekfleet-of-"+runtime.GOARCH)
	if _, err := r.output(ctx, []string{"go", "build", "-trimpath", "-buildvcs=false", "-o", program, "./cmd/zeekfleet"}, own); err != nil {
		return err
	}
	for shell, name := range map[string]string{"bash": "zeekfleet", "zsh": "_zeekfleet", "fish": "zeekfleet.fish"} {
		script, err := r.output(ctx, []string{program, "completion", shell}, nil)
		if err != nil {
			return err
		}
		if err := writeFile(filepath.Join(r.work, "completion", shell, name), []byte(script)); err != nil {
			return err
		}
	}
	return nil
}

// scripts makes the scripts that run at installations and removals, from their parts.
func (r *release) scripts() error {
	dir := filepath.Join(r.root, "deploy", "packages", "scripts")
	shared, err := os.ReadFile(filepath.Join(dir, "living"))
	if err != nil {
		return err
	}
	for _, name := range []string{"installed", "removing", "removed"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		text = bytes.Replace(text, []byte("#include living\n"), shared, 1)
		if err := writeFile(filepath.Join(r.work, "scripts", name), text); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}

// compress puts a compressed file in the place of another.
func (r *release) compress(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".gz", gzipped(content), 0o644); err != nil {
		return err
	}
	return os.Remove(path)
}

// output runs a program in the directory of the sources, and returns what it prints.
func (r *release) output(ctx context.Context, argv, env []string) (string, error) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = r.root, append(os.Environ(), env...), &out, &errs
	if err := cmd.Run(); err != nil {
		said := strings.TrimSpace(errs.String())
		if said == "" {
			said = strings.TrimSpace(out.String())
		}
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, said)
	}
	return out.String(), nil
}
