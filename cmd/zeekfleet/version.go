package main

import (
	"runtime/debug"
	"strings"
)

// version is what this program was built from. The linker sets it (see the
// Makefile); otherwise it is empty.
var version string

// programVersion returns what this program was built from, as far as its build
// says.
func programVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}

// appName is how clients introduce themselves, in the letters that Zeek takes in
// X-Application-Name (spec websocket 4.2).
func appName() string {
	return "zeekfleet/" + strings.Map(func(r rune) rune {
		if strings.ContainsRune("-/_.=:*@", r) || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '-'
	}, programVersion())
}
