package packagetest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestDebianPackageIsInstalledUpgradedRemovedAndPurged(t *testing.T) {
	life(t, "deb", `installed: zeekfleet v1.0.0
installed: nothing was started
users: zeekfleet zeek
upgraded: zeekfleet v1.0.1
upgraded: the agent has started anew
upgraded: the nodes have their PIDs
settings that a person has changed: 1
downgraded: zeekfleet v1.0.0
downgraded: the nodes have their PIDs
removed
these nodes go on
removed: the state is there
removed: changed settings are there
Nothing was removed
not purged: the state is there
purged: nothing is left
end
`)
}

func TestRPMPackageIsInstalledUpgradedAndRemoved(t *testing.T) {
	life(t, "rpm", `installed: zeekfleet v1.0.0
installed: nothing was started
users: zeekfleet zeek
upgraded: zeekfleet v1.0.1
upgraded: the agent has started anew
upgraded: the nodes have their PIDs
settings that a person has changed: 1
downgraded: zeekfleet v1.0.0
downgraded: the nodes have their PIDs
removed
these nodes go on
removed: the state is there
removed: changed settings are there
end
`)
}

func TestImageRunsAsTheFirstProcess(t *testing.T) {
	image := one(t, made.newer, "zeekfleet-*.oci.tar")
	var roots []string
	for range 2 {
		root := t.TempDir()
		unpackImage(t, image, root)
		roots = append(roots, root)
	}
	inNamespaces(t, `health of the controller: ok
TERM: ended in time, status 0
TERM: no process is left
crashes after a normal end: 0
crashes when it runs again: 0
a node was killed: crashes: 1
KILL: ended in time, status of somebody who was killed
KILL: no process is left
after the container was killed: the nodes run
QUIT: ended in time, status 0
QUIT: no process is left
controller: status 0
end
`, "image.sh", roots...)
}

// Package manager and image agree with the list of what the program was built from.
func TestEveryFileHasItsChecksum(t *testing.T) {
	cmd := exec.Command("sha256sum", "--check", "--strict", "SHA256SUMS")
	cmd.Dir = made.newer
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	listed, err := os.ReadFile(filepath.Join(made.newer, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(made.newer)
	if err != nil || strings.Count(string(listed), "\n") != len(files)-1 {
		t.Errorf("%d files, %v, and the checksums\n%s", len(files), err, listed)
	}
	for _, name := range []string{"zeekfleet", "zeekfleet-agent"} {
		var bill struct {
			Format     string `json:"bomFormat"`
			Components []struct{ Name, Version, PURL string }
		}
		text, err := os.ReadFile(one(t, made.newer, name+"-1.0.1-linux-*.cdx.json"))
		if err != nil || json.Unmarshal(text, &bill) != nil || bill.Format != "CycloneDX" {
			t.Fatalf("%s: %v: %.200s", name, err, text)
		}
		names := map[string]bool{}
		for _, c := range bill.Components {
			if names[c.Name] || c.Version == "" || !strings.HasPrefix(c.PURL, "pkg:golang/") {
				t.Errorf("%s: component %+v", name, c)
			}
			names[c.Name] = true
		}
		if !names["std"] || !names["go.etcd.io/bbolt"] {
			t.Errorf("%s: the bill lacks std or bbolt: %v", name, names)
		}
	}
}

// The time, the zone, the mask of modes and the directory differ between two machines.
func TestAnotherBuildHasTheSameBytes(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	shell(t, `cd "$1"
		git clone -q --shared --no-checkout "$(git rev-parse --path-format=absolute --git-common-dir)" "$2"
		git -C "$2" checkout -q --detach "$(git rev-parse HEAD)"
		umask 077 # as other people have it
		git ls-files -z -co --exclude-standard | tar --null --ignore-failed-read --files-from=- -cf - | tar -xf - -C "$2" --no-same-permissions`, sources(t), elsewhere)
	again := t.TempDir()
	at, err := exec.Command("git", "show", "-s", "--format=%ct", "HEAD").Output()
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"TZ=Asia/Tokyo", "LC_ALL=C", "SOURCE_DATE_EPOCH=" + strings.TrimSpace(string(at))}
	if err := make([]string{"-version", "v1.0.1", "-out", again}, elsewhere, env); err != nil {
		t.Fatal(err)
	}
	first, errFirst := os.ReadFile(filepath.Join(made.newer, "SHA256SUMS"))
	second, errSecond := os.ReadFile(filepath.Join(again, "SHA256SUMS"))
	if err := errors.Join(errFirst, errSecond); err != nil || !bytes.Equal(first, second) {
		t.Errorf("%v\n%s\n%s", err, first, second)
	}
}

// life runs the life of a package.
func life(t *testing.T, format, want string) {
	root := t.TempDir()
	shell(t, `tar -C "$1" -xf "$2"`, root, debian(t))
	older, newer := one(t, made.older, "zeekfleet?1*."+format), one(t, made.newer, "zeekfleet?1*."+format)
	inNamespaces(t, want, "life.sh", root, format, older, newer)
}

// inNamespaces runs a script as the first process of its own namespaces, and compares its output.
func inNamespaces(t *testing.T, want, script string, args ...string) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", script))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", append([]string{"--mount", "--pid", "--net", "--fork", "--kill-child", "sh", path}, args...)...)
	var remarks bytes.Buffer
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{write}
	out, err := cmd.CombinedOutput()
	write.Close()
	io.Copy(&remarks, read)
	read.Close()
	if remarks.Len() > 0 {
		t.Log(strings.TrimSpace(remarks.String()))
	}
	if string(out) != want || err != nil {
		t.Errorf("%v: %v, and it printed\n%s\nwant\n%s", script, err, out, want)
	}
}

// debian returns an archive with the root directory of a small Debian. It is made once a month.
func debian(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	path := filepath.Join(cache, "zeekfleet", "debian-"+runtime.GOARCH+".tar")
	if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) < 30*24*time.Hour {
		return path
	}
	shell(t, `mkdir -p "${1%/*}" && mmdebstrap --quiet --variant=essential --include=passwd \
		--aptopt='Acquire::Languages "none"' --aptopt='APT::Sandbox::User "root"' --dpkgopt=force-unsafe-io \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		"$(. /etc/os-release && echo "$VERSION_CODENAME")" "$1.new.tar" && mv "$1.new.tar" "$1"`, path)
	return path
}

// unpackImage unpacks the layer of an image.
func unpackImage(t *testing.T, image, root string) {
	t.Helper()
	blobs := map[string][]byte{}
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if blobs[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	type blob struct{ Digest string }
	var index struct{ Manifests []blob }
	var manifest struct {
		Config blob
		Layers []blob
	}
	content := func(b blob) []byte { return blobs["blobs/sha256/"+strings.TrimPrefix(b.Digest, "sha256:")] }
	if err := json.Unmarshal(blobs["index.json"], &index); err != nil || len(index.Manifests) != 1 {
		t.Fatalf("index.json: %v: %s", err, blobs["index.json"])
	}
	if err := json.Unmarshal(content(index.Manifests[0]), &manifest); err != nil || len(manifest.Layers) != 1 {
		t.Fatalf("manifest: %v: %s", err, content(index.Manifests[0]))
	}
	var config struct {
		Config struct{ Entrypoint, Env []string }
	}
	if err := json.Unmarshal(content(manifest.Config), &config); err != nil || fmt.Sprint(config.Config.Entrypoint) != "[/usr/bin/zeekfleet]" {
		t.Fatalf("config: %v: %s", err, content(manifest.Config))
	}
	layer, err := gzip.NewReader(bytes.NewReader(content(manifest.Layers[0])))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("tar", "-C", root, "-xf", "-")
	cmd.Stdin = layer
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// one returns the one file of a pattern.
func one(t *testing.T, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s in %s: %v, %v, want one file", pattern, dir, found, err)
	}
	return found[0]
}

func sources(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func shell(t *testing.T, script string, args ...string) {
	t.Helper()
	if out, err := exec.Command("sh", append([]string{"-euc", script, "sh"}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}
