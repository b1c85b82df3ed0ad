package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

// packageFiles makes the packages that have a program.
func (r *release) packageFiles(b built) error {
	config := filepath.Join(r.root, "deploy", "packages", b.name+".yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	values := map[string]string{
		"ARCH": b.arch, "VERSION": r.version, "PROGRAM": b.path, "WORK": r.work, "ROOT": r.root, "TIME": r.at.Format(time.RFC3339),
	}
	text = []byte(os.Expand(string(text), func(name string) string { return values[name] }))
	for _, format := range []string{"deb", "rpm"} {
		parsed, err := nfpm.Parse(bytes.NewReader(text))
		if err != nil {
			return fmt.Errorf("%s: %w", config, err)
		}
		info, err := parsed.Get(format)
		if err != nil {
			return fmt.Errorf("%s: %w", config, err)
		}
		info = nfpm.WithDefaults(info)
		for _, c := range info.Contents {
			if c.FileInfo == nil {
				c.FileInfo = &files.ContentFileInfo{}
			}
			c.FileInfo.MTime = r.at // the files of a fresh clone have other times
		}
		packager, err := nfpm.Get(format)
		if err != nil {
			return err
		}
		var made bytes.Buffer
		if err := packager.Package(info, &made); err != nil {
			return fmt.Errorf("make %s of %s for %s: %w", format, b.name, b.arch, err)
		}
		if err := r.write(packager.ConventionalFileName(info), made.Bytes()); err != nil {
			return err
		}
	}
	return nil
}
