package bundle

import (
	"strings"
	"testing"
)

// naive matches as the documentation of IgnoreFile says, and may take very long.
func naive(pattern, parts []string) bool {
	switch {
	case len(pattern) == 0:
		return len(parts) == 0
	case pattern[0] != "**":
		return len(parts) > 0 && matchPart(pattern[0], parts[0]) && naive(pattern[1:], parts[1:])
	case len(pattern) == 1:
		return len(parts) > 0
	}
	return naive(pattern[1:], parts) || (len(parts) > 0 && naive(pattern, parts[1:]))
}

func FuzzIgnore(f *testing.F) {
	for _, pattern := range []string{"a", "/a", "a/", "!a", "a/**", "**/a", "a/**/b", "**/a/**/b/**", "*.b", "[a-c]", "**", "a/*/b"} {
		for _, name := range []string{"a", "b", "a/b", "a/a/b", "x/a/y/b/z", "a/x/y/b", "a/b/a/b"} {
			f.Add(pattern, name)
		}
	}
	f.Fuzz(func(t *testing.T, line, name string) {
		if strings.Count(line, "/") > 8 || strings.Count(name, "/") > 8 {
			return
		}
		patterns, err := parseIgnore(line)
		if err != nil {
			return
		}
		for _, p := range patterns {
			parts := strings.Split(name, "/")
			if got, want := matchParts(p.parts, parts), naive(p.parts, parts); got != want {
				t.Errorf("%q and %q: got %v, want %v", p.parts, parts, got, want)
			}
		}
	})
}
