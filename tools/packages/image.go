package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// The media types of the image format of the Open Container Initiative.
const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// descriptor names a blob of an image.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Platform    *platform         `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

// imageConfig says what an image has, and how it is run.
type imageConfig struct {
	Created      time.Time     `json:"created"`
	Architecture string        `json:"architecture"`
	OS           string        `json:"os"`
	Config       runConfig     `json:"config"`
	RootFS       rootFS        `json:"rootfs"`
	History      []imageOrigin `json:"history"`
}

type runConfig struct {
	ExposedPorts map[string]struct{}
	Env          []string
	Entrypoint   []string
	Cmd          []string
	Volumes      map[string]struct{}
	WorkingDir   string
	Labels       map[string]string
	StopSignal   string
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

type imageOrigin struct {
	Created   time.Time `json:"created"`
	CreatedBy string    `json:"created_by"`
}

type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

type index struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Manifests     []descriptor `json:"manifests"`
}

// stateDir is where containers keep what must outlive them.
const stateDir = "/var/lib/zeekfleet"

// howToRun is how a container of the image runs.
func (r *release) howToRun() runConfig {
	return runConfig{
		ExposedPorts: map[string]struct{}{"2149/tcp": {}, "2150/tcp": {}, "2151/tcp": {}},
		Env: []string{
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			"ZEEK_MANAGEMENT_STATE_DIR=" + stateDir,
			"ZEEKFLEET_DRAIN=8s", // keepers kill a container 10 s after they have asked it to end
			"ZEEKFLEET_AGENT_METRICS_LISTEN=127.0.0.1:9989",
		},
		Entrypoint: []string{"/usr/bin/zeekfleet"},
		Cmd:        []string{"--help"},
		Volumes:    map[string]struct{}{stateDir: {}},
		WorkingDir: "/",
		Labels: map[string]string{
			"org.opencontainers.image.title":    "zeekfleet",
			"org.opencontainers.image.version":  r.version,
			"org.opencontainers.image.revision": r.commit,
			"org.opencontainers.image.created":  r.at.Format(time.RFC3339),
			"org.opencontainers.image.licenses": "BSD-3-Clause",
		},
		StopSignal: "SIGTERM",
	}
}

// image makes an image of a container with the program alone, as a file that needs no daemon.
// The file follows the OCI, and has the list that older loaders look for.
func (r *release) image(b built) error {
	program, err := os.ReadFile(b.path)
	if err != nil {
		return err
	}
	layer, err := r.layer(program)
	if err != nil {
		return err
	}
	blobs := blobs{}
	packed := blobs.add(typeLayer, gzipped(layer))
	config, err := blobs.addJSON(typeConfig, imageConfig{
		Created: r.at, Architecture: b.arch, OS: "linux", Config: r.howToRun(),
		RootFS:  rootFS{"layers", []string{digest(layer)}},
		History: []imageOrigin{{r.at, "zeekfleet " + r.described}},
	})
	if err != nil {
		return err
	}
	listed, err := blobs.addJSON(typeManifest, manifest{2, typeManifest, config, []descriptor{packed}})
	if err != nil {
		return err
	}
	name := "zeekfleet:" + imageTag(r.version)
	listed.Platform = &platform{b.arch, "linux"}
	listed.Annotations = map[string]string{"org.opencontainers.image.ref.name": imageTag(r.version), "io.containerd.image.name": name}
	entry, err := json.Marshal(index{2, typeIndex, []descriptor{listed}})
	if err != nil {
		return err
	}
	older, err := json.Marshal([]map[string]any{{"Config": blobPath(config), "RepoTags": []string{name}, "Layers": []string{blobPath(packed)}}})
	if err != nil {
		return err
	}
	text, err := r.imageTar(blobs, entry, older, []descriptor{config, packed, listed})
	if err != nil {
		return err
	}
	return r.write(fmt.Sprintf("zeekfleet-%s-linux-%s.oci.tar", r.version, b.arch), text)
}

// imageTag returns a version as the tag of an image, which has fewer characters.
func imageTag(version string) string {
	tag := []byte(version)
	for i, c := range tag {
		if c == '~' || c == '+' {
			tag[i] = '-'
		}
	}
	return string(tag)
}

// layer returns the files of the image.
func (r *release) layer(program []byte) ([]byte, error) {
	t := newTar(r.at)
	for _, dir := range []string{"etc", "usr", "usr/bin", "var", "var/lib", "var/lib/zeekfleet", "run"} {
		t.dir(dir, 0o755)
	}
	t.dir("tmp", 0o1777)
	t.file("etc/passwd", 0o644, []byte("root:x:0:0:root:/:/sbin/nologin\nzeekfleet:x:995:995:zeekfleet:/var/lib/zeekfleet:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n"))
	t.file("etc/group", 0o644, []byte("root:x:0:\nzeekfleet:x:995:\nnobody:x:65534:\n"))
	t.file("usr/bin/zeekfleet", 0o755, program)
	return t.end()
}

func (r *release) imageTar(all blobs, entry, older []byte, order []descriptor) ([]byte, error) {
	t := newTar(r.at)
	t.file("oci-layout", 0o644, []byte(`{"imageLayoutVersion":"1.0.0"}`))
	t.file("index.json", 0o644, entry)
	t.file("manifest.json", 0o644, older)
	for _, dir := range []string{"blobs", "blobs/sha256"} {
		t.dir(dir, 0o755)
	}
	for _, d := range order {
		t.file(blobPath(d), 0o644, all[d.Digest])
	}
	return t.end()
}

// blobs have contents by digest.
type blobs map[string][]byte

func (b blobs) add(mediaType string, content []byte) descriptor {
	d := descriptor{MediaType: mediaType, Digest: digest(content), Size: len(content)}
	b[d.Digest] = content
	return d
}

func (b blobs) addJSON(mediaType string, content any) (descriptor, error) {
	text, err := json.Marshal(content)
	if err != nil {
		return descriptor{}, err
	}
	return b.add(mediaType, text), nil
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func blobPath(d descriptor) string { return "blobs/sha256/" + d.Digest[len("sha256:"):] }

// gzipped compresses. It writes no name and no time.
func gzipped(content []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is constant
	}
	w.Write(content) // a buffer takes everything
	w.Close()
	return out.Bytes()
}

// tarFile is an archive in which everything belongs to root and has one time.
type tarFile struct {
	out bytes.Buffer
	w   *tar.Writer
	at  time.Time
	err error // the first
}

func newTar(at time.Time) *tarFile {
	t := &tarFile{at: at}
	t.w = tar.NewWriter(&t.out)
	return t
}

func (t *tarFile) dir(name string, mode int64) {
	t.add(tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode}, nil)
}

func (t *tarFile) file(name string, mode int64, content []byte) {
	t.add(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content))}, content)
}

func (t *tarFile) add(h tar.Header, content []byte) {
	if t.err != nil {
		return
	}
	h.ModTime, h.Format = t.at, tar.FormatUSTAR
	if t.err = t.w.WriteHeader(&h); t.err == nil {
		_, t.err = t.w.Write(content)
	}
}

func (t *tarFile) end() ([]byte, error) {
	if t.err != nil {
		return nil, t.err
	}
	err := t.w.Close()
	return t.out.Bytes(), err
}
