package bundle

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// IgnoreFile is a file at the top of a directory that names what is not packed. Each line
// is a pattern, and the last one that matches decides:
//
//	# a comment
//	*.bak       a file or a directory of this name anywhere; ? and [a-z] work too
//	/notes      at the top only, like every pattern with a slash before its end
//	tests/      directories only
//	doc/**/*.md ** stands for any number of directories
//	!keep.bak   is packed nevertheless, unless its directory is left out
const IgnoreFile = ".zeekfleetignore"

// maxIgnore bounds IgnoreFile, in bytes and in patterns.
const (
	maxIgnore   = 64 << 10
	maxPatterns = 1000
)

type ignore []pattern

type pattern struct {
	parts   []string // "**" stands for any number of parts
	keep    bool     // the line begins with !
	dirOnly bool
}

func readIgnore(root *os.Root) (ignore, error) {
	f, err := openFile(root, IgnoreFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxIgnore+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", IgnoreFile, err)
	}
	if len(text) > maxIgnore {
		return nil, invalid(IgnoreFile, "it has more than %d bytes", maxIgnore)
	}
	return parseIgnore(string(text))
}

func parseIgnore(text string) (ignore, error) {
	var all ignore
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		p, err := parsePattern(line)
		if err != nil {
			return nil, invalid(IgnoreFile, "line %d: %.100q: %v", number, line, err)
		}
		if all = append(all, p); len(all) > maxPatterns {
			return nil, invalid(IgnoreFile, "it has more than %d patterns", maxPatterns)
		}
	}
	return all, nil
}

func parsePattern(line string) (pattern, error) {
	var p pattern
	line, p.keep = strings.CutPrefix(line, "!")
	line, p.dirOnly = strings.CutSuffix(line, "/")
	rest, rooted := strings.CutPrefix(line, "/")
	p.parts = strings.Split(rest, "/")
	if !rooted && len(p.parts) == 1 && rest != "**" {
		p.parts = []string{"**", rest}
	}
	for i, part := range p.parts {
		switch {
		case part == "":
			return p, errors.New("a part of the pattern is empty")
		case part == "**" && i > 0 && p.parts[i-1] == "**":
			return p, errors.New("** follows **")
		}
		if _, err := path.Match(part, ""); err != nil {
			return p, errors.New("it is no pattern: a [ has no ], or a \\ ends it")
		}
	}
	return p, nil
}

// match says whether a file or a directory is left out. The caller does not look into a
// directory that is left out.
func (g ignore) match(name string, dir bool) bool {
	parts := strings.Split(name, "/")
	for i := len(g) - 1; i >= 0; i-- {
		if p := g[i]; (dir || !p.dirOnly) && matchParts(p.parts, parts) {
			return !p.keep
		}
	}
	return false
}

// matchParts takes time that grows with the product of both lengths: only the last ** that
// was met can need more parts.
func matchParts(pattern, parts []string) bool {
	star, from := -1, 0 // the last **, and the part that follows what it stands for
	i, j := 0, 0
	for j < len(parts) {
		switch {
		case i < len(pattern) && pattern[i] == "**":
			star, from = i, j
			i++
		case i < len(pattern) && matchPart(pattern[i], parts[j]):
			i++
			j++
		case star >= 0:
			from++
			i, j = star+1, from
		default:
			return false
		}
	}
	// As in git, a ** at the end stands for at least one part: a/** does not match a.
	return i == len(pattern)
}

func matchPart(pattern, part string) bool {
	ok, _ := path.Match(pattern, part)
	return ok
}
