package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// bill is a list of what a program was built from, in CycloneDX 1.5.
type bill struct {
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	SerialNumber string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     billMetadata `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type billMetadata struct {
	Timestamp time.Time  `json:"timestamp"`
	Component component  `json:"component"`
	Property  []property `json:"properties"`
}

type component struct {
	Ref        string     `json:"bom-ref"`
	Type       string     `json:"type"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	PURL       string     `json:"purl,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Alg     string `json:"alg"`
	Content string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

// bill writes the list of what a program was built from. The linker has put it into the program.
func (r *release) bill(b built) error {
	info, err := buildinfo.ReadFile(b.path)
	if err != nil {
		return err
	}
	program, err := os.ReadFile(b.path)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(program)
	own := component{
		Ref: b.name, Type: "application", Name: b.name, Version: r.version,
		PURL: "pkg:golang/" + info.Main.Path + "@" + r.version, Hashes: []hash{{"SHA-256", hex.EncodeToString(sum[:])}},
	}
	list := bill{
		Format: "CycloneDX", SpecVersion: "1.5", SerialNumber: "urn:uuid:" + uuidOf(sum[:]), Version: 1,
		Metadata: billMetadata{Timestamp: r.at, Component: own, Property: []property{{"commit", r.commit}, {"architecture", b.arch}}},
	}
	std := strings.TrimPrefix(info.GoVersion, "go")
	list.Components = append(list.Components, component{
		Ref: "std", Type: "library", Name: "std", Version: std, PURL: "pkg:golang/std@" + std,
	})
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		c := component{Ref: m.Path + "@" + m.Version, Type: "library", Name: m.Path, Version: m.Version, PURL: "pkg:golang/" + m.Path + "@" + m.Version}
		if m.Sum != "" {
			c.Properties = []property{{"go:sum", m.Sum}}
		}
		list.Components = append(list.Components, c)
	}
	uses := dependency{Ref: own.Ref}
	for _, c := range list.Components {
		uses.DependsOn = append(uses.DependsOn, c.Ref)
	}
	list.Dependencies = []dependency{uses}
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	return r.write(fmt.Sprintf("%s-%s-linux-%s.cdx.json", b.name, r.version, b.arch), append(text, '\n'))
}

// uuidOf returns a UUID that depends on a hash alone (version 8 of RFC 9562).
func uuidOf(sum []byte) string {
	u := [16]byte(sum[:16])
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// sums writes the checksums of all other files.
func (r *release) sums() error {
	sort.Strings(r.made)
	var text strings.Builder
	for _, name := range r.made {
		content, err := os.ReadFile(filepath.Join(r.out, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%x  %s\n", sha256.Sum256(content), name)
	}
	return r.write("SHA256SUMS", []byte(text.String()))
}
