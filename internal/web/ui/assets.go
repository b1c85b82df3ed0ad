package ui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"path"
	"sync"
)

//go:embed files
var files embed.FS

// Asset is a file that pages load.
type Asset struct {
	// Path is where pages load it from. It has a hash of the body, so that a browser may keep
	// the file for ever.
	Path string
	Type string // of its content, as in the header
	Body []byte
}

// assetTypes has the files that pages load, with their types.
var assetTypes = map[string]string{
	"app.css":           "text/css; charset=utf-8",
	"app.js":            "text/javascript; charset=utf-8",
	"theme.js":          "text/javascript; charset=utf-8",
	"icon.svg":          "image/svg+xml",
	"htmx.min.js":       "text/javascript; charset=utf-8",
	"hx-sse.min.js":     "text/javascript; charset=utf-8",
	"uPlot.iife.min.js": "text/javascript; charset=utf-8",
	"uPlot.min.css":     "text/css; charset=utf-8",
}

// AssetsPath is where all assets are.
const AssetsPath = "/assets/"

var assets = sync.OnceValue(func() map[string]Asset {
	all := map[string]Asset{}
	for name, kind := range assetTypes {
		body, err := files.ReadFile(path.Join("files", name))
		if err != nil {
			panic(fmt.Sprintf("ui: %v", err)) // the file is part of the program
		}
		sum := sha256.Sum256(body)
		all[name] = Asset{AssetsPath + hex.EncodeToString(sum[:6]) + "/" + name, kind, body}
	}
	return all
})

// AssetAt returns the asset with this path.
func AssetAt(at string) (Asset, bool) {
	a, ok := assets()[path.Base(at)]
	return a, ok && a.Path == at
}

// assetPath returns the path of an asset.
func assetPath(name string) string {
	a, ok := assets()[name]
	if !ok {
		panic("ui: there is no asset " + name)
	}
	return a.Path
}
