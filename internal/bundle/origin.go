package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
)

// OriginFile is a file at the top of a tree. It says from which packages the tree was made,
// and which Zeek its plugins need. Most trees have none.
const OriginFile = ".zeekfleet-bundle.json"

// maxOrigin bounds OriginFile, in bytes.
const maxOrigin = 1 << 20

// Origin is the content of OriginFile.
type Origin struct {
	// ZeekVersion is the version of Zeek for which the plugins were built, such as 8.2.2, and
	// PluginAPI that of its plugin API. Both are empty if the tree has no plugins.
	ZeekVersion string
	PluginAPI   int
	// DebugBuild says that the plugins were built for a Zeek with debugging code.
	DebugBuild bool
	Packages   []Package
}

// Package is a package of zkg.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

type originForm1 struct {
	Version     int       `json:"version"`
	ZeekVersion string    `json:"zeek_version,omitempty"`
	PluginAPI   int       `json:"plugin_api,omitempty"`
	DebugBuild  bool      `json:"debug_build,omitempty"`
	Packages    []Package `json:"packages,omitempty"`
}

// Encode returns the content of OriginFile.
func (o Origin) Encode() []byte {
	return append(form.Encode(originForm1{1, o.ZeekVersion, o.PluginAPI, o.DebugBuild, o.Packages}), '\n')
}

// ParseOrigin reads the content of OriginFile.
func ParseOrigin(text []byte) (Origin, error) {
	version, err := form.Version(text, 1)
	if err != nil {
		return Origin{}, err
	}
	if version != 1 {
		return Origin{}, errors.New(`it has no field "version"`)
	}
	var f originForm1
	if err := form.Decode(text, &f); err != nil {
		return Origin{}, err
	}
	return Origin{f.ZeekVersion, f.PluginAPI, f.DebugBuild, f.Packages}, nil
}

// ReadOrigin reads the OriginFile of a tree that was unpacked at dir. A tree without one has
// an empty Origin.
func ReadOrigin(dir string) (Origin, error) {
	text, err := durable.ReadRegular(filepath.Join(dir, OriginFile), maxOrigin)
	if errors.Is(err, fs.ErrNotExist) {
		return Origin{}, nil
	}
	if err != nil {
		return Origin{}, err
	}
	o, err := ParseOrigin(text)
	if err != nil {
		return Origin{}, fmt.Errorf("read %s of the bundle: %w", OriginFile, err)
	}
	return o, nil
}

// CheckZeek returns an error if the plugins of the tree cannot run in a Zeek of this
// version. The version is as Zeek prints it, such as 8.2.2 or 8.2.2-debug. A plugin
// runs only in the Zeek that it was built for.
func (o Origin) CheckZeek(version string) error {
	if o.ZeekVersion == "" {
		return nil
	}
	plain, debug := strings.CutSuffix(version, "-debug")
	if identifier(plain) == identifier(o.ZeekVersion) && debug == o.DebugBuild {
		return nil
	}
	built := o.ZeekVersion
	if o.DebugBuild {
		built += "-debug"
	}
	return fmt.Errorf("its plugins were built for Zeek %s, and this host has Zeek %s; make the bundle with that version, or install Zeek %s here", built, version, built)
}

// identifier returns a version as it is in the names of C functions. Zeek has it there.
func identifier(version string) string {
	return strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r == '+' {
			return '_'
		}
		return r
	}, version)
}
